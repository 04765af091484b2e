use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{AccountPace, Budget, Claim, Headers, Limits, Mode, Scope, Turn};
use crate::{ChatId, PairId, Platform};

const LIMITS: Limits =
    Limits { start: 2.0, floor: 0.25, ceiling: 8.0, burst: 4.0, step: 0.5, quiet: TimeDelta::seconds(10) };

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
}

fn pair(number: u128) -> PairId {
    PairId::from_uuid(uuid::Uuid::from_u128(number))
}

fn claim(number: u128, chat: i64) -> Claim {
    Claim { pair: pair(number), chat: ChatId::new(chat), cost: 1.0 }
}

fn telegram() -> AccountPace {
    AccountPace::new(Mode::Standard, Platform::Telegram, Vec::new(), at(0))
}

/// What can happen to a budget.
#[derive(Clone, Debug)]
enum Event {
    Pass(i64),
    Take,
    Refused(i64),
    Told(u32, u32, i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0_i64..5_000).prop_map(Event::Pass),
        6 => Just(Event::Take),
        1 => (0_i64..60_000).prop_map(Event::Refused),
        1 => (0_u32..20, 0_u32..20, -10_i64..20_000).prop_map(|(limit, left, ms)| Event::Told(limit, left, ms)),
    ];
    prop::collection::vec(event, 1..200)
}

proptest! {
    /// Obeying a budget never exceeds the burst plus the fastest rate, and never writes into a silence.
    #[test]
    fn nothing_exceeds_the_bounds(events in events()) {
        let (mut budget, mut now) = (Budget::new(&LIMITS, at(0)), at(0));
        let mut taken = Vec::new();
        for event in events {
            match event {
                Event::Pass(ms) => now += TimeDelta::milliseconds(ms),
                Event::Take => {
                    if budget.opens_in(&LIMITS, 1.0, now) <= TimeDelta::zero() {
                        prop_assert!(budget.closed(now).is_none());
                        budget.take(&LIMITS, 1.0, now);
                        taken.push(now);
                    }
                }
                Event::Refused(ms) => {
                    budget.refused(&LIMITS, TimeDelta::milliseconds(ms), now);
                    prop_assert!(ms == 0 || budget.opens_in(&LIMITS, 1.0, now) >= TimeDelta::milliseconds(ms));
                }
                Event::Told(limit, remaining, ms) => {
                    budget.told(&LIMITS, Headers { limit, remaining, reset_after: TimeDelta::milliseconds(ms) }, now);
                }
            }
            prop_assert!((LIMITS.floor..=LIMITS.ceiling).contains(&budget.rate));
            prop_assert!((LIMITS.floor..=LIMITS.ceiling).contains(&budget.ceiling));
            prop_assert!(budget.tokens_at(&LIMITS, now) <= LIMITS.burst);
        }
        for (index, first) in taken.iter().enumerate() {
            for (more, last) in taken[index..].iter().enumerate() {
                let most = LIMITS.burst + LIMITS.ceiling * (*last - *first).as_seconds_f64() + 1.0;
                prop_assert!((more + 1) as f64 <= most, "{} messages from {first} to {last}", more + 1);
            }
        }
    }

    /// Waiting for as long as a budget says is always enough, unless somebody else comes in between.
    #[test]
    fn the_wait_is_enough(events in events(), cost in 1_u8..10) {
        let (mut budget, mut now) = (Budget::new(&LIMITS, at(0)), at(0));
        for event in events {
            match event {
                Event::Pass(ms) => now += TimeDelta::milliseconds(ms),
                Event::Take => budget.take(&LIMITS, 1.0, now),
                Event::Refused(ms) => budget.refused(&LIMITS, TimeDelta::milliseconds(ms), now),
                Event::Told(limit, remaining, ms) => {
                    budget.told(&LIMITS, Headers { limit, remaining, reset_after: TimeDelta::milliseconds(ms) }, now);
                }
            }
        }
        let cost = f64::from(cost);
        let wait = budget.opens_in(&LIMITS, cost, now);
        prop_assert!(wait >= TimeDelta::zero());
        prop_assert_eq!(budget.opens_in(&LIMITS, cost, now + wait), TimeDelta::zero());
    }

    /// Pairs of one account take turns: between two turns of one pair, every pair that waits had its own.
    #[test]
    fn pairs_take_turns(pairs in 2_u128..8, interval_ms in 0_i64..3_000) {
        let mut pace = telegram();
        pace.set_interval(TimeDelta::milliseconds(interval_ms));
        let (mut now, mut turns) = (at(0), Vec::new());
        let mut next: Vec<DateTime<Utc>> = vec![now; pairs as usize];
        while turns.len() < 60 {
            let first = (0..next.len()).min_by_key(|index| next[*index]).unwrap();
            now = now.max(next[first]);
            match pace.claim(claim(first as u128, first as i64), now) {
                Turn::Now => {
                    turns.push(first);
                    // Sending takes a moment, in which the others may ask.
                    next[first] = now + TimeDelta::milliseconds(1);
                }
                Turn::At { at, .. } => {
                    prop_assert!(at > now);
                    next[first] = at;
                }
            }
        }
        let waited: Vec<usize> = turns[40..].to_vec();
        for number in 0..pairs as usize {
            let own = waited.iter().filter(|turn| **turn == number).count();
            prop_assert!(own >= 20 / pairs as usize - 1, "pair {number} had {own} of the last 20 turns: {waited:?}");
        }
    }
}

