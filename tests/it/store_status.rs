//! What the metrics are told: sums over everything, and a lag only of what could have been sent.

use domain::{AccountStatus, Clock as _, Platform};
use store::{
    leases::{self, Lease},
    status::{self, AccountCount, Queues},
};

use crate::ledger::{Scene, scene};

/// What holds pairs back, and what ends it.
const HELD: [(&str, &str); 6] = [
    ("UPDATE pairs SET status = 'paused'", "UPDATE pairs SET status = 'active'"),
    ("UPDATE pairs SET status = 'blocked'", "UPDATE pairs SET status = 'active'"),
    ("UPDATE accounts SET status = 'reconnecting'", "UPDATE accounts SET status = 'online'"),
    (
        "UPDATE accounts SET cooldown_until = '2100-01-01T00:00:00Z'",
        "UPDATE accounts SET cooldown_until = '2000-01-01T00:00:00Z'",
    ),
    (
        "UPDATE deliveries SET reason_code = 'plan_limit' WHERE seq = 1",
        "UPDATE deliveries SET reason_code = 'plan_limit' WHERE seq = 2;
         UPDATE deliveries SET reason_code = 'pace_chat' WHERE seq = 1",
    ),
    (
        "INSERT INTO pace_budgets (account_id, scope, chat_id, rate, ceiling, tokens, counted_at, quiet_since, spent,
                                   waits, last_wait_at, last_wait_ms, stored_at)
         SELECT destination_account_id, 'chat'::pace_scope, destination_chat_id, 1, 1, 1, created_at, created_at, 0,
                1, created_at, 9223372036854775807, created_at FROM pairs",
        "UPDATE pace_budgets SET last_wait_ms = 0",
    ),
];

impl Scene {
    async fn run(&mut self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut *self.database).await.unwrap();
    }

    /// The queues of the worker that hosts the writer, one of them by name.
    async fn queues(&mut self) -> Queues {
        status::queues_of(&mut self.database, "w1", self.clock.now(), 1).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_held_back_is_open_and_no_lag() {
    let mut scene = scene(0).await;
    scene.another_pair(78).await;
    scene.ingest_ids(&[11, 12]).await;
    scene.run("UPDATE accounts SET status = 'online'").await;
    let now = Some(scene.clock.now());
    let queues = scene.queues().await;
    assert_eq!((queues.open, queues.ready_since, queues.pairs.len()), (4, now, 1));
    for (hold, end) in HELD {
        scene.run(hold).await;
        let queues = scene.queues().await;
        assert_eq!((queues.open, queues.ready_since, queues.pairs[0].ready_since), (4, None, None), "{hold}");
        scene.run(end).await;
        assert_eq!(scene.queues().await.ready_since, now, "{end}");
    }
}

#[tokio::test]
async fn accounts_and_queues_that_nobody_hosts_are_counted() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12]).await;
    assert_eq!(status::unhosted(&mut scene.database).await.unwrap(), 0);
    let lease = Lease { account: scene.writer, epoch: scene.fence.epoch };
    leases::release(&mut scene.database, lease).await.unwrap();
    scene.run("UPDATE accounts SET status = 'banned' WHERE platform = 'discord'").await;
    assert_eq!(status::unhosted(&mut scene.database).await.unwrap(), 2);
    let queues = scene.queues().await;
    assert_eq!((queues.open, queues.ready_since, queues.pairs.len()), (0, None, 0));
    let counts = status::account_counts(&mut scene.database).await.unwrap();
    let banned = AccountCount { platform: Platform::Discord, status: AccountStatus::Banned, count: 1 };
    assert_eq!((counts.len(), counts.last()), (2, Some(&banned)));
}
