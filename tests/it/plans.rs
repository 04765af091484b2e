//! A plan that changes while its pairs run.

use sandbox::client::NewPair;
use serde_json::Value;
use temporalio_client::Client;
use workflows::forwarding::PairForwarding;

use crate::{
    harness, histories,
    pace::pays_for,
    world::{World, pair, place},
};

/// The priority with which the pair's workflow has asked for its newest drain.
async fn newest_priority(client: &Client, pair: &str) -> Option<u64> {
    let workflow = client.get_workflow_handle::<PairForwarding>(format!("pair-{pair}"));
    let history = workflow.fetch_history(Default::default()).to_json().await.unwrap();
    let history: Value = serde_json::from_slice(&history).unwrap();
    let events = history["events"].as_array().unwrap().iter().rev();
    let scheduled = events.map(|event| &event["attributes"]["ActivityTaskScheduledEventAttributes"]);
    let mut drains = scheduled.filter(|activity| activity["activity_type"]["name"] == "forwarding.drain_pair");
    drains.next().and_then(|drain| drain["priority"]["priorityKey"].as_u64())
}

#[tokio::test]
async fn a_new_plan_orders_drains_although_nothing_has_happened_to_the_pair() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    // With a delay it is the pair's workflow that drains.
    let new = pair(place(&reader, channel), place(&writer, &bot.channel));
    let made = world.api.create_pair(&NewPair { delay_seconds: Some(3), ..new }).await.unwrap();
    let client = histories::temporal(&stack).await;
    let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let (mut said, mut priorities) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let text = format!("message {number}");
        world.controls.telegram.say(channel, person.user, &text).await.unwrap();
        said.push(text);
        world.discord_holds(&bot.channel, &said.iter().map(String::as_str).collect::<Vec<_>>()).await;
        priorities.push(newest_priority(&client, &made.id).await);
        if number == 0 {
            pays_for(&database, &writer, "elite").await;
        }
    }
    // The drain that was waiting, or asked for, when the plan changed still had the former priority.
    assert_eq!((priorities[0], priorities[3]), (Some(4), Some(1)), "{priorities:?}");
}
