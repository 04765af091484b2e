//! Everything at once and in any order: the books agree with what the provider says has come and gone.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    PaymentId,
    ledger::Account,
    payment::{Phase, standing::Standing},
};
use store::payments::{self, Effects, refunds};

use super::{NOW, Scene, receipt, reversal, tenant};

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the provider knows of one order.
#[derive(Default)]
struct Order {
    came: Vec<(String, i64)>,
    gone: Vec<(String, String, i64, bool)>,
}

impl Order {
    fn heard(&self, dice: &mut Dice) -> Standing {
        let phases = [Phase::Waiting, Phase::Approved, Phase::Processing, Phase::Done, Phase::Expired, Phase::Failed];
        let mut receipts: Vec<_> = self.came.iter().map(|(id, minor)| receipt(id, *minor)).collect();
        if dice.below(2) == 0 {
            receipts.reverse();
        }
        let reversals = self.gone.iter().map(|(id, of, minor, back)| reversal(id, of, *minor, *back)).collect();
        // Only what is final is ever said to be done.
        let phase = phases[usize::try_from(dice.below(6)).unwrap()];
        Standing { phase, receipts, reversals, agreement: None, reason: None }
    }
}

async fn ask_back(scene: &Scene, id: PaymentId, number: u64, now: DateTime<Utc>) {
    let key = format!("storm-{number}");
    let wanted = refunds::Wanted { amount: None, note: "a storm", by: None, by_hand: false, key: Some(&key) };
    let mut transaction = scene.pool.begin().await.unwrap();
    let payment = payments::lock(&mut transaction, id).await.unwrap().unwrap();
    let mut effects = Effects::default();
    if refunds::ask(&mut transaction, &scene.books(now), &payment, &wanted, &mut effects).await.is_ok() {
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn whatever_is_told_in_whatever_order_the_books_are_those_of_the_provider() {
    let mut scene = Scene::new().await;
    for seed in 1..=6 {
        scene.user = tenant(&scene.pool).await;
        let mut dice = Dice(seed);
        let (mut order, id) = (Order::default(), scene.order(&format!("O-{seed}"), NOW).await);
        for turn in 0..40 {
            let now = NOW + TimeDelta::minutes(i64::try_from(turn).unwrap() * 20);
            match dice.below(8) {
                0 if order.came.len() < 2 => {
                    let minor = [1_000, 1_000, 900, 1_100][usize::try_from(dice.below(4)).unwrap()];
                    order.came.push((format!("C-{seed}-{turn}"), minor));
                }
                1 if !order.came.is_empty() && order.gone.len() < order.came.len() => {
                    let (of, minor) = order.came[order.gone.len()].clone();
                    order.gone.push((format!("R-{seed}-{turn}"), of, minor, dice.below(2) == 0));
                }
                2 => {
                    let mut transaction = scene.pool.begin().await.unwrap();
                    payments::expire(&mut transaction, id, now).await.unwrap();
                    transaction.commit().await.unwrap();
                }
                3 => {
                    let mut transaction = scene.pool.begin().await.unwrap();
                    payments::cancel(&mut transaction, scene.user, id, now).await.unwrap();
                    transaction.commit().await.unwrap();
                }
                4 if dice.below(3) == 0 => ask_back(&scene, id, turn + seed * 100, now).await,
                _ => {
                    let said = order.heard(&mut dice);
                    // Two at once, as webhook and poll are.
                    tokio::join!(scene.hear(id, &said, now), scene.hear(id, &said, now));
                }
            }
        }
        scene.hear(id, &Standing { phase: Phase::Done, ..order.heard(&mut dice) }, NOW).await;
        scene.proved().await;
    }
    // Undecided money is in nobody's books.
    let came = "SELECT coalesce(sum(amount - fee), 0)::bigint FROM payment_receipts WHERE decided_at IS NOT NULL";
    let gone = "SELECT coalesce(sum(v.amount), 0)::bigint FROM payment_reversals v
                JOIN payment_receipts r ON r.id = v.receipt_id
                WHERE EXISTS (SELECT FROM ledger_entries e WHERE e.reference = r.payment_id AND e.key LIKE '%back/' || r.provider || '/' || v.external_id)";
    let never = "SELECT coalesce(sum(amount - fee), 0)::bigint FROM payment_receipts r
                 WHERE r.state = 'returned' AND NOT EXISTS (SELECT FROM ledger_entries e
                     WHERE e.reference = r.payment_id AND e.key LIKE '%returned/' || r.id::text)
                   AND NOT EXISTS (SELECT FROM refunds f WHERE f.receipt_id = r.id)";
    let owed = scene.count(came).await - scene.count(never).await - scene.count(gone).await;
    assert_eq!(scene.posted(Account::provider("paypal")).await, -owed);
    let twice = "SELECT count(*) FROM (SELECT FROM ledger_entries WHERE kind = 'settlement' GROUP BY reference HAVING count(*) > 1) t";
    assert_eq!(scene.count(twice).await, 0);
}
