//! Deleting a tenant's rows, against a real PostgreSQL: all of them, whatever tables there are, and nobody else's.

use domain::{Clock as _, Email, UserId};
use store::erasure;

use crate::{
    erasure::tables_with,
    ledger::{Scene, scene},
};

/// Tables that hang on a user, directly or not, and whose rows do not go with what they hang on: `delete_some` deletes
/// them.
const DELETED: [&str; 14] = [
    "accounts",
    "avatars",
    "carried_content",
    "chats",
    "deliveries",
    "delivery_events",
    "destination_messages",
    "error_logs",
    "media",
    "pace_budgets",
    "pair_threads",
    "pairs",
    "reconciliations",
    "source_messages",
];

/// Rows of every table that hangs on the tenant `$1`'s accounts and pairs.
const MORE: &str = "
    INSERT INTO media (id, source_message_id, account_id, position, state, fetch_after)
        SELECT gen_random_uuid(), m.id, m.account_id, 0, 'ready', now() FROM source_messages m;
    INSERT INTO media_chunks (media_id, place, bytes) SELECT id, place, 'bytes' FROM media, generate_series(0, 250) place;
    INSERT INTO avatars (id, account_id, photo_id, person_id, chat_id, message_id, state, fetch_after, created_at, wanted_at)
        SELECT gen_random_uuid(), id, 1, 1, 1, 1, 'ready', now(), now(), now() FROM accounts;
    INSERT INTO carried_content (fingerprint, pair_id, seq, written_at, expires_at)
        SELECT convert_to(id::text, 'UTF8'), id, 1, now(), now() FROM pairs;
    INSERT INTO pair_threads (pair_id, source_topic, title, made_at) SELECT id, 1, 'topic', now() FROM pairs;
    INSERT INTO reconciliations (id, pair_id, state, repair, chat_id, cursor, started_at)
        SELECT gen_random_uuid(), id, 'running', false, 1, 1, now() FROM pairs;
    INSERT INTO error_logs (user_id, account_id, pair_id, code, detail, first_at, last_at)
        SELECT user_id, source_account_id, id, 'code', 'detail', now(), now() FROM pairs;
    INSERT INTO pace_budgets (account_id, scope, chat_id, rate, ceiling, tokens, counted_at, quiet_since, spent, waits,
                              stored_at)
        SELECT id, 'account', 0, 1, 1, 1, now(), now(), 0, 0, now() FROM accounts;
    INSERT INTO pace_egress (egress, kind, subject, window_start, used) SELECT 'here', 'kind', id, now(), 1 FROM accounts;
    INSERT INTO plan_usage (user_id, minute, minute_used, day, day_used) SELECT id, now(), 1, now(), 1 FROM users;
    INSERT INTO notifications (id, user_id, kind, key, created_at)
        SELECT gen_random_uuid(), id, 'health_alert', id::text, now() FROM users;
    INSERT INTO sessions (id, user_id, kind, address, created_at, last_used_at, expires_at)
        SELECT gen_random_uuid(), id, 'tenant', 'here', now(), now(), now() FROM users;
    INSERT INTO proofs (hash, purpose, user_id, email, created_at, expires_at)
        SELECT sha256(convert_to(id::text, 'UTF8')), 'reset_password', id, email, now(), now() FROM users;
    INSERT INTO second_factors (user_id, secret, created_at) SELECT id, 'sealed', now() FROM users;
    INSERT INTO recovery_codes (user_id, hash) SELECT id, sha256('code') FROM users;";

async fn busy() -> Scene {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12, 13]).await;
    scene.claim_rows().await;
    scene.settle_sent(1, 5).await;
    sqlx::raw_sql(MORE).execute(&mut *scene.database).await.unwrap();
    scene
}

async fn ids(scene: &mut Scene) -> Vec<String> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id::text FROM users UNION ALL SELECT id::text FROM accounts UNION ALL SELECT id::text FROM pairs
         UNION ALL SELECT id::text FROM source_messages UNION ALL SELECT id::text FROM media",
    )
    .fetch_all(&mut *scene.database)
    .await
    .unwrap();
    assert!(ids.len() >= 10, "{ids:?}");
    ids
}

