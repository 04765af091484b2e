//! Agreements: each payment that a provider makes by itself is a payment of its own.

use chrono::TimeDelta;
use domain::{
    PaymentId,
    billing::PaymentState,
    payment::{
        AgreementState,
        standing::{AgreementStanding, Receipt, Standing},
    },
};
use store::payments::{self, CheckoutError, agreements};

use super::{NOW, Scene, heard, receipt, reversal, usd};

fn news(state: AgreementState) -> Option<AgreementStanding> {
    let next_payment_at = Some(NOW + TimeDelta::days(30));
    Some(AgreementStanding { state, next_payment_at, failed_payments: 0, last_failure: None })
}

fn said(state: AgreementState, receipts: &[Receipt]) -> Standing {
    Standing { agreement: news(state), ..heard(receipts) }
}

/// An agreement to a month of Pro, whose first payment has come.
async fn agreed() -> (Scene, PaymentId) {
    let scene = Scene::new().await;
    let begun = scene.try_checkout(NOW, |new| new.recurring = true).await.unwrap();
    scene.hand_over(begun.payment.id, "I-1", NOW).await;
    scene.hear(begun.payment.id, &said(AgreementState::Active, &[receipt("S-1", 1_000)]), NOW).await;
    (scene, begun.payment.id)
}

#[tokio::test]
async fn every_payment_of_an_agreement_is_a_payment_and_a_period() {
    let (scene, first) = agreed().await;
    let month = NOW + TimeDelta::days(30);
    let sales = [receipt("S-1", 1_000), receipt("S-2", 1_000)];
    for _ in 0..3 {
        scene.hear(first, &said(AgreementState::Active, &sales), month).await;
    }
    let all = payments::list(&mut scene.pool.acquire().await.unwrap(), scene.user, None, 10).await.unwrap();
    assert_eq!(all.len(), 2, "{all:#?}");
    let (second, first) = (&all[0], scene.payment(first).await);
    assert_eq!((second.state, second.agreement), (PaymentState::Settled, first.agreement));
    assert_eq!(second.period.map(|(from, _)| from), first.period.map(|(_, to)| to), "without a gap");
    assert_eq!(scene.count("SELECT count(*) FROM invoices").await, 2);
    let agreement = agreements::find(&mut scene.pool.acquire().await.unwrap(), first.agreement.unwrap()).await;
    assert_eq!(agreement.unwrap().unwrap().state, AgreementState::Active);
    scene.proved().await;
}

#[tokio::test]
async fn a_payment_of_another_amount_waits_and_one_that_is_taken_back_ends_the_agreement() {
    let (scene, first) = agreed().await;
    let sales = [receipt("S-1", 1_000), receipt("S-2", 700)];
    scene.hear(first, &said(AgreementState::Active, &sales), NOW + TimeDelta::days(1)).await;
    let all = payments::list(&mut scene.pool.acquire().await.unwrap(), scene.user, None, 10).await.unwrap();
    assert_eq!((all[0].state, all[1].state), (PaymentState::Review, PaymentState::Settled));
    let gone =
        Standing { reversals: vec![reversal("D-1", "S-1", 1_000, true)], ..said(AgreementState::Active, &sales) };
    scene.hear(first, &gone, NOW).await;
    assert_eq!(scene.plan().await, "free");
    let agreement = scene.payment(first).await.agreement.unwrap();
    let agreement = agreements::find(&mut scene.pool.acquire().await.unwrap(), agreement).await.unwrap().unwrap();
    assert!(agreement.is_ending, "nobody who takes a payment back wants the next one");
    let mut transaction = scene.pool.begin().await.unwrap();
    let chosen = payments::choose(&mut transaction, first, NOW).await.unwrap().unwrap();
    assert_eq!(chosen.step, domain::payment::Step::End);
    payments::ended(&mut transaction, first, NOW).await.unwrap();
    let ended = agreements::find(&mut transaction, agreement.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.is_ending), (AgreementState::Ended, false));
    transaction.commit().await.unwrap();
    scene.proved().await;
}

#[tokio::test]
async fn an_agreement_that_is_suspended_is_ended() {
    let (scene, first) = agreed().await;
    scene.hear(first, &said(AgreementState::Suspended, &[receipt("S-1", 1_000)]), NOW).await;
    let mut transaction = scene.pool.begin().await.unwrap();
    let chosen = payments::choose(&mut transaction, first, NOW).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(chosen.step, domain::payment::Step::End, "the subscription does not wait for its payments any more");
    scene.proved().await;
}

#[tokio::test]
async fn an_agreement_ends_with_the_tenant_and_what_it_takes_afterwards_is_not_lost() {
    let (scene, first) = agreed().await;
    let mut transaction = scene.pool.begin().await.unwrap();
    assert!(store::erasure::begin(&mut transaction, scene.user, None, None, NOW).await.unwrap());
    transaction.commit().await.unwrap();
    let agreement = scene.payment(first).await.agreement.unwrap();
    let ending = agreements::find(&mut scene.pool.acquire().await.unwrap(), agreement).await.unwrap().unwrap();
    assert!(ending.is_ending);
    sqlx::query("DELETE FROM users").execute(&scene.pool).await.unwrap();
    let sales = [receipt("S-1", 1_000), receipt("S-2", 1_000)];
    scene.hear(first, &said(AgreementState::Ended, &sales), NOW).await;
    let asked = payments::Asked { undecided: true, ..payments::Asked::default() };
    let waiting = payments::list_all(&mut scene.pool.acquire().await.unwrap(), &asked, 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "staff gives it back");
    assert_eq!(waiting[0].payment.state, PaymentState::Review);
    scene.proved().await;
}

#[tokio::test]
async fn nobody_agrees_to_what_costs_nothing_or_is_no_whole_period() {
    let scene = Scene::new().await;
    scene.credit(1_000).await;
    let free = scene.try_checkout(NOW, |new| (new.recurring, new.use_balance) = (true, true)).await;
    assert!(matches!(free, Err(CheckoutError::NothingToAgreeOn)), "{free:?}");
    let begun = scene.try_checkout(NOW, |new| (new.provider, new.use_balance) = (None, true)).await.unwrap();
    assert_eq!(begun.payment.state, PaymentState::Settled);
    let elite = domain::billing::Price {
        plan: domain::PlanId::ELITE,
        interval: domain::billing::Interval::Month,
        amount: usd(3_000),
    };
    let upgrade = scene.try_checkout(NOW, |new| (new.recurring, new.price) = (true, elite)).await;
    assert!(matches!(upgrade, Err(CheckoutError::NothingToAgreeOn)), "{upgrade:?}");
}
