//! How many requests a caller may make in a minute, over any number of replicas.
//!
//! One [`Ledger`] per caller, in the database, says how many permits of the current window were given out. A replica
//! leases them in blocks and spends them from its [`Share`], so that a request normally asks nobody. What dies with a
//! replica stays given out: a permit is never given twice, and a crash costs a caller permits instead of giving more.
//!
//! With the ledger in reach, no window sees more requests than the limit. Two windows touch, so any 60 s see at most
//! twice the limit. Without the ledger each replica holds every caller to the limit by itself and owes the ledger what
//! it let through; so that window sees at most the limit times the replicas.

use chrono::{DateTime, TimeDelta, Utc};

/// The length of a window, in seconds.
pub const WINDOW_SECONDS: u32 = 60;
/// A block is at most this part of what is left, so that the last permits are shared between replicas.
const ROOM_PARTS: u64 = 4;
/// The first block of a window is this part of the limit: few callers use more than that in a minute, and what a replica
/// holds and does not spend is missing elsewhere until the window ends.
const FIRST_PARTS: u32 = 16;

/// The beginning of the window that `now` falls into. Windows begin `phase_seconds` after the minute, so that those of
/// different callers do not all begin at once.
#[must_use]
pub fn window_of(now: DateTime<Utc>, phase_seconds: u32) -> DateTime<Utc> {
    let length = i64::from(WINDOW_SECONDS);
    let since = (now.timestamp() - i64::from(phase_seconds)).rem_euclid(length);
    now - TimeDelta::seconds(since) - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()))
}

/// What a replica asks of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The window's beginning, by the replica's clock.
    pub window: DateTime<Utc>,
    /// Requests that the caller may make in it.
    pub limit: u32,
    /// Permits that are wanted.
    pub wish: u32,
    /// Requests that were let through in it without a permit, while the ledger was out of reach.
    pub owed: u32,
    /// Permits of it that were leased under another limit and are given back unspent.
    pub returned: u32,
}

/// What the ledger answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The window that the permits are good for: the one asked for, or a later one that another replica has begun.
    pub window: DateTime<Utc>,
    /// Permits, spent by nobody else; none when the window is used up.
    pub granted: u32,
    /// Permits given out in the window so far, these included.
    pub leased: u64,
    /// What the replica owed and the ledger has entered.
    pub booked: u32,
    /// What the replica gave back.
    pub returned: u32,
}

/// One caller's permits, as the database has them. `store::rate_limits::lease` is the same in one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The newest window that anybody has asked for.
    pub window: DateTime<Utc>,
    /// Permits given out in it.
    pub leased: u64,
}

impl Ledger {
    /// Nothing was given out.
    #[must_use]
    pub const fn new(window: DateTime<Utc>) -> Self {
        Self { window, leased: 0 }
    }

    /// Takes back what is unspent and gives out permits: what is wished for, but at most a quarter of what is left.
    pub fn lease(&mut self, ask: &Ask) -> Grant {
        if ask.window > self.window {
            *self = Self::new(ask.window);
        } else if ask.window == self.window {
            self.leased = self.leased.saturating_sub(u64::from(ask.returned));
        }
        self.leased += u64::from(ask.owed);
        let room = u64::from(ask.limit).saturating_sub(self.leased);
        let granted = u64::from(ask.wish).min(room.div_ceil(ROOM_PARTS));
        self.leased += granted;
        let granted = u32::try_from(granted).unwrap_or(u32::MAX);
        Grant { window: self.window, granted, leased: self.leased, booked: ask.owed, returned: ask.returned }
    }
}

/// What a caller is told about its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests in a window.
    pub limit: u32,
    /// Requests left in this one, as far as this replica knows.
    pub remaining: u32,
    /// When the next window begins.
    pub resets_at: DateTime<Utc>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is let through.
    Admitted(Standing),
    /// The window is used up.
    Refused(Standing),
    /// Permits must be leased first: [`Share::settle`] with the grant, or [`Share::alone`] without one.
    Ask(Ask),
}

/// One caller's permits, as one replica has them.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    window: DateTime<Utc>,
    limit: u32,
    /// Permits leased and not spent.
    left: u32,
    /// Requests let through here in the window.
    used: u32,
    /// Those of them that the ledger does not know of.
    owed: u32,
    /// Permits of another limit, to be given back.
    returned: u32,
    /// Permits given out to all, as of the last lease.
    leased: u64,
    /// The ledger has said that there are no more.
    dry: bool,
}

impl Share {
    /// Nothing leased.
    #[must_use]
    pub const fn new(window: DateTime<Utc>, limit: u32) -> Self {
        Self { window, limit, left: 0, used: 0, owed: 0, returned: 0, leased: 0, dry: false }
    }

    /// True when nothing of it matters any more at `now`.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.resets_at()
    }

    /// Spends a permit on a request in `window`, under `limit`.
    #[must_use]
    pub fn take(&mut self, window: DateTime<Utc>, limit: u32) -> Verdict {
        self.roll(window, limit);
        if self.left > 0 {
            self.left -= 1;
            self.used += 1;
            Verdict::Admitted(self.standing())
        } else if self.dry {
            Verdict::Refused(self.standing())
        } else {
            let wish = self.used.max(limit / FIRST_PARTS).max(1);
            Verdict::Ask(Ask { window: self.window, limit, wish, owed: self.owed, returned: self.returned })
        }
    }

    /// Enters what the ledger has granted and takes once more. Asks again only where the grant's window has ended
    /// meanwhile.
    #[must_use]
    pub fn settle(&mut self, grant: Grant, window: DateTime<Utc>, limit: u32) -> Verdict {
        self.roll(window, limit);
        if grant.window > self.window {
            *self = Self::new(grant.window, limit);
        }
        if grant.window == self.window {
            self.left += grant.granted;
            self.leased = grant.leased;
            self.dry = grant.granted == 0;
            self.owed = self.owed.saturating_sub(grant.booked);
            self.returned = self.returned.saturating_sub(grant.returned);
        }
        self.take(window, limit)
    }

    /// Takes without the ledger, which is out of reach: this replica alone keeps the caller to the limit.
    #[must_use]
    pub fn alone(&mut self, window: DateTime<Utc>, limit: u32) -> Verdict {
        self.roll(window, limit);
        // The ledger may have them back already; giving them back twice would give them out twice.
        self.returned = 0;
        if self.left > 0 {
            return self.take(window, limit);
        }
        if self.used >= limit || self.dry {
            return Verdict::Refused(self.standing());
        }
        self.used += 1;
        self.owed += 1;
        Verdict::Admitted(self.standing())
    }

    /// Permits of a window that is over are good for nothing; those of another limit are given back with the next question.
    fn roll(&mut self, window: DateTime<Utc>, limit: u32) {
        if window > self.window {
            *self = Self::new(window, limit);
        } else if limit != self.limit {
            *self = Self { limit, left: 0, returned: self.returned + self.left, dry: false, ..*self };
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let unspent = u64::from(self.left) + u64::from(self.returned);
        let others = self.leased.saturating_sub(unspent) + u64::from(self.owed);
        let remaining = u64::from(self.limit).saturating_sub(others);
        Standing {
            limit: self.limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            resets_at: self.resets_at(),
        }
    }

    fn resets_at(&self) -> DateTime<Utc> {
        self.window + TimeDelta::seconds(i64::from(WINDOW_SECONDS))
    }
}

#[cfg(test)]
mod tests;
