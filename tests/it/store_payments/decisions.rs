//! Money that does not fit, and what staff decides about it.

use chrono::TimeDelta;
use domain::{
    PaymentId,
    billing::PaymentState,
    ledger::Account,
    payment::{
        Decision, ReceiptState, RefundState,
        standing::{Receipt, Standing},
    },
};
use store::payments::{
    self, Effects,
    refunds::{self, Outcome, Wanted},
    review::{self, ReviewError},
};

use super::{NOW, Scene, heard, receipt, usd};

async fn decide(scene: &Scene, id: PaymentId, decision: Decision) -> Result<Effects, ReviewError> {
    let wanted = Wanted { amount: None, note: "sorry", by: None, by_hand: false, key: None };
    let mut transaction = scene.pool.begin().await.unwrap();
    let payment = payments::lock(&mut transaction, id).await.unwrap().unwrap();
    let mut effects = Effects::default();
    review::decide(&mut transaction, &scene.books(NOW), &payment, (decision, &wanted), &mut effects).await?;
    transaction.commit().await.unwrap();
    Ok(effects)
}

/// An order of which less has come than was asked for.
async fn underpaid(minor: i64) -> (Scene, PaymentId) {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    for _ in 0..2 {
        scene.hear(id, &heard(&[receipt("C-1", minor)]), NOW).await;
    }
    let payment = scene.payment(id).await;
    assert_eq!(payment.state, PaymentState::Review);
    assert_eq!(payment.reason.unwrap().0, "underpaid");
    assert_eq!(scene.receipts(id).await, [ReceiptState::Undecided]);
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("free", 0));
    let told = "SELECT count(*) FROM notifications WHERE key LIKE 'review%'";
    assert_eq!(scene.count(told).await, 2, "the tenant and the operator, once each");
    (scene, id)
}

#[tokio::test]
async fn what_is_granted_all_the_same_is_let_off() {
    let (scene, id) = underpaid(900).await;
    let effects = decide(&scene, id, Decision::Grant).await.unwrap();
    assert_eq!(effects.subscription, Some(scene.user));
    assert_eq!(scene.payment(id).await.state, PaymentState::Settled);
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("pro", 0));
    assert_eq!((scene.posted(Account::Revenue).await, scene.posted(Account::Adjustments).await), (1_000, -100));
    let again = decide(&scene, id, Decision::Grant).await;
    assert!(matches!(again, Err(ReviewError::NothingToDecide)), "{again:?}");
    scene.proved().await;
}

#[tokio::test]
async fn what_is_dismissed_is_the_tenants_credit() {
    let (scene, id) = underpaid(900).await;
    decide(&scene, id, Decision::Dismiss).await.unwrap();
    let payment = scene.payment(id).await;
    assert_eq!((payment.state, payment.period), (PaymentState::Settled, None));
    assert_eq!(payment.reason.unwrap().0, "credited");
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("free", 900));
    assert_eq!(scene.receipts(id).await, [ReceiptState::Credited]);
    scene.proved().await;
}

#[tokio::test]
async fn what_is_given_back_was_never_anybodys() {
    let (scene, id) = underpaid(900).await;
    decide(&scene, id, Decision::Refund).await.unwrap();
    assert_eq!(scene.payment(id).await.state, PaymentState::Failed);
    let mut database = scene.pool.acquire().await.unwrap();
    let refund = refunds::of_payment(&mut database, id).await.unwrap().pop().unwrap();
    assert_eq!((refund.state, refund.amount), (RefundState::Asked, usd(900)));
    drop(database);
    for _ in 0..2 {
        let mut transaction = scene.pool.begin().await.unwrap();
        let done = Outcome::Done { external: "R-1".into() };
        refunds::settle(&mut transaction, &scene.books(NOW), refund.id, &done).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!((scene.balance().await, scene.posted(Account::Revenue).await), (0, 0));
    assert_eq!(scene.posted(Account::provider("paypal")).await, 30, "what it has kept it was not owed");
    scene.proved().await;
}

#[tokio::test]
async fn the_rest_of_what_was_asked_for_settles_by_itself() {
    let (scene, id) = underpaid(900).await;
    scene.hear(id, &heard(&[receipt("C-1", 900), receipt("C-2", 100)]), NOW).await;
    assert_eq!(scene.payment(id).await.state, PaymentState::Settled);
    // Providers of coins count what comes in parts as one.
    let (scene, id) = underpaid(900).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    assert_eq!(scene.payment(id).await.state, PaymentState::Settled);
    assert_eq!(scene.posted(Account::Revenue).await, 1_000);
    scene.proved().await;
}

#[tokio::test]
async fn more_than_asked_for_goes_to_the_balance() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_250)]), NOW).await;
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("pro", 250));
    for _ in 0..2 {
        let later = NOW + TimeDelta::seconds(1);
        scene.hear(id, &heard(&[receipt("C-1", 1_250), receipt("C-2", 1_000)]), later).await;
    }
    assert_eq!(scene.balance().await, 1_250, "paid twice by mistake");
    assert_eq!(scene.receipts(id).await, [ReceiptState::Granted, ReceiptState::Credited]);
    assert_eq!(scene.count("SELECT count(*) FROM invoices").await, 1);
    scene.proved().await;
}

#[tokio::test]
async fn another_asset_waits_even_when_the_payment_is_settled() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    let other = Receipt { review: Some(("wrong_asset".into(), "LTC".into())), ..receipt("C-2", 500) };
    let said = Standing { receipts: vec![receipt("C-1", 1_000), other], ..heard(&[receipt("C-1", 1_000)]) };
    scene.hear(id, &said, NOW + TimeDelta::seconds(1)).await;
    assert_eq!(scene.payment(id).await.state, PaymentState::Settled);
    assert_eq!(scene.receipts(id).await, [ReceiptState::Granted, ReceiptState::Undecided]);
    let granted = decide(&scene, id, Decision::Grant).await;
    assert!(matches!(granted, Err(ReviewError::NothingToGrant)), "{granted:?}");
    decide(&scene, id, Decision::Dismiss).await.unwrap();
    assert_eq!(scene.balance().await, 500);
    scene.proved().await;
}

#[tokio::test]
async fn the_money_of_somebody_who_has_left_can_be_given_back_only() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    sqlx::query("DELETE FROM users").execute(&scene.pool).await.unwrap();
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    let payment = scene.payment(id).await;
    assert_eq!((payment.state, payment.user), (PaymentState::Review, None));
    let granted = decide(&scene, id, Decision::Grant).await;
    assert!(matches!(granted, Err(ReviewError::TenantGone)), "{granted:?}");
    decide(&scene, id, Decision::Refund).await.unwrap();
    scene.proved().await;
}
