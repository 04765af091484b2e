use chrono::TimeDelta;
use proptest::prelude::*;

use super::at;
use crate::{
    clock::SystemClock,
    ids::UserId,
    media_link::LinkKey,
    notification::{Kind, Topic, Unsubscribe, UnsubscribeError, Unsubscriber},
};

fn unsubscriber() -> Unsubscriber {
    Unsubscriber::new("https://c.example/", LinkKey::new("0123456789abcdef0123456789abcdef").unwrap())
}

#[test]
fn a_token_says_who_turns_off_what_until_it_is_too_old() {
    let (user, now) = (UserId::new(&SystemClock), at("2026-03-04T12:00:00Z"));
    let topics = Kind::CHOSEN.into_iter().map(Topic::Kind).chain([Topic::Promotions]);
    for what in topics.map(|topic| Unsubscribe { user, topic }) {
        let token = unsubscriber().token(what, now);
        assert_eq!(unsubscriber().url(what, now), format!("https://c.example/unsubscribe/{token}"));
        assert_eq!(unsubscriber().read(&token, now + TimeDelta::days(364)), Ok(what));
        assert_eq!(unsubscriber().read(&token, now + TimeDelta::days(365)), Err(UnsubscribeError::Expired));
    }
}

#[test]
fn what_was_changed_or_signed_elsewhere_is_invalid() {
    let (user, now) = (UserId::new(&SystemClock), at("2026-03-04T12:00:00Z"));
    let token = unsubscriber().token(Unsubscribe { user, topic: Topic::Kind(Kind::Report) }, now);
    let other = Unsubscriber::new("https://c.example", LinkKey::new(&"x".repeat(32)).unwrap());
    assert_eq!(other.read(&token, now), Err(UnsubscribeError::Invalid));
    for wrong in ["", "-", "a-b-c-d", &token[1..], &token.replace("report", "payment"), &format!("{token}0")] {
        assert_eq!(unsubscriber().read(wrong, now), Err(UnsubscribeError::Invalid), "{wrong}");
    }
}

#[test]
fn what_concerns_the_account_itself_cannot_be_turned_off() {
    for kind in Kind::ALL {
        assert_eq!(Topic::of(kind, false).is_none(), kind.is_transactional(), "{kind:?}");
    }
    assert_eq!(Topic::of(Kind::Announcement, true), Some(Topic::Promotions));
    assert_eq!(Topic::of(Kind::Announcement, false), Some(Topic::Kind(Kind::Announcement)));
}

proptest! {
    #[test]
    fn no_other_text_is_a_token(text in "\\PC*") {
        prop_assert_eq!(unsubscriber().read(&text, at("2026-03-04T12:00:00Z")), Err(UnsubscribeError::Invalid));
    }
}
