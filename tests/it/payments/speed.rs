//! From the moment when a webhook is accepted until the plan's limits are lifted and paused pairs carry again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Clock as _, PairId, PaymentId, SystemClock};
use futures::future::join_all;
use sandbox::{client::NewCheckout, scene::until};
use sqlx::PgPool;

use super::Shop;
use crate::{
    harness,
    world::{PATIENCE, place},
};

/// Tenants who buy at once.
const TENANTS: usize = 4;
/// Purchases of each.
const PURCHASES: usize = 25;
/// What is promised.
const P99_MAX: Duration = Duration::from_secs(2);

/// A tenant with more pairs than Free has.
async fn tenant(stack: &sandbox::stack::Stack) -> (Shop, PairId) {
    let shop = Shop::new(stack).await;
    let (person, bot) = (shop.world.person(None).await, shop.world.bot().await);
    let (reader, writer) = (shop.world.link_person(&person).await, shop.world.link_bot(&bot).await);
    shop.buy("pro").await;
    let mut newest = None;
    for _ in 0..4 {
        let channel = shop.world.channel(&person, &[]).await;
        newest = Some(shop.world.pair(place(&reader, channel), place(&writer, &bot.channel)).await.id);
    }
    (shop, newest.unwrap().parse().unwrap())
}

/// The newest pair's row says that it carries, and its workflow was told.
async fn carries(pool: &PgPool, pair: PairId) -> bool {
    let row: (String, bool) = sqlx::query_as("SELECT status::text, plan_untold_since IS NULL FROM pairs WHERE id = $1")
        .bind(pair.as_uuid())
        .fetch_one(pool)
        .await
        .unwrap();
    row == ("active".to_owned(), true)
}

/// When the first webhook about the payment was accepted.
async fn accepted(pool: &PgPool, payment: &str) -> DateTime<Utc> {
    let payment: PaymentId = payment.parse().unwrap();
    sqlx::query_scalar("SELECT min(received_at) FROM payment_events WHERE payment_id = $1")
        .bind(payment.as_uuid())
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Buys once, and says how long it took from the webhook to the pair.
async fn purchase(shop: &Shop, pool: &PgPool, pair: PairId) -> TimeDelta {
    shop.world.api.end_subscription().await.unwrap();
    let paused = until("a paused pair", PATIENCE, async || {
        let status: String = sqlx::query_scalar("SELECT status::text FROM pairs WHERE id = $1")
            .bind(pair.as_uuid())
            .fetch_one(pool)
            .await?;
        Ok((status == "paused").then_some(()))
    });
    paused.await.unwrap();
    let payment = shop.checkout(&NewCheckout::month("pro", "paypal")).await;
    shop.paypal.approve_order(&payment.paypal_id().unwrap()).await.unwrap();
    let resumed = until("a resumed pair", PATIENCE, async || Ok(carries(pool, pair).await.then(|| SystemClock.now())));
    let resumed = resumed.await.unwrap();
    assert_eq!(shop.plan().await, "pro", "the limits are lifted, too");
    resumed - accepted(pool, &payment.id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_webhook_to_the_resumed_pair_it_takes_less_than_two_seconds() {
    let stack = harness::alone().await;
    let pool = PgPool::connect(&stack.urls().database).await.unwrap();
    let tenants = join_all((0..TENANTS).map(|_| tenant(&stack))).await;
    let took = join_all(tenants.iter().map(async |(shop, pair)| {
        let mut took = Vec::new();
        for _ in 0..PURCHASES {
            took.push(purchase(shop, &pool, *pair).await);
        }
        took
    }));
    let mut took: Vec<_> = took.await.into_iter().flatten().map(|time| time.to_std().unwrap_or_default()).collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    println!(
        "webhook accepted -> limits changed -> pairs resumed: n={} p50={:?} p95={:?} p99={:?} max={:?}",
        took.len(),
        at(50),
        at(95),
        at(99),
        at(100)
    );
    assert!(at(99) < P99_MAX, "p99 is {:?}", at(99));
}
