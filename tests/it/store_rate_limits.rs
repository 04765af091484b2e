//! The statement that leases permits does what `domain::rate::Ledger` says.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, SystemClock,
    rate::{Ask, Ledger, window_of},
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use store::rate_limits::{lease, prune};

use crate::harness;

fn window(number: i64) -> DateTime<Utc> {
    window_of(SystemClock.now(), 0) + TimeDelta::minutes(number)
}

fn ask(number: i64, limit: u32, wish: u32, owed: u32) -> Ask {
    Ask { window: window(number), limit, wish, owed, returned: 0 }
}

#[tokio::test]
async fn leases_are_those_of_the_rule() {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let mut database = pool.acquire().await.unwrap();
    let start = window(0);
    let seldom = || prop_oneof![3 => Just(0_u32), 1 => 1_u32..9];
    let asks = prop::collection::vec((0_i64..4, 0_u32..80, 1_u32..30, seldom(), seldom()), 60);
    let mut runner = TestRunner::new(Config::default());
    for caller in 0..10 {
        let mut rule: Option<Ledger> = None;
        let asks = asks.new_tree(&mut runner).unwrap().current();
        for (number, (minute, limit, wish, owed, returned)) in asks.into_iter().enumerate() {
            let ask = Ask { window: start + TimeDelta::minutes(minute), limit, wish, owed, returned };
            let found = lease(&mut database, &format!("caller {caller}"), &ask).await.unwrap();
            let expected = rule.get_or_insert(Ledger::new(ask.window)).lease(&ask);
            assert_eq!(found, expected, "ask {number} of caller {caller}: {ask:?}");
        }
    }
}

#[tokio::test]
async fn replicas_that_ask_at_once_get_the_limit_and_no_more() {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let asked = ask(0, 500, 3, 0);
    let replicas = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut granted = 0;
            loop {
                let mut database = pool.acquire().await.unwrap();
                match lease(&mut database, "one caller", &asked).await.unwrap().granted {
                    0 => return granted,
                    more => granted += more,
                }
            }
        })
    });
    let mut granted = 0;
    for replica in futures::future::join_all(replicas).await {
        granted += replica.unwrap();
    }
    assert_eq!(granted, 500);
}

#[tokio::test]
async fn callers_whose_windows_are_long_over_are_forgotten() {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let mut database = pool.acquire().await.unwrap();
    for (caller, minute) in [("old", -9), ("older", -10), ("new", 0)] {
        lease(&mut database, caller, &ask(minute, 10, 10, 0)).await.unwrap();
    }
    let before = window(-5);
    assert_eq!(prune(&mut database, before, 1).await.unwrap(), 1);
    assert_eq!(prune(&mut database, before, 10).await.unwrap(), 1);
    assert_eq!(prune(&mut database, before, 10).await.unwrap(), 0);
    let again = lease(&mut database, "new", &ask(0, 10, 10, 0)).await.unwrap();
    assert!(again.leased > u64::from(again.granted), "what is not old is remembered: {again:?}");
}
