//! Agreements: each payment that a provider makes by itself is a payment of its own.

use std::sync::LazyLock;

use chrono::TimeDelta;
use domain::{
    CouponId, FixedClock, PaymentId,
    billing::PaymentState,
    coupon::{Code, Duration, Reduction, Terms},
    ledger::Account,
    payment::{
        AgreementState,
        standing::{AgreementStanding, Receipt, Standing},
    },
};
use store::{
    coupons::{self, Written},
    payments::{self, CheckoutError, agreements},
};

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

/// A coupon of half the price.
async fn half_off(scene: &Scene, code: &str, duration: Duration) {
    let terms = Terms {
        reduction: Reduction::Percent(50),
        duration,
        currency: None,
        minimum: None,
        plans: Vec::new(),
        interval: None,
        first_purchase: true,
        combinable: false,
        per_user_max: None,
        redemptions_max: None,
        starts_at: None,
        ends_at: None,
    };
    let written = Written { code: Code::parse(code).unwrap(), note: String::new(), terms };
    let mut database = scene.pool.acquire().await.unwrap();
    coupons::insert(&mut database, CouponId::new(&FixedClock::at(NOW)), &written, None, NOW).await.unwrap();
}

/// An agreement with a coupon of this duration, and what its first five payments come to: what has come, what was taken
/// off, and whether that is one of those that the coupon is good for.
async fn payments_with(duration: Duration, comes: [i64; 5]) -> (Scene, Vec<(PaymentState, i64, i64, i64)>) {
    let scene = Scene::new().await;
    half_off(&scene, "HALF", duration).await;
    static CODES: LazyLock<[String; 1]> = LazyLock::new(|| ["HALF".to_owned()]);
    let begun = scene.try_checkout(NOW, |new| (new.recurring, new.coupons) = (true, &*CODES)).await.unwrap();
    let first = begun.payment.id;
    scene.hand_over(first, "I-1", NOW).await;
    let mut sales = Vec::new();
    for (month, minor) in (0_i64..).zip(comes) {
        sales.push(receipt(&format!("S-{month}"), minor));
        for _ in 0..2 {
            scene.hear(first, &said(AgreementState::Active, &sales), NOW + TimeDelta::days(30 * month)).await;
        }
    }
    let all = payments::list(&mut scene.pool.acquire().await.unwrap(), scene.user, None, 10).await.unwrap();
    let mut found = Vec::new();
    for payment in all.iter().rev() {
        let counted =
            sqlx::query_scalar("SELECT count(*) FROM coupon_discounts WHERE payment_id = $1 AND state = 'redeemed'");
        let counted: i64 = counted.bind(payment.id.as_uuid()).fetch_one(&scene.pool).await.unwrap();
        found.push((payment.state, payment.amount.minor, payment.discount.minor, counted));
    }
    scene.proved().await;
    (scene, found)
}

#[tokio::test]
async fn a_coupon_goes_on_in_the_payments_of_an_agreement_for_as_long_as_it_is_good() {
    use PaymentState::Settled;
    let (half, whole) = ((Settled, 500, 500, 1), (Settled, 1_000, 0, 0));
    let (_, found) = payments_with(Duration::Repeating(3), [500, 500, 500, 1_000, 1_000]).await;
    assert_eq!(found, [half, half, half, whole, whole]);
    let (_, found) = payments_with(Duration::Forever, [500; 5]).await;
    assert_eq!(found, [half; 5]);
    let (_, found) = payments_with(Duration::Once, [500, 1_000, 1_000, 1_000, 1_000]).await;
    assert_eq!(found, [half, whole, whole, whole, whole]);
}

#[tokio::test]
async fn a_provider_that_takes_the_whole_price_too_soon_leaves_the_rest_on_the_balance() {
    use PaymentState::Settled;
    let (scene, found) = payments_with(Duration::Repeating(3), [500, 500, 1_000, 1_000, 1_000]).await;
    let (half, whole) = ((Settled, 500, 500, 1), (Settled, 1_000, 0, 0));
    assert_eq!(found, [half, half, half, whole, whole]);
    let mut database = scene.pool.acquire().await.unwrap();
    let balance = store::ledger::balance(&mut database, &Account::User(scene.user), usd(0).currency).await.unwrap();
    assert_eq!(balance.available(), usd(500));
}
