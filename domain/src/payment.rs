//! One payment: what is due for it, what the money that has come is worth, and what becomes of it.
//!
//! What a provider says of a payment is never believed further than it goes: money that has come is counted once by its
//! own id, a state that was final stays final, and money that fits nothing is never lost.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Money, RefundId,
    billing::{PaymentState, states},
};

mod bargain;
mod rhythm;
pub mod standing;
#[cfg(test)]
mod tests;

pub use bargain::{Bargain, Deal, Grant, Offer, bargain};
pub use rhythm::{FINAL_ASK_PATIENCE, agreement_watch, backoff, late_watch, poll_after, settled_watch};

/// The longest text that says why, in characters; what a provider says is cut.
pub const REASON_CHARS_MAX: usize = 500;

states! {
    /// What became of money that has come.
    ReceiptState as "payment_receipt_state" {
        /// It does not fit, and nobody has decided yet.
        Undecided = "undecided",
        /// What was to be paid was paid with it.
        Granted = "granted",
        /// It was put on the tenant's balance.
        Credited = "credited",
        /// It is given back, and nothing was granted for it.
        Returned = "returned",
    }
}

states! {
    /// Where a refund stands.
    RefundState as "refund_state" {
        /// The provider does not know of it yet.
        Asked = "asked",
        /// The provider is at it.
        Pending = "pending",
        /// The provider gives nothing back by itself: staff does, and says so.
        ByHand = "by_hand",
        /// The money is back.
        Done = "done",
        /// It will not happen.
        Failed = "failed",
    }
}

impl RefundState {
    /// True while it may still happen.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Pending | Self::ByHand)
    }
}

states! {
    /// Where an agreement stands.
    AgreementState as "agreement_state" {
        /// The payer has not agreed yet.
        Pending = "pending",
        /// It makes payments.
        Active = "active",
        /// It makes none until it is resumed: too many have failed, or somebody has suspended it at the provider.
        Suspended = "suspended",
        /// Ended.
        Ended = "ended",
    }
}

states! {
    /// What became of a provider's event.
    EventState as "payment_event_state" {
        /// Not looked at yet, or what it belongs to may still be on its way.
        New = "new",
        /// Passed on to a payment.
        Matched = "matched",
        /// It belongs to nothing that is known here: staff decides.
        Unmatched = "unmatched",
        /// None of our business.
        Ignored = "ignored",
        /// Staff has decided that it is none of our business.
        Dismissed = "dismissed",
    }
}

states! {
    /// What staff decides about money that does not fit.
    Decision as "payment_decision" {
        /// What was to be paid for is granted, whatever has come.
        Grant = "grant",
        /// It is given back.
        Refund = "refund",
        /// It is put on the tenant's balance, and nothing is granted.
        Dismiss = "dismiss",
    }
}

/// What a payer needs to pay, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Handover {
    /// A page of the provider.
    Page {
        /// Its address.
        url: String,
        /// When it is of no use any more.
        valid_until: Option<DateTime<Utc>>,
    },
    /// An address to send coins to.
    Address {
        /// The address.
        address: String,
        /// The memo or tag without which the payment is lost, for networks that have one.
        memo: Option<String>,
        /// How many coins, as a decimal.
        amount: String,
        /// The ticker of the coins.
        currency: String,
        /// The network.
        network: Option<String>,
        /// When the price does not hold any more.
        valid_until: Option<DateTime<Utc>>,
    },
}

impl Handover {
    /// What a payer's phone reads from a picture: the page, or the address.
    #[must_use]
    pub fn scanned(&self) -> &str {
        match self {
            Self::Page { url, .. } => url,
            Self::Address { address, .. } => address,
        }
    }
}

/// What each of the payments that an agreement makes after its first costs, as long as coupons take something off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reduced {
    /// How much: more than nothing, less than the price.
    pub amount: Money,
    /// How many payments; `None`: all of them.
    pub payments: Option<u32>,
}

impl Reduced {
    /// True when the payment that follows after `made` others still costs so much.
    #[must_use]
    pub fn holds_after(&self, made: u64) -> bool {
        self.payments.is_none_or(|payments| made < u64::from(payments))
    }
}

/// Where an order stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has paid.
    Waiting,
    /// The payer has agreed, and the money can be taken.
    Approved,
    /// Money is on its way and not final.
    Processing,
    /// Nothing more is to come of it but what [`standing::Standing::receipts`] has; for an agreement: it runs.
    Done,
    /// Refused for good.
    Failed,
    /// Nobody has paid in time.
    Expired,
}

/// The state of a payment of which the provider says `phase`, as far as no money has come: what was given up here or
/// settled stays so, and nothing goes back from being processed to waiting unless the provider waits for the payer again.
#[must_use]
pub const fn after(state: PaymentState, phase: Phase) -> PaymentState {
    match state {
        PaymentState::Created | PaymentState::Pending | PaymentState::Processing => match phase {
            Phase::Waiting => PaymentState::Pending,
            Phase::Approved | Phase::Processing => PaymentState::Processing,
            // Nothing has come of it: what was said to be done is asked about again.
            Phase::Done => state,
            Phase::Failed => PaymentState::Failed,
            Phase::Expired => PaymentState::Expired,
        },
        PaymentState::Review
        | PaymentState::Settled
        | PaymentState::Refunded
        | PaymentState::ChargedBack
        | PaymentState::Failed
        | PaymentState::Expired
        | PaymentState::Canceled => state,
    }
}

