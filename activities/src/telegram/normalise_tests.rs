use domain::{
    MediaKind, Span, Style,
    message::{Contact, Extra, Location, MediaSource},
};
use grammers_tl_types::Deserializable;

use super::*;

const ME: i64 = 1;
const CHANNEL: i64 = -1_000_000_000_077;

/// A structure without content: all-zero bytes are "no flags, no numbers, empty text".
pub(crate) fn blank<T: Deserializable>() -> T {
    T::from_bytes(&[0; 256]).unwrap()
}

fn names() -> Names {
    let names = Names::default();
    let user = |id, first: &str, bot| {
        let (first_name, username) = (Some(first.to_owned()), Some(first.to_lowercase()));
        enums::User::User(types::User { id, first_name, username, bot, ..blank() })
    };
    let channel = types::ChatForbidden { id: 12, title: "Cellar".into() };
    let forbidden = types::ChannelForbidden {
        broadcast: true,
        megagroup: false,
        monoforum: false,
        id: 77,
        access_hash: 5,
        title: "News".into(),
        until_date: None,
    };
    names.learn(
        &[user(ME, "Me", false), user(9, "Ann", false), user(10, "Robot", true)],
        &[channel.into(), forbidden.into()],
    );
    names
}

fn user(user_id: i64) -> enums::Peer {
    types::PeerUser { user_id }.into()
}

pub(crate) fn channel() -> enums::Peer {
    types::PeerChannel { channel_id: 77 }.into()
}

pub(crate) fn plain(peer_id: enums::Peer, text: &str) -> types::Message {
    let short = types::UpdateShortMessage { id: 5, date: 1_700_000_000, message: text.to_owned(), ..blank() };
    let boxes = &mut grammers_session::updates::MessageBoxes::new();
    let update = grammers_session::updates::UpdatesLike::Updates(enums::Updates::UpdateShortMessage(
        types::UpdateShortMessage { user_id: 9, pts: 1, pts_count: 1, ..short },
    ));
    let (mut updates, ..) = boxes.process_updates(update).unwrap();
    match updates.remove(0).0 {
        enums::Update::NewMessage(types::UpdateNewMessage { message: enums::Message::Message(message), .. }) => {
            types::Message { peer_id, ..message }
        }
        other => panic!("not a message: {other:?}"),
    }
}

fn normal(message: types::Message) -> Message {
    super::message(&enums::Message::Message(message), &names(), ME).unwrap()
}

#[test]
fn a_channel_post_has_text_and_no_author() {
    let entities = Some(vec![types::MessageEntityBold { offset: 0, length: 5 }.into()]);
    let message = normal(types::Message { post: true, entities, ..plain(channel(), "hello") });
    assert_eq!(message.chat, ChatId::new(CHANNEL));
    assert_eq!(message.message_id, 5);
    assert_eq!(message.sent_at.timestamp(), 1_700_000_000);
    assert_eq!(message.author, None);
    assert_eq!(message.chat_title.as_deref(), Some("News"));
    assert_eq!(message.text.text, "hello");
    assert_eq!(message.text.spans, [Span { offset: 0, length: 5, style: Style::Bold }]);
    assert_eq!((message.reply_to, message.album, message.topic, message.unsupported), (None, None, None, None));
}

#[test]
fn the_author_is_named() {
    let group = || types::PeerChat { chat_id: 12 }.into();
    let from = |id| Some(user(id));
    let anonymous = Some(types::PeerChannel { channel_id: 77 }.into());
    for (message, id, name, username, bot) in [
        (types::Message { from_id: from(9), ..plain(group(), "x") }, 9, "Ann", Some("ann"), false),
        (types::Message { from_id: from(10), ..plain(group(), "x") }, 10, "Robot", Some("robot"), true),
        (types::Message { from_id: from(99), ..plain(group(), "x") }, 99, "user 99", None, false),
        (types::Message { from_id: anonymous, ..plain(group(), "x") }, CHANNEL, "News", None, false),
        (plain(user(9), "x"), 9, "Ann", Some("ann"), false),
        (types::Message { out: true, ..plain(user(9), "x") }, ME, "Me", Some("me"), false),
        (
            types::Message { post: true, post_author: Some("Editor".into()), ..plain(channel(), "x") },
            CHANNEL,
            "Editor",
            None,
            false,
        ),
    ] {
        let out = message.out;
        let message = normal(message);
        let username = username.map(str::to_owned);
        assert_eq!(message.author, Some(Author { id, name: name.into(), username, bot, avatar: None }));
        assert_eq!(message.outgoing, out);
    }
}

