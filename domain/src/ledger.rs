//! The ledger: whose money moves where, in postings that take from one account what they give to another.
//!
//! A balance is what we owe its owner: positive for a tenant's credit, and for revenue that was earned; negative for a
//! provider that owes us what was paid through it, and for what we have spent on refunds, discounts, fees and
//! chargebacks. All balances of a currency sum to zero, always.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    billing::states,
    ids::{LedgerEntryId, UserId},
    money::{Currency, Money},
};

#[cfg(test)]
mod tests;

/// Postings of one entry: a settlement with everything that there is has five.
pub const POSTINGS_MAX: usize = 32;
/// The largest amount of one posting, in the currency's smallest unit: ten billion dollars, and so far below what an
/// account can hold that no honest sum overflows.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;
/// The longest key of an entry or a hold, in characters.
pub const KEY_CHARS_MAX: usize = 200;
/// The longest note of an entry, in characters.
pub const NOTE_CHARS_MAX: usize = 500;
/// The longest code of a payment provider, in bytes.
const PROVIDER_BYTES_MAX: usize = 32;

states! {
    /// What an account is.
    AccountKind as "ledger_account_kind" {
        /// A tenant's credit. It never falls below what is set aside of it.
        User = "user",
        /// What a payment provider has taken in for us and not paid out yet, as a negative balance.
        Provider = "provider",
        /// What was earned.
        Revenue = "revenue",
        /// What was given back, as a negative balance.
        Refunds = "refunds",
        /// What was let off by coupons, as a negative balance.
        Discounts = "discounts",
        /// What providers have kept for their service, as a negative balance.
        Fees = "fees",
        /// What was taken back by payers' banks, as a negative balance.
        Chargebacks = "chargebacks",
        /// The other side of what staff has changed by hand.
        Adjustments = "adjustments",
    }
}

impl AccountKind {
    /// True for the accounts of the installation itself, which have no owner who could overdraw them.
    #[must_use]
    pub const fn may_be_negative(self) -> bool {
        match self {
            Self::User => false,
            Self::Provider
            | Self::Revenue
            | Self::Refunds
            | Self::Discounts
            | Self::Fees
            | Self::Chargebacks
            | Self::Adjustments => true,
        }
    }
}

states! {
    /// Why money was moved.
    EntryKind as "ledger_entry_kind" {
        /// A payment was accounted for, with the discount and the credit that were used.
        Settlement = "settlement",
        /// Money came that nothing was bought for; it is the tenant's credit.
        Deposit = "deposit",
        /// A payment was given back, in part or whole.
        Refund = "refund",
        /// A payment was taken back by the payer's bank or the provider.
        Chargeback = "chargeback",
        /// The rest of a period was given back as credit.
        Proration = "proration",
        /// Staff has changed a balance by hand.
        Adjustment = "adjustment",
        /// Another entry was undone.
        Reversal = "reversal",
    }
}

states! {
    /// Where money stands that was set aside. All but the first are ends.
    HoldState as "ledger_hold_state" {
        /// Set aside.
        Open = "open",
        /// Spent, in part or whole; the rest is free again.
        Captured = "captured",
        /// Free again, because it is not needed.
        Released = "released",
        /// Free again, because its time was over.
        Expired = "expired",
    }
}

/// Whose balance. Each has one for every currency that was ever posted to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// A tenant's credit.
    User(UserId),
    /// A payment provider's clearing, by the provider's code.
    Provider(String),
    /// What was earned.
    Revenue,
    /// What was given back.
    Refunds,
    /// What was let off.
    Discounts,
    /// What providers have kept.
    Fees,
    /// What was taken back.
    Chargebacks,
    /// The other side of changes by hand.
    Adjustments,
}

