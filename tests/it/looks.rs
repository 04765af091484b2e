//! How messages look and whom they ping: mentions, previews, links to the source, and files of a boosted server.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use sandbox::scene::until;
use serde_json::{Value, json};

use crate::{
    harness,
    rules::new_pair,
    world::{PATIENCE, World},
};

/// The only message of a Discord channel, once `wanted` holds of it.
async fn discord_shows(world: &World, channel: &str, wanted: impl Fn(&str, &Value) -> bool) -> Value {
    let mut last = Vec::new();
    let found = until("the channel's message", PATIENCE, async || {
        last = world.controls.discord.messages(channel).await?;
        let rest = |one: &sandbox::client::DiscordMessage| Value::Object(one.rest.clone());
        Ok(last.first().filter(|one| last.len() == 1 && wanted(&one.content, &rest(one))).map(rest))
    });
    let found = found.await;
    found.unwrap_or_else(|_| panic!("the channel holds {last:#?}"))
}

#[tokio::test]
async fn discords_mentions_ping_where_the_pair_says_so_and_nowhere_else() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let bot = world.bot().await;
    let discord = &world.controls.discord;
    let reader = world.link_bot(&bot).await;
    let named = discord.create_user("named").await.unwrap();
    let (silent, loud) = (
        discord.create_channel(&bot.guild, "silent").await.unwrap(),
        discord.create_channel(&bot.guild, "loud").await.unwrap(),
    );
    for (channel, options) in [(&silent, json!({})), (&loud, json!({ "ping_mentions": true }))] {
        let source = (reader.as_str(), bot.channel.parse().unwrap());
        new_pair(&world, source, (&reader, channel), options).await;
    }
    // Discord lets a bot ping everybody only where it may.
    let may = json!({ "bot": bot.id, "allow": ["MENTION_EVERYONE"] });
    for channel in [&silent, &loud] {
        let path = format!("/channels/{channel}/permissions");
        let _: Value = discord.http().call(Method::PUT, &path, Some(&may)).await.unwrap();
    }
    let words = format!("hey <@{named}> and @everyone: `<@{named}>`");
    let id = discord.say(&bot.channel, &bot.human, &words).await.unwrap();
    let pings = discord_shows(&world, &loud, |text, _| text == words).await["pings"].clone();
    assert_eq!((&pings["users"], &pings["everyone"]), (&json!([named]), &json!(true)));
    let pings = discord_shows(&world, &silent, |text, _| text.starts_with("hey @named and @")).await["pings"].clone();
    assert_eq!(pings, json!({ "users": [], "everyone": false, "roles": [] }));
    // So does an edit: it shows a mention, which Discord lets ping nobody.
    discord.edit(&bot.channel, &id, &format!("<@{named}>!")).await.unwrap();
    discord_shows(&world, &loud, |text, _| text == format!("<@{named}>!")).await;
    discord_shows(&world, &silent, |text, _| text == "@named!").await;
}

#[tokio::test]
async fn telegrams_mentions_ping_where_the_pair_says_so_and_nowhere_else() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (owner, friend) = (world.person(None).await, world.person(None).await);
    let telegram = &world.controls.telegram;
    let group = telegram.create_chat("supergroup", "friends", owner.user, &[friend.user]).await.unwrap().dialog_id;
    let (silent, loud) = (world.channel(&owner, &[]).await, world.channel(&owner, &[]).await);
    let account = world.link_person(&owner).await;
    for (chat, options) in [(silent, json!({})), (loud, json!({ "ping_mentions": true }))] {
        new_pair(&world, (&account, group), (&account, &chat.to_string()), options).await;
    }
    telegram.say(group, friend.user, "hello").await.unwrap();
    let mention = json!([{ "type": "text_mention", "user": friend.user, "offset": 4, "length": 3 }]);
    let message = json!({ "from": owner.user, "text": "hey Ann", "entities": mention });
    telegram.post(group, &message).await.unwrap();
    for (chat, entities) in [(loud, mention), (silent, json!([]))] {
        world.telegram_holds(chat, &["hello", "hey Ann"]).await;
        let found = telegram.messages(chat).await.unwrap();
        assert_eq!(found[1].entities, entities);
    }
}

#[tokio::test]
async fn no_previews_are_made_where_the_pair_wants_none() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let telegram = &world.controls.telegram;
    let (source, twin) = (world.channel(&person, &[]).await, world.channel(&person, &[]).await);
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let bare = json!({ "link_previews": false });
    let pair = new_pair(&world, (&reader, source), (&writer, &bot.channel), bare.clone()).await;
    new_pair(&world, (&reader, source), (&reader, &twin.to_string()), bare).await;
    let id = telegram.say(source, person.user, "see https://a.example").await.unwrap();
    for text in ["see https://a.example", "see https://b.example"] {
        let shown = discord_shows(&world, &bot.channel, |found, _| found == text).await;
        assert_eq!(shown["flags"].as_u64().unwrap() & 4, 4, "{shown:#}");
        world.telegram_holds(twin, &[text]).await;
        assert_eq!(telegram.messages(twin).await.unwrap()[0].rest["no_webpage"], true);
        telegram.edit(source, id, "see https://b.example").await.unwrap();
    }
    let options = json!({ "options": { "link_previews": null } });
    let _: Value = world.api.http().call(Method::PATCH, &format!("/pairs/{pair}"), Some(&options)).await.unwrap();
    telegram.say(source, person.user, "with one").await.unwrap();
    world.discord_holds(&bot.channel, &["see https://b.example", "with one"]).await;
    let found = world.controls.discord.messages(&bot.channel).await.unwrap();
    assert_eq!(found[1].rest["flags"], 0);
}

#[tokio::test]
async fn a_message_of_a_public_channel_has_its_public_link() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let username = format!("news{}", person.user);
    let chat = json!({ "kind": "channel", "title": "News", "username": username, "creator": person.user });
    let chat: Value = world.controls.telegram.http().post("/chats", &chat).await.unwrap();
    let source = chat["dialog_id"].as_i64().unwrap();
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    new_pair(&world, (&reader, source), (&writer, &bot.channel), json!({ "footer": "{link}" })).await;
    let id = world.controls.telegram.say(source, person.user, "hello").await.unwrap();
    world.discord_holds(&bot.channel, &[&format!("hello\nhttps://t.me/{username}/{id}")]).await;
}

#[tokio::test]
async fn a_boosted_server_takes_larger_files_until_it_has_lost_its_boosts() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let source = world.channel(&person, &[]).await;
    let boost = async |tier: u8| {
        let path = format!("/guilds/{}", bot.guild);
        let tier = json!({ "premium_tier": tier });
        let _: Value = world.controls.discord.http().call(Method::PATCH, &path, Some(&tier)).await.unwrap();
    };
    boost(2).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    new_pair(&world, (&reader, source), (&writer, &bot.channel), json!({})).await;
    let bytes = vec![b'x'; 11 * 1024 * 1024];
    let post = async |name: &str| {
        let file = json!({ "name": name, "mime": "text/plain", "base64": STANDARD.encode(&bytes) });
        let message = json!({ "from": person.user, "text": "", "document": file });
        world.controls.telegram.post(source, &message).await.unwrap();
    };
    post("large.txt").await;
    let has_file = |_: &str, rest: &Value| rest["attachments"][0]["size"] == bytes.len();
    discord_shows(&world, &bot.channel, has_file).await;
    boost(0).await;
    post("too-large.txt").await;
    world
        .deliveries_in(&bot.channel, |found| found.len() == 2 && found[1].starts_with("📎 [too-large.txt](http"))
        .await;
}
