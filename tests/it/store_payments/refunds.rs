//! Money that goes back: by staff, by the provider, by payers' banks.

use domain::{
    Money, PaymentId, PlanId, RefundId,
    billing::{Interval, PaymentState, Price},
    ledger::Account,
    payment::{
        RefundState,
        standing::{Reversal, Standing},
    },
};
use store::payments::{
    self, Effects,
    refunds::{self, Outcome, RefundError, Wanted},
};

use super::{NOW, Scene, heard, receipt, reversal, usd};

async fn ask(
    scene: &Scene,
    id: PaymentId,
    amount: Option<Money>,
    key: &str,
) -> Result<(Vec<RefundId>, Effects), RefundError> {
    let wanted = Wanted { amount, note: "sorry", by: None, by_hand: false, key: Some(key) };
    let mut transaction = scene.pool.begin().await.unwrap();
    let payment = payments::lock(&mut transaction, id).await.unwrap().unwrap();
    let mut effects = Effects::default();
    let asked = refunds::ask(&mut transaction, &scene.books(NOW), &payment, &wanted, &mut effects).await?;
    transaction.commit().await.unwrap();
    Ok((asked, effects))
}

async fn settle(scene: &Scene, refund: RefundId, outcome: &Outcome) -> Effects {
    let mut transaction = scene.pool.begin().await.unwrap();
    let effects = refunds::settle(&mut transaction, &scene.books(NOW), refund, outcome).await.unwrap();
    transaction.commit().await.unwrap();
    effects
}

fn done(external: &str) -> Outcome {
    Outcome::Done { external: external.into() }
}

/// A month of Pro that was paid with 4.00 of the balance and 6.00 through PayPal.
async fn paid() -> (Scene, PaymentId) {
    let scene = Scene::new().await;
    scene.credit(400).await;
    let begun = scene.try_checkout(NOW, |new| new.use_balance = true).await.unwrap();
    scene.hand_over(begun.payment.id, "O-1", NOW).await;
    scene.hear(begun.payment.id, &heard(&[receipt("C-1", 600)]), NOW).await;
    assert_eq!(scene.plan().await, "pro");
    (scene, begun.payment.id)
}

