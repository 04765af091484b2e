//! Chains: what a pair wrote is carried on, also by other tenants, until it would come to where it has been.

use sandbox::stack::Part;

use crate::{
    harness::{self, on_stack_runtime},
    world::{World, place},
};

#[tokio::test]
async fn a_chain_over_both_platforms_ends_where_it_would_be_a_circle() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (first, last) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&telegram, first), place(&discord, &bot.channel)).await;
    world.pair(place(&discord, &bot.channel), place(&telegram, last)).await;
    let round = world.pair(place(&telegram, last), place(&telegram, first)).await;
    world.controls.telegram.say(first, person.user, "pass it on").await.unwrap();
    world.discord_holds(&bot.channel, &["pass it on"]).await;
    world.telegram_holds(last, &["pass it on"]).await;
    let refused = world.deliveries(&round.id, |found| found.len() == 1 && found[0]["state"] == "skipped").await;
    assert_eq!(refused[0]["reason_code"], "loop_guard");
    let path = format!("Telegram chat {first} → Discord chat {} → Telegram chat {last}", bot.channel);
    assert!(refused[0]["reason"].as_str().unwrap().ends_with(&path), "{refused:#?}");
    // What somebody writes at the end of the chain goes its own way: round to the first chat and on to Discord.
    world.controls.telegram.say(last, person.user, "from the end").await.unwrap();
    world.telegram_holds(first, &["pass it on", "from the end"]).await;
    world.discord_holds(&bot.channel, &["pass it on", "from the end"]).await;
    world.telegram_holds(last, &["pass it on", "from the end"]).await;
}

#[tokio::test]
async fn another_tenants_account_carries_on_and_edits_follow_along_the_chain() {
    let stack = harness::shared().await;
    let (ours, theirs) = (World::new(&stack).await, World::new(&stack).await);
    let (person, stranger) = (ours.person(None).await, theirs.person(None).await);
    let source = ours.channel(&person, &[]).await;
    let between = ours.channel(&person, &[&stranger]).await;
    let end = theirs.channel(&stranger, &[]).await;
    let (writer, reader) = (ours.link_person(&person).await, theirs.link_person(&stranger).await);
    ours.pair(place(&writer, source), place(&writer, between)).await;
    theirs.pair(place(&reader, between), place(&reader, end)).await;
    let said = ours.controls.telegram.say(source, person.user, "news").await.unwrap();
    theirs.telegram_holds(end, &["news"]).await;
    let path = format!("/chats/{source}/messages/{said}");
    let body = serde_json::json!({ "text": "better news" });
    let http = ours.controls.telegram.http();
    let _: serde_json::Value = http.call(reqwest::Method::PATCH, &path, Some(&body)).await.unwrap();
    ours.telegram_holds(between, &["better news"]).await;
    theirs.telegram_holds(end, &["better news"]).await;
    let _: serde_json::Value = http.call(reqwest::Method::DELETE, &path, None::<&()>).await.unwrap();
    ours.telegram_holds(between, &[]).await;
    theirs.telegram_holds(end, &[]).await;
}

#[tokio::test]
async fn both_ways_do_not_echo_across_killed_workers() {
    let stack = harness::exclusive().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (telegram, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&telegram, channel), place(&discord, &bot.channel)).await;
    world.pair(place(&discord, &bot.channel), place(&telegram, channel)).await;
    let running = stack.stack();
    let mut texts: Vec<String> = Vec::new();
    for round in 0..3 {
        for (index, side) in ["telegram", "discord"].into_iter().enumerate() {
            let text = format!("round {round} from {side}");
            if index == 0 {
                world.controls.telegram.say(channel, person.user, &text).await.unwrap();
            } else {
                world.controls.discord.say(&bot.channel, &bot.human, &text).await.unwrap();
            }
            texts.push(text);
        }
        // In the middle of the sends: their echoes come to the next process, which has to know them as its own.
        on_stack_runtime(running.kill_part(Part::Worker)).await;
        on_stack_runtime(running.start_part(Part::Worker)).await.unwrap();
    }
    let mut wanted = texts.clone();
    wanted.sort();
    for _ in 0..2 {
        sandbox::scene::until("both chats hold everything once", crate::world::PATIENCE, async || {
            let (mut one, mut two) = (world.telegram_texts(channel).await, world.discord_texts(&bot.channel).await);
            one.sort();
            two.sort();
            Ok((one == wanted && two == wanted).then_some(()))
        })
        .await
        .unwrap();
        // A late echo would show after one more message has passed both ways.
        world.controls.telegram.say(channel, person.user, "zz").await.unwrap();
        wanted.push("zz".into());
    }
}

#[tokio::test]
async fn what_another_account_of_ours_wrote_in_a_group_or_to_us_goes_in_no_circle() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (writer, reader) = (world.person(None).await, world.person(None).await);
    let telegram = &world.controls.telegram;
    let group = telegram.create_chat("group", "Both", writer.user, &[reader.user]).await.unwrap().dialog_id;
    telegram.say(writer.user, reader.user, "hello, writer").await.unwrap();
    telegram.say(reader.user, writer.user, "hello, reader").await.unwrap();
    let (writes, reads) = (world.link_person(&writer).await, world.link_person(&reader).await);
    for (there, back) in [(group, group), (reader.user, writer.user)] {
        // One account carries from the channel to the group, or to the person; the other one back.
        let channel = world.channel(&writer, &[]).await;
        telegram.set_member(channel, reader.user, "admin").await.unwrap();
        world.pair(place(&writes, channel), place(&writes, there)).await;
        let round = world.pair(place(&reads, back), place(&reads, channel)).await;
        let bold = serde_json::json!([crate::world::bold(0, 5)]);
        let message = serde_json::json!({ "from": writer.user, "text": "round and @round_again", "entities": bold });
        telegram.post(channel, &message).await.unwrap();
        let refused = world.deliveries(&round.id, |found| found.len() == 1 && found[0]["state"] == "skipped").await;
        assert_eq!(refused[0]["reason_code"], "loop_guard", "{refused:#?}");
        // What the person types with the same account is carried.
        telegram.say(there, writer.user, "typed").await.unwrap();
        world.telegram_holds(channel, &["round and @round_again", "typed"]).await;
        world.deliveries(&round.id, |found| found.iter().any(|one| one["state"] == "sent")).await;
    }
}
