use serde_json::{Value, json};

use super::*;

const ME: i64 = 900;

fn base() -> Value {
    json!({
        "id": "175928847299117063", "type": 0, "channel_id": "501", "content": "hello",
        "author": {"id": "901", "username": "alice", "discriminator": "0", "global_name": "Alice", "avatar": null},
        "timestamp": "2016-04-30T11:18:25.796000+00:00", "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
        "pinned": false, "components": [], "flags": 0
    })
}

/// The base message with `change` laid over it.
fn normalised(change: Value) -> Message {
    let mut value = base();
    for (name, field) in change.as_object().unwrap() {
        value[name] = field.clone();
    }
    let names = Names::default();
    names.put(501, "general");
    names.put(7, "team");
    let source: Source = serde_json::from_value(value).unwrap();
    Normaliser { me: ME, names: &names }.message(&source)
}

fn attachment(name: &str, mime: Value) -> Value {
    json!({
        "id": "77", "filename": name, "size": 1234, "url": format!("https://cdn.discordapp.com/attachments/1/2/{name}"),
        "proxy_url": "https://media.discordapp.net/x", "content_type": mime
    })
}

#[test]
fn a_plain_message_keeps_its_parts() {
    let message = normalised(json!({}));
    assert_eq!(message.chat, ChatId::new(501));
    assert_eq!(message.message_id, 175_928_847_299_117_063);
    assert_eq!(message.sent_at.timestamp_millis(), 1_462_015_105_796);
    assert_eq!(message.author, Some(Author { id: 901, name: "Alice".to_owned(), bot: false, avatar: None }));
    assert_eq!(message.chat_title.as_deref(), Some("general"));
    assert_eq!(message.text.text, "hello");
    assert!(!message.outgoing);
    assert_eq!((message.reply_to, message.unsupported), (None, None));
}

#[test]
fn formatting_is_read_and_mentions_are_named() {
    let message = normalised(json!({
        "content": "**bold** <@902> <@&7> <#501> <#999>", "mention_roles": ["7"],
        "mentions": [{"id": "902", "username": "bob", "discriminator": "0", "global_name": "Bob", "avatar": null}]
    }));
    assert_eq!(message.text.text, "bold @Bob @team #general #unknown");
    assert_eq!(message.text.spans[0].style, domain::Style::Bold);
}

#[test]
fn authors_are_named_and_bots_are_marked() {
    let user = |id: &str, global_name: Value, bot: bool| {
        json!({"author": {"id": id, "username": "name", "discriminator": "0", "global_name": global_name,
               "avatar": null, "bot": bot}})
    };
    let relay = normalised(user("900", Value::Null, true));
    assert!(relay.outgoing);
    assert_eq!(relay.author, Some(Author { id: 900, name: "name".to_owned(), bot: true, avatar: None }));
    let mut hook = user("902", Value::Null, false);
    hook["webhook_id"] = json!("902");
    assert!(normalised(hook).author.unwrap().bot);
}

#[test]
fn a_reply_names_its_target_and_a_pin_or_forward_does_not() {
    let reference = |kind: u8, reference_kind: u8, channel: &str| {
        normalised(json!({"type": kind, "message_reference":
            {"type": reference_kind, "message_id": "11", "channel_id": channel}}))
        .reply_to
    };
    assert_eq!(reference(19, 0, "501"), Some(11));
    assert_eq!(reference(19, 0, "502"), None);
    assert_eq!(reference(6, 0, "501"), None);
    assert_eq!(reference(0, 1, "501"), None);
}

#[test]
fn attachments_become_photos_or_documents() {
    let kinds = [
        (json!("image/png"), MediaKind::Photo, "image/png"),
        (json!("image/jpeg; charset=x"), MediaKind::Photo, "image/jpeg; charset=x"),
        (json!("image/svg+xml"), MediaKind::Document, "image/svg+xml"),
        (json!("audio/ogg"), MediaKind::Document, "audio/ogg"),
        (Value::Null, MediaKind::Document, "application/octet-stream"),
    ];
    for (mime, kind, stated) in kinds {
        let message = normalised(json!({"content": "", "attachments": [attachment("a.bin", mime)]}));
        assert_eq!(message.unsupported, None);
        let media = &message.media[0];
        assert_eq!((media.kind, media.mime.as_str(), media.size_bytes), (kind, stated, 1234));
        assert_eq!(
            media.source,
            MediaSource::DiscordAttachment {
                chat: ChatId::new(501),
                message_id: message.message_id,
                attachment_id: 77,
                url: "https://cdn.discordapp.com/attachments/1/2/a.bin".to_owned(),
            }
        );
    }
}

#[test]
fn a_forward_carries_what_it_forwards() {
    let message = normalised(json!({
        "content": "", "message_reference": {"type": 1, "message_id": "11", "channel_id": "7"},
        "message_snapshots": [{"message": {
            "content": "original", "timestamp": "2016-04-30T11:18:25.796000+00:00", "edited_timestamp": null,
            "mentions": [], "attachments": [attachment("a.png", json!("image/png"))], "embeds": [], "type": 0
        }}]
    }));
    assert_eq!(message.text.text, "original");
    assert_eq!(message.media.len(), 1);
    assert_eq!((message.reply_to, message.unsupported), (None, None));
}

#[test]
fn what_is_not_carried_is_named() {
    let sticker = json!([{"id": "5", "name": "wave", "format_type": 1}]);
    let embed = json!([{"type": "rich", "title": "t"}]);
    let cases = [
        (json!({"type": 7, "content": "joined"}), Some("system_message")),
        (json!({"type": 20, "content": "answer"}), Some("system_message")),
        (json!({"content": "", "sticker_items": sticker}), Some("sticker")),
        (json!({"content": "", "embeds": embed}), Some("embed")),
        (json!({"content": "https://a.example", "embeds": embed}), None),
        (json!({"content": ""}), Some("empty")),
    ];
    for (change, expected) in cases {
        assert_eq!(normalised(change.clone()).unsupported.as_deref(), expected, "{change}");
    }
    assert!(normalised(json!({"type": 7, "content": "joined"})).is_empty());
}

#[test]
fn an_undecodable_message_keeps_its_place() {
    let names = Names::default();
    let normaliser = Normaliser { me: ME, names: &names };
    let message = normaliser.raw(json!({"id": "175928847299117063", "channel_id": "501", "type": "new"})).unwrap();
    assert_eq!((message.message_id, message.chat), (175_928_847_299_117_063, ChatId::new(501)));
    assert_eq!(message.unsupported.as_deref(), Some("undecodable"));
    assert!(normaliser.raw(json!({"channel_id": "501"})).is_none());
    assert_eq!(normaliser.raw(base()).unwrap().text.text, "hello");
}