#[test]
fn a_refusal_halves_the_rate_once_and_closes() {
    let mut budget = Budget::new(&LIMITS, at(0));
    budget.refused(&LIMITS, TimeDelta::seconds(10), at(0));
    budget.refused(&LIMITS, TimeDelta::seconds(12), at(5));
    assert_eq!((budget.rate, budget.ceiling, budget.waits), (1.0, 2.0, 2));
    assert_eq!(budget.closed(at(11_000)), Some(at(12_005)));
    assert_eq!(budget.closed(at(12_005)), None);
    // One message goes at once, the next a second later.
    assert_eq!(budget.opens_in(&LIMITS, 1.0, at(12_005)), TimeDelta::zero());
    budget.take(&LIMITS, 1.0, at(12_005));
    assert_eq!(budget.opens_in(&LIMITS, 1.0, at(12_005)), TimeDelta::seconds(1));
}

#[test]
fn quiet_use_earns_steps_and_rest_does_not() {
    let mut budget = Budget::new(&LIMITS, at(0));
    for second in 0..=10 {
        budget.take(&LIMITS, 2.0, at(second * 1_000));
    }
    assert_eq!(budget.rate, 2.5);
    budget.take(&LIMITS, 1.0, at(60_000));
    budget.take(&LIMITS, 1.0, at(120_000));
    assert_eq!(budget.rate, 2.5, "a rest proves nothing");
    budget.refused(&LIMITS, TimeDelta::seconds(1), at(120_000));
    let mut rates = Vec::new();
    for second in 121..200 {
        budget.take(&LIMITS, 2.0, at(second * 1_000));
        rates.push(budget.rate);
    }
    assert!(rates.windows(2).all(|two| two[0] <= two[1]), "quiet use never slows down: {rates:?}");
    // Growth is quick up to where the platform refused, and slow beyond.
    assert!(rates.contains(&1.75) && rates.contains(&2.25) && rates.contains(&2.875), "{rates:?}");
}

#[test]
fn headers_set_the_rate_and_slow_down_before_the_limit() {
    let headers = |limit, remaining, seconds| Headers { limit, remaining, reset_after: TimeDelta::seconds(seconds) };
    let mut budget = Budget::new(&LIMITS, at(0));
    budget.told(&LIMITS, headers(5, 4, 5), at(0));
    assert_eq!(budget.rate, 1.0);
    assert_eq!(budget.closed(at(0)), None);
    budget.told(&LIMITS, headers(5, 1, 4), at(1_000));
    assert_eq!(budget.closed(at(1_000)), Some(at(3_000)), "the last one is spread over what is left of the window");
    budget.told(&LIMITS, headers(5, 0, 2), at(3_000));
    assert_eq!(budget.closed(at(3_000)), Some(at(5_000)));
    assert_eq!(budget.waits, 0, "nothing was refused");
}

