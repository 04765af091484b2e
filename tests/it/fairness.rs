//! Plans and fairness: a plan holds its tenant to its windows, and a backlog is worked off by plan and by turns.

use sandbox::{scene::until, stack::Part};
use serde_json::json;

use crate::{
    harness::{self, on_stack_runtime},
    pace::{Writer, pays_for},
    recovery::SecondWorker,
    world::{PATIENCE, World},
};

#[tokio::test]
async fn the_plan_holds_messages_until_its_window_opens() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let writer = Writer::new(&world, 1).await;
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let account: domain::AccountId = writer.account.parse().unwrap();
    // An exception of the operator holds also where no plan does; three messages a minute.
    let limited = sqlx::query(
        "UPDATE user_limits SET messages_per_minute = 3 WHERE user_id = (SELECT user_id FROM accounts WHERE id = $1)",
    );
    let limited = limited.bind(account.as_uuid()).execute(&database).await.unwrap();
    assert_eq!(limited.rows_affected(), 1);
    // All of it has to fall into one minute.
    until("a young minute", PATIENCE, async || {
        let young = sqlx::query_scalar::<_, bool>("SELECT extract(second FROM now()) < 35");
        Ok(young.fetch_one(&database).await?.then_some(()))
    })
    .await
    .unwrap();
    let texts = ["one", "two", "three", "four", "five"];
    for text in texts {
        writer.say(&world, 0, text).await;
    }
    let held =
        world.deliveries(&writer.ways[0].2, |found| found.iter().any(|one| one["reason_code"] == "plan_limit")).await;
    let waiting = held.iter().rev().find(|one| one["reason_code"] == "plan_limit").unwrap();
    assert!(waiting["steps"].as_array().unwrap().iter().any(|step| step["kind"] == "waiting"), "{waiting:#}");
    let pace = writer.pace(&world).await;
    assert_eq!(
        (pace["plan"]["minute_used"].as_i64(), pace["plan"]["minute_limit"].as_i64()),
        (Some(3), Some(3)),
        "{pace:#}"
    );
    until("the pair says why it waits", PATIENCE, async || {
        let pair = world.read_pair(&writer.ways[0].2).await;
        Ok(pair["live"]["reason"].as_str().is_some_and(|reason| reason.contains("plan")).then_some(()))
    })
    .await
    .unwrap();
    // Nothing is lost: the next minute takes the rest, in order.
    let mut last = Vec::new();
    let all = until("the next window takes the rest", PATIENCE * 3, async || {
        last = world.telegram_texts(writer.ways[0].1).await;
        Ok((last == texts).then_some(()))
    });
    let all = all.await;
    assert!(all.is_ok(), "the chat holds {last:?}");
}

/// The flood's first drain is held up at its first answer, while everything else joins the queue behind it.
async fn hold_the_slot(world: &World, flooder: &Writer) {
    let held = json!({ "kind": "delay", "method": "messages.sendMessage", "user": flooder.person.user, "ms": 8_000, "times": 1 });
    world.controls.telegram.fault(&held).await.unwrap();
    world.api.resume(&flooder.ways[0].2).await.unwrap();
    until("the slot is taken", PATIENCE, async || {
        Ok((!world.telegram_texts(flooder.ways[0].1).await.is_empty()).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn in_a_backlog_elite_goes_first_and_a_flood_starves_no_neighbour() {
    const FLOODED: usize = 6;
    const FLOOD: usize = 20;
    let stack = harness::alone().await;
    let worlds = (World::new(&stack).await, World::new(&stack).await, World::new(&stack).await);
    let flooder = Writer::new(&worlds.0, FLOODED).await;
    let (neighbour, elite) = (Writer::new(&worlds.1, 1).await, Writer::new(&worlds.2, 1).await);
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    pays_for(&database, &elite.account, "elite").await;
    let all = [(&worlds.0, &flooder), (&worlds.1, &neighbour), (&worlds.2, &elite)];
    for (world, writer) in all {
        for way in &writer.ways {
            world.api.pause(&way.2).await.unwrap();
        }
    }
    for way in 0..FLOODED {
        for number in 0..FLOOD {
            flooder.say(&worlds.0, way, &format!("flood {number}")).await;
        }
    }
    neighbour.say(&worlds.1, 0, "now and then").await;
    elite.say(&worlds.2, 0, "first").await;
    for (world, writer) in all {
        for way in &writer.ways {
            world.deliveries(&way.2, |found| !found.is_empty()).await;
        }
    }
    // One slot for all drains of the only worker, so that whatever is to be sent makes a backlog.
    let running = stack.stack();
    let second = SecondWorker::start(running, &[("DRAIN_SLOTS", "1")]);
    on_stack_runtime(running.kill_part(Part::Worker)).await;
    for (world, writer) in all {
        until("the account has moved", PATIENCE, async || {
            let account = world.api.account(&writer.account).await?;
            Ok((account.rest["host"] == "second" && account.status == "online").then_some(()))
        })
        .await
        .unwrap();
    }
    hold_the_slot(&worlds.0, &flooder).await;
    for (world, writer) in all {
        for way in &writer.ways {
            world.api.resume(&way.2).await.unwrap();
        }
    }
    let mut finished = Vec::new();
    until("everything has come", PATIENCE * 3, async || {
        for (name, world, writer, wanted) in [
            ("flood", &worlds.0, &flooder, FLOOD),
            ("neighbour", &worlds.1, &neighbour, 1),
            ("elite", &worlds.2, &elite, 1),
        ] {
            for way in &writer.ways {
                let label = (name, way.1);
                if !finished.contains(&label) && world.telegram_texts(way.1).await.len() == wanted {
                    finished.push(label);
                }
            }
        }
        Ok((finished.len() == FLOODED + 2).then_some(()))
    })
    .await
    .unwrap();
    // Whatever it was, the tests after this one have their worker back.
    on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    second.kill().await;
    let place_of = |name: &str| finished.iter().position(|(found, _)| *found == name).unwrap();
    // The drain that held the slot goes on to its end; then Elite, which came last, goes before all others.
    assert!(place_of("elite") <= 1, "{finished:?}");
    // Of the users of one plan, the one with a single pair does not wait for the other's whole flood.
    assert!(place_of("neighbour") <= 4, "{finished:?}");
}
