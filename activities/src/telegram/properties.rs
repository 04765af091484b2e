//! Whatever a server of Telegram sends, or a document holds, is read or refused.

use domain::Message;
use grammers_tl_types::{Deserializable as _, Serializable as _, enums, types};
use proptest::prelude::*;

use super::{
    entities::{from_rich_text, to_rich_text},
    group,
    names::{Names, dialog_id},
    normalise::{
        self,
        tests::{blank, channel, plain},
    },
    rsa_key::RsaPublicKey,
    session_document,
};

const ME: i64 = 1;

/// A message with text, formatting, an answer and a picture, as it comes over the wire.
fn wire() -> Vec<u8> {
    let size = types::PhotoSize { r#type: "x".into(), w: 9, h: 9, size: 99 }.into();
    let photo = types::Photo {
        has_stickers: false,
        id: 5,
        access_hash: 6,
        file_reference: vec![1],
        date: 0,
        sizes: vec![size],
        video_sizes: None,
        dc_id: 2,
    };
    let media = types::MessageMediaPhoto { photo: Some(photo.into()), ..blank() };
    let header = types::MessageReplyHeader { forum_topic: true, reply_to_msg_id: Some(5), ..blank() };
    let message = types::Message {
        from_id: Some(types::PeerUser { user_id: 9 }.into()),
        entities: Some(vec![types::MessageEntityBold { offset: 0, length: 3 }.into()]),
        reply_to: Some(header.into()),
        media: Some(media.into()),
        ..plain(channel(), "one two three")
    };
    enums::Message::Message(message).to_bytes()
}

fn entity() -> impl Strategy<Value = enums::MessageEntity> {
    (any::<i32>(), any::<i32>(), 0..5_u8, ".{0,8}").prop_map(|(offset, length, kind, text)| match kind {
        0 => types::MessageEntityBold { offset, length }.into(),
        1 => types::MessageEntityTextUrl { offset, length, url: text }.into(),
        2 => types::MessageEntityPre { offset, length, language: text }.into(),
        3 => types::MessageEntityCustomEmoji { offset, length, document_id: i64::from(offset) }.into(),
        _ => types::MessageEntityMentionName { offset, length, user_id: i64::from(length) }.into(),
    })
}

#[test]
fn the_message_is_one() {
    let message = enums::Message::from_bytes(&wire()).unwrap();
    let read = normalise::message(&message, &Names::default(), ME).unwrap();
    assert_eq!((read.text.text.as_str(), read.media.len(), read.topic), ("one two three", 1, Some(5)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_with_any_bytes_in_it_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = wire();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let Ok(message) = enums::Message::from_bytes(&bytes) else { return Ok(()) };
        let Some(read) = normalise::message(&message, &Names::default(), ME) else { return Ok(()) };
        if read.chat.get() != 0 {
            let kept = serde_json::to_string(&read).unwrap();
            prop_assert_eq!(serde_json::from_str::<Message>(&kept).unwrap(), read);
        }
    }

    #[test]
    fn any_peer_has_an_id(id: i64) {
        let of_channel = dialog_id(&types::PeerChannel { channel_id: id }.into());
        let of_group = dialog_id(&types::PeerChat { chat_id: id }.into());
        prop_assert!(id <= 0 || of_channel <= of_group && of_group < 0);
    }

    #[test]
    fn formatting_anywhere_stays_what_it_was(
        text in ".{0,40}", entities in prop::collection::vec(entity(), 0..6),
    ) {
        let rich = to_rich_text(text.clone(), Some(&entities));
        prop_assert_eq!(&rich.text, &text);
        prop_assert!(rich.spans.iter().all(|span| span.length > 0));
        let back = from_rich_text(&rich, |_| Some(enums::InputUser::UserSelf)).unwrap_or_default();
        prop_assert_eq!(back.len(), rich.spans.len());
        // What is sent stands within the text.
        let normal = domain::text::telegram::normalise(rich);
        let length = normal.utf16_len();
        prop_assert!(normal.spans.iter().all(|span| span.end() <= length));
    }

    #[test]
    fn any_text_is_a_session_or_refused(
        text in r#"[\[\]{}":,a-z0-9 .-]{0,80}|.{0,40}"#, version in 0..3_u32, key in "[A-Za-z0-9+/]{0,12}={0,2}", id in 1..900_000_000_000_i64,
    ) {
        prop_assert!(session_document::read(&text).is_err());
        let document = serde_json::json!({
            "version": version, "home_dc": 2,
            "dcs": [{ "id": 2, "ipv4": "127.0.0.1:443", "ipv6": "[::1]:443", "key": key }],
            "peers": [
                { "kind": "user", "id": id, "hash": 5, "bot": null, "me": null }, { "kind": "chat", "id": id },
                { "kind": "channel", "id": id, "hash": null, "form": text },
            ],
            "cursors": { "pts": 1, "qts": 2, "date": 3, "seq": 4, "channels": { "77": 5 } },
        });
        // No key of so few letters has 256 bytes.
        prop_assert!(session_document::read(&document.to_string()).is_err());
        let mut keyless = document;
        keyless["dcs"][0]["key"] = serde_json::Value::Null;
        match session_document::read(&keyless.to_string()) {
            Ok(state) => {
                let written = session_document::write(&state);
                let again = session_document::read(&written).unwrap();
                prop_assert_eq!(session_document::write(&again), written);
            }
            Err(_) => prop_assert_ne!(version, 1),
        }
    }

    #[test]
    fn any_text_is_a_key_or_refused(body in "[A-Za-z0-9+/=\n]{0,400}|.{0,40}", bytes: Vec<u8>) {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        for body in [&body, &encoded] {
            let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----");
            if let Ok(key) = RsaPublicKey::from_pem(&pem) {
                let _fingerprint = key.fingerprint();
            }
            prop_assert!(RsaPublicKey::from_pem(body).is_err());
        }
    }

    #[test]
    fn no_made_up_prime_is_sound(prime in prop::collection::vec(any::<u8>(), 0..300), generator: i32) {
        prop_assert!(!group::is_sound(&prime, generator));
    }
}
