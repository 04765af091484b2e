//! All budgets of one account, and whose turn it is.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{ChatId, PairId, Platform};

use super::{Budget, Headers, Limits, Mode, Scope};

/// A promised turn that nobody claimed is forgotten after this long: its pair was paused, deleted or moved.
const PROMISE_KEPT: TimeDelta = TimeDelta::seconds(60);
/// So far ahead a question takes its turn; beyond it, it is to be asked again later.
const READ_AHEAD: TimeDelta = TimeDelta::seconds(20);
/// Chats whose budgets are kept at most; beyond it, those that rest and have learned nothing are forgotten first.
const CHATS_KEPT: usize = 1_000;

/// A pair's wish to write into a chat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Who asks: a pair has one turn at a time, so pairs of an account take turns.
    pub pair: PairId,
    /// Where to.
    pub chat: ChatId,
    /// How many messages the platform will count.
    pub cost: f64,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Write now; it is paid for.
    Now,
    /// Ask again at this time. A turn is promised then, unless the platform has asked for silence until then.
    At {
        /// When.
        at: DateTime<Utc>,
        /// The budget that the wait comes from.
        scope: Scope,
        /// The platform asked for silence, or said that nothing is left; not only our own pace.
        closed: bool,
    },
}

/// A budget with what it belongs to, to be stored and shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What it belongs to.
    pub scope: Scope,
    /// The chat, for [`Scope::Chat`].
    pub chat: Option<ChatId>,
    /// The budget.
    pub budget: Budget,
}

/// A budget, and whether it has changed since it was last stored.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    budget: Budget,
    changed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Promise {
    chat: ChatId,
    at: DateTime<Utc>,
    scope: Scope,
}

/// The pace of one account.
#[derive(Clone, Debug)]
pub struct AccountPace {
    mode: Mode,
    platform: Platform,
    account: Entry,
    global: Entry,
    reads: Entry,
    chats: HashMap<ChatId, Entry>,
    /// The user's own wish: at least so long between two messages of the account.
    interval: TimeDelta,
    next_at: DateTime<Utc>,
    promises: HashMap<PairId, Promise>,
}

impl AccountPace {
    /// Full budgets, or what is known from an earlier life.
    #[must_use]
    pub fn new(mode: Mode, platform: Platform, known: Vec<Snapshot>, now: DateTime<Utc>) -> Self {
        let fresh = |scope| Entry { budget: Budget::new(&Limits::of(mode, platform, scope), now), changed: false };
        let mut pace = Self {
            mode,
            platform,
            account: fresh(Scope::Account),
            global: fresh(Scope::Global),
            reads: fresh(Scope::Reads),
            chats: HashMap::new(),
            interval: TimeDelta::zero(),
            next_at: now,
            promises: HashMap::new(),
        };
        for snapshot in known {
            let limits = pace.limits(snapshot.scope);
            let restored = Entry { budget: snapshot.budget.restored(&limits), changed: false };
            match (snapshot.scope, snapshot.chat) {
                (Scope::Account, _) => pace.account = restored,
                (Scope::Global, _) => pace.global = restored,
                (Scope::Reads, _) => pace.reads = restored,
                (Scope::Chat, Some(chat)) => {
                    pace.chats.insert(chat, restored);
                }
                (Scope::Chat, None) => (),
            }
        }
        pace
    }

    const fn limits(&self, scope: Scope) -> Limits {
        Limits::of(self.mode, self.platform, scope)
    }

    /// The user wants at least so long between two messages of the account.
    pub fn set_interval(&mut self, interval: TimeDelta) {
        self.interval = interval.max(TimeDelta::zero());
    }

    /// May the pair write now? If not, it is promised a turn, in the order of asking.
    pub fn claim(&mut self, claim: Claim, now: DateTime<Utc>) -> Turn {
        let closed = self.closed(claim.chat, now);
        if let Some((at, scope)) = closed {
            let promised = self.promises.get(&claim.pair).map_or(at, |promise| promise.at.max(at));
            return Turn::At { at: promised, scope, closed: true };
        }
        match self.promises.remove(&claim.pair) {
            Some(promise) if promise.chat == claim.chat && now < promise.at => {
                self.promises.insert(claim.pair, promise);
                Turn::At { at: promise.at, scope: promise.scope, closed: false }
            }
            Some(promise) if promise.chat == claim.chat && now <= promise.at + PROMISE_KEPT => Turn::Now,
            _ => self.promise(claim, now),
        }
    }

    /// Takes what the claim costs, and says when it may be used.
    fn promise(&mut self, claim: Claim, now: DateTime<Utc>) -> Turn {
        let mut wait = (self.next_at - now, Scope::Account);
        for scope in [Scope::Account, Scope::Global, Scope::Chat] {
            let limits = self.limits(scope);
            let entry = self.entry(scope, claim.chat, now);
            let opens = entry.budget.opens_in(&limits, claim.cost, now);
            entry.budget.take(&limits, claim.cost, now);
            entry.changed = true;
            if opens > wait.0 {
                wait = (opens, scope);
            }
        }
        self.next_at = self.next_at.max(now) + self.interval;
        if wait.0 <= TimeDelta::zero() {
            return Turn::Now;
        }
        self.promises.retain(|_, promise| now <= promise.at + PROMISE_KEPT);
        let at = now + wait.0;
        self.promises.insert(claim.pair, Promise { chat: claim.chat, at, scope: wait.1 });
        Turn::At { at, scope: wait.1, closed: false }
    }

