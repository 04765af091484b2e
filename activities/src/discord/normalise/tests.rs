use domain::message::{MediaKind, MediaSource};
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
    let username = Some("alice".to_owned());
    assert_eq!(message.author, Some(Author { id: 901, name: "Alice".to_owned(), username, bot: false, avatar: None }));
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
    let (name, username) = ("name".to_owned(), Some("name".to_owned()));
    assert_eq!(relay.author, Some(Author { id: 900, name, username, bot: true, avatar: None }));
    let mut hook = user("902", Value::Null, false);
    hook["webhook_id"] = json!("902");
    let hook = normalised(hook).author.unwrap();
    assert_eq!((hook.bot, hook.username), (true, None));
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
        (json!("audio/ogg"), MediaKind::Audio, "audio/ogg"),
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
fn kinds_follow_from_the_type_and_a_spoken_message_is_marked() {
    let kinds = [
        ("image/gif", MediaKind::Animation),
        ("video/mp4", MediaKind::Video),
        ("video/x-matroska", MediaKind::Document),
        ("audio/mpeg", MediaKind::Audio),
    ];
    for (mime, kind) in kinds {
        let message = normalised(json!({"content": "", "attachments": [attachment("a.bin", json!(mime))]}));
        assert_eq!(message.media[0].kind, kind, "{mime}");
    }
    let mut voice = attachment("voice-message.ogg", json!("audio/ogg"));
    voice["duration_secs"] = json!(2.6);
    voice["waveform"] = json!("AAAA");
    let voice = normalised(json!({"content": "", "flags": 1 << 13, "attachments": [voice]}));
    assert_eq!((voice.media[0].kind, voice.media[0].duration_seconds), (MediaKind::Voice, Some(3)));
    let mut hidden = attachment("SPOILER_a.png", json!("image/png"));
    hidden["width"] = json!(4);
    hidden["height"] = json!(3);
    let hidden = normalised(json!({"content": "", "attachments": [hidden]})).media.remove(0);
    assert_eq!((hidden.spoiler, hidden.file_name.as_str()), (true, "a.png"));
    assert_eq!((hidden.width, hidden.height), (Some(4), Some(3)));
}

#[test]
fn stickers_are_files_at_discords_own_addresses() {
    let stickers = |format: u8| {
        let message = normalised(json!({"content": "", "sticker_items": [
            {"id": "5", "name": "wave", "format_type": format}]}));
        let shown = message.media.first().map(|media| match &media.source {
            MediaSource::PublicUrl { url } => (media.kind, media.mime.clone(), url.clone()),
            other => panic!("{other:?}"),
        });
        (shown, message.unsupported)
    };
    let is = |mime: &str, url: &str| (Some((MediaKind::Sticker, mime.to_owned(), url.to_owned())), None);
    assert_eq!(stickers(1), is("image/png", "https://cdn.discordapp.com/stickers/5.png"));
    assert_eq!(stickers(2), is("image/apng", "https://cdn.discordapp.com/stickers/5.png"));
    assert_eq!(stickers(4), is("image/gif", "https://media.discordapp.net/stickers/5.gif"));
    assert_eq!(stickers(3), is("application/json", "https://cdn.discordapp.com/stickers/5.json"));
    assert_eq!(stickers(99), (None, Some("animated_sticker".to_owned())));
}

#[test]
fn embeds_are_whole_and_previews_are_marked() {
    let rich = json!({
        "type": "rich", "title": "Title", "description": "**bold**", "url": "https://a.example/x", "color": 1,
        "author": {"name": "Author"}, "footer": {"text": "Small"}, "image": {"url": "https://a.example/i.png"},
        "fields": [{"name": "Name", "value": "*value*", "inline": true}]
    });
    let bot = json!({"id": "902", "username": "bot", "discriminator": "0", "global_name": null, "avatar": null,
                     "bot": true});
    let extras = |change: Value| normalised(change).extras;
    let extra = extras(json!({"content": "", "author": bot, "embeds": [rich]})).remove(0);
    let domain::Extra::Embed(embed) = extra else { panic!("{extra:?}") };
    assert!(!embed.preview);
    assert_eq!((embed.title.as_deref(), embed.description.text.as_str()), (Some("Title"), "bold"));
    assert_eq!((embed.author.as_deref(), embed.footer.as_deref()), (Some("Author"), Some("Small")));
    assert_eq!((embed.fields[0].name.as_str(), embed.fields[0].value.text.as_str()), ("Name", "value"));
    assert_eq!(embed.image_url.as_deref(), Some("https://a.example/i.png"));
    let previews = [
        json!({"content": "https://a.example/x/", "author": bot, "embeds": [rich]}),
        json!({"content": "see", "embeds": [rich]}),
        json!({"content": "https://t.example", "embeds": [{"type": "gifv", "url": "https://t.example"}]}),
    ];
    for change in previews {
        let extra = extras(change.clone()).remove(0);
        assert!(matches!(&extra, domain::Extra::Embed(embed) if embed.preview), "{change}");
    }
    assert!(extras(json!({"content": "x", "embeds": [{"type": "link"}]})).is_empty());
}

