//! Budgets: how fast an account may write, so that its platform never has to say "slow down".
//!
//! Each budget is a token bucket whose rate is learned: a platform's refusal halves it at once, quiet use raises it
//! step by step, and headers that say how much is left close it before the limit is met. Time is given by the caller.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

mod account;
mod limits;

pub use account::{AccountPace, Claim, Snapshot, Turn};
pub use limits::{Limits, Mode, ModeError};

/// What a budget belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "pace_scope", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All messages that the account writes.
    Account,
    /// All requests that the account makes at its platform.
    Global,
    /// What the account asks its platform: history, files, chats. Telegram refuses questions apart from messages.
    Reads,
    /// The messages that the account writes into one chat.
    Chat,
}

impl Scope {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Global => "global",
            Self::Reads => "reads",
            Self::Chat => "chat",
        }
    }
}

/// What is left of a rate after a refusal: half, as TCP does, because one step too slow costs a little time and one
/// step too fast may cost the account.
const DECREASE: f64 = 0.5;
/// Where the platform refused, growth slows to this share of its step.
const BEYOND_CEILING: f64 = 0.25;
/// A quiet period proves something only when the budget was used by at least this share.
const USED_SHARE: f64 = 0.5;
/// When a header says that less than this share is left, the rest is spread over the time until it is reset.
const LOW_SHARE: f64 = 0.2;

/// What the headers of an answer said of a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Headers {
    /// Requests per window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Time until the window ends.
    pub reset_after: TimeDelta,
}

/// The last time that the platform asked for silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastWait {
    /// When.
    pub at: DateTime<Utc>,
    /// For how long, in milliseconds.
    pub ms: i64,
}

/// One token bucket with a learned rate. All of it survives a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Messages per second.
    pub rate: f64,
    /// The rate at which the platform last refused: up to here growth is quick.
    pub ceiling: f64,
    /// Messages that may be written at once; negative when turns were promised ahead.
    pub tokens: f64,
    /// Until when `tokens` is counted.
    pub counted_at: DateTime<Utc>,
    /// Nothing may be written before.
    pub closed_until: Option<DateTime<Utc>>,
    /// Since when no refusal came, or since the last step.
    pub quiet_since: DateTime<Utc>,
    /// Messages written since `quiet_since`.
    pub spent: f64,
    /// Refusals so far.
    pub waits: i64,
    /// The last of them.
    pub last_wait: Option<LastWait>,
}

impl Budget {
    /// A full bucket at the starting rate.
    #[must_use]
    pub const fn new(limits: &Limits, now: DateTime<Utc>) -> Self {
        Self {
            rate: limits.start,
            ceiling: limits.ceiling,
            tokens: limits.burst,
            counted_at: now,
            closed_until: None,
            quiet_since: now,
            spent: 0.0,
            waits: 0,
            last_wait: None,
        }
    }

    /// The budget as it is after a restart: inside today's limits, and without the turns that were promised to drains
    /// that are no more.
    #[must_use]
    pub fn restored(mut self, limits: &Limits) -> Self {
        self.rate = limits.clamp(self.rate);
        self.ceiling = limits.clamp(self.ceiling);
        self.tokens = self.tokens.clamp(0.0, limits.burst);
        self
    }

    /// Until when the platform wants silence; `None` when it does not.
    #[must_use]
    pub fn closed(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.closed_until.filter(|until| *until > now)
    }

    /// Tokens at `now`. A clock that goes back adds none.
    #[must_use]
    pub fn tokens_at(&self, limits: &Limits, now: DateTime<Utc>) -> f64 {
        let elapsed = seconds(now - self.counted_at).max(0.0);
        elapsed.mul_add(self.rate, self.tokens).min(limits.burst)
    }

