//! Many at once: whatever happens at the same time, a coupon is redeemed as often as it may be, and no more.

use futures::future::join_all;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::*;

/// Tenants who come at once.
const CROWD: usize = 12;

async fn crowd(shop: &Shop, size: usize) -> Vec<UserId> {
    let mut tenants = Vec::new();
    for _ in 0..size {
        tenants.push(shop.tenant().await);
    }
    tenants
}

/// Runs `act` for all of them at the same time; how many had it, and that the others heard why not.
async fn at_once<T, Act>(shop: &Shop, tenants: Vec<UserId>, act: fn(Shop, UserId) -> Act, otherwise: Refusal) -> usize
where
    T: Send + 'static,
    Act: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    let tasks = tenants.into_iter().map(|user| tokio::spawn(act(shop.clone(), user)));
    let mut had = 0;
    for answer in join_all(tasks).await {
        match answer.unwrap() {
            Ok(_) => had += 1,
            Err(refusal) => assert_eq!(refusal, otherwise),
        }
    }
    had
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_tenant_too_many_leaves_exactly_as_many_as_there_may_be() {
    let shop = Shop::new().await;
    for max in [1, 5, CROWD - 1] {
        let code = format!("MAX-{max}");
        let limit = Some(u64::try_from(max).unwrap());
        let id = shop.coupon(&code, Terms { redemptions_max: limit, ..half() }).await;
        let tenants = crowd(&shop, CROWD).await;
        let tasks = tenants.into_iter().map(|user| {
            let (shop, code) = (shop.clone(), code.clone());
            tokio::spawn(async move { shop.pay(user, &[&code], &buy(Subscribe, 100)).await })
        });
        let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Ok(50)).count(), max);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Exhausted)).count(), CROWD - max);
        assert_eq!(usize::try_from(shop.find(id).await.taken).unwrap(), max);
        shop.adds_up().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keepers_and_buyers_share_one_limit() {
    let shop = Shop::new().await;
    let id = shop.coupon("SHARED", Terms { redemptions_max: Some(7), ..half() }).await;
    let (buyers, keepers) = (crowd(&shop, CROWD).await, crowd(&shop, CROWD).await);
    let buy_one = |shop: Shop, user| async move {
        let payment = shop.payment();
        shop.reserve(user, payment, &["SHARED"], &buy(Subscribe, 100)).await
    };
    let keep_one = |shop: Shop, user| async move { shop.keep(user, "SHARED").await };
    let (bought, kept) = tokio::join!(
        at_once(&shop, buyers, buy_one, Refusal::Exhausted),
        at_once(&shop, keepers, keep_one, Refusal::Exhausted)
    );
    assert_eq!((bought + kept, shop.find(id).await.taken), (7, 7));
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_tenant_at_many_tills_redeems_once() {
    let shop = Shop::new().await;
    let user = shop.tenant().await;
    let id = shop.coupon("MINE", Terms { per_user_max: Some(1), first_purchase: true, ..half() }).await;
    let act = |shop: Shop, user| async move {
        let payment = shop.payment();
        shop.reserve(user, payment, &["MINE"], &buy(Subscribe, 100)).await
    };
    // The first reason against it is that a first purchase is under way.
    assert_eq!(at_once(&shop, vec![user; CROWD], act, Refusal::FirstPurchase).await, 1);
    assert_eq!(shop.find(id).await.taken, 1);
    let keeper = shop.tenant().await;
    let keep = |shop: Shop, user| async move { shop.keep(user, "MINE").await };
    assert_eq!(at_once(&shop, vec![keeper; CROWD], keep, Refusal::UserLimit).await, CROWD, "all see the one");
    assert_eq!((shop.find(id).await.taken, shop.owned(keeper).await.len()), (2, 1));
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_kept_too_long_goes_to_as_many_others() {
    let shop = Shop::new().await;
    let id = shop.coupon("LATE", Terms { redemptions_max: Some(4), ..half() }).await;
    for user in crowd(&shop, 4).await {
        shop.keep(user, "LATE").await.unwrap();
    }
    shop.clock.advance(TimeDelta::days(coupons::KEPT_DAYS));
    let keep = |shop: Shop, user| async move { shop.keep(user, "LATE").await };
    assert_eq!(at_once(&shop, crowd(&shop, CROWD).await, keep, Refusal::Exhausted).await, 4);
    assert_eq!(shop.find(id).await.taken, 4);
    shop.adds_up().await;
}

/// One of the things that may happen to a coupon of a tenant.
#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve(usize),
    Redeem(usize),
    Release(usize),
    Keep,
    GiveUp,
    Lapse,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..3).prop_map(Step::Reserve),
        3 => (0_usize..3).prop_map(Step::Redeem),
        3 => (0_usize..3).prop_map(Step::Release),
        2 => Just(Step::Keep),
        1 => Just(Step::GiveUp),
        1 => Just(Step::Lapse),
    ]
}

/// One tenant with three payments, some of which are asked for in the name of both coupons.
async fn live(shop: Shop, user: UserId, steps: Vec<Step>) {
    let payments: Vec<PaymentId> = (0..3).map(|_| shop.payment()).collect();
    for step in steps {
        match step {
            Step::Reserve(number) => {
                let codes: &[&str] = [&["ONE"][..], &["TWO", "ONE"][..], &[][..]][number];
                let purpose = [Subscribe, Subscribe, Renew][number];
                let _ = shop.reserve(user, payments[number], codes, &buy(purpose, 100)).await;
            }
            Step::Redeem(number) => {
                let _ = shop.redeem(payments[number]).await;
            }
            Step::Release(number) => shop.release(payments[number]).await,
            Step::Keep => {
                let _ = shop.keep(user, "TWO").await;
            }
            Step::GiveUp => {
                let _ = shop.give_up(user, "TWO").await;
            }
            Step::Lapse => {
                let mut database = shop.pool.acquire().await.unwrap();
                let late = "UPDATE coupon_redemptions SET kept_until = $2 WHERE user_id = $1 AND state = 'kept'";
                sqlx::query(late).bind(user.as_uuid()).bind(shop.clock.now()).execute(&mut *database).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_at_once_adds_up() {
    let shop = Shop::new().await;
    let together = Terms { combinable: true, redemptions_max: Some(4), ..half() };
    shop.coupon("ONE", together.clone()).await;
    shop.coupon("TWO", Terms { duration: Duration::Repeating(2), ..together }).await;
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..4 {
        let tenants = crowd(&shop, 8).await;
        let lives = tenants.into_iter().map(|user| {
            let steps = prop::collection::vec(any_step(), 25).new_tree(&mut runner).unwrap().current();
            tokio::spawn(live(shop.clone(), user, steps))
        });
        for life in join_all(lives).await {
            life.unwrap();
        }
        shop.adds_up().await;
        // Room for the next ones.
        sqlx::query("UPDATE coupons SET redemptions_max = taken + 4").execute(&shop.pool).await.unwrap();
    }
}