#[tokio::test]
async fn a_part_changes_nothing_and_the_last_of_it_ends_what_was_paid_for() {
    let (scene, id) = paid().await;
    let refused = ask(&scene, id, Some(usd(1_001)), "k0").await;
    assert!(matches!(refused, Err(RefundError::TooMuch(left)) if left == usd(1_000)), "{refused:?}");
    let (part, _) = ask(&scene, id, Some(usd(250)), "k1").await.unwrap();
    assert_eq!(ask(&scene, id, Some(usd(250)), "k1").await.unwrap().0, part, "the same request once more");
    let refused = ask(&scene, id, Some(usd(751)), "k2").await;
    assert!(matches!(refused, Err(RefundError::TooMuch(left)) if left == usd(750)), "{refused:?}");
    settle(&scene, part[0], &Outcome::Missed { after: None }).await;
    settle(&scene, part[0], &Outcome::Pending { external: "R-1".into(), reason: None }).await;
    for _ in 0..2 {
        settle(&scene, part[0], &done("R-1")).await;
    }
    let payment = scene.payment(id).await;
    assert_eq!((payment.state, payment.refunded), (PaymentState::Settled, usd(250)));
    assert_eq!(scene.plan().await, "pro");
    let (rest, effects) = ask(&scene, id, None, "k3").await.unwrap();
    assert_eq!(rest.len(), 2, "through PayPal, and to the balance");
    assert_eq!((scene.balance().await, effects.subscription), (400, None), "the balance gets its part at once");
    assert_eq!(scene.plan().await, "pro", "not all of it is back");
    let effects = settle(&scene, rest[0], &done("R-2")).await;
    assert_eq!(effects.subscription, Some(scene.user));
    assert_eq!((scene.payment(id).await.state, scene.plan().await.as_str()), (PaymentState::Refunded, "free"));
    assert_eq!(scene.posted(Account::Refunds).await, -1_000);
    assert_eq!(scene.posted(Account::provider("paypal")).await, 30);
    let nothing = ask(&scene, id, None, "k4").await;
    assert!(matches!(nothing, Err(RefundError::NothingLeft)), "{nothing:?}");
    let notes = "SELECT sum(total)::bigint FROM invoices WHERE kind = 'credit_note'";
    assert_eq!(scene.count(notes).await, 1_000);
    scene.proved().await;
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_the_one_that_the_provider_tells_of() {
    let (scene, id) = paid().await;
    let (asked, _) = ask(&scene, id, Some(usd(250)), "k1").await.unwrap();
    let gone = Standing { reversals: vec![reversal("R-1", "C-1", 250, false)], ..heard(&[receipt("C-1", 600)]) };
    for _ in 0..2 {
        scene.hear(id, &gone, NOW).await;
    }
    settle(&scene, asked[0], &done("R-1")).await;
    let refund = refunds::find(&mut scene.pool.acquire().await.unwrap(), asked[0]).await.unwrap().unwrap();
    assert_eq!((refund.state, refund.external.as_deref()), (RefundState::Done, Some("R-1")));
    assert_eq!(scene.payment(id).await.refunded, usd(250));
    // Named by the provider, and made there.
    let (named, _) = ask(&scene, id, Some(usd(100)), "k2").await.unwrap();
    let reversals = vec![
        Reversal { refund: Some(named[0]), ..reversal("R-2", "C-1", 100, false) },
        reversal("R-3", "C-1", 50, false),
    ];
    scene.hear(id, &Standing { reversals, ..heard(&[receipt("C-1", 600)]) }, NOW).await;
    assert_eq!(scene.payment(id).await.refunded, usd(400));
    assert_eq!(scene.count("SELECT count(*) FROM payment_reversals WHERE refund_id IS NULL").await, 1);
    scene.proved().await;
}

#[tokio::test]
async fn a_refund_that_fails_can_be_asked_for_again_and_one_by_hand_waits_for_staff() {
    let (scene, id) = paid().await;
    let (asked, _) = ask(&scene, id, Some(usd(600)), "k1").await.unwrap();
    settle(&scene, asked[0], &Outcome::Failed { reason: "no money".into() }).await;
    let (asked, _) = ask(&scene, id, Some(usd(600)), "k2").await.unwrap();
    settle(&scene, asked[0], &Outcome::ByHand).await;
    for first in [true, false] {
        let mut transaction = scene.pool.begin().await.unwrap();
        let mut effects = Effects::default();
        let by_hand = refunds::done_by_hand(&mut transaction, &scene.books(NOW), asked[0], "TX 7", &mut effects).await;
        assert_eq!(by_hand.unwrap(), first);
        transaction.commit().await.unwrap();
    }
    assert_eq!(scene.payment(id).await.refunded, usd(600));
    scene.proved().await;
}

#[tokio::test]
async fn a_chargeback_ends_what_was_paid_for_and_is_told_once() {
    let (scene, id) = paid().await;
    let gone = Standing { reversals: vec![reversal("D-1", "C-1", 600, true)], ..heard(&[receipt("C-1", 600)]) };
    for _ in 0..3 {
        scene.hear(id, &gone, NOW).await;
    }
    assert_eq!((scene.payment(id).await.state, scene.plan().await.as_str()), (PaymentState::ChargedBack, "free"));
    assert_eq!(scene.posted(Account::Chargebacks).await, -600);
    assert_eq!(scene.count("SELECT count(*) FROM notifications WHERE key LIKE 'charge%'").await, 2);
    scene.proved().await;
}

#[tokio::test]
async fn money_on_the_balance_goes_back_as_far_as_it_is_there() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    let all = [receipt("C-1", 1_000), receipt("C-2", 1_000)];
    scene.hear(id, &heard(&all[..1]), NOW).await;
    scene.hear(id, &heard(&all), NOW).await;
    assert_eq!(scene.balance().await, 1_000, "paid twice by mistake");
    let (asked, _) = ask(&scene, id, Some(usd(2_000)), "k1").await.unwrap();
    assert_eq!((asked.len(), scene.balance().await), (2, 0), "what is on the balance is set aside");
    for (number, refund) in asked.iter().enumerate() {
        settle(&scene, *refund, &done(&format!("R-{number}"))).await;
    }
    assert_eq!((scene.balance().await, scene.plan().await.as_str()), (0, "free"));
    assert_eq!(scene.posted(Account::provider("paypal")).await, 60);
    scene.proved().await;
}

#[tokio::test]
async fn what_has_gone_back_in_part_is_no_credit_for_an_upgrade() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    scene.hear(id, &heard(&[receipt("C-1", 1_000)]), NOW).await;
    let elite = Price { plan: PlanId::ELITE, interval: Interval::Month, amount: usd(3_000) };
    let credit = async || {
        let mut database = scene.pool.acquire().await.unwrap();
        let quote = store::subscriptions::quote(&mut database, scene.user, elite, NOW).await.unwrap().unwrap();
        quote.credit
    };
    assert_eq!(credit().await, usd(1_000));
    let gone = Standing { reversals: vec![reversal("R-1", "C-1", 400, false)], ..heard(&[receipt("C-1", 1_000)]) };
    for _ in 0..2 {
        scene.hear(id, &gone, NOW).await;
        assert_eq!(credit().await, usd(600));
    }
    let upgrade = scene.try_checkout(NOW, |new| new.price = elite).await.unwrap().payment;
    assert_eq!(upgrade.amount, usd(2_400));
    scene.hand_over(upgrade.id, "O-2", NOW).await;
    scene.hear(upgrade.id, &heard(&[receipt("C-2", 2_400)]), NOW).await;
    // The first payment's time is the upgrade's now.
    let reversals = vec![reversal("R-1", "C-1", 400, false), reversal("R-2", "C-1", 100, false)];
    scene.hear(id, &Standing { reversals, ..heard(&[receipt("C-1", 1_000)]) }, NOW).await;
    let value = "SELECT value FROM subscription_payments WHERE superseded_at IS NULL";
    let value: i64 = sqlx::query_scalar(value).fetch_one(&scene.pool).await.unwrap();
    assert_eq!(value, 2_900, "of 600 and 2,400");
    scene.proved().await;
}