impl Account {
    /// The clearing account of the provider with this code.
    #[must_use]
    pub fn provider(code: &str) -> Self {
        Self::Provider(code.to_owned())
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> AccountKind {
        match self {
            Self::User(_) => AccountKind::User,
            Self::Provider(_) => AccountKind::Provider,
            Self::Revenue => AccountKind::Revenue,
            Self::Refunds => AccountKind::Refunds,
            Self::Discounts => AccountKind::Discounts,
            Self::Fees => AccountKind::Fees,
            Self::Chargebacks => AccountKind::Chargebacks,
            Self::Adjustments => AccountKind::Adjustments,
        }
    }

    fn check(&self) -> Result<(), EntryError> {
        let Self::Provider(code) = self else { return Ok(()) };
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=PROVIDER_BYTES_MAX).contains(&code.len()) && code.bytes().all(known);
        if fits { Ok(()) } else { Err(EntryError::Provider) }
    }
}

/// The name on the wire and in fingerprints: `user/user_…`, `provider/paypal`, `revenue`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user/{user}"),
            Self::Provider(code) => write!(f, "provider/{code}"),
            Self::Revenue | Self::Refunds | Self::Discounts | Self::Fees | Self::Chargebacks | Self::Adjustments => {
                f.write_str(self.kind().as_str())
            }
        }
    }
}

/// Money that goes from one account to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Whose balance falls.
    pub from: Account,
    /// Whose balance rises.
    pub to: Account,
    /// By how much; more than nothing, at most [`AMOUNT_MINOR_MAX`].
    pub amount: Money,
}

impl Posting {
    /// `amount` goes `from` one `to` another.
    #[must_use]
    pub const fn new(from: Account, to: Account, amount: Money) -> Self {
        Self { from, to, amount }
    }
}

/// What is wrong with an entry, whatever the balances are: a mistake of whoever asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No postings, or more than [`POSTINGS_MAX`].
    #[error("an entry has 1 to {POSTINGS_MAX} postings")]
    Postings,
    /// Nothing, less than nothing, or more than [`AMOUNT_MINOR_MAX`].
    #[error("an amount is more than nothing, and at most {AMOUNT_MINOR_MAX} of the smallest unit")]
    Amount,
    /// From an account to itself.
    #[error("money goes from one account to another one")]
    SameAccount,
    /// No code of a provider.
    #[error("a provider's code has 1 to {PROVIDER_BYTES_MAX} of a-z, 0-9 and _")]
    Provider,
    /// Empty, or longer than [`KEY_CHARS_MAX`].
    #[error("a key has 1 to {KEY_CHARS_MAX} characters")]
    Key,
    /// A reversal that names nothing to reverse.
    #[error("a reversal is made by reversing an entry")]
    Kind,
    /// Longer than [`NOTE_CHARS_MAX`].
    #[error("a note has at most {NOTE_CHARS_MAX} characters")]
    Note,
}

/// By how much each balance changes.
pub type Net = BTreeMap<(Account, Currency), i64>;

/// Checks the postings of an entry, and sums them up for each account and currency. Nothing that sums to zero is left out:
/// the account takes part.
///
/// # Errors
/// When they are none that could ever be posted.
pub fn net(postings: &[Posting]) -> Result<Net, EntryError> {
    if !(1..=POSTINGS_MAX).contains(&postings.len()) {
        return Err(EntryError::Postings);
    }
    let mut net = Net::new();
    for Posting { from, to, amount } in postings {
        check_amount(*amount)?;
        if from == to {
            return Err(EntryError::SameAccount);
        }
        for (account, change) in [(from, -amount.minor), (to, amount.minor)] {
            account.check()?;
            // So many postings of such amounts fit.
            *net.entry((account.clone(), amount.currency)).or_default() += change;
        }
    }
    Ok(net)
}

/// Checks an amount that is moved or set aside.
///
/// # Errors
/// When it is nothing, less, or too much.
pub const fn check_amount(amount: Money) -> Result<(), EntryError> {
    if amount.minor > 0 && amount.minor <= AMOUNT_MINOR_MAX { Ok(()) } else { Err(EntryError::Amount) }
}

