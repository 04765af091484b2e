//! Faults that a test or a person asked for, and when they strike.

use serde::{Deserialize, Serialize};

use super::id::Id;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 429 of one bucket.
    RateLimit,
    /// 429 of the whole bot.
    RateLimitGlobal,
    /// A 5xx instead of doing it.
    ServerError,
    /// Do it, then end the connection without an answer.
    LoseAnswer,
    /// Wait, then do it.
    Delay,
    /// End connections without a word.
    RefuseConnections,
    /// End gateway connections without a word, at once.
    DropGateway,
    /// Tell gateway clients that their session is over, at once.
    InvalidSession,
    /// Tell gateway clients to reconnect, at once.
    Reconnect,
}

/// A fault as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Given by the server.
    #[serde(default)]
    pub id: u64,
    /// What goes wrong.
    pub kind: Kind,
    /// Only requests whose path, or path pattern, contains this.
    pub route: Option<String>,
    /// Only this method.
    pub method: Option<String>,
    /// Only requests about this channel.
    pub channel: Option<Id>,
    /// Only this bot.
    pub bot: Option<Id>,
    /// Status of a `server_error`; 500 unless told.
    pub status: Option<u16>,
    /// Seconds of a 429; 1 unless told.
    pub retry_after: Option<f64>,
    /// `delay`: how long. `refuse_connections` and `drop_gateway`: for how long.
    pub ms: Option<u64>,
    /// How many requests it strikes; 1 unless told, 0 for all until it is removed.
    pub times: Option<u64>,
    /// How many it has struck.
    #[serde(default)]
    pub struck: u64,
    /// When it stops by itself, in milliseconds since 1970.
    #[serde(default)]
    pub until_ms: Option<u64>,
}

/// A request, as far as faults care.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The method.
    pub method: &'a str,
    /// The path below the prefix.
    pub path: &'a str,
    /// The pattern of the path.
    pub pattern: &'a str,
    /// The channel in the path.
    pub channel: Option<Id>,
    /// Who asks.
    pub bot: Id,
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    active: Vec<Fault>,
    given: u64,
}

impl Faults {
    /// Adds a fault and returns its number.
    pub fn add(&mut self, fault: Fault, now_ms: u64) -> u64 {
        self.given += 1;
        let until_ms = fault.ms.filter(|_| fault.kind == Kind::RefuseConnections).map(|ms| now_ms + ms);
        self.active.push(Fault { id: self.given, struck: 0, until_ms, ..fault });
        self.given
    }

    /// Those that have not run out.
    #[must_use]
    pub fn active(&self) -> &[Fault] {
        &self.active
    }

    /// Removes one, or all.
    pub fn remove(&mut self, id: Option<u64>) {
        self.active.retain(|fault| id.is_some_and(|id| id != fault.id));
    }

    /// Whether connections are refused at `now_ms`.
    pub fn refuses(&mut self, now_ms: u64) -> bool {
        if self.active.is_empty() {
            return false;
        }
        self.active.retain(|fault| fault.until_ms.is_none_or(|until| now_ms < until));
        self.active.iter().any(|fault| fault.kind == Kind::RefuseConnections)
    }

    /// The faults that strike this request, each counted once.
    pub fn strike(&mut self, target: &Target<'_>) -> Vec<Fault> {
        if self.active.is_empty() {
            return Vec::new();
        }
        let mut struck = Vec::new();
        for fault in self.active.iter_mut().filter(|fault| fault.kind.is_per_request() && fault.fits(target)) {
            fault.struck += 1;
            struck.push(fault.clone());
        }
        self.active.retain(|fault| !fault.is_used_up());
        struck
    }
}

impl Kind {
    /// Strikes requests one by one; the others strike the moment they are added, or connections.
    #[must_use]
    pub const fn is_per_request(self) -> bool {
        matches!(self, Self::RateLimit | Self::RateLimitGlobal | Self::ServerError | Self::LoseAnswer | Self::Delay)
    }
}

impl Fault {
    fn fits(&self, target: &Target<'_>) -> bool {
        let route = |wanted: &String| target.path.contains(wanted) || target.pattern.contains(wanted);
        self.route.as_ref().is_none_or(route)
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(target.method))
            && self.channel.is_none_or(|channel| target.channel == Some(channel))
            && self.bot.is_none_or(|bot| bot == target.bot)
    }

    fn is_used_up(&self) -> bool {
        let times = self.times.unwrap_or(1);
        self.kind.is_per_request() && times != 0 && self.struck >= times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    fn target(method: &'static str, channel: u64) -> Target<'static> {
        let (path, pattern) = ("/channels/5/messages", "/channels/:channel/messages");
        Target { method, path, pattern, channel: Some(Id(channel)), bot: Id(9) }
    }

    #[test]
    fn a_fault_strikes_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(
            fault(r#"{"kind":"server_error","method":"post","channel":"5","times":2,"route":":channel/messages"}"#),
            0,
        );
        assert!(faults.strike(&target("GET", 5)).is_empty());
        assert!(faults.strike(&target("POST", 6)).is_empty());
        assert_eq!(faults.strike(&target("POST", 5)).len(), 1);
        assert_eq!(faults.strike(&target("POST", 5)).len(), 1);
        assert!(faults.strike(&target("POST", 5)).is_empty());
        assert!(faults.active().is_empty());
    }

    #[test]
    fn connections_are_refused_for_a_while_or_until_removed() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"refuse_connections","ms":100}"#), 1_000);
        assert!(faults.refuses(1_099) && !faults.refuses(1_100));
        let id = faults.add(fault(r#"{"kind":"refuse_connections"}"#), 2_000);
        assert!(faults.refuses(9_000_000));
        faults.remove(Some(id));
        assert!(!faults.refuses(9_000_000));
    }
}
