//! Rotation of the keys of sealed columns while others write, and the command that does it.

use std::{
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{AccountId, ChatId, Clock as _};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    accounts::{self, SecretColumn},
    deliveries::{self, Claim},
    rules,
    seal::{Sealer, columns::SEALED, reseal},
};

use crate::{
    harness,
    ledger::{Scene, message, scene},
    store_seal::{NEW, OLD, fill, keys, reads_as_written, reseal_all},
};

/// Writes a session again and again until it is told to stop; returns the last one.
async fn rewrite(pool: store::PgPool, sealer: Sealer, account: AccountId, stop: Arc<AtomicBool>) -> String {
    let mut database = pool.acquire().await.unwrap();
    let mut last = String::new();
    for number in 0.. {
        if number > 0 && stop.load(Ordering::Relaxed) {
            break;
        }
        last = format!("session {number}");
        let plain = SecretString::from(last.as_str());
        accounts::set_secret(&mut database, &sealer, account, SecretColumn::Secret, Some(&plain)).await.unwrap();
        tokio::task::yield_now().await;
    }
    last
}

#[tokio::test]
async fn a_rotation_loses_nothing_that_is_written_meanwhile() {
    let mut scene = scene(0).await;
    fill(&mut scene).await;
    let (both, stop) = (keys(&[NEW, OLD]), Arc::new(AtomicBool::new(false)));
    // One process has been restarted with the new key in front, the other one not yet.
    let writers: Vec<_> = [(both.clone(), scene.reader), (keys(&[OLD, NEW]), scene.writer)]
        .map(|(sealer, account)| tokio::spawn(rewrite(scene.pool.clone(), sealer, account, Arc::clone(&stop))))
        .into();
    for id in 13..40 {
        scene.ingest_ids(&[id]).await;
        reseal_all(&scene, &both).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut last = Vec::new();
    for writer in writers {
        last.push(writer.await.unwrap());
    }
    for (account, last) in [scene.reader, scene.writer].into_iter().zip(last) {
        let found = accounts::secret(&mut scene.database, &both, account, SecretColumn::Secret).await.unwrap();
        assert_eq!(found.unwrap().expose_secret(), last, "the last word stands");
    }
    assert_eq!(reseal_all(&scene, &both).await.1, 0);
    let new = keys(&[NEW]);
    let now = scene.clock.now();
    let claim = deliveries::claim(&mut scene.database, &new, scene.fence, now, 0, 50).await.unwrap();
    let Claim::Rows(rows) = claim else { panic!("expected rows, found {claim:?}") };
    let found: Vec<_> = rows.iter().map(|row| row.message.text.text.clone()).collect();
    let written: Vec<_> = (12..40).map(|id| format!("message {id}")).collect();
    assert_eq!(found, written);
}

#[tokio::test]
async fn rows_that_others_hold_are_left_for_the_next_round() {
    let mut scene = scene(0).await;
    fill(&mut scene).await;
    let both = keys(&[NEW, OLD]);
    let column = SEALED.iter().find(|one| one.table == "source_messages").unwrap();
    let mut holder = scene.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM source_messages WHERE message_id = 11 FOR UPDATE").execute(&mut *holder).await.unwrap();
    assert_eq!(reseal::column(&scene.pool, &both, column, |_| ()).await.unwrap().resealed, 1);
    holder.rollback().await.unwrap();
    assert_eq!(reseal::column(&scene.pool, &both, column, |_| ()).await.unwrap().resealed, 1);
    assert_eq!(reseal::survey(&scene.pool, column).await.unwrap().left(&both), 0);
}

#[tokio::test]
async fn content_is_recognised_across_a_rotation() {
    let mut scene = scene(0).await;
    let options = serde_json::json!({ "duplicates": { "window_seconds": 600 } });
    let options: domain::rules::PairOptions = serde_json::from_value(options).unwrap();
    let rules = domain::rules::Rules::compile(&options).unwrap();
    let (pair, user, now) = (scene.pair, scene.user, scene.clock.now());
    let destination = ChatId::new(77);
    let within = domain::rules::Scope { pair, user, platform: domain::Platform::Discord, destination };
    let check = rules.duplicate_check(&message(11, now), within).unwrap();
    let (old, both) = (keys(&[OLD]), keys(&[NEW, OLD]));
    let database = &mut scene.database;
    assert!(rules::claim_content(database, &old, (pair, 1), check, now, now).await.unwrap());
    assert!(rules::is_duplicate(database, &both, check, now).await.unwrap());
    assert!(!rules::claim_content(database, &both, (pair, 2), check, now, now).await.unwrap());
    assert!(
        rules::claim_content(database, &both, (pair, 1), check, now, now).await.unwrap(),
        "its own is no duplicate"
    );
    sqlx::query("DELETE FROM carried_content WHERE fingerprint <> $1")
        .bind(old.digests("carried_content", check.fingerprint.as_bytes()).remove(0))
        .execute(&mut **database)
        .await
        .unwrap();
    let bare = "UPDATE carried_content SET fingerprint = $1";
    sqlx::query(bare).bind(check.fingerprint.as_bytes()).execute(&mut **database).await.unwrap();
    assert!(rules::is_duplicate(database, &both, check, now).await.unwrap(), "from before digests had keys");
    rules::release_content(database, pair, 1).await.unwrap();
    assert!(rules::claim_content(database, &both, (pair, 2), check, now, now).await.unwrap());
    let kept: Vec<u8> =
        sqlx::query_scalar("SELECT fingerprint FROM carried_content").fetch_one(&mut **database).await.unwrap();
    assert_ne!(kept, check.fingerprint.as_bytes(), "no one without the key can try guesses");
}

/// Runs the command with these keys on the scene's database.
async fn command(scene: &Scene, keys: &str, arguments: &[&str]) -> Output {
    let stack = harness::shared().await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&scene.pool).await.unwrap();
    let url = stack.urls().database;
    let (base, _) = url.rsplit_once('/').unwrap();
    let mut command = tokio::process::Command::new(stack.options().program("causeway-api").unwrap());
    command.args(arguments).env("DATABASE_URL", format!("{base}/{name}")).env("SEAL_KEYS", keys);
    command.env("PAYLOAD_KEYS", harness::PAYLOAD_KEYS).env("JWT_KEYS", format!("k1:{}", "j".repeat(32)));
    command.env("OPERATOR_TOKEN", "o".repeat(32)).output().await.unwrap()
}

#[tokio::test]
async fn the_command_seals_anew_and_says_what_is_left() {
    let mut scene = scene(0).await;
    let filled = fill(&mut scene).await;
    let both = format!("{NEW},{OLD}");
    let said = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let check = command(&scene, &both, &["reseal", "--check"]).await;
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    assert!(said(&check).contains("accounts.secret: 1 under k1\n"), "{}", said(&check));
    let lost = command(&scene, NEW, &["reseal"]).await;
    assert_eq!(lost.status.code(), Some(1), "{lost:?}");
    assert!(said(&lost).contains("accounts.secret: 1 do not open with any of the keys\n"), "{}", said(&lost));
    for (arguments, sealed) in [(&["reseal"][..], true), (&["reseal"], false), (&["reseal", "--check"], false)] {
        let done = command(&scene, &both, arguments).await;
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let said = said(&done);
        assert_eq!(said.contains("source_messages.sealed_content: 2 sealed anew\n"), sealed, "{said}");
        assert!(said.ends_with("Every value is sealed under k2.\n"), "{said}");
    }
    reads_as_written(&mut scene, &keys(&[NEW]), &filled).await;
}
