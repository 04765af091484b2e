//! Whatever Discord sends is read, as far as it can be, or refused.

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    super::{names::Names, snowflake, token},
    *,
};

/// A message that has everything.
fn document() -> Value {
    let person =
        json!({ "id": "901", "username": "alice", "discriminator": "0", "global_name": "Alice", "avatar": null });
    json!({
        "id": "175928847299117063", "type": 19, "channel_id": "501", "content": "hello **you** <@902> <#501> <t:1:R>",
        "author": person, "timestamp": "2016-04-30T11:18:25.796000+00:00", "edited_timestamp": null, "tts": false,
        "mention_everyone": true, "mentions": [person], "mention_roles": ["7"], "pinned": false, "components": [],
        "flags": 0, "webhook_id": "902", "application_id": "900",
        "attachments": [{
            "id": "77", "filename": "a.png", "size": 1234, "url": "https://cdn.discordapp.com/a.png",
            "proxy_url": "https://media.discordapp.net/a.png", "content_type": "image/png", "width": 5, "height": 5,
        }],
        "embeds": [{
            "type": "rich", "title": "t", "description": "d", "url": "https://example.org", "footer": { "text": "f" },
            "fields": [{ "name": "n", "value": "v", "inline": true }],
        }],
        "message_reference": { "type": 0, "message_id": "11", "channel_id": "501" },
        "sticker_items": [{ "id": "5", "name": "wave", "format_type": 1 }],
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9]{0,20}|.{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let names = prop::sample::select(vec![
            "id",
            "name",
            "type",
            "parent_id",
            "channels",
            "threads",
            "channel_id",
            "content",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

/// The message with any JSON in place of some of its fields, or of what they hold.
fn bent() -> impl Strategy<Value = Value> {
    let fields: Vec<String> = document().as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let places = prop::sample::select(fields).prop_map(|name| format!("/{name}"));
    let inner = prop::sample::select(vec![
        "/author/id",
        "/author/username",
        "/author/global_name",
        "/author/avatar",
        "/attachments/0/size",
        "/attachments/0/url",
        "/attachments/0/content_type",
        "/embeds/0/fields",
        "/embeds/0/description",
        "/embeds/0/url",
        "/message_reference/type",
        "/message_reference/message_id",
        "/sticker_items/0/format_type",
        "/mentions/0/id",
    ]);
    let place = prop_oneof![places, inner.prop_map(str::to_owned)];
    prop::collection::vec((place, any_json()), 1..4).prop_map(|changes| {
        let mut bent = document();
        for (place, value) in changes {
            if let Some(part) = bent.pointer_mut(&place) {
                *part = value;
            }
        }
        bent
    })
}

fn read(value: &Value) -> Option<Message> {
    let names = Names::default();
    names.put(501, "general");
    Normaliser { me: 900, names: &names }.raw(value)
}

#[test]
fn the_document_is_a_message() {
    let read = read(&document()).unwrap();
    assert_eq!((read.media.len(), read.extras.len(), read.unsupported), (2, 1, None));
}

#[test]
fn what_somebody_wrote_is_not_logged() {
    let mut bent = document();
    bent["tts"] = json!("my secret");
    let error = Source::deserialize(&bent).unwrap_err();
    assert!(error.to_string().contains("my secret") && !without_value(&error).contains("my secret"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_of_a_message_is_what_is_kept(bent in bent()) {
        let Some(read) = read(&bent) else { return Ok(()) };
        let kept = serde_json::to_string(&read).unwrap();
        prop_assert_eq!(serde_json::from_str::<Message>(&kept).unwrap(), read);
    }

    #[test]
    fn any_json_is_read_or_refused(json in any_json()) {
        let _read = read(&json);
        Names::default().learn(&json);
    }

    #[test]
    fn every_number_has_a_time_and_a_place(id: i64) {
        let _time = snowflake::time(id);
        let _message = snowflake::message(id);
        prop_assert_eq!(snowflake::channel(ChatId::new(id)).is_ok(), id > 0);
    }

    #[test]
    fn a_token_has_three_parts_or_is_refused(text in r"(Bot )?[-_A-Za-z0-9.]{0,90}|.{0,40}") {
        let token = SecretString::from(text);
        if let Ok(good) = token::well_formed(&token) {
            prop_assert_eq!(good.split('.').count(), 3);
            prop_assert!(good.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
