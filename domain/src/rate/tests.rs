use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{Ledger, Share, Standing, Verdict, WINDOW_SECONDS, window_of};

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
}

/// One caller, one ledger and the replicas that serve the caller.
struct World {
    now: DateTime<Utc>,
    ledger: Ledger,
    in_reach: bool,
    shares: Vec<Share>,
    /// Each replica's clock is off by so much.
    skews: Vec<TimeDelta>,
    /// Requests let through, by the window that they were counted in.
    admitted: BTreeMap<DateTime<Utc>, u32>,
    /// Questions to the ledger.
    asked: u32,
}

impl World {
    fn new(skews_ms: &[i64], limit: u32) -> Self {
        let now = at(600_000);
        Self {
            now,
            ledger: Ledger::new(at(0)),
            in_reach: true,
            shares: vec![Share::new(window_of(now, 0), limit); skews_ms.len()],
            skews: skews_ms.iter().copied().map(TimeDelta::milliseconds).collect(),
            admitted: BTreeMap::new(),
            asked: 0,
        }
    }

    fn window(&self, replica: usize) -> DateTime<Utc> {
        window_of(self.now + self.skews[replica], 0)
    }

    /// What the replica answers to a request, without what it asks in between.
    fn request(&mut self, replica: usize, limit: u32) -> Result<Standing, Standing> {
        let window = self.window(replica);
        let mut verdict = self.shares[replica].take(window, limit);
        loop {
            verdict = match verdict {
                Verdict::Admitted(standing) => {
                    *self.admitted.entry(standing.resets_at).or_default() += 1;
                    return Ok(standing);
                }
                Verdict::Refused(standing) => return Err(standing),
                Verdict::Ask(_) if !self.in_reach => self.shares[replica].alone(window, limit),
                Verdict::Ask(ask) => {
                    self.asked += 1;
                    self.shares[replica].settle(self.ledger.lease(&ask), window, limit)
                }
            };
        }
    }

    /// The replica dies and another one takes its place.
    fn crash(&mut self, replica: usize, limit: u32) {
        self.shares[replica] = Share::new(self.window(replica), limit);
    }

    fn most_in_a_window(&self) -> u32 {
        self.admitted.values().copied().max().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
enum Event {
    Pass(i64),
    Requests(usize, u32),
    Crash(usize),
    /// The ledger answers the replica, which dies before it hears of it.
    CrashAsking(usize),
    Reach(bool),
    /// The limit of the caller becomes another one.
    Limit(u32),
}

const REPLICAS: usize = 4;

fn events(outages: bool, limits: bool) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        u32::from(limits) * 2 + 1 => (1_u32..300).prop_map(move |limit| Event::Limit(if limits { limit } else { 0 })),
        3 => (0_i64..40_000).prop_map(Event::Pass),
        9 => (0..REPLICAS, 1_u32..60).prop_map(|(replica, count)| Event::Requests(replica, count)),
        2 => (0..REPLICAS).prop_map(Event::Crash),
        1 => (0..REPLICAS).prop_map(Event::CrashAsking),
        u32::from(outages) * 2 + 1 => any::<bool>().prop_map(move |reach| Event::Reach(reach || !outages)),
    ];
    prop::collection::vec(event, 1..120)
}

fn play(world: &mut World, events: Vec<Event>, mut limit: u32) -> u32 {
    let mut crashes = 0;
    for event in events {
        match event {
            Event::Pass(ms) => world.now += TimeDelta::milliseconds(ms),
            Event::Requests(replica, count) => {
                for _ in 0..count {
                    let _ = world.request(replica, limit);
                }
            }
            Event::Crash(replica) => {
                world.crash(replica, limit);
                crashes += 1;
            }
            Event::CrashAsking(replica) => {
                let window = world.window(replica);
                if let (Verdict::Ask(ask), true) = (world.shares[replica].take(window, limit), world.in_reach) {
                    world.ledger.lease(&ask);
                }
                world.crash(replica, limit);
                crashes += 1;
            }
            Event::Reach(reach) => world.in_reach = reach,
            Event::Limit(0) => (),
            Event::Limit(other) => limit = other,
        }
    }
    crashes
}

