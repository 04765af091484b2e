//! What a provider knows of an order: the one truth about money that has come and gone back, whatever a webhook said.

use chrono::{DateTime, Utc};

use super::{AgreementState, Phase};
use crate::{Money, RefundId};

/// What the provider knows of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub phase: Phase,
    /// Money that has come and is final, oldest first.
    pub receipts: Vec<Receipt>,
    /// Money that has gone back, oldest first.
    pub reversals: Vec<Reversal>,
    /// For an agreement, how it stands.
    pub agreement: Option<AgreementStanding>,
    /// A code and words for people, for a phase that wants explaining: why it failed, what is pending, how much is missing.
    pub reason: Option<(String, String)>,
}

/// Money that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id of this movement of money (capture, sale, payment): the same one is the same money.
    pub external: String,
    /// How much, in the currency of the order.
    pub amount: Money,
    /// What the provider has kept of it, in the same currency.
    pub fee: Option<Money>,
    /// When.
    pub at: DateTime<Utc>,
    /// Why it must not be granted by itself, as a code and words: another asset than agreed, a second deposit, too little.
    pub review: Option<(String, String)>,
}

/// Money that has gone back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The provider's id of this movement.
    pub external: String,
    /// The receipt that it takes back.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// Taken back by the payer's bank or the provider, not given back by us.
    pub chargeback: bool,
    /// Our refund, when it is one that we asked for.
    pub refund: Option<RefundId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// How an agreement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementStanding {
    /// Its state.
    pub state: AgreementState,
    /// When it makes the next payment.
    pub next_payment_at: Option<DateTime<Utc>>,
    /// Payments in a row that failed.
    pub failed_payments: u32,
    /// When and why the last one failed.
    pub last_failure: Option<(DateTime<Utc>, String)>,
}