    /// How long until `cost` messages may be written; zero for now. A cost above the burst waits for a full bucket.
    #[must_use]
    pub fn opens_in(&self, limits: &Limits, cost: f64, now: DateTime<Utc>) -> TimeDelta {
        let start = self.closed(now).unwrap_or(now);
        let missing = cost.min(limits.burst) - self.tokens_at(limits, start);
        let refill = if missing > ROUNDING { span(missing / self.rate) } else { TimeDelta::zero() };
        start - now + refill
    }

    /// Spends `cost`, now or as a promise, and grows after quiet use.
    pub fn take(&mut self, limits: &Limits, cost: f64, now: DateTime<Utc>) {
        self.grow(limits, now);
        self.tokens = self.tokens_at(limits, now) - cost;
        self.counted_at = self.counted_at.max(now);
        self.spent += cost;
    }

    /// Additive increase: one step for each quiet period in which the budget was really used.
    fn grow(&mut self, limits: &Limits, now: DateTime<Utc>) {
        let quiet = now - self.quiet_since;
        if quiet < limits.quiet {
            return;
        }
        if self.spent >= USED_SHARE * self.rate * seconds(quiet) {
            let step = if self.rate < self.ceiling { limits.step } else { limits.step * BEYOND_CEILING };
            self.rate = limits.clamp(self.rate + step);
            self.ceiling = self.ceiling.max(self.rate);
        }
        self.quiet_since = now;
        self.spent = 0.0;
    }

    /// The platform refused and asks for `wait`: multiplicative decrease, and silence until it is over. Refusals of
    /// requests that were under way at the same time close longer, but do not slow down twice.
    pub fn refused(&mut self, limits: &Limits, wait: TimeDelta, now: DateTime<Utc>) {
        let until = now.checked_add_signed(wait.max(TimeDelta::zero())).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if self.closed(now).is_none() {
            self.ceiling = limits.clamp(self.rate);
            self.rate = limits.clamp(self.rate * DECREASE);
        }
        self.close_until(until);
        // One message may go as soon as the silence is over; it proves that the platform means it.
        self.tokens = self.tokens.min(1.0_f64.min(limits.burst));
        self.counted_at = self.counted_at.max(until);
        self.quiet_since = until;
        self.spent = 0.0;
        self.waits = self.waits.saturating_add(1);
        self.last_wait = Some(LastWait { at: now, ms: wait.num_milliseconds() });
    }

    /// The platform says how much is left: never spend more, and slow down before nothing is.
    pub fn told(&mut self, limits: &Limits, headers: Headers, now: DateTime<Utc>) {
        let window = seconds(headers.reset_after);
        if headers.limit == 0 || window <= 0.0 {
            return;
        }
        let (limit, remaining) = (f64::from(headers.limit), f64::from(headers.remaining));
        // Only the first answer of a window tells how long a window is.
        if headers.remaining.saturating_add(1) >= headers.limit {
            self.ceiling = limits.clamp(limit / window);
            self.rate = self.ceiling;
        }
        self.tokens = self.tokens_at(limits, now).min(remaining);
        self.counted_at = self.counted_at.max(now);
        if remaining <= LOW_SHARE * limit {
            self.close_until(now + span(window / (remaining + 1.0)));
        }
    }

    fn close_until(&mut self, until: DateTime<Utc>) {
        self.closed_until = Some(self.closed_until.map_or(until, |closed| closed.max(until)));
    }
}

/// Less than this of a message is an error of rounding.
const ROUNDING: f64 = 1e-6;

/// Seconds, as budgets count them.
fn seconds(delta: TimeDelta) -> f64 {
    delta.as_seconds_f64()
}

/// The longest wait that is ever computed; a budget that is slower than this is looked at again then.
const SPAN_MAX_SECONDS: f64 = 86_400.0;

/// A time span of so many seconds, rounded up to a millisecond so that waiting it out is always enough.
fn span(seconds: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "bounded to a day, which fits")]
    let ms = (seconds.clamp(0.0, SPAN_MAX_SECONDS) * 1_000.0).ceil() as i64;
    TimeDelta::milliseconds(ms)
}

#[cfg(test)]
mod tests;