#[test]
fn a_poll_keeps_its_question_and_answers() {
    let poll = json!({
        "question": {"text": "Tea?"}, "allow_multiselect": true, "layout_type": 1, "expiry": null,
        "answers": [{"answer_id": 1, "poll_media": {"text": "yes", "emoji": {"name": "☕"}}},
                    {"answer_id": 2, "poll_media": {"text": "no"}}],
        "results": {"is_finalized": true, "answer_counts": []}
    });
    let message = normalised(json!({"content": "", "poll": poll}));
    let expected = domain::message::Poll {
        question: "Tea?".to_owned(),
        options: vec!["☕ yes".to_owned(), "no".to_owned()],
        multiple: true,
        quiz: false,
        closed: true,
    };
    assert_eq!((message.extras, message.unsupported), (vec![domain::Extra::Poll(expected)], None));
}

#[test]
fn a_thread_names_the_channel_above_it() {
    let names = Names::default();
    names.learn(&json!({"id": "501", "name": "aside", "type": 11, "parent_id": "400"}));
    let message = Normaliser { me: ME, names: &names }.raw(&base()).unwrap();
    assert_eq!((message.parent, message.thread_title.as_deref()), (Some(ChatId::new(400)), Some("aside")));
}

#[test]
fn an_edited_message_says_when_and_a_webhook_of_ours_is_outgoing() {
    let message = normalised(json!({"edited_timestamp": "2016-04-30T11:20:00.500000+00:00"}));
    assert_eq!(message.edited_at.map(|at| at.timestamp_millis()), Some(1_462_015_200_500));
    let hook = |application: &str| json!({"webhook_id": "902", "application_id": application});
    assert!(normalised(hook("900")).outgoing);
    assert!(!normalised(hook("903")).outgoing);
}

#[test]
fn what_is_not_carried_is_named() {
    let embed = json!([{"type": "rich", "title": "t"}]);
    let cases = [
        (json!({"type": 7, "content": "joined"}), Some("service")),
        (json!({"type": 18, "content": "aside"}), Some("service")),
        (json!({"type": 20, "content": "answer"}), None),
        (json!({"content": "", "embeds": embed}), None),
        (json!({"content": "", "flags": 1 << 15, "webhook_id": "902"}), Some("component")),
        (
            json!({"content": "", "message_reference": {"type": 1, "message_id": "1", "channel_id": "2"}}),
            Some("forward"),
        ),
        (json!({"content": ""}), Some("empty")),
    ];
    for (change, expected) in cases {
        assert_eq!(normalised(change.clone()).unsupported.as_deref(), expected, "{change}");
    }
    assert!(normalised(json!({"type": 7, "content": "joined"})).is_empty());
}

#[test]
fn of_an_undecodable_message_as_much_is_kept_as_can_be() {
    let names = Names::default();
    let normaliser = Normaliser { me: ME, names: &names };
    let message = normaliser.raw(&json!({"id": "175928847299117063", "channel_id": "501", "type": "new"})).unwrap();
    assert_eq!((message.message_id, message.chat), (175_928_847_299_117_063, ChatId::new(501)));
    assert_eq!(message.unsupported.as_deref(), Some("undecodable"));
    assert!(normaliser.raw(&json!({"channel_id": "501"})).is_none());
    assert_eq!(normaliser.raw(&base()).unwrap().text.text, "hello");
    for (name, unknown) in [("embeds", json!(["new"])), ("poll", json!(7)), ("attachments", json!([{"id": 1}]))] {
        let mut value = base();
        value[name] = unknown;
        let message = normaliser.raw(&value).unwrap();
        assert_eq!(
            (message.text.text.as_str(), message.unsupported.as_deref()),
            ("hello", Some("undecodable")),
            "{name}"
        );
    }
}
