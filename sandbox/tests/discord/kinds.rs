//! Everything that a message can be besides text and files, as stock serenity reads it.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use serenity::all::{
    ChannelId, CreateAllowedMentions, CreateMessage, CreatePoll, CreatePollAnswer, Event, MessageFlags, MessageId,
    MessageReferenceKind, StickerFormatType,
};

use crate::world::{World, refused, text};

async fn written(world: &World, mut message: Value) -> MessageId {
    message["author"] = json!(world.alice);
    let made = world.control("POST", &format!("/channels/{}/messages", world.general), message).await;
    text(&made["id"]).parse().unwrap()
}

#[tokio::test]
async fn stickers_polls_embeds_and_voice_are_heard_as_what_they_are() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;

    let sticker = json!({ "name": "wave", "format": "gif", "base64": BASE64_STANDARD.encode("GIF89a") });
    written(&world, json!({ "stickers": [sticker] })).await;
    let heard = live.message().await;
    assert_eq!(
        (heard.sticker_items[0].name.as_str(), heard.sticker_items[0].format_type),
        ("wave", StickerFormatType::Gif)
    );
    let address = format!("https://media.discordapp.net/stickers/{}.gif", heard.sticker_items[0].id);
    assert_eq!(&world.client().get(address).send().await.unwrap().bytes().await.unwrap()[..], b"GIF89a");

    let poll = json!({ "question": "Tea?", "answers": ["yes", "no"], "multiple": true });
    written(&world, json!({ "poll": poll })).await;
    let poll = live.message().await.poll.unwrap();
    assert_eq!((poll.question.text.as_deref(), poll.answers.len(), poll.allow_multiselect), (Some("Tea?"), 2, true));

    written(
        &world,
        json!({ "embeds": [{ "type": "rich", "title": "News", "fields": [{ "name": "a", "value": "b" }] }] }),
    )
    .await;
    let embed = live.message().await.embeds.remove(0);
    assert_eq!((embed.title.as_deref(), embed.fields[0].value.as_str()), (Some("News"), "b"));

    let voice = json!({ "name": "voice-message.ogg", "mime": "audio/ogg", "base64": "T2dn", "voice_s": 2.5 });
    let spoiler = json!({ "name": "SPOILER_a.png", "base64": "AAAA" });
    written(&world, json!({ "attachments": [voice] })).await;
    let heard = live.message().await;
    assert_eq!(heard.flags, Some(MessageFlags::IS_VOICE_MESSAGE));
    assert_eq!(heard.attachments[0].duration_secs, Some(2.5));
    written(&world, json!({ "attachments": [spoiler] })).await;
    assert_eq!(live.message().await.attachments[0].filename, "SPOILER_a.png");
}

#[tokio::test]
async fn a_forward_keeps_what_was_written_and_not_who_wrote_it() {
    let world = World::new().await;
    let http = world.http();
    let mut live = world.connect().await;
    live.ready().await;
    let file = json!({ "name": "a.txt", "base64": BASE64_STANDARD.encode("abc") });
    let original = written(&world, json!({ "content": "original", "attachments": [file] })).await;
    live.message().await;
    written(&world, json!({ "forward": { "channel": world.general, "message": original } })).await;
    let heard = live.message().await;
    let reference = heard.message_reference.unwrap();
    assert_eq!((reference.kind, reference.message_id), (MessageReferenceKind::Forward, Some(original)));
    assert_eq!((heard.content.as_str(), heard.message_snapshots[0].content.as_str()), ("", "original"));
    let address = &heard.message_snapshots[0].attachments[0].url;
    assert_eq!(&world.client().get(address).send().await.unwrap().bytes().await.unwrap()[..], b"abc");
    let by_bot = json!({ "message_reference": { "type": 1, "channel_id": world.general, "message_id": original } });
    let forwarded = http.send_message(world.general, Vec::new(), &by_bot).await.unwrap();
    assert_eq!(forwarded.message_snapshots[0].content, "original");
}

#[tokio::test]
async fn a_bot_asks_a_question() {
    let world = World::new().await;
    let answers = vec![CreatePollAnswer::new().text("yes"), CreatePollAnswer::new().text("no")];
    let poll = CreatePoll::new().question("Tea?").answers(answers).duration(std::time::Duration::from_secs(3_600));
    let sent = world.general.send_message(&world.http(), CreateMessage::new().poll(poll)).await.unwrap();
    assert_eq!(sent.poll.unwrap().answers[1].poll_media.text.as_deref(), Some("no"));
}

