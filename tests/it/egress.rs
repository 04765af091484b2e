//! What a platform holds against an address or an account: an address that is refused too often, an account that is
//! banned, and the figures that hold for a platform that says nothing.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use sandbox::{
    scene::until,
    stack::{Part, Stack},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness::{self, on_stack_runtime},
    pace::{Writer, pays_for},
    recovery::SecondWorker,
    world::{PATIENCE, World, place},
};

/// Does `work`, then `tidy`, also when `work` has panicked: the tests after this one find the stack as it was.
async fn tidied(work: impl Future<Output = ()>, tidy: impl Future<Output = ()>) {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    tidy.await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

async fn database(stack: &Stack) -> PgPool {
    PgPool::connect(&stack.urls().database).await.unwrap()
}

/// So many requests of the stack's address count as invalid that the worker closes it. Returns when it has.
async fn close(stack: &Stack, database: &PgPool) {
    // All of it has to fall into one window.
    until("a window with some time left", PATIENCE, async || {
        let young = sqlx::query_scalar::<_, bool>(
            "SELECT now() - date_bin('10 minutes', now(), timestamptz 'epoch') < interval '555 seconds'",
        );
        Ok(young.fetch_one(database).await?.then_some(()))
    })
    .await
    .unwrap();
    // The stack's worker has no EGRESS_ID: its name is the address's.
    let counted = sqlx::query(
        "INSERT INTO pace_egress (egress, kind, subject, window_start, used)
         VALUES ('stack', 'invalid', '00000000-0000-0000-0000-000000000000',
                 date_bin('10 minutes', now(), timestamptz 'epoch'), 2000)
         ON CONFLICT ON CONSTRAINT pace_egress_pkey DO UPDATE SET window_start = excluded.window_start, used = 2000",
    );
    counted.execute(database).await.unwrap();
    let metrics = format!("{}/metrics", stack.urls().worker_metrics);
    until("the address is closed", PATIENCE, async || {
        let shown = reqwest::get(&metrics).await?.text().await?;
        Ok(shown.lines().any(|line| line == "causeway_egress_closed 1").then_some(()))
    })
    .await
    .unwrap();
}

/// As when the window is over: nothing is counted, and a worker that remembers nothing.
async fn open(stack: &'static Stack, database: &PgPool) {
    on_stack_runtime(stack.kill_part(Part::Worker)).await;
    let forgotten = sqlx::query("DELETE FROM pace_egress WHERE egress = 'stack' AND kind = 'invalid'");
    forgotten.execute(database).await.unwrap();
    on_stack_runtime(stack.start_part(Part::Worker)).await.unwrap();
}

#[tokio::test]
async fn a_closed_address_writes_nothing_to_discord_and_goes_on_writing_to_telegram() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 1).await;
    let source = world.channel(&writer.person, &[]).await;
    let channel = world.controls.discord.create_channel(&writer.bot.guild, "closed").await.unwrap();
    let pair = world.pair(place(&writer.account, source), place(&writer.reader, &channel)).await.id;
    let newcomer = world.bot().await;
    let database = database(&stack).await;
    let closed = async {
        close(&stack, &database).await;
        world.controls.telegram.say(source, writer.person.user, "waits").await.unwrap();
        writer.say(&world, 0, "goes").await;
        world.telegram_holds(writer.ways[0].1, &["goes"]).await;
        let held = world.deliveries(&pair, |found| found.iter().any(|one| one["reason_code"] == "egress_closed")).await;
        let steps = held[0]["steps"].as_array().unwrap();
        assert!(steps.iter().any(|step| step["kind"] == "waiting"), "{held:#?}");
        assert_eq!(world.discord_texts(&channel).await, Vec::<String>::new());
        // A token is not proven either: it might be wrong, and then it counts.
        world.refused("/accounts/discord", json!({ "token": newcomer.token }), 429, "flood_wait").await;
    };
    tidied(closed, open(stack.stack(), &database)).await;
    world.discord_holds(&channel, &["waits"]).await;
    world.link_bot(&newcomer).await;
}