/// Checks a key.
///
/// # Errors
/// When it is empty, too long, or has the character U+0000.
pub fn check_key(key: &str) -> Result<(), EntryError> {
    let fits = !key.is_empty() && key.chars().count() <= KEY_CHARS_MAX && !key.contains('\0');
    if fits { Ok(()) } else { Err(EntryError::Key) }
}

/// Checks the kind of an entry that is posted.
///
/// # Errors
/// When it is a reversal: those are made of the entry that they reverse.
pub fn check_kind(kind: EntryKind) -> Result<(), EntryError> {
    if kind == EntryKind::Reversal { Err(EntryError::Kind) } else { Ok(()) }
}

/// Checks a note.
///
/// # Errors
/// When it is too long, or has the character U+0000.
pub fn check_note(note: &str) -> Result<(), EntryError> {
    let fits = note.chars().count() <= NOTE_CHARS_MAX && !note.contains('\0');
    if fits { Ok(()) } else { Err(EntryError::Note) }
}

/// What is asked for under a key, as SHA-256. The same postings in another order are the same. The note is no part of it:
/// it moves nothing, and its wording may change between two tries of which an update lies in between.
#[must_use]
pub fn fingerprint(kind: EntryKind, reference: Option<Uuid>, postings: &[Posting]) -> [u8; 32] {
    let mut lines: Vec<String> = postings.iter().map(line).collect();
    lines.sort_unstable();
    let reference = reference.map_or_else(|| "-".to_owned(), |reference| reference.simple().to_string());
    hash(&format!("entry {}\nreference {reference}\n{}", kind.as_str(), lines.join("\n")))
}

/// The reversal of an entry, as [`fingerprint`] has others.
#[must_use]
pub fn fingerprint_reversal(entry: LedgerEntryId) -> [u8; 32] {
    hash(&format!("reversal of {entry}"))
}

/// What is set aside, as [`fingerprint`] has entries. Until when is no part of it: a second try may want it for longer.
#[must_use]
pub fn fingerprint_hold(user: UserId, amount: Money, reference: Option<Uuid>) -> [u8; 32] {
    let reference = reference.map_or_else(|| "-".to_owned(), |reference| reference.simple().to_string());
    hash(&format!("hold {user}\nreference {reference}\n{} {}", amount.minor, amount.currency))
}

fn line(Posting { from, to, amount }: &Posting) -> String {
    format!("{from} {to} {} {}", amount.minor, amount.currency)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// What an account has of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The sum of all postings.
    pub posted: Money,
    /// What is set aside of it.
    pub held: Money,
}

impl Balance {
    /// Nothing of the currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { posted: Money::zero(currency), held: Money::zero(currency) }
    }

    /// What can be spent.
    #[must_use]
    pub const fn available(self) -> Money {
        Money::new(self.posted.minor.saturating_sub(self.held.minor), self.posted.currency)
    }
}

/// What a proof of the books may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscrepancyKind {
    /// The postings of an entry do not sum to zero, or there are none.
    EntryUnbalanced,
    /// A stored balance is not the sum of its postings.
    PostedDiffers,
    /// What is noted as set aside is not the sum of the open holds.
    HeldDiffers,
    /// A tenant has spent more than they had, or what is set aside.
    Overdrawn,
    /// The balances of a currency do not sum to zero.
    CurrencyUnbalanced,
    /// A reversal does not undo exactly its entry.
    ReversalDiffers,
}

/// Something wrong with the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// What.
    pub kind: DiscrepancyKind,
    /// Where: an entry's id, an account such as `provider/paypal`, a tenant's by its number (`user/12`), or `all`.
    pub subject: String,
    /// Of which currency.
    pub currency: String,
    /// What there should be, in the currency's smallest unit.
    pub expected: i64,
    /// What there is.
    pub found: i64,
}
