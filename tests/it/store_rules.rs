//! What the rules of a pair write into its ledger, against a real PostgreSQL.

use chrono::TimeDelta;
use domain::{Clock as _, DeliveryState};
use store::{
    deliveries::Claim,
    rules::{Closed, hold_for_hours, move_hours},
};

use crate::ledger::scene;

#[tokio::test]
async fn a_message_is_held_for_the_hours_by_who_knows_the_pair_as_it_is_now() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11]).await;
    let seq = scene.claim_rows().await[0].seq;
    let pair = store::pairs::load(&mut scene.database, scene.pair).await.unwrap().unwrap();
    let (now, until) = (scene.clock.now(), scene.clock.now() + TimeDelta::hours(9));
    let closed = |version| Closed { version, until, text: "closed" };
    let outdated = closed(pair.updated_at - TimeDelta::seconds(1));
    assert!(!hold_for_hours(&mut scene.database, scene.pair, seq, outdated, now).await.unwrap());
    assert_eq!(scene.list().await[0].reason_code, None);
    assert!(hold_for_hours(&mut scene.database, scene.pair, seq, closed(pair.updated_at), now).await.unwrap());
    let held = scene.list().await.remove(0);
    assert_eq!((held.state, held.due_at, held.attempts), (DeliveryState::Pending, until, 0));
    assert_eq!((held.reason_code.as_deref(), held.reason.as_deref()), (Some("outside_hours"), Some("closed")));
    assert!(matches!(scene.claim().await, Claim::NotDue(at) if at == until));
    assert_eq!(move_hours(&mut scene.database, scene.pair, now).await.unwrap(), 1);
    assert_eq!(scene.claim_rows().await[0].attempts, 1);
}
