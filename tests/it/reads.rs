//! Questions (history, files, chats) have a pace of their own: a platform that refuses one refuses no message.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    world::{Bot, PATIENCE, Person, World, place},
};

/// An account that reads a channel for Discord and writes another one from there.
struct Bridge {
    person: Person,
    bot: Bot,
    account: String,
    source: i64,
    destination: i64,
    /// The Discord channel that shows what `source` says, and the pair that carries it.
    shown: String,
    outward: String,
}

impl Bridge {
    async fn new(world: &World) -> Self {
        let (person, bot) = (world.person(None).await, world.bot().await);
        let (source, destination) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
        let (account, discord) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let shown = world.controls.discord.create_channel(&bot.guild, "shown").await.unwrap();
        let outward = world.pair(place(&account, source), place(&discord, &shown)).await.id;
        world.pair(place(&discord, &bot.channel), place(&account, destination)).await;
        Self { person, bot, account, source, destination, shown, outward }
    }

    /// A message whose file cannot be asked for: Telegram refuses, for so many seconds. Returns the budget of questions
    /// when that was learned.
    async fn refused_file(&self, world: &World, seconds: u32) -> Value {
        let refused = json!({ "kind": "flood_wait", "method": "channels.getMessages", "user": self.person.user,
                              "seconds": seconds, "times": 1 });
        world.controls.telegram.fault(&refused).await.unwrap();
        let file = json!({ "name": "plan.txt", "mime": "text/plain", "base64": STANDARD.encode("the plan") });
        let message = json!({ "from": self.person.user, "text": "with a file", "document": file });
        world.controls.telegram.post(self.source, &message).await.unwrap();
        let learned = until("the refusal is learned", PATIENCE, async || {
            let reads = self.budgets(world).await.into_iter().find(|budget| budget["scope"] == "reads");
            Ok(reads.filter(|reads| reads["waits"] == 1))
        });
        learned.await.unwrap()
    }

    async fn budgets(&self, world: &World) -> Vec<Value> {
        let pace: Value = world.api.http().get(&format!("/accounts/{}/pace", self.account)).await.unwrap();
        pace["budgets"].as_array().unwrap().clone()
    }

    async fn say(&self, world: &World, text: &str) {
        world.controls.discord.say(&self.bot.channel, &self.bot.human, text).await.unwrap();
    }

    async fn file_has_come(&self, world: &World) {
        world.discord_holds(&self.shown, &["with a file"]).await;
        world.all_sent(&self.outward, 1).await;
    }
}

#[tokio::test]
async fn a_refused_question_holds_back_questions_alone() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let bridge = Bridge::new(&world).await;
    let reads = bridge.refused_file(&world, 8).await;
    assert!(reads["closed_until"].is_string() && reads["last_wait_ms"] == 8_000, "{reads:#}");
    assert!(reads["rate"].as_f64() < reads["ceiling"].as_f64(), "a refusal slows down: {reads:#}");
    let row = world.api.account(&bridge.account).await.unwrap();
    assert_eq!((row.status.as_str(), &row.rest["cooldown_until"]), ("online", &Value::Null), "messages may go on");

    // A message goes out while questions wait, and what waits for its file goes afterwards.
    bridge.say(&world, "meanwhile").await;
    world.telegram_holds(bridge.destination, &["meanwhile"]).await;
    assert_eq!(world.discord_texts(&bridge.shown).await, Vec::<String>::new(), "its file cannot be asked for yet");
    bridge.file_has_come(&world).await;
    let refused = bridge.budgets(&world).await.into_iter().filter(|budget| budget["waits"] == 1);
    assert_eq!(refused.count(), 1, "nobody asked before the wait was over");
}

#[tokio::test]
async fn a_new_hosting_keeps_to_the_wait_and_sends_meanwhile() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let bridge = Bridge::new(&world).await;
    bridge.refused_file(&world, 15).await;
    let path = format!("/accounts/{}/reconnect", bridge.account);
    let _: Value = world.api.http().post(&path, &json!({})).await.unwrap();
    bridge.say(&world, "hosted anew").await;
    world.telegram_holds(bridge.destination, &["hosted anew"]).await;
    assert_eq!(world.discord_texts(&bridge.shown).await, Vec::<String>::new(), "its file cannot be asked for yet");
    bridge.file_has_come(&world).await;
    let reads = bridge.budgets(&world).await.into_iter().find(|budget| budget["scope"] == "reads").unwrap();
    assert_eq!(reads["waits"], 1, "nobody asked before the wait was over: {reads:#}");
}