/// When the window of the stack's address began, in Unix seconds, and the invalid requests that are counted in it.
async fn invalid(database: &PgPool) -> sqlx::Result<(i64, i64)> {
    let counted = sqlx::query_as::<_, (i64, i64)>(
        "SELECT extract(epoch FROM window_start)::bigint, used FROM pace_egress
         WHERE egress = 'stack' AND kind = 'invalid'",
    );
    Ok(counted.fetch_optional(database).await?.unwrap_or_default())
}

#[tokio::test]
async fn a_wrong_token_counts_as_an_invalid_request_of_the_address() {
    const WRONG: i64 = 5;
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let database = database(&stack).await;
    let (window, before) = invalid(&database).await.unwrap();
    for _ in 0..WRONG {
        world.refused("/accounts/discord", json!({ "token": "MTIz.wrong.token" }), 422, "token_invalid").await;
    }
    until("the wrong tokens are counted", PATIENCE, async || {
        let (now, used) = invalid(&database).await?;
        Ok((now > window || used >= before + WRONG).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_account_that_is_banned_while_online_stops_and_says_so() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 2).await;
    writer.is_stopped_by(&world, (401, "USER_DEACTIVATED_BAN"), "banned").await;
    let errors: Value = world.api.http().get(&format!("/errors?account={}", writer.account)).await.unwrap();
    let logged = errors["errors"].as_array().unwrap().iter();
    let of_the_account = logged.filter(|error| error["code"] == "user_deactivated_ban" && error["pair"].is_null());
    assert_eq!(of_the_account.count(), 1, "{errors:#}");
}

/// Waits until a worker hosts the account, and the account is online there. In the suite, the bots of many tests begin
/// their sessions before, 50 in 5 s.
async fn moved(world: &World, account: &str, worker: &str) {
    until("the account has moved", PATIENCE * 3, async || {
        let account = world.api.account(account).await?;
        Ok((account.rest["host"] == worker && account.status == "online").then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_burst_into_one_chat_is_held_where_the_platforms_figures_hold() {
    const BURST: usize = 30;
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 1).await;
    let (_, chat, pair) = &writer.ways[0];
    // Of a Free plan's messages, the twenty-first would wait for the plan.
    pays_for(&database(&stack).await, &writer.account, "elite").await;
    let running = stack.stack();
    let second = SecondWorker::start(running, &[("PACE", "standard")]);
    let burst = async {
        on_stack_runtime(running.kill_part(Part::Worker)).await;
        for account in [&writer.account, &writer.reader] {
            moved(&world, account, "second").await;
        }
        for number in 0..BURST {
            writer.say(&world, 0, &format!("message {number}")).await;
        }
        let paced = |one: &Value| matches!(one["reason_code"].as_str(), Some("pace_chat" | "pace_account"));
        let held = world.deliveries(pair, |found| found.iter().any(paced)).await;
        let waiting = held.iter().find(|one| paced(one)).unwrap();
        assert!(waiting["steps"].as_array().unwrap().iter().any(|step| step["kind"] == "waiting"), "{waiting:#}");
        let come = world.telegram_texts(*chat).await.len();
        assert!((15..BURST).contains(&come), "{come} messages came at once");
        let name = chat.to_string();
        let shown = until("the chat's budget is shown", PATIENCE, async || {
            let pace = writer.pace(&world).await;
            let budgets = pace["budgets"].as_array().cloned().unwrap_or_default();
            Ok(budgets.into_iter().find(|budget| budget["scope"] == "chat" && budget["chat"] == name.as_str()))
        });
        let budget = shown.await.unwrap();
        assert!(budget["rate"].as_f64().unwrap() <= 1.0, "{budget:#}");
    };
    let tidy = async {
        // What waits shall not be sent while the next tests run.
        let deleted = world.api.delete_pair(pair).await;
        on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
        second.kill().await;
        deleted.unwrap();
    };
    tidied(burst, tidy).await;
}