proptest! {
    /// Whatever dies and whatever the clocks say: no window sees more than the limit.
    #[test]
    fn no_window_sees_more_than_the_limit(
        limit in 1_u32..300,
        skews in prop::array::uniform4(-90_000_i64..90_000),
        events in events(false, false),
    ) {
        let mut world = World::new(&skews, limit);
        play(&mut world, events, limit);
        prop_assert!(world.most_in_a_window() <= limit, "{} of {limit}", world.most_in_a_window());
    }

    /// Whatever the limit was in between, nothing is given out twice: no window sees more than the highest of them.
    #[test]
    fn no_window_sees_more_than_the_highest_limit(
        skews in prop::array::uniform4(-90_000_i64..90_000),
        events in events(false, true),
    ) {
        let mut world = World::new(&skews, 300);
        play(&mut world, events, 300);
        prop_assert!(world.most_in_a_window() <= 300, "{}", world.most_in_a_window());
    }

    /// With the same clock everywhere, no 60 seconds see more than twice the limit.
    #[test]
    fn no_sixty_seconds_see_more_than_twice_the_limit(
        limit in 1_u32..50,
        steps in prop::collection::vec((0_i64..9_000, 0..REPLICAS, 1_u32..40), 1..80),
    ) {
        let mut world = World::new(&[0; REPLICAS], limit);
        let mut times = Vec::new();
        for (ms, replica, count) in steps {
            world.now += TimeDelta::milliseconds(ms);
            for _ in 0..count {
                if world.request(replica, limit).is_ok() {
                    times.push(world.now);
                }
            }
        }
        for first in &times {
            let end = *first + TimeDelta::seconds(i64::from(WINDOW_SECONDS));
            let within = times.iter().filter(|time| (*first..end).contains(time)).count();
            prop_assert!(within <= 2 * limit as usize);
        }
    }

    /// While the ledger is out of reach each replica keeps the limit by itself, and what it let through is booked later.
    #[test]
    fn without_the_ledger_the_slack_is_the_replicas(
        limit in 1_u32..300,
        events in events(true, false),
    ) {
        let mut world = World::new(&[0; REPLICAS], limit);
        let crashes = play(&mut world, events, limit);
        let most = limit * (u32::try_from(REPLICAS).unwrap() + crashes);
        prop_assert!(world.most_in_a_window() <= most, "{} of {most}", world.most_in_a_window());
    }

    /// One replica alone lets through exactly the limit, and asks far less often than it is asked.
    #[test]
    fn one_replica_gives_all_of_it_in_a_few_blocks(limit in 1_u32..10_000, more in 0_u32..50) {
        let mut world = World::new(&[0], limit);
        for number in 0..limit + more {
            let answer = world.request(0, limit);
            prop_assert_eq!(answer.is_ok(), number < limit, "request {}", number);
            let (Ok(standing) | Err(standing)) = answer;
            prop_assert_eq!(standing.remaining, limit.saturating_sub(number + 1));
        }
        let most = 24.0 + 4.0 * f64::from(limit).ln();
        prop_assert!(f64::from(world.asked) <= most, "{} questions for {limit}", world.asked);
    }

    /// Who is refused is refused because everything was given out.
    #[test]
    fn nobody_is_refused_while_there_are_permits(
        limit in 1_u32..200,
        turns in prop::collection::vec(0..REPLICAS, 1..900),
    ) {
        let mut world = World::new(&[0; REPLICAS], limit);
        for replica in turns {
            if world.request(replica, limit).is_err() {
                prop_assert_eq!(world.ledger.leased, u64::from(limit));
            }
        }
    }
}

#[test]
fn a_window_begins_its_phase_after_the_minute() {
    for (now, phase, start) in
        [(0, 0, 0), (59_999, 0, 0), (60_000, 0, 60_000), (0, 7, -53_000), (7_000, 7, 7_000), (66_999, 7, 7_000)]
    {
        assert_eq!(window_of(at(now), phase), at(start), "{now} {phase}");
    }
}

#[test]
fn what_was_let_through_without_the_ledger_is_booked_when_it_is_back() {
    let mut world = World::new(&[0, 0], 10);
    world.in_reach = false;
    for _ in 0..6 {
        assert!(world.request(0, 10).is_ok());
    }
    world.in_reach = true;
    assert!(world.request(0, 10).is_ok());
    assert!(world.ledger.leased >= 7);
    let more = (0..20).filter(|_| world.request(1, 10).is_ok() || world.request(0, 10).is_ok()).count();
    assert_eq!(more, 3);
}

#[test]
fn another_limit_counts_at_once() {
    let mut world = World::new(&[0], 100);
    for _ in 0..20 {
        assert!(world.request(0, 100).is_ok());
    }
    assert!(world.request(0, 10).is_err(), "less than what was used");
    let raised = (0..200).filter(|_| world.request(0, 100).is_ok()).count();
    assert_eq!(raised, 80, "what was leased and not spent is given back");
}

#[test]
fn a_lower_limit_counts_what_was_spent_and_not_what_was_leased() {
    let mut world = World::new(&[0, 0], 3_000);
    assert!(world.request(0, 3_000).is_ok() && world.request(1, 3_000).is_ok());
    assert!(world.ledger.leased > 300);
    assert!(world.request(1, 120).is_err(), "the other replica may spend what it has leased");
    let lowered = (0..200).filter(|_| world.request(0, 120).is_ok()).count();
    assert_eq!(lowered, 118);
    assert_eq!(world.ledger.leased, 120);
}

#[test]
fn what_was_given_back_without_an_answer_is_not_given_back_again() {
    let mut world = World::new(&[0], 3_000);
    assert!(world.request(0, 3_000).is_ok());
    let window = world.window(0);
    let Verdict::Ask(ask) = world.shares[0].take(window, 1_000) else { panic!("nothing of another limit is spent") };
    assert_eq!(ask.returned, 186);
    world.ledger.lease(&ask);
    let _ = world.shares[0].alone(window, 1_000);
    let Verdict::Ask(ask) = world.shares[0].take(window, 1_000) else { panic!("there is nothing leased") };
    assert_eq!((ask.returned, ask.owed), (0, 1));
}

#[test]
fn a_used_up_window_is_not_asked_about_again_and_the_next_is_full() {
    let mut world = World::new(&[0], 3);
    while world.request(0, 3).is_ok() {}
    let asked = world.asked;
    assert!(world.request(0, 3).is_err());
    assert_eq!(world.asked, asked);
    world.now += TimeDelta::seconds(60);
    assert_eq!(world.request(0, 3).map(|standing| standing.remaining), Ok(2));
}
