//! What goes wrong, and when: kills, faults of the platforms, and users who pause their pairs.

use std::time::Duration;

use serde_json::{Value, json};

use super::Size;
use crate::{
    chaos::{self, Kill, Random},
    stack::Part,
};

/// The streams of random numbers; kills have the first one.
const FAULTS: u64 = 2;
const PAUSES: u64 = 3;

/// Those that are killed. The order is what seeds mean; the mail sandbox carries no messages.
pub const KILLED: [Part; 6] = [Part::Postgres, Part::Temporal, Part::Telegram, Part::Discord, Part::Worker, Part::Api];

/// Between two faults.
const FAULT_GAP: (Duration, Duration) = (Duration::from_millis(600), Duration::from_millis(2_400));

/// Between two pauses of pairs, and how long a pause lasts.
const PAUSE_GAP: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(10));
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

/// A platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Telegram.
    Telegram,
    /// Discord.
    Discord,
}

/// A fault of a platform, for its control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, from the start of the writing.
    pub at: Duration,
    /// Whose.
    pub platform: Platform,
    /// What.
    pub body: Value,
}

/// A user pauses a pair and resumes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When, from the start of the writing.
    pub at: Duration,
    /// The pair's index.
    pub pair: usize,
    /// For how long.
    pub lasting: Duration,
}

/// Rounds in which each part is killed once.
pub fn kills(seed: u64, writing: Duration) -> Vec<Kill> {
    chaos::kills(seed, &KILLED, writing)
}

/// Faults of both platforms. One that meets a platform that is down is passed over.
pub fn faults(seed: u64, writing: Duration) -> Vec<Fault> {
    let mut random = Random::new(seed, FAULTS);
    let mut faults = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += random.span(FAULT_GAP.0, FAULT_GAP.1);
        if at >= writing {
            return faults;
        }
        let (platform, body) = if random.happens(50) {
            (Platform::Telegram, telegram(&mut random))
        } else {
            (Platform::Discord, discord(&mut random))
        };
        faults.push(Fault { at, platform, body });
    }
}

fn telegram(random: &mut Random) -> Value {
    let times = 1 + random.below(3);
    match random.below(8) {
        0 | 1 => {
            let methods =
                ["messages.sendMessage", "messages.sendMessage", "messages.editMessage", "channels.deleteMessages"];
            json!({ "kind": "lose_answer", "method": random.pick(&methods), "times": times })
        }
        2 => json!({ "kind": "flood_wait", "method": "messages.sendMessage", "seconds": 1 + random.below(3) }),
        3 => json!({ "kind": "rpc_error", "code": 500, "message": "INTERNAL", "times": times }),
        4 => json!({ "kind": "delay", "ms": 200 + random.below(2_000), "times": times }),
        5 => json!({ "kind": "too_long" }),
        6 => json!({ "kind": "too_long", "method": "updates.getDifference" }),
        _ => json!({ "kind": "drop_connections" }),
    }
}

fn discord(random: &mut Random) -> Value {
    let times = 1 + random.below(3);
    match random.below(9) {
        0 | 1 => json!({ "kind": "lose_answer", "route": ":channel/messages", "times": times }),
        2 => json!({ "kind": "rate_limit", "retry_after": 1, "times": times }),
        3 => json!({ "kind": "rate_limit_global", "retry_after": 1 }),
        4 => json!({ "kind": "server_error", "status": 502, "times": times }),
        5 => json!({ "kind": "delay", "ms": 200 + random.below(2_000), "times": times }),
        6 => json!({ "kind": "drop_gateway" }),
        7 => json!({ "kind": "reconnect" }),
        _ => json!({ "kind": "invalid_session" }),
    }
}

/// Users who pause pairs through the API. The last pair is resumed before the end.
pub fn pauses(seed: u64, size: Size) -> Vec<Pause> {
    let mut random = Random::new(seed, PAUSES);
    let mut pauses = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += random.span(PAUSE_GAP.0, PAUSE_GAP.1);
        let lasting = random.span(PAUSE.0, PAUSE.1);
        if at + lasting >= size.writing {
            return pauses;
        }
        pauses.push(Pause { at, pair: random.below(size.pairs), lasting });
    }
}