async fn erase(scene: &mut Scene) {
    while erasure::delete_some(&mut scene.database, scene.user).await.unwrap() > 0 {}
}

#[tokio::test]
async fn every_table_that_hangs_on_a_user_is_emptied_of_them() {
    let mut scene = busy().await;
    let (now, user) = (scene.clock.now(), scene.user);
    let ids = ids(&mut scene).await;
    assert!(tables_with(&scene.pool, &ids).await.len() > 20);
    for _ in 0..2 {
        assert!(erasure::begin(&mut scene.database, user, Some(user), Some("why"), now).await.unwrap());
    }
    erase(&mut scene).await;
    assert_eq!(erasure::delete_some(&mut scene.database, user).await.unwrap(), 0);
    assert!(erasure::delete_user(&mut scene.database, user).await.unwrap());
    assert_eq!(tables_with(&scene.pool, &ids).await, Vec::<String>::new());
    // Once more is as good.
    assert!(!erasure::delete_user(&mut scene.database, user).await.unwrap());
    assert!(!erasure::begin(&mut scene.database, user, None, None, now).await.unwrap());
    assert!(erasure::lock(&mut scene.database, user).await.unwrap().is_none());
}

#[tokio::test]
async fn a_table_that_hangs_on_a_user_is_known_here() {
    let mut scene = scene(0).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE owned AS (
             SELECT 'users'::regclass::oid AS relation
             UNION SELECT c.conrelid FROM pg_constraint c JOIN owned o ON c.confrelid = o.relation
             WHERE c.contype = 'f' AND c.confdeltype <> 'n')
         SELECT DISTINCT c.conrelid::regclass::text FROM pg_constraint c JOIN owned o ON c.confrelid = o.relation
         WHERE c.contype = 'f' AND c.confdeltype NOT IN ('c', 'n') ORDER BY 1",
    )
    .fetch_all(&mut *scene.database)
    .await
    .unwrap();
    assert_eq!(
        tables, DELETED,
        "a new table goes with its user (ON DELETE CASCADE), or store/src/erasure.rs deletes it"
    );
}

#[tokio::test]
async fn somebody_who_writes_meanwhile_is_met_again() {
    let mut scene = busy().await;
    let (now, user) = (scene.clock.now(), scene.user);
    erasure::begin(&mut scene.database, user, None, None, now).await.unwrap();
    // Rows of the ledger are left: the user stays until they are gone.
    assert!(erasure::delete_user(&mut scene.database, user).await.is_err());
    erase(&mut scene).await;
    assert!(erasure::delete_user(&mut scene.database, user).await.unwrap());
}

#[tokio::test]
async fn the_first_who_wants_it_is_on_record_and_nobody_else_loses_anything() {
    let mut scene = busy().await;
    let (now, user, staff) = (scene.clock.now(), scene.user, UserId::new(&domain::SystemClock));
    let email = Email::parse("neighbour@example.org").unwrap();
    store::users::insert(&mut scene.database, staff, &email, "hash", now).await.unwrap();
    assert!(erasure::left_behind(&mut scene.database, now, 10).await.unwrap().is_empty());
    erasure::begin(&mut scene.database, user, Some(staff), Some("spam"), now).await.unwrap();
    erasure::begin(&mut scene.database, user, None, None, now).await.unwrap();
    let leaving = erasure::lock(&mut scene.database, user).await.unwrap().unwrap();
    assert_eq!((leaving.by, leaving.reason.as_deref()), (Some(staff), Some("spam")));
    let later = now + chrono::TimeDelta::seconds(1);
    assert_eq!(erasure::left_behind(&mut scene.database, later, 10).await.unwrap()[0].user, user);
    let list = store::sessions::list(&mut scene.database, user, now).await.unwrap();
    assert!(list.is_empty());
    assert!(erasure::end_pairs(&mut scene.database, staff, now, 10).await.unwrap().is_empty());
    erase(&mut scene).await;
    erasure::delete_user(&mut scene.database, user).await.unwrap();
    let neighbour = store::users::find(&mut scene.database, staff).await.unwrap().unwrap();
    assert_eq!((neighbour.email.as_str(), neighbour.leaving_at), ("neighbour@example.org", None));
}