#[test]
fn a_closed_chat_holds_back_only_itself() {
    let mut pace = telegram();
    pace.refused(Scope::Chat, ChatId::new(1), TimeDelta::seconds(30), at(0));
    assert_eq!(pace.claim(claim(1, 1), at(0)), Turn::At { at: at(30_000), scope: Scope::Chat, closed: true });
    assert_eq!(pace.claim(claim(2, 2), at(0)), Turn::Now);
    assert_eq!(pace.claim(claim(1, 1), at(30_000)), Turn::Now);
    pace.refused(Scope::Account, ChatId::new(1), TimeDelta::seconds(30), at(40_000));
    assert_eq!(pace.claim(claim(2, 2), at(50_000)), Turn::At { at: at(70_000), scope: Scope::Account, closed: true });
}

#[test]
fn the_interval_holds_over_all_chats() {
    let mut pace = telegram();
    pace.set_interval(TimeDelta::milliseconds(700));
    assert_eq!(pace.claim(claim(1, 1), at(0)), Turn::Now);
    let later = |ms| Turn::At { at: at(ms), scope: Scope::Account, closed: false };
    assert_eq!(pace.claim(claim(2, 2), at(0)), later(700));
    assert_eq!(pace.claim(claim(3, 3), at(0)), later(1_400));
    assert_eq!(pace.claim(claim(2, 2), at(100)), later(700), "a promise is made once");
    assert_eq!(pace.claim(claim(2, 2), at(700)), Turn::Now);
    assert_eq!(pace.claim(claim(3, 3), at(1_400)), Turn::Now);
    assert_eq!(pace.claim(claim(1, 1), at(2_200)), Turn::Now);
}

#[test]
fn what_was_learned_is_stored_once_and_restored() {
    let mut pace = telegram();
    assert!(pace.changes().is_empty());
    pace.claim(claim(1, 1), at(0));
    assert_eq!(pace.changes().len(), 3);
    assert!(pace.changes().is_empty());
    let learned = pace.refused(Scope::Account, ChatId::new(1), TimeDelta::seconds(5), at(0));
    assert_eq!(learned.budget.rate, 0.5);
    let mut pace = AccountPace::new(Mode::Standard, Platform::Telegram, vec![learned], at(1_000));
    assert_eq!(pace.claim(claim(1, 1), at(1_000)), Turn::At { at: at(5_000), scope: Scope::Account, closed: true });
    assert_eq!(pace.left(Scope::Account, at(1_000)).1, 0.5);
    assert_eq!(pace.left(Scope::Global, at(1_000)).1, 30.0);
}

#[test]
fn a_refused_question_holds_back_questions_alone() {
    let mut pace = telegram();
    pace.refused(Scope::Reads, ChatId::new(0), TimeDelta::seconds(30), at(0));
    assert_eq!(pace.read(at(0)), Err(TimeDelta::seconds(30)));
    assert_eq!(pace.read(at(29_000)), Err(TimeDelta::seconds(1)), "nobody reminds the platform meanwhile");
    assert_eq!(pace.claim(claim(1, 1), at(0)), Turn::Now);
    assert_eq!(pace.read(at(30_000)), Ok(TimeDelta::zero()));
    assert_eq!(pace.read(at(30_000)), Ok(TimeDelta::milliseconds(400)), "half of the pace that was refused");
    pace.refused(Scope::Account, ChatId::new(1), TimeDelta::seconds(30), at(40_000));
    assert_eq!(pace.read(at(40_000)), Ok(TimeDelta::zero()), "nor do refused messages hold back questions");
}

#[test]
fn questions_queue_up_and_not_for_ever() {
    let mut pace = telegram();
    let waits: Vec<_> = (0..200).map(|_| pace.read(at(0))).collect();
    let taken: Vec<TimeDelta> = waits.iter().copied().filter_map(Result::ok).collect();
    assert!(taken[..30].iter().all(TimeDelta::is_zero), "a burst goes at once: {taken:?}");
    assert_eq!((taken[30], taken.len()), (TimeDelta::milliseconds(200), 30 + 100), "five a second, 20 s ahead");
    assert!(waits[taken.len()..].iter().all(|wait| *wait == Err(TimeDelta::milliseconds(20_200))), "{waits:?}");
    assert_eq!(pace.claim(claim(1, 1), at(0)), Turn::Now);
}