#[test]
fn replies_and_topics_are_told_apart() {
    let header = |forum_topic, reply_to_msg_id, reply_to_top_id, elsewhere: bool| {
        let header = types::MessageReplyHeader {
            forum_topic,
            reply_to_msg_id,
            reply_to_top_id,
            reply_to_peer_id: elsewhere.then(channel),
            ..blank()
        };
        normal(types::Message { reply_to: Some(header.into()), ..plain(user(9), "x") })
    };
    for (forum, answered, top, elsewhere, reply_to, topic) in [
        (false, Some(3), None, false, Some(3), None),
        (false, Some(3), Some(2), false, Some(3), None),
        (false, Some(3), None, true, None, None),
        (true, Some(2), None, false, None, Some(2)),
        (true, Some(3), Some(2), false, Some(3), Some(2)),
    ] {
        let message = header(forum, answered, top, elsewhere);
        assert_eq!((message.reply_to, message.topic), (reply_to, topic), "{forum} {answered:?} {top:?}");
    }
}

#[test]
fn an_album_keeps_its_id_and_a_photo_its_largest_size() {
    let size = |name: &str, size| types::PhotoSize { r#type: name.into(), w: 1, h: 1, size }.into();
    let photo = types::Photo {
        has_stickers: false,
        id: 1,
        access_hash: 2,
        file_reference: vec![],
        date: 0,
        sizes: vec![size("s", 10), size("y", 900), size("m", 100)],
        video_sizes: None,
        dc_id: 2,
    };
    let media = types::MessageMediaPhoto { photo: Some(photo.into()), ..blank() };
    let message =
        normal(types::Message { grouped_id: Some(44), media: Some(media.into()), ..plain(channel(), "caption") });
    assert_eq!(message.album, Some(44));
    assert_eq!(message.text.text, "caption");
    let [media] = message.media.as_slice() else { panic!("one photo") };
    assert_eq!((media.kind, media.size_bytes, media.file_name.as_str()), (MediaKind::Photo, 900, "photo_5.jpg"));
    assert_eq!(media.source, MediaSource::TelegramMessage { chat: ChatId::new(CHANNEL), message_id: 5 });
}

#[test]
fn a_document_keeps_or_gets_a_name() {
    let document = |mime: &str, attributes| {
        let document = types::Document {
            id: 1,
            access_hash: 2,
            file_reference: vec![],
            date: 0,
            mime_type: mime.into(),
            size: 321,
            thumbs: None,
            video_thumbs: None,
            dc_id: 2,
            attributes,
        };
        let media = types::MessageMediaDocument { document: Some(document.into()), ..blank() };
        normal(types::Message { media: Some(media.into()), ..plain(channel(), "") })
    };
    let name = types::DocumentAttributeFilename { file_name: "plan.pdf".into() }.into();
    for (mime, attributes, file_name, stated) in [
        ("application/pdf", vec![name], "plan.pdf", "application/pdf"),
        ("audio/ogg", vec![], "file_5.ogg", "audio/ogg"),
        ("", vec![], "file_5", "application/octet-stream"),
    ] {
        let message = document(mime, attributes);
        let [media] = message.media.as_slice() else { panic!("one file") };
        assert_eq!((media.kind, media.size_bytes), (MediaKind::Document, 321));
        assert_eq!((media.file_name.as_str(), media.mime.as_str()), (file_name, stated));
    }
    let sticker = types::DocumentAttributeSticker {
        mask: false,
        alt: "🙂".into(),
        stickerset: enums::InputStickerSet::Empty,
        mask_coords: None,
    };
    let size = types::DocumentAttributeImageSize { w: 512, h: 300 };
    let message = document("image/webp", vec![size.into(), sticker.into()]);
    assert_eq!(message.media[0].kind, MediaKind::Sticker);
    assert_eq!((message.media[0].width, message.media[0].height), (Some(512), Some(300)));
    assert_eq!(message.media[0].emoji.as_deref(), Some("🙂"));
    assert_eq!(message.media[0].file_name, "sticker_5.webp");
}

#[test]
fn what_is_not_a_file_is_told_apart() {
    let dice = types::MessageMediaDice { value: 6, emoticon: "🎲".into(), game_outcome: None };
    let contact = types::MessageMediaContact {
        phone_number: "+1".into(),
        first_name: "Ann".into(),
        last_name: String::new(),
        vcard: String::new(),
        user_id: 0,
    };
    let geo = types::GeoPoint { long: -0.127_58, lat: 51.507_22, access_hash: 0, accuracy_radius: None };
    for (media, extra) in [
        (dice.into(), Extra::Dice { emoji: "🎲".into(), value: 6 }),
        (contact.into(), Extra::Contact(Contact { name: "Ann".into(), phone: "+1".into() })),
        (
            types::MessageMediaGeo { geo: geo.into() }.into(),
            Extra::Location(Location { latitude_e7: 515_072_200, longitude_e7: -1_275_800, ..Location::default() }),
        ),
    ] {
        let message = normal(types::Message { media: Some(media), ..plain(channel(), "") });
        assert_eq!(message.extras, [extra]);
        assert_eq!(message.unsupported, None);
    }
}

#[test]
fn what_is_not_carried_is_named() {
    let photo = types::MessageMediaPhoto { photo: None, ..blank() };
    for (media, name) in [
        (types::MessageMediaGeo { geo: enums::GeoPoint::Empty }.into(), Some("location")),
        (photo.into(), Some("expired_media")),
        (enums::MessageMedia::Unsupported, Some("unknown")),
        (enums::MessageMedia::Empty, None),
    ] {
        let message = normal(types::Message { media: Some(media), ..plain(channel(), "") });
        assert_eq!(message.unsupported.as_deref(), name);
        assert!(message.media.is_empty() && message.extras.is_empty());
    }
}

#[test]
fn edits_forwards_and_quotes_are_told() {
    let edited = types::Message { edit_date: Some(1_700_000_060), ..plain(channel(), "x") };
    assert_eq!(normal(edited.clone()).edited_at.unwrap().timestamp(), 1_700_000_060);
    assert_eq!(normal(types::Message { edit_hide: true, ..edited }).edited_at, None, "a reaction is no edit");

    let forwarded = |from_id, from_name: Option<&str>| {
        let header = types::MessageFwdHeader { from_id, from_name: from_name.map(str::to_owned), ..blank() };
        normal(types::Message { fwd_from: Some(header.into()), ..plain(channel(), "x") }).forwarded_from.unwrap()
    };
    assert_eq!(forwarded(Some(user(9)), None).name.as_deref(), Some("Ann"));
    assert_eq!(forwarded(None, Some("Hidden")).name.as_deref(), Some("Hidden"));
    assert_eq!(forwarded(Some(user(99)), None).name, None);

    let header = types::MessageReplyHeader {
        quote: true,
        reply_to_msg_id: Some(3),
        quote_text: Some("a piece".into()),
        quote_entities: Some(vec![types::MessageEntityBold { offset: 0, length: 1 }.into()]),
        ..blank()
    };
    let message = normal(types::Message { reply_to: Some(header.into()), ..plain(user(9), "x") });
    let quote = message.quote.unwrap();
    assert_eq!((quote.text.as_str(), quote.spans.len(), message.reply_to), ("a piece", 1, Some(3)));
}

#[test]
fn a_service_message_is_recorded_and_a_hole_is_not() {
    let service = types::MessageService {
        out: false,
        mentioned: false,
        media_unread: false,
        reactions_are_possible: false,
        silent: false,
        post: false,
        legacy: false,
        id: 6,
        from_id: Some(user(9)),
        peer_id: channel(),
        saved_peer_id: None,
        reply_to: None,
        date: 1_700_000_000,
        action: enums::MessageAction::PinMessage,
        reactions: None,
        ttl_period: None,
    };
    let message = super::message(&service.into(), &names(), ME).unwrap();
    assert_eq!(message.unsupported.as_deref(), Some("service"));
    assert!(message.is_empty());
    assert_eq!(message.author.unwrap().name, "Ann");
    let hole = types::MessageEmpty { id: 7, peer_id: None };
    assert!(super::message(&hole.into(), &names(), ME).is_none());
}