/// True while nothing is final: the payer may pay, and its tenant has nothing of it yet.
#[must_use]
pub const fn is_unpaid(state: PaymentState) -> bool {
    matches!(state, PaymentState::Created | PaymentState::Pending | PaymentState::Processing)
}

/// True for a payment that ended without money. What comes later is late.
#[must_use]
pub const fn is_given_up(state: PaymentState) -> bool {
    matches!(state, PaymentState::Failed | PaymentState::Expired | PaymentState::Canceled)
}

/// True for a payment whose money was accounted for, whatever became of it afterwards.
#[must_use]
pub const fn is_accounted(state: PaymentState) -> bool {
    matches!(state, PaymentState::Settled | PaymentState::Refunded | PaymentState::ChargedBack)
}

/// Money that has come and is not decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came<'a> {
    /// How much.
    pub amount: Money,
    /// Why it must not be granted by itself, as a code.
    pub review: Option<&'a str>,
}

/// What the money that has come for a payment is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth<'a> {
    /// Nothing has come.
    Nothing,
    /// What was to be paid, or more.
    Enough(Money),
    /// It does not fit: staff decides. A code that says why.
    Doubtful(&'a str),
}

/// What `came` is worth against `amount`, which was to be paid. Less than that is never granted by itself; more is, and
/// what is too much goes to the balance.
#[must_use]
pub fn worth<'a>(amount: Money, came: &[Came<'a>]) -> Worth<'a> {
    let mut sum = Money::zero(amount.currency);
    for one in came {
        if let Some(code) = one.review {
            return Worth::Doubtful(code);
        }
        sum = match sum.checked_add(one.amount) {
            Some(sum) => sum,
            None if one.amount.currency == sum.currency => return Worth::Doubtful("amount_too_large"),
            None => return Worth::Doubtful("wrong_currency"),
        };
    }
    match sum.minor {
        _ if came.is_empty() => Worth::Nothing,
        paid if paid < amount.minor => Worth::Doubtful("underpaid"),
        _ => Worth::Enough(sum),
    }
}

/// What is known of a payment when its next step is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it stands.
    pub state: PaymentState,
    /// The provider knows of it.
    pub is_known: bool,
    /// When the provider is to be asked, or told of it, next.
    pub ask_at: Option<DateTime<Utc>>,
    /// When the provider was asked last.
    pub asked_at: Option<DateTime<Utc>>,
    /// Unpaid until then, it is given up.
    pub expires_at: DateTime<Utc>,
    /// When the provider is to be told that it was given up here, or that its agreement ends.
    pub end_at: Option<DateTime<Utc>>,
    /// The refund that is due next, and when.
    pub refund: Option<(RefundId, DateTime<Utc>)>,
}

/// What is due for a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The provider is told of it.
    Create,
    /// The provider is asked where it stands.
    Ask,
    /// Money is given back.
    Refund(RefundId),
    /// Nobody has paid in time.
    Expire,
    /// The provider is told that it was given up, or that the agreement ends.
    End,
    /// Nothing before then.
    Wait(DateTime<Utc>),
    /// Nothing by itself; at this time somebody may ask once more whether everything is as it was.
    Rest(Option<DateTime<Utc>>),
}

/// What is due for a payment of which this is known.
#[must_use]
pub fn next(facts: &Facts, now: DateTime<Utc>) -> Step {
    let is_due = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= now);
    if is_unpaid(facts.state) && now >= facts.expires_at && facts.state != PaymentState::Processing {
        // The last word is the provider's, as long as it can be had.
        let heard = facts.asked_at.is_some_and(|at| at >= facts.expires_at);
        if !facts.is_known || heard || now >= facts.expires_at + FINAL_ASK_PATIENCE {
            return Step::Expire;
        }
    }
    if facts.state == PaymentState::Created && !facts.is_known {
        return match facts.ask_at {
            Some(at) if at > now => Step::Wait(at.min(facts.expires_at)),
            Some(_) | None => Step::Create,
        };
    }
    if facts.is_known && is_due(facts.ask_at) {
        return Step::Ask;
    }
    if let Some((refund, at)) = facts.refund
        && at <= now
    {
        return Step::Refund(refund);
    }
    if is_due(facts.end_at) {
        return Step::End;
    }
    let refund_at = facts.refund.map(|(_, at)| at);
    let ask_at = facts.ask_at.filter(|_| facts.is_known);
    if facts.state.is_open() || refund_at.is_some() || facts.end_at.is_some() {
        let expires_at = Some(facts.expires_at).filter(|at| is_unpaid(facts.state) && *at > now);
        return match [refund_at, ask_at, expires_at, facts.end_at].into_iter().flatten().min() {
            Some(at) => Step::Wait(at),
            None => Step::Rest(None),
        };
    }
    Step::Rest(ask_at)
}
