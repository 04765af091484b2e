use proptest::prelude::*;

use super::*;
use crate::notification::Button;

const WISHES: [Preference; 4] = Preference::ALL;

fn reader() -> Reader {
    Reader { suspended: false, verified: true, preference: Preference::Both, promotions: true, bot_linked: true }
}

#[test]
fn a_tenant_gets_it_by_the_channels_that_all_sides_name() {
    use Preference::{Bot, Both, Email, Off};
    for (preference, via, got) in [
        (Both, Both, Ok(Both)),
        (Both, Email, Ok(Email)),
        (Both, Bot, Ok(Bot)),
        (Email, Both, Ok(Email)),
        (Email, Bot, Err(Skip::OptOut)),
        (Bot, Email, Err(Skip::OptOut)),
        (Off, Both, Err(Skip::OptOut)),
    ] {
        assert_eq!(way(&Reader { preference, ..reader() }, false, via), got, "{preference:?} {via:?}");
    }
}

#[test]
fn what_does_not_reach_a_tenant_is_left_out_and_the_reason_is_told() {
    let unlinked = Reader { bot_linked: false, ..reader() };
    assert_eq!(way(&unlinked, false, Preference::Both), Ok(Preference::Email));
    assert_eq!(way(&unlinked, false, Preference::Bot), Err(Skip::BotNotLinked));
    let unverified = Reader { verified: false, ..reader() };
    assert_eq!(way(&unverified, false, Preference::Both), Ok(Preference::Bot));
    assert_eq!(way(&unverified, false, Preference::Email), Err(Skip::Unverified));
    assert_eq!(way(&Reader { bot_linked: false, ..unverified }, false, Preference::Both), Err(Skip::Unverified));
    let suspended = Reader { suspended: true, promotions: false, ..reader() };
    assert_eq!(way(&suspended, true, Preference::Both), Err(Skip::Suspended));
    let plain = Reader { promotions: false, ..reader() };
    assert_eq!(way(&plain, true, Preference::Both), Err(Skip::OptOut));
    assert_eq!(way(&plain, false, Preference::Both), Ok(Preference::Both), "it is no promotion");
}

#[test]
fn acts_have_their_states_and_twice_is_once() {
    use State::{Canceled, Done, Draft, Paused, Running, Scheduled};
    assert_eq!(after(Draft, false, Act::Start), Some(Scheduled));
    assert_eq!(after(Running, true, Act::Start), Some(Running));
    assert_eq!(after(Paused, true, Act::Start), None);
    assert_eq!(after(Paused, true, Act::Resume), Some(Running));
    assert_eq!(after(Paused, false, Act::Resume), Some(Scheduled), "its time may not have come");
    assert_eq!(after(Draft, false, Act::Pause), None);
    assert_eq!(after(Scheduled, false, Act::Change), Some(Scheduled));
    assert_eq!(after(Paused, true, Act::Change), None, "somebody has it already");
    assert_eq!(after(Draft, false, Act::Cancel), Some(Canceled));
    for act in [Act::Change, Act::Start, Act::Pause, Act::Resume, Act::Cancel] {
        assert_eq!(after(Done, true, act), None, "{act:?}");
        assert_eq!(after(Canceled, true, act), (act == Act::Cancel).then_some(Canceled), "{act:?}");
        for (state, begun) in State::ALL.into_iter().flat_map(|state| [(state, false), (state, true)]) {
            let once = after(state, begun, act);
            assert_eq!(once.and_then(|once| after(once, begun, act)), once, "{state:?} {act:?}");
        }
    }
    assert!(State::ALL.into_iter().all(|state| State::parse(state.as_str()) == Some(state)));
}

#[test]
fn what_would_be_cut_or_leads_nowhere_is_refused() {
    let good = Content::new("News").paragraph("There is something.\nLook.").list(["one", "two"]);
    assert_eq!(check(&good), Ok(()));
    assert_eq!(check(&good.clone().button("Look", "https://example.org")), Ok(()));
    let with = |change: &dyn Fn(&mut Content)| {
        let mut content = good.clone();
        change(&mut content);
        check(&content)
    };
    assert_eq!(with(&|it| it.subject = " ".into()), Err(AnnouncementError::Subject));
    assert_eq!(with(&|it| it.subject = "two\nlines".into()), Err(AnnouncementError::Subject));
    assert_eq!(with(&|it| it.subject = "x".repeat(SUBJECT_CHARS_MAX + 1)), Err(AnnouncementError::Subject));
    assert_eq!(with(&|it| it.blocks.clear()), Err(AnnouncementError::Blocks));
    assert_eq!(with(&|it| it.blocks.push(Block::List(Vec::new()))), Err(AnnouncementError::Block));
    assert_eq!(with(&|it| it.blocks.push(Block::Paragraph("x".repeat(4_001)))), Err(AnnouncementError::Block));
    let nowhere = Button { label: "Look".into(), url: "javascript:alert(1)".into() };
    assert_eq!(with(&|it| it.button = Some(nowhere.clone())), Err(AnnouncementError::Button));
    assert_eq!(with(&|it| it.note = Some(String::new())), Err(AnnouncementError::Note));
}

#[test]
fn times_and_rates_have_bounds() {
    let now = DateTime::UNIX_EPOCH;
    assert_eq!(check_schedule(now, now), Err(AnnouncementError::Schedule));
    assert_eq!(check_schedule(now + TimeDelta::seconds(1), now), Ok(()));
    assert_eq!(check_schedule(now + AHEAD_MAX + TimeDelta::seconds(1), now), Err(AnnouncementError::Schedule));
    assert_eq!((check_rate(0), check_rate(1), check_rate(6_001)).1, Ok(()));
    assert!(check_rate(0).is_err() && check_rate(6_001).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_keep_the_rate(per_minute in 1..=PER_MINUTE_MAX) {
        let size = batch(per_minute);
        prop_assert!((1..=BATCH_MAX).contains(&size));
        let batches_ms = pause(size, per_minute).as_millis().max(1);
        let in_a_minute = u128::from(size) * 60_000 / batches_ms;
        // Rounding of milliseconds.
        prop_assert!(in_a_minute <= u128::from(per_minute) + u128::from(per_minute) / 50 + 1, "{in_a_minute}");
    }

    #[test]
    fn nobody_gets_it_by_a_channel_that_is_not_named_or_does_not_reach_them(
        suspended: bool, verified: bool, promotions: bool, bot_linked: bool, promotional: bool,
        preference in 0..4_usize, via in 0..3_usize,
    ) {
        let (preference, via) = (WISHES[preference], WISHES[via]);
        let reader = Reader { suspended, verified, preference, promotions, bot_linked };
        if let Ok(way) = way(&reader, promotional, via) {
            prop_assert!(!suspended && (promotions || !promotional) && way != Preference::Off);
            prop_assert_eq!(way.within(preference).within(via), way);
            prop_assert!(verified || way == Preference::Bot);
            prop_assert!(bot_linked || way == Preference::Email);
        }
    }
}
