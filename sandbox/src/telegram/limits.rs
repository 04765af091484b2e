//! How much an account may write: off until a test asks for it.
//!
//! Real limits are secret and differ by account, so what is asked for here are numbers of the test's choice. They act
//! as the real ones do: a request above them fails with `FLOOD_WAIT` and is not carried out, and so does every later one
//! until the wait is over.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::world::peer::Peer;

/// What is allowed; a field that is absent sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    /// Messages and edits per second of one account, everywhere together. A burst of one second's worth is allowed.
    pub(crate) messages_per_s_account: Option<f64>,
    /// Messages and edits per second of one account in one chat.
    pub(crate) messages_per_s_chat: Option<f64>,
    /// The wait that is imposed; when absent, the time after which the next message would be allowed.
    pub(crate) flood_wait_s: Option<u32>,
}

/// The limits and how far each account has used them.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    allowed: Allowed,
    accounts: HashMap<i64, Bucket>,
    chats: HashMap<(i64, Peer), Bucket>,
    /// Requests that were refused, by account.
    pub(crate) refused: HashMap<i64, u64>,
    /// Of these, requests that came while a wait was running.
    pub(crate) ignored_waits: HashMap<i64, u64>,
}

/// A leaky bucket.
#[derive(Debug)]
struct Bucket {
    /// Messages that may be written now.
    left: f64,
    at: Duration,
    blocked_until: Duration,
}

impl Limits {
    pub(crate) fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// Sets the limits and forgets what was used.
    pub(crate) fn set(&mut self, allowed: Allowed) {
        *self = Self { allowed, ..Self::default() };
    }

    /// Takes `messages` from the account's and the chat's allowance. Err holds the seconds to wait; nothing was taken.
    pub(crate) fn spend(&mut self, account: i64, chat: Peer, messages: usize, now: Duration) -> Result<(), u64> {
        let Allowed { messages_per_s_account, messages_per_s_chat, flood_wait_s } = self.allowed;
        if messages == 0 || (messages_per_s_account.is_none() && messages_per_s_chat.is_none()) {
            return Ok(());
        }
        let cost = messages as f64;
        let of_account = messages_per_s_account.map(|rate| (rate, self.accounts.entry(account)));
        let of_chat = messages_per_s_chat.map(|rate| (rate, self.chats.entry((account, chat))));
        let mut buckets = Vec::with_capacity(2);
        buckets.extend(of_account.map(|(rate, entry)| (rate, entry.or_insert_with(|| Bucket::full(rate, now)))));
        buckets.extend(of_chat.map(|(rate, entry)| (rate, entry.or_insert_with(|| Bucket::full(rate, now)))));
        let mut refusal = None;
        for (rate, bucket) in &mut buckets {
            if let Err(refused) = bucket.check(*rate, cost, flood_wait_s, now) {
                refusal = Some(refusal.map_or(refused, |worse: Refused| worse.max(refused)));
            }
        }
        if let Some(Refused { wait, was_blocked }) = refusal {
            *self.refused.entry(account).or_default() += 1;
            *self.ignored_waits.entry(account).or_default() += u64::from(was_blocked);
            return Err(wait);
        }
        for (_, bucket) in buckets {
            bucket.left -= cost;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Refused {
    wait: u64,
    was_blocked: bool,
}

impl Bucket {
    fn full(rate: f64, now: Duration) -> Self {
        Self { left: rate.max(1.0), at: now, blocked_until: Duration::ZERO }
    }

    fn check(&mut self, rate: f64, cost: f64, wait: Option<u32>, now: Duration) -> Result<(), Refused> {
        if now < self.blocked_until {
            let wait = (self.blocked_until - now).as_secs_f64().ceil() as u64;
            return Err(Refused { wait, was_blocked: true });
        }
        let burst = rate.max(1.0);
        self.left = (self.left + rate * now.saturating_sub(self.at).as_secs_f64()).min(burst);
        self.at = now;
        // What costs more than a burst, an album say, passes when the bucket is full, and is paid off afterwards.
        if self.left >= cost.min(burst) {
            return Ok(());
        }
        let missing = (cost.min(burst) - self.left) / rate.max(f64::MIN_POSITIVE);
        let wait = wait.map_or(missing.ceil().max(1.0) as u64, u64::from);
        self.blocked_until = now + Duration::from_secs(wait);
        Err(Refused { wait, was_blocked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(account: Option<f64>, chat: Option<f64>, wait: Option<u32>) -> Limits {
        let mut limits = Limits::default();
        limits.set(Allowed { messages_per_s_account: account, messages_per_s_chat: chat, flood_wait_s: wait });
        limits
    }

    const AT: fn(u64) -> Duration = |ms| Duration::from_secs(100) + Duration::from_millis(ms);

    #[test]
    fn nothing_is_limited_unless_asked_for() {
        let mut limits = limits(None, None, None);
        assert_eq!(limits.spend(1, Peer::User(2), 1_000_000, AT(0)), Ok(()));
    }

    #[test]
    fn a_burst_passes_and_a_wait_has_to_be_kept() {
        let mut limits = limits(Some(2.0), None, Some(3));
        let chat = Peer::User(9);
        assert_eq!(limits.spend(1, chat, 1, AT(0)), Ok(()));
        assert_eq!(limits.spend(1, chat, 1, AT(0)), Ok(()));
        assert_eq!(limits.spend(1, chat, 1, AT(0)), Err(3));
        assert_eq!(limits.spend(2, chat, 1, AT(0)), Ok(()), "another account has its own allowance");
        assert_eq!(limits.spend(1, chat, 1, AT(1500)), Err(2), "the wait runs, whatever came back meanwhile");
        assert_eq!(limits.spend(1, chat, 1, AT(3000)), Ok(()));
        assert_eq!((limits.refused[&1], limits.ignored_waits[&1]), (2, 1));
    }

    #[test]
    fn chats_are_counted_apart_and_the_wait_follows_from_the_rate() {
        let mut limits = limits(None, Some(0.5), None);
        assert_eq!(limits.spend(1, Peer::User(8), 1, AT(0)), Ok(()));
        assert_eq!(limits.spend(1, Peer::User(8), 1, AT(0)), Err(2));
        assert_eq!(limits.spend(1, Peer::User(9), 1, AT(0)), Ok(()));
    }
}
