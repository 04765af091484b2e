//! Questions (history, files, chats) have a pace of their own: a platform that refuses one refuses no message.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    world::{PATIENCE, World, place},
};

#[tokio::test]
async fn a_refused_question_holds_back_questions_alone() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let (source, destination) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let (account, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let shown = world.controls.discord.create_channel(&bot.guild, "shown").await.unwrap();
    let outward = world.pair(place(&account, source), place(&discord, &shown)).await.id;
    world.pair(place(&discord, &bot.channel), place(&account, destination)).await;

    let refused = json!({ "kind": "flood_wait", "method": "channels.getMessages", "user": person.user, "seconds": 8,
                          "times": 1 });
    world.controls.telegram.fault(&refused).await.unwrap();
    let file = json!({ "name": "plan.txt", "mime": "text/plain", "base64": STANDARD.encode("the plan") });
    let message = json!({ "from": person.user, "text": "with a file", "document": file });
    world.controls.telegram.post(source, &message).await.unwrap();
    let pace = async || -> Value { world.api.http().get(&format!("/accounts/{account}/pace")).await.unwrap() };
    let reads = until("the refusal is learned", PATIENCE, async || {
        let found = pace().await;
        let budgets = found["budgets"].as_array().cloned().unwrap_or_default();
        Ok(budgets.into_iter().find(|budget| budget["scope"] == "reads" && budget["waits"] == 1))
    })
    .await
    .unwrap();
    assert!(reads["closed_until"].is_string() && reads["last_wait_ms"] == 8_000, "{reads:#}");
    assert!(reads["rate"].as_f64() < reads["ceiling"].as_f64(), "a refusal slows down: {reads:#}");
    let row = world.api.account(&account).await.unwrap();
    assert_eq!((row.status.as_str(), &row.rest["cooldown_until"]), ("online", &Value::Null), "messages may go on");

    // A message goes out while questions wait, and what waits for its file goes afterwards.
    world.controls.discord.say(&bot.channel, &bot.human, "meanwhile").await.unwrap();
    world.telegram_holds(destination, &["meanwhile"]).await;
    assert_eq!(world.discord_texts(&shown).await, Vec::<String>::new(), "its file cannot be asked for yet");
    world.discord_holds(&shown, &["with a file"]).await;
    world.all_sent(&outward, 1).await;
    assert_eq!(pace().await["budgets"].as_array().unwrap().iter().filter(|one| one["waits"] == 1).count(), 1);
}
