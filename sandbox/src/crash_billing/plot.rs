//! What happens in a run, made from its seed alone before anything starts: who buys what, which faults strike, and who is
//! killed when.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    chaos::{self, Kill, Random},
    stack::Part,
};

/// The streams of random numbers; kills have the first one.
const FAULTS: u64 = 2;
const PEOPLE: u64 = 100;

/// Those that are killed. The order is what seeds mean. The payment providers are not: they are the truth.
const KILLED: [Part; 4] = [Part::Postgres, Part::Temporal, Part::Worker, Part::Api];

/// Between two faults.
const FAULT_GAP: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(2_000));

/// Everything that is decided in advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// The seed.
    pub seed: u64,
    /// For how long people begin something new.
    pub lasting: Duration,
    /// By time.
    pub kills: Vec<Kill>,
    /// By time.
    pub faults: Vec<Fault>,
    /// Each with numbers of their own.
    pub people: Vec<Person>,
}

/// Somebody who buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Counted from 0.
    pub index: usize,
    /// The seed of their numbers.
    pub seed: u64,
}

impl Person {
    /// The numbers that decide what they do.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::new(self.seed, PEOPLE + u64::try_from(self.index).unwrap_or(0))
    }
}

/// A fault of a payment provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, from the start.
    pub at: Duration,
    /// Whose, and what.
    pub what: What,
}

/// What a fault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A fault of the `PayPal` sandbox.
    Paypal(Value),
    /// A fault of the `NOWPayments` sandbox.
    Nowpayments(Value),
    /// How the notifications of the `NOWPayments` sandbox go from now on.
    Delivery(Value),
}

impl Plot {
    /// The plot of `seed`.
    #[must_use]
    pub fn new(seed: u64, lasting: Duration, people: usize) -> Self {
        Self {
            seed,
            lasting,
            kills: chaos::kills(seed, &KILLED, lasting),
            faults: faults(seed, lasting),
            people: (0..people).map(|index| Person { index, seed }).collect(),
        }
    }
}

fn faults(seed: u64, lasting: Duration) -> Vec<Fault> {
    let mut random = Random::new(seed, FAULTS);
    let mut faults = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += random.span(FAULT_GAP.0, FAULT_GAP.1);
        if at >= lasting {
            return faults;
        }
        let what = match random.below(10) {
            0..6 => What::Paypal(paypal(&mut random)),
            6..8 => What::Nowpayments(nowpayments(&mut random)),
            _ => What::Delivery(delivery(&mut random)),
        };
        faults.push(Fault { at, what });
    }
}

fn paypal(random: &mut Random) -> Value {
    let times = 1 + random.below(4);
    match random.below(9) {
        0..3 => {
            let paths = ["/v2/checkout/orders", "/capture", "/refund", "/v1/billing/subscriptions", "/cancel"];
            json!({ "kind": "lose_answer", "method": "POST", "path": random.pick(&paths), "times": times })
        }
        3 => json!({ "kind": "fail_after", "method": "POST", "status": 503, "times": times }),
        4 => json!({ "kind": "server_error", "times": times }),
        5 => json!({ "kind": "rate_limit", "retry_after": 1, "times": times }),
        6 => json!({ "kind": "delay", "ms": 200 + random.below(2_500), "times": times }),
        7 => json!({ "kind": "refuse", "times": times }),
        _ => json!({ "kind": "unauthorized", "times": 1 }),
    }
}

fn nowpayments(random: &mut Random) -> Value {
    let times = 1 + random.below(3);
    match random.below(5) {
        0 | 1 => json!({ "kind": "lose_answer", "times": times }),
        2 => json!({ "kind": "server_error", "status": 502, "times": times }),
        3 => json!({ "kind": "rate_limit", "retry_after": 1, "times": times }),
        _ => json!({ "kind": "delay", "ms": 200 + random.below(2_500), "times": times }),
    }
}

/// Notifications that never come are made up for by asking, which takes its time: they are the exception.
fn delivery(random: &mut Random) -> Value {
    let order = random.pick(&["in_order", "reversed", "together"]).copied().unwrap_or("in_order");
    json!({ "copies": 1 + random.below(3), "order": order, "drop": random.happens(15) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTING: Duration = Duration::from_secs(240);

    #[test]
    fn a_seed_makes_one_plot_and_another_seed_another() {
        assert_eq!(Plot::new(7, LASTING, 10), Plot::new(7, LASTING, 10));
        assert_ne!(Plot::new(7, LASTING, 10), Plot::new(8, LASTING, 10));
    }

    #[test]
    fn every_part_is_killed_often_and_the_providers_never() {
        let plot = Plot::new(3, LASTING, 10);
        for part in KILLED {
            let kills = plot.kills.iter().filter(|kill| kill.part == part).count();
            assert!(kills >= 10, "{part} is killed {kills} times");
        }
        assert!(plot.kills.iter().all(|kill| KILLED.contains(&kill.part)));
        assert!(plot.faults.len() > 100);
    }

    #[test]
    fn people_do_not_share_numbers() {
        let plot = Plot::new(3, LASTING, 2);
        assert_ne!(plot.people[0].random().next(), plot.people[1].random().next());
    }
}
