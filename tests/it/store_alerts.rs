//! Alerts' rows, against a real PostgreSQL.

use chrono::TimeDelta;
use domain::{
    AccountStatus, Clock as _,
    alert::{self, AlertKind, Side},
};
use store::alerts;

use crate::ledger::{self, Scene};

/// One comparison, as the machinery does it.
async fn compare(scene: &mut Scene) {
    let now = scene.clock.now();
    let known = alerts::unsettled(&mut scene.database).await.unwrap();
    let present = alerts::present(&mut scene.database, now).await.unwrap();
    alerts::apply(&mut scene.database, &alert::compare(&known, present, now), now).await.unwrap();
}

async fn kinds(scene: &mut Scene) -> Vec<AlertKind> {
    let mut kinds: Vec<_> =
        alerts::open(&mut scene.database, scene.user).await.unwrap().into_iter().map(|(kind, _)| kind).collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn what_is_wrong_is_seen_kept_and_closed() {
    let mut scene = ledger::scene(0).await;
    let (now, writer) = (scene.clock.now(), scene.writer);
    compare(&mut scene).await;
    assert_eq!(kinds(&mut scene).await, []);
    let revoked = store::accounts::Reason { code: Some("token_invalid"), text: Some("the token is bad") };
    store::accounts::set_status(&mut scene.database, writer, AccountStatus::Revoked, revoked, now).await.unwrap();
    sqlx::query("UPDATE pairs SET status = 'blocked', reason = 'closed'").execute(&mut *scene.database).await.unwrap();
    for _ in 0..2 {
        compare(&mut scene).await;
    }
    assert_eq!(kinds(&mut scene).await, [AlertKind::SessionRevoked, AlertKind::PairBlocked]);
    let known = alerts::unsettled(&mut scene.database).await.unwrap();
    let session = known.iter().find(|alert| alert.kind == AlertKind::SessionRevoked).unwrap();
    assert_eq!((session.detail.as_deref(), session.operator_told.settled), (Some("the token is bad"), true));
    let pair = known.iter().find(|alert| alert.kind == AlertKind::PairBlocked).unwrap().id;
    for side in [Side::User, Side::Operator] {
        alerts::set_told(&mut scene.database, side, &[pair], now).await.unwrap();
    }
    sqlx::query("UPDATE pairs SET status = 'active', reason = NULL").execute(&mut *scene.database).await.unwrap();
    scene.clock.advance(TimeDelta::minutes(1));
    compare(&mut scene).await;
    assert_eq!(kinds(&mut scene).await, [AlertKind::SessionRevoked]);
    sqlx::query("UPDATE pairs SET status = 'blocked'").execute(&mut *scene.database).await.unwrap();
    compare(&mut scene).await;
    let again = alerts::unsettled(&mut scene.database).await.unwrap();
    let again = again.iter().find(|alert| alert.kind == AlertKind::PairBlocked).unwrap();
    assert_eq!((again.id, again.closed_at, again.user_told.times), (pair, None, 1), "it is the same alert");
    sqlx::query("UPDATE pairs SET status = 'active'").execute(&mut *scene.database).await.unwrap();
    compare(&mut scene).await;
    for side in [Side::User, Side::Operator] {
        alerts::settle(&mut scene.database, side, &[pair], scene.clock.now()).await.unwrap();
    }
    let left: Vec<_> = alerts::unsettled(&mut scene.database).await.unwrap().iter().map(|alert| alert.kind).collect();
    assert_eq!(left, [AlertKind::SessionRevoked]);
    let later = scene.clock.now() + TimeDelta::days(1);
    assert_eq!(alerts::prune(&mut scene.database, later, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn wrong_books_are_one_alert_of_the_installations_own() {
    let mut scene = ledger::scene(0).await;
    compare(&mut scene).await;
    assert!(alerts::unsettled(&mut scene.database).await.unwrap().is_empty(), "nothing was proved yet");
    let proof =
        "INSERT INTO ledger_proofs (at, accounts, entries, found, discrepancies) VALUES (now(), 2, 1, $1, '[]')";
    sqlx::query(proof).bind(2_i64).execute(&mut *scene.database).await.unwrap();
    for _ in 0..2 {
        compare(&mut scene).await;
    }
    let known = alerts::unsettled(&mut scene.database).await.unwrap();
    let [alert] = &known[..] else { panic!("{known:?}") };
    assert_eq!((alert.user, alert.kind, alert.closed_at), (None, AlertKind::LedgerImbalance, None));
    assert_eq!(alert.detail.as_deref(), Some("2 discrepancies"));
    assert_eq!(kinds(&mut scene).await, [], "it is nobody's");
    let later = scene.clock.now() + TimeDelta::minutes(3);
    assert!(matches!(alert::due(&[alert], Side::Operator, later), Some(alert::Say::Trouble { .. })));
    alerts::set_told(&mut scene.database, Side::Operator, &[alert.id], later).await.unwrap();
    sqlx::query(proof).bind(0_i64).execute(&mut *scene.database).await.unwrap();
    compare(&mut scene).await;
    let known = alerts::unsettled(&mut scene.database).await.unwrap();
    let [alert] = &known[..] else { panic!("{known:?}") };
    assert!(alert.closed_at.is_some() && alert.user_told.settled && !alert.operator_told.settled, "{alert:?}");
}

#[tokio::test]
async fn a_suspended_tenant_has_no_trouble() {
    let mut scene = ledger::scene(0).await;
    let (now, writer) = (scene.clock.now(), scene.writer);
    let banned = store::accounts::Reason { code: None, text: None };
    store::accounts::set_status(&mut scene.database, writer, AccountStatus::Banned, banned, now).await.unwrap();
    sqlx::query("UPDATE users SET suspended_at = now()").execute(&mut *scene.database).await.unwrap();
    compare(&mut scene).await;
    assert_eq!(kinds(&mut scene).await, []);
}
