//! Every kind of content, as it is heard.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use domain::message::MediaSource;
use domain::{Extra, MediaKind};
use serde_json::json;

use crate::harness::{World, name};

#[tokio::test]
async fn stickers_polls_embeds_voice_and_forwards_are_carried() {
    let world = World::start().await;
    let (connection, mut watcher) = world.online().await;
    let original = world
        .say_with(json!({"content": "**original**", "attachments": [
        {"name": "SPOILER_a.png", "base64": STANDARD.encode("png")}]}))
        .await;
    let sticker = |format: &str| json!([{"name": "wave", "format": format, "base64": STANDARD.encode("sticker")}]);
    world.say_with(json!({"stickers": sticker("gif")})).await;
    world.say_with(json!({"stickers": sticker("lottie")})).await;
    world.say_with(json!({"poll": {"question": "Tea?", "answers": ["yes", "no"], "closed": true}})).await;
    world
        .say_with(json!({"attachments": [
        {"name": "voice-message.ogg", "mime": "audio/ogg", "base64": STANDARD.encode("ogg"), "voice_s": 1.2}]}))
        .await;
    let channel = world.channel.to_string();
    world.say_with(json!({"forward": {"channel": channel, "message": original.to_string()}})).await;
    world.say_with(json!({"content": "<:blob:123> ||hidden||"})).await;
    world.say_with(json!({"type": 7})).await;
    watcher.until_seen(8).await;

    let hidden = &watcher.seen[0].media[0];
    assert_eq!((hidden.spoiler, hidden.file_name.as_str(), hidden.kind), (true, "a.png", MediaKind::Photo));
    let sticker = &watcher.seen[1].media[0];
    assert_eq!((sticker.kind, sticker.mime.as_str()), (MediaKind::Sticker, "image/gif"));
    let mut bytes = BytesMut::new();
    assert_eq!(connection.download(sticker, 100, &mut bytes).await.unwrap(), 7);
    assert_eq!(&bytes[..], b"sticker");
    let mut elsewhere = sticker.clone();
    elsewhere.source = MediaSource::PublicUrl { url: "https://127.0.0.1/stickers/1.gif".to_owned() };
    let refused = connection.download(&elsewhere, 100, &mut BytesMut::new()).await.unwrap_err();
    assert_eq!(name(&refused), ("message", "media_foreign"));
    let vector = &watcher.seen[2].media[0];
    assert_eq!((vector.file_name.as_str(), vector.mime.as_str()), ("wave", "application/json"));
    assert_eq!(watcher.seen[2].unsupported, None);
    let Extra::Poll(poll) = &watcher.seen[3].extras[0] else { panic!("{:?}", watcher.seen[3]) };
    assert_eq!((poll.question.as_str(), poll.options.len(), poll.closed), ("Tea?", 2, true));
    let voice = &watcher.seen[4].media[0];
    assert_eq!((voice.kind, voice.duration_seconds), (MediaKind::Voice, Some(1)));
    let forward = &watcher.seen[5];
    assert_eq!((forward.text.text.as_str(), forward.media.len()), ("original", 1));
    assert_eq!(forward.forwarded_from.as_ref().and_then(|origin| origin.name.as_deref()), Some("general"));
    let mut bytes = BytesMut::new();
    connection.download(&forward.media[0], 100, &mut bytes).await.unwrap();
    assert_eq!(&bytes[..], b"png");
    assert_eq!(watcher.seen[6].text.text, ":blob: hidden");
    assert_eq!(watcher.seen[7].unsupported.as_deref(), Some("service"));

    let history = connection.history_after(world.channel, 0, 100).await.unwrap();
    assert_eq!(history.len(), 8);
    for (live, read) in watcher.seen.iter().zip(&history) {
        assert_eq!((&live.text, &live.extras, &live.unsupported), (&read.text, &read.extras, &read.unsupported));
        assert_eq!(
            live.media.iter().map(|it| it.kind).collect::<Vec<_>>(),
            read.media.iter().map(|it| it.kind).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn what_a_bot_shows_in_boxes_is_carried_whole() {
    let world = World::start().await;
    let (_connection, mut watcher) = world.online().await;
    let other = crate::harness::text(&world.post("/bots", json!({"username": "news"})).await["id"]);
    let embed = json!({
        "type": "rich", "title": "Title", "description": "**bold**", "fields": [{"name": "a", "value": "b"}],
        "footer": {"text": "small"}, "author": {"name": "who"}, "image": {"url": "https://a.example/a.png"}
    });
    let body = json!({"author": other, "embeds": [embed]});
    world.post(&format!("/channels/{}/messages", world.channel), body).await;
    watcher.until_seen(1).await;
    let message = &watcher.seen[0];
    let Extra::Embed(embed) = &message.extras[0] else { panic!("{message:?}") };
    assert_eq!((embed.preview, embed.title.as_deref(), embed.fields.len()), (false, Some("Title"), 1));
    assert_eq!(message.unsupported, None);
    assert!(message.author.as_ref().is_some_and(|author| author.bot));
}
