//! Money that comes after its payment was given up.

use chrono::TimeDelta;
use domain::{billing::PaymentState, ledger::Account, payment::ReceiptState};
use store::payments;

use super::{NOW, Scene, heard, receipt};

#[tokio::test]
async fn late_money_buys_what_it_was_for_as_long_as_that_costs_no_more() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    let later = NOW + TimeDelta::days(2);
    scene.expire(id, later).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), later).await;
    let payment = scene.payment(id).await;
    assert_eq!((payment.state, payment.period.map(|(from, _)| from)), (PaymentState::Settled, Some(later)));
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("pro", 0));
    scene.proved().await;
}

#[tokio::test]
async fn late_money_that_does_not_suffice_any_more_is_credit() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    let later = NOW + TimeDelta::days(2);
    scene.expire(id, later).await;
    sqlx::query("UPDATE plan_prices SET amount = 1200").execute(&scene.pool).await.unwrap();
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), later).await;
    let payment = scene.payment(id).await;
    assert_eq!(
        (payment.state, payment.period, payment.reason.unwrap().0.as_str()),
        (PaymentState::Settled, None, "credited")
    );
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("free", 1_000));
    assert_eq!(scene.receipts(id).await, [ReceiptState::Credited]);
    scene.proved().await;
}

#[tokio::test]
async fn late_money_takes_from_the_balance_what_was_agreed_on_while_it_is_there() {
    for (left, granted) in [(400, true), (399, false)] {
        let scene = Scene::new().await;
        scene.credit(400).await;
        let begun = scene.try_checkout(NOW, |new| new.use_balance = true).await.unwrap();
        let id = begun.payment.id;
        scene.hand_over(id, "O-1", NOW).await;
        let mut transaction = scene.pool.begin().await.unwrap();
        payments::cancel(&mut transaction, scene.user, id, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        if left < 400 {
            spend(&scene, 400 - left).await;
        }
        scene.hear(id, &heard(&[receipt("C-1", 600)]), NOW).await;
        let (plan, balance) = if granted { ("pro", 0) } else { ("free", left + 600) };
        assert_eq!((scene.plan().await.as_str(), scene.balance().await), (plan, balance));
        scene.proved().await;
    }
}

/// The tenant has spent so much meanwhile.
async fn spend(scene: &Scene, minor: i64) {
    use domain::ledger::{EntryKind, Posting};
    let postings = [Posting::new(Account::User(scene.user), Account::Adjustments, super::usd(minor))];
    let entry = store::ledger::NewEntry {
        key: "test/spent",
        kind: EntryKind::Adjustment,
        reference: None,
        postings: &postings,
        note: "a test",
    };
    let mut transaction = scene.pool.begin().await.unwrap();
    store::ledger::post(&mut transaction, &entry, NOW).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn what_was_bought_otherwise_meanwhile_is_bought_once_more_or_credited_but_never_lost() {
    let scene = Scene::new().await;
    let first = scene.order("O-1", NOW).await;
    let mut transaction = scene.pool.begin().await.unwrap();
    payments::cancel(&mut transaction, scene.user, first, NOW).await.unwrap();
    transaction.commit().await.unwrap();
    let second = scene.order("O-2", NOW).await;
    scene.hear(second, &heard(&[receipt("C-2", 1_000)]), NOW).await;
    scene.hear(first, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    let (one, other) = (scene.payment(second).await, scene.payment(first).await);
    assert_eq!((one.state, other.state), (PaymentState::Settled, PaymentState::Settled));
    match other.period {
        // The next period: what was paid for ends later.
        Some((from, _)) => assert_eq!((Some(from), scene.balance().await), (one.period.map(|(_, to)| to), 0)),
        None => assert_eq!(scene.balance().await, 1_000),
    }
    scene.proved().await;
}
