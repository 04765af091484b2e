use proptest::prelude::*;
use serde_json::{Value, json};

use super::Message;
use crate::{
    account::Platform,
    anything,
    render::{Limits, render},
};

/// A message that has everything, as the ledger keeps it.
fn document() -> Value {
    json!({
        "chat": "-1001", "message_id": 7, "revision": 1, "sent_at": "2026-03-04T12:00:00Z",
        "author": { "id": 1, "name": "Ada", "username": "ada", "bot": false, "avatar": { "via": "telegram_photo", "photo_id": 5 } },
        "chat_title": "News", "outgoing": false,
        "text": { "text": "one 😀 two", "spans": [
            { "offset": 0, "length": 3, "style": "bold" },
            { "offset": 4, "length": 2, "style": { "link": { "url": "https://example.org" } } },
        ] },
        "media": [{
            "kind": "photo", "file_name": "a.png", "mime": "image/png", "size_bytes": 3,
            "source": { "via": "telegram_message", "chat": "-1001", "message_id": 7 },
        }],
        "reply_to": 6, "album": 9, "quote": { "text": "zero", "spans": [] }, "forwarded_from": { "name": "Bob" },
        "topic": 5, "parent": "-1002", "thread_title": "plans", "edited_at": "2026-03-04T12:01:00Z", "extras": [],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_of_a_document_is_what_is_kept(bent in anything::bent(document())) {
        let Ok(read) = serde_json::from_value::<Message>(bent) else { return Ok(()) };
        let kept = serde_json::to_string(&read).unwrap();
        prop_assert_eq!(serde_json::from_str::<Message>(&kept).unwrap(), read);
    }

    #[test]
    fn whatever_is_read_can_be_composed_and_compared(bent in anything::bent(document())) {
        let Ok(read) = serde_json::from_value::<Message>(bent) else { return Ok(()) };
        prop_assert!(read.shows_the_same(&read));
        let _skipped = read.skip_rule();
        for destination in [Platform::Telegram, Platform::Discord] {
            let _parts = render(&read, destination, crate::CopyMode::Copy, false, Limits::of(destination));
        }
    }

    #[test]
    fn any_json_is_read_or_refused(json in anything::json()) {
        let _read = serde_json::from_value::<Message>(json);
    }
}

#[test]
fn the_document_is_one() {
    let read: Message = serde_json::from_value(document()).unwrap();
    assert_eq!((read.media.len(), read.text.spans.len()), (1, 2));
}
