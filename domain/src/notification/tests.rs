mod letters;
mod links;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    retry::{GIVE_UP_AFTER, LINK_PAUSE_MAX, PAUSE_MAX, Trouble, next},
    *,
};

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn wishes(preference: Preference) -> Wishes {
    Wishes { preference, ..Wishes::BY_EMAIL }
}

#[test]
fn names_are_unique_and_read_back() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(Kind::CHOSEN.contains(&kind), !kind.is_transactional(), "{kind:?}");
        assert_eq!(kind.priority() == 0, kind.is_transactional(), "{kind:?}");
    }
    for channel in Channel::ALL {
        assert_eq!(Channel::parse(channel.as_str()), Some(channel));
    }
    for preference in Preference::ALL {
        assert_eq!(serde_json::to_value(preference).unwrap(), preference.as_str());
    }
    for state in SendState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn each_preference_has_its_channels() {
    let now = at("2026-03-04T12:00:00Z");
    let (email, bot) =
        (Route { channel: Channel::Email, fate: Ok(now) }, Route { channel: Channel::Bot, fate: Ok(now) });
    let dropped = |channel, reason| Route { channel, fate: Err(reason) };
    let cases = [
        (Preference::Email, true, vec![email]),
        (Preference::Both, false, vec![email]),
        (Preference::Both, true, vec![email, bot]),
        (Preference::Bot, true, vec![bot]),
        (Preference::Bot, false, vec![dropped(Channel::Bot, DropReason::BotNotLinked)]),
        (Preference::Off, true, vec![dropped(Channel::Email, DropReason::PreferenceOff)]),
    ];
    for (preference, bot_linked, expected) in cases {
        let wishes = Wishes { bot_linked, ..wishes(preference) };
        assert_eq!(route(Kind::HealthAlert, false, &wishes, now), expected, "{preference:?} {bot_linked}");
    }
}

#[test]
fn what_concerns_the_account_itself_goes_by_email_at_once_whatever_is_wished() {
    let now = at("2026-03-04T23:30:00Z");
    let quiet = QuietHours::parse("22:00", "07:00", "UTC").unwrap();
    let wishes = Wishes { preference: Preference::Off, promotions: false, bot_linked: true, quiet: Some(quiet) };
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_transactional()) {
        assert_eq!(route(kind, false, &wishes, now), [Route { channel: Channel::Email, fate: Ok(now) }]);
    }
}

#[test]
fn promotions_end_with_the_opt_out_and_nothing_else_does() {
    let now = at("2026-03-04T12:00:00Z");
    let wishes = Wishes { promotions: false, ..wishes(Preference::Email) };
    let promotion = route(Kind::Announcement, true, &wishes, now);
    assert_eq!(promotion, [Route { channel: Channel::Email, fate: Err(DropReason::PromotionsOff) }]);
    assert_eq!(route(Kind::Announcement, false, &wishes, now)[0].fate, Ok(now));
}

#[test]
fn quiet_hours_hold_until_their_end_by_the_clocks_of_the_place() {
    let berlin = QuietHours::parse("22:00", "07:00", "Europe/Berlin").unwrap();
    let cases = [
        ("2026-01-15T20:59:59Z", "2026-01-15T20:59:59Z"),
        ("2026-01-15T21:00:00Z", "2026-01-16T06:00:00Z"),
        ("2026-01-16T05:59:59Z", "2026-01-16T06:00:00Z"),
        ("2026-01-16T06:00:00Z", "2026-01-16T06:00:00Z"),
        // The night in which summer time begins is an hour shorter.
        ("2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),
        ("2026-07-15T20:00:00Z", "2026-07-16T05:00:00Z"),
    ];
    for (now, end) in cases {
        assert_eq!(berlin.end_after(at(now)), at(end), "{now}");
        let wishes = Wishes { quiet: Some(berlin.clone()), ..wishes(Preference::Both) };
        assert_eq!(route(Kind::Report, false, &wishes, at(now))[0].fate, Ok(at(end)));
    }
    let noon = QuietHours::parse("12:00", "13:30", "UTC").unwrap();
    assert_eq!(noon.end_after(at("2026-01-15T12:10:00Z")), at("2026-01-15T13:30:00Z"));
    assert_eq!(noon.end_after(at("2026-01-15T13:30:00Z")), at("2026-01-15T13:30:00Z"));
    assert_eq!((noon.from(), noon.to(), noon.zone()), ("12:00".to_owned(), "13:30".to_owned(), "UTC"));
}

#[test]
fn hours_that_make_no_sense_are_refused() {
    for (from, to) in [("22:00", "22:00"), ("24:00", "07:00"), ("7:00", "08:00"), ("", "08:00"), ("12:60", "13:00")] {
        assert_eq!(QuietHours::parse(from, to, "UTC"), Err(QuietError::Hours), "{from} {to}");
    }
    assert_eq!(QuietHours::parse("22:00", "07:00", "Europe/Atlantis"), Err(QuietError::Zone));
    assert_eq!(QuietHours::new(1_440, 0, "UTC"), Err(QuietError::Hours));
}

#[test]
fn pauses_grow_to_their_longest_and_end_with_the_third_day() {
    let first = at("2026-03-04T12:00:00Z");
    let pause = |trouble, attempts| next(trouble, attempts, first, first).map(|due| due - first);
    for (attempts, seconds) in [(1, 30), (2, 60), (3, 120), (10, 15_360), (11, 21_600), (i32::MAX, 21_600)] {
        assert_eq!(pause(Trouble::Refused, attempts), Some(TimeDelta::seconds(seconds)), "{attempts}");
    }
    assert_eq!(pause(Trouble::Refused, 99), Some(PAUSE_MAX));
    assert_eq!(pause(Trouble::Link, 99), Some(LINK_PAUSE_MAX));
    assert_eq!(pause(Trouble::Refused, 0), Some(TimeDelta::seconds(30)));
    let late = first + GIVE_UP_AFTER - TimeDelta::hours(1);
    assert_eq!(next(Trouble::Refused, 40, first, late), Some(first + GIVE_UP_AFTER));
    assert_eq!(next(Trouble::Refused, 41, first, first + GIVE_UP_AFTER), None);
}