    /// Until when the platform wants silence in this chat, and by which budget.
    #[must_use]
    pub fn closed(&self, chat: ChatId, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Scope)> {
        let chat = self.chats.get(&chat).and_then(|entry| entry.budget.closed(now)).map(|at| (at, Scope::Chat));
        let account = self.account.budget.closed(now).map(|at| (at, Scope::Account));
        let global = self.global.budget.closed(now).map(|at| (at, Scope::Global));
        [account, global, chat].into_iter().flatten().max_by_key(|(at, _)| *at)
    }

    /// Until when the platform wants silence in all chats.
    #[must_use]
    pub fn silent_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.account.budget.closed(now).max(self.global.budget.closed(now))
    }

    /// The platform refused and asks for silence. Returns what has to be stored at once.
    pub fn refused(&mut self, scope: Scope, chat: ChatId, wait: TimeDelta, now: DateTime<Utc>) -> Snapshot {
        let limits = self.limits(scope);
        let entry = self.entry(scope, chat, now);
        entry.budget.refused(&limits, wait, now);
        entry.changed = false;
        let budget = entry.budget.clone();
        Snapshot { scope, chat: (scope == Scope::Chat).then_some(chat), budget }
    }

    /// The platform says how much is left in a chat.
    pub fn told(&mut self, chat: ChatId, headers: Headers, now: DateTime<Utc>) {
        let limits = self.limits(Scope::Chat);
        let entry = self.entry(Scope::Chat, chat, now);
        entry.budget.told(&limits, headers, now);
        entry.changed = true;
    }

    /// The account made a request that is no message.
    pub fn asked(&mut self, now: DateTime<Utc>) {
        let limits = self.limits(Scope::Global);
        self.global.budget.take(&limits, 1.0, now);
        // Questions are not held back, so they must not push messages into an endless debt either.
        self.global.budget.tokens = self.global.budget.tokens.max(-limits.burst);
        self.global.changed = true;
    }

    /// A question's turn: taken, with how long to wait for it; or none, with how long to stay away.
    ///
    /// # Errors
    /// How long to stay away: the platform wants silence, or too many are before this one.
    pub fn read(&mut self, now: DateTime<Utc>) -> Result<TimeDelta, TimeDelta> {
        let limits = self.limits(Scope::Reads);
        let wait = self.reads.budget.opens_in(&limits, 1.0, now);
        if self.reads.budget.closed(now).is_some() || wait > READ_AHEAD {
            return Err(wait);
        }
        self.reads.budget.take(&limits, 1.0, now);
        self.reads.changed = true;
        Ok(wait)
    }

    fn entry(&mut self, scope: Scope, chat: ChatId, now: DateTime<Utc>) -> &mut Entry {
        match scope {
            Scope::Account => &mut self.account,
            Scope::Global => &mut self.global,
            Scope::Reads => &mut self.reads,
            Scope::Chat => {
                if self.chats.len() >= CHATS_KEPT && !self.chats.contains_key(&chat) {
                    self.chats.retain(|_, entry| entry.changed || entry.budget.waits > 0);
                }
                let limits = Limits::of(self.mode, self.platform, Scope::Chat);
                self.chats.entry(chat).or_insert_with(|| Entry { budget: Budget::new(&limits, now), changed: false })
            }
        }
    }

    /// What has changed since the last call, to be stored.
    pub fn changes(&mut self) -> Vec<Snapshot> {
        let mut changes = Vec::new();
        let mut note = |scope, chat, entry: &mut Entry| {
            if std::mem::take(&mut entry.changed) {
                changes.push(Snapshot { scope, chat, budget: entry.budget.clone() });
            }
        };
        note(Scope::Account, None, &mut self.account);
        note(Scope::Global, None, &mut self.global);
        note(Scope::Reads, None, &mut self.reads);
        for (chat, entry) in &mut self.chats {
            note(Scope::Chat, Some(*chat), entry);
        }
        changes
    }

    /// What [`Self::changes`] gave could not be stored: it is given again.
    pub fn unsaved(&mut self, changes: &[Snapshot]) {
        for change in changes {
            match (change.scope, change.chat) {
                (Scope::Account, _) => self.account.changed = true,
                (Scope::Global, _) => self.global.changed = true,
                (Scope::Reads, _) => self.reads.changed = true,
                (Scope::Chat, chat) => {
                    if let Some(entry) = chat.and_then(|chat| self.chats.get_mut(&chat)) {
                        entry.changed = true;
                    }
                }
            }
        }
    }

    /// Messages that may be written at once, and messages per second, of a budget over all chats.
    #[must_use]
    pub fn left(&self, scope: Scope, now: DateTime<Utc>) -> (f64, f64) {
        let entry = match scope {
            Scope::Global => &self.global,
            Scope::Reads => &self.reads,
            Scope::Account | Scope::Chat => &self.account,
        };
        (entry.budget.tokens_at(&self.limits(scope), now), entry.budget.rate)
    }
}
