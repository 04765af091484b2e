//! What providers tell: kept once, passed on to what it belongs to.

use chrono::TimeDelta;
use domain::{PaymentId, payment::EventState};
use store::payment_events::{self, Asked, NewEvent, Passed};

use super::{NOW, Scene, heard, receipt};

fn event(key: &str, externals: &[&str]) -> NewEvent {
    NewEvent {
        provider: "paypal".into(),
        key: key.into(),
        kind: "SOMETHING".into(),
        payment: None,
        externals: externals.iter().map(|id| (*id).to_owned()).collect(),
        ignorable: false,
        happened_at: None,
        body: key.as_bytes().to_vec(),
    }
}

impl Scene {
    async fn receive(&self, events: &[NewEvent]) -> u64 {
        let mut transaction = self.pool.begin().await.unwrap();
        let new = payment_events::insert(&mut transaction, &self.sealer, events, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        new
    }

    async fn pass(&self, now: chrono::DateTime<chrono::Utc>) -> Passed {
        let mut transaction = self.pool.begin().await.unwrap();
        let passed = payment_events::pass(&mut transaction, now, 100).await.unwrap();
        transaction.commit().await.unwrap();
        passed
    }

    async fn states(&self) -> Vec<(String, EventState)> {
        let mut database = self.pool.acquire().await.unwrap();
        let mut all = payment_events::list(&mut database, &Asked::default(), 100).await.unwrap();
        all.sort_by(|one, other| one.externals.cmp(&other.externals));
        all.into_iter().map(|event| (event.externals.join(","), event.state)).collect()
    }
}

#[tokio::test]
async fn an_event_is_kept_once_with_its_bytes() {
    let scene = Scene::new().await;
    let events = [event("WH-1", &["X"]), event("WH-1", &["X"]), event("WH-2", &["Y", "Z"])];
    assert_eq!(scene.receive(&events).await, 2, "also within one batch");
    assert_eq!(scene.receive(&events).await, 0);
    assert_eq!(scene.receive(&[NewEvent { provider: "nowpayments".into(), ..event("WH-1", &[]) }]).await, 1);
    let mut database = scene.pool.acquire().await.unwrap();
    let all = payment_events::list(&mut database, &Asked::default(), 10).await.unwrap();
    for one in all {
        let body = payment_events::body(&mut database, &scene.sealer, one.id).await.unwrap().unwrap();
        assert!([b"WH-1", b"WH-2"].contains(&body.as_slice().try_into().unwrap()));
    }
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT body FROM payment_events LIMIT 1").fetch_one(&scene.pool).await.unwrap();
    assert!(!sealed.windows(3).any(|window| window == b"WH-"));
}

#[tokio::test]
async fn many_events_of_a_payment_wake_it_once_by_whatever_id_they_name_it() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    let named = NewEvent { payment: Some(id), ..event("WH-1", &["unknown"]) };
    scene.receive(&[named, event("WH-2", &["O-1"]), event("WH-3", &["C-1", "O-1"])]).await;
    let passed = scene.pass(NOW).await;
    assert_eq!((passed.events, passed.payments, passed.unmatched), (3, vec![id], 0));
    assert_eq!(scene.pass(NOW).await, Passed::default());
    let due: Option<chrono::DateTime<chrono::Utc>> =
        sqlx::query_scalar("SELECT ask_at FROM payments").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(due, Some(NOW), "the provider is asked");
}

#[tokio::test]
async fn what_belongs_to_nothing_waits_for_its_payment_and_then_for_staff() {
    let scene = Scene::new().await;
    let ignorable = NewEvent { ignorable: true, ..event("WH-0", &["A"]) };
    // The provider's name decides, too: it is another's.
    let foreign = NewEvent { payment: Some(PaymentId::new(&domain::SystemClock)), ..event("WH-3", &["C"]) };
    scene.receive(&[ignorable, event("WH-1", &["B"]), foreign]).await;
    assert_eq!(scene.pass(NOW).await.unmatched, 0);
    let late = NOW + TimeDelta::minutes(11);
    assert_eq!(scene.pass(late).await.unmatched, 2);
    let of = |id: &str, state| (id.to_owned(), state);
    let (ignored, unmatched) = (EventState::Ignored, EventState::Unmatched);
    assert_eq!(scene.states().await, [of("A", ignored), of("B", unmatched), of("C", unmatched)]);
    // Its payment is on record at last.
    let begun = scene.try_checkout(late, |_| ()).await.unwrap();
    scene.hand_over(begun.payment.id, "B", late).await;
    assert_eq!(scene.pass(late).await.payments, [begun.payment.id]);
    let mut transaction = scene.pool.begin().await.unwrap();
    let all = payment_events::list(&mut transaction, &Asked { state: Some(unmatched), ..Asked::default() }, 10).await;
    let left = all.unwrap()[0].id;
    for _ in 0..2 {
        assert!(payment_events::dismiss(&mut transaction, left, late).await.unwrap());
    }
    for _ in 0..2 {
        assert!(payment_events::attach(&mut transaction, left, begun.payment.id, late).await.unwrap());
    }
    assert!(!payment_events::dismiss(&mut transaction, left, late).await.unwrap(), "it was passed on");
    transaction.commit().await.unwrap();
    let states = scene.states().await;
    assert_eq!(states, [of("A", ignored), of("B", EventState::Matched), of("C", EventState::Matched)]);
}

#[tokio::test]
async fn bodies_are_forgotten_when_they_are_old_and_when_their_tenant_leaves() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    let ignorable = NewEvent { ignorable: true, ..event("WH-0", &["A"]) };
    scene.receive(&[ignorable, event("WH-1", &["O-1"])]).await;
    scene.pass(NOW).await;
    let mut database = scene.pool.acquire().await.unwrap();
    assert_eq!(store::payments::forget_some(&mut database, scene.user).await.unwrap(), 1);
    assert_eq!(store::payments::forget_some(&mut database, scene.user).await.unwrap(), 1, "the address to pay at");
    assert_eq!(store::payments::forget_some(&mut database, scene.user).await.unwrap(), 0);
    assert!(scene.payment(id).await.handover.is_none());
    assert_eq!(payment_events::forget_bodies(&mut database, NOW + TimeDelta::days(1), 10).await.unwrap(), 1);
    assert_eq!(payment_events::forget_bodies(&mut database, NOW + TimeDelta::days(1), 10).await.unwrap(), 0);
}