#[tokio::test]
async fn whom_a_message_pings_is_what_its_writer_allows_and_may() {
    let world = World::new().await;
    let http = world.http();
    let content = format!("@everyone <@{}> <@&{}>", world.alice, world.guild);
    let ping = async |allowed: Option<CreateAllowedMentions>| {
        let message = CreateMessage::new().content(&content);
        let message = if let Some(allowed) = allowed { message.allowed_mentions(allowed) } else { message };
        world.general.send_message(&http, message).await.unwrap();
        world.standing(world.general).await.pop().unwrap()["pings"].take()
    };
    let nobody = json!({ "everyone": false, "users": [], "roles": [] });
    assert_eq!(ping(Some(CreateAllowedMentions::new())).await, nobody);
    let all = json!({ "everyone": false, "users": [world.alice], "roles": [world.guild] });
    assert_eq!(ping(None).await, all);
    let path = format!("/channels/{}/permissions", world.general);
    world.control("PUT", &path, json!({ "bot": world.bot.id, "allow": ["MENTION_EVERYONE"] })).await;
    assert_eq!(ping(None).await["everyone"], true);
    let users = CreateAllowedMentions::new().all_users(true);
    assert_eq!(ping(Some(users)).await, json!({ "everyone": false, "users": [world.alice], "roles": [] }));
}

#[tokio::test]
async fn edits_come_whole_or_terse_and_unfurled_links_are_no_edits() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let id = written(&world, json!({ "content": "https://a.example" })).await;
    let path = format!("/channels/{}/messages/{id}", world.general);
    let update = |event| if let Event::MessageUpdate(it) = event { Some(it) } else { None };
    let preview = json!([{ "type": "link", "url": "https://a.example", "title": "A" }]);
    world.control("PATCH", &path, json!({ "unfurl": true, "embeds": preview })).await;
    let heard = live.next("unfurling", update).await;
    assert_eq!((heard.edited_timestamp, heard.embeds.map(|it| it.len())), (None, Some(1)));
    world.control("PATCH", &path, json!({ "terse": true, "content": "changed" })).await;
    let heard = live.next("terse edit", update).await;
    assert!(heard.edited_timestamp.is_some() && heard.content.is_none());
    let file = json!({ "name": "b.txt", "base64": "AAAA" });
    world.control("PATCH", &path, json!({ "content": "again", "attachments": [file] })).await;
    let heard = live.next("edit", update).await;
    assert_eq!((heard.content.as_deref(), heard.attachments.map(|it| it.len())), (Some("again"), Some(1)));
}

#[tokio::test]
async fn many_are_written_and_deleted_in_one_call_each() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let path = format!("/channels/{}/messages", world.general);
    let messages: Vec<Value> =
        (0..50).map(|number| json!({ "author": world.alice, "content": number.to_string() })).collect();
    let made = world.control("POST", &format!("{path}/batch"), json!({ "messages": messages })).await;
    for number in 0..50 {
        assert_eq!(live.message().await.content, number.to_string());
    }
    world.control("POST", &format!("{path}/bulk-delete"), made.clone()).await;
    let bulk = live.next("bulk", |event| if let Event::MessageDeleteBulk(it) = event { Some(it) } else { None }).await;
    let ids: Vec<String> = bulk.ids.iter().map(ToString::to_string).collect();
    assert_eq!(json!(ids), made["ids"]);
    assert!(world.standing(world.general).await.is_empty());
}

#[tokio::test]
async fn an_event_that_nobody_knows_reaches_its_bots() {
    let world = World::new().await;
    let mut live = world.connect().await;
    live.ready().await;
    let path = format!("/channels/{}/events", world.general);
    world.control("POST", &path, json!({ "name": "MESSAGE_CREATE", "data": { "id": "5", "type": "new" } })).await;
    let unknown = |event| if let Event::Unknown(it) = event { Some(it) } else { None };
    let heard = live.next("unknown event", unknown).await;
    assert_eq!((heard.kind.as_str(), &heard.value["id"]), ("MESSAGE_CREATE", &json!("5")));
}

#[tokio::test]
async fn boosted_guilds_take_larger_files_and_the_budgets_are_counted() {
    let world = World::new().await;
    let http = world.http();
    let file = || serenity::all::CreateAttachment::bytes(vec![0; 11 * 1024 * 1024], "big.bin");
    assert_eq!(refused(world.general.send_files(&http, [file()], CreateMessage::new()).await), (413, 40005));
    world.control("PATCH", &format!("/guilds/{}", world.guild), json!({ "premium_tier": 2 })).await;
    world.general.send_files(&http, [file()], CreateMessage::new()).await.unwrap();

    let path = format!("/channels/{}/permissions", world.general);
    world.control("PUT", &path, json!({ "bot": world.bot.id, "deny": ["SEND_MESSAGES"] })).await;
    assert_eq!(refused(world.general.say(&http, "x").await), (403, 50013));
    assert_eq!(refused(ChannelId::new(1).say(&http, "x").await), (404, 10003));
    let mut live = world.connect().await;
    live.ready().await;
    let usage = world.control("GET", "/usage", json!(null)).await;
    assert_eq!((&usage["invalid_requests_10_min"], &usage["refused_by_status"]["404"]), (&json!(1), &json!(1)));
    assert_eq!(usage["bots"][&world.bot.id]["identifies"], 1);
    assert_eq!(http.get_bot_gateway().await.unwrap().session_start_limit.remaining, 999);
}
