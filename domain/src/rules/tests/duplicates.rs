use serde_json::json;

use super::{file, minutes, rules, said};
use crate::{
    account::Platform,
    chat::ChatId,
    clock::SystemClock,
    ids::{PairId, UserId},
    message::{Embed, Extra, Location, Media, MediaKind, MediaSource, Message, Poll},
    rules::{DuplicateCheck, Rules, Scope},
    text::RichText,
};

fn scope() -> Scope {
    Scope {
        pair: PairId::new(&SystemClock),
        user: UserId::new(&SystemClock),
        platform: Platform::Discord,
        destination: ChatId::new(5),
    }
}

fn check(rules: &Rules, message: &Message, scope: Scope) -> Option<DuplicateCheck> {
    rules.duplicate_check(message, scope)
}

#[test]
fn content_is_the_same_whatever_its_case_spacing_and_time() {
    let (rules, scope) = (rules(json!({ "duplicates": { "window_seconds": 60 } })), scope());
    let first = check(&rules, &said("Breaking:  news\nnow"), scope).unwrap();
    assert_eq!(first.window, minutes(1));
    let mut again = said("breaking: NEWS\u{200b} now ");
    (again.message_id, again.author, again.sent_at) = (99, None, again.sent_at + minutes(5));
    assert_eq!(check(&rules, &again, scope), Some(first));
    for other in ["breaking news now", "breaking: news", ""] {
        assert_ne!(check(&rules, &said(other), scope), Some(first), "{other}");
    }
}

#[test]
fn attachments_count_by_kind_and_size() {
    let (rules, scope) = (rules(json!({ "duplicates": { "window_seconds": 60 } })), scope());
    let with = |kind, name: &str, size| Message { media: vec![file(kind, name, size)], ..said("") };
    let first = check(&rules, &with(MediaKind::Photo, "a.jpg", 10), scope).unwrap();
    assert_eq!(check(&rules, &with(MediaKind::Photo, "b.jpg", 10), scope), Some(first));
    assert_ne!(check(&rules, &with(MediaKind::Photo, "a.jpg", 11), scope), Some(first));
    assert_ne!(check(&rules, &with(MediaKind::Video, "a.jpg", 10), scope), Some(first));
}

#[test]
fn places_dice_polls_boxes_and_stickers_are_compared_by_what_they_are() {
    let (rules, scope) = (rules(json!({ "duplicates": { "window_seconds": 60 } })), scope());
    let of = |extra| Message { extras: vec![extra], ..said("") };
    let place = |latitude_e7| of(Extra::Location(Location { latitude_e7, longitude_e7: 5, ..Location::default() }));
    let dice = |value| of(Extra::Dice { emoji: "🎲".into(), value });
    let poll = |answers: [&str; 2]| {
        let options = answers.map(str::to_owned).to_vec();
        of(Extra::Poll(Poll { question: "Tea?".into(), options, ..Poll::default() }))
    };
    let boxed = |embed| of(Extra::Embed(Box::new(embed)));
    let picture = |address: &str| boxed(Embed { image_url: Some(address.to_owned()), ..Embed::default() });
    let sticker = |id: u8| {
        let source = MediaSource::PublicUrl { url: format!("https://cdn.discordapp.com/stickers/{id}.png") };
        let sticker = Media::new(MediaKind::Sticker, "wave.png".into(), "image/png".into(), 0, source);
        Message { media: vec![sticker], ..said("") }
    };
    for (one, again, other) in [
        (place(1), place(1), place(2)),
        (dice(3), dice(3), dice(4)),
        (poll(["a b", "c"]), poll(["A  b", "C"]), poll(["a", "b c"])),
        (picture("https://a.example/1"), picture("https://a.example/1"), picture("https://a.example/2")),
        (sticker(1), sticker(1), sticker(2)),
    ] {
        let first = check(&rules, &one, scope);
        assert!(first.is_some(), "{one:?}");
        assert_eq!(check(&rules, &again, scope), first, "{again:?}");
        assert_ne!(check(&rules, &other, scope), first, "{other:?}");
    }
    let preview = Embed { preview: true, image_url: Some("https://a.example/1".into()), ..Embed::default() };
    assert_eq!(check(&rules, &boxed(preview), scope), None);
}

#[test]
fn nothing_is_compared_without_the_option_or_without_content() {
    assert_eq!(check(&Rules::default(), &said("x"), scope()), None);
    let rules = rules(json!({ "duplicates": { "window_seconds": 60 } }));
    let mut blank = said("");
    blank.text = RichText::plain(" \u{200b}");
    assert_eq!(check(&rules, &blank, scope()), None);
}

#[test]
fn the_scope_is_the_pair_or_the_destination_of_one_user() {
    let of = |scope: &str| rules(json!({ "duplicates": { "window_seconds": 60, "scope": scope } }));
    let one = scope();
    let (other_pair, other_user) = (Scope { pair: scope().pair, ..one }, Scope { user: scope().user, ..one });
    let message = said("x");
    let (pair, destination) = (of("pair"), of("destination"));
    assert_ne!(check(&pair, &message, one), check(&pair, &message, other_pair));
    assert_eq!(check(&destination, &message, one), check(&destination, &message, other_pair));
    assert_ne!(check(&destination, &message, one), check(&destination, &message, other_user));
    let elsewhere = Scope { destination: ChatId::new(6), ..one };
    assert_ne!(check(&destination, &message, one), check(&destination, &message, elsewhere));
}
