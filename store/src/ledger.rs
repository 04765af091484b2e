//! The ledger: entries of postings between accounts, each written once, by its key, in the transaction of what it
//! accounts for.
//!
//! Whoever posts takes locks last, and in the order of the accounts' numbers: a transaction that has several entries to
//! post calls [`lock`] with the accounts of all before the first one. A function that refuses has changed nothing, and
//! the transaction it was called in can go on. Rules of one entry are in `domain::ledger`.

use chrono::{DateTime, Utc};
pub use domain::ledger::{Account, AccountKind, Balance, EntryKind, HoldState, Posting};
use domain::{Currency, FixedClock, HoldId, LedgerEntryId, ledger::EntryError};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::StoreError;

mod accounts;
mod entries;
mod holds;
mod list;
mod proof;

pub use accounts::{balance, balances, lock};
pub use holds::{Held, Hold, NewHold, capture, expire_holds, hold, hold_for, release, release_for};
pub use list::{Credit, SystemAccount, UserEntry, credits, system_accounts, user_entries};
pub use proof::{Proof, last_proof, prove, prove_and_record, prune_proofs};

use accounts::Movement;
use entries::{Leg, Request};

/// An entry to be posted.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Names the movement, by what it is about and never by its tenant: `payment/pay_…/settle`. At most [`domain::ledger::KEY_CHARS_MAX`] characters.
    pub key: &'a str,
    /// Why.
    pub kind: EntryKind,
    /// The payment, refund or whatever else it is about; never the tenant.
    pub reference: Option<Uuid>,
    /// What moves. In each currency an account takes part with the sum: who gets and gives within one entry needs to have
    /// nothing before.
    pub postings: &'a [Posting],
    /// For people, with nothing about a person in it: entries outlive their tenants. The tenant can read it. At most
    /// [`domain::ledger::NOTE_CHARS_MAX`] characters.
    pub note: &'a str,
}

/// An entry that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Which.
    pub id: LedgerEntryId,
    /// It was there before: nothing has moved by this call.
    pub replayed: bool,
}

/// Why nothing was moved or set aside.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A tenant does not have so much, beside what is set aside.
    #[error("the balance does not suffice")]
    Insufficient,
    /// The key stands for something else.
    #[error("the key was used for something else")]
    KeyReused,
    /// The entry was reversed, under another key.
    #[error("the entry was reversed before")]
    AlreadyReversed {
        /// By which entry.
        by: LedgerEntryId,
    },
    /// The entry is a reversal itself: what it undid is posted anew.
    #[error("a reversal is not reversed")]
    IsReversal,
    /// There is no such entry.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// There is no such tenant any more.
    #[error("there is no such tenant")]
    NoSuchUser,
    /// There is no such hold.
    #[error("there is no such hold")]
    NoSuchHold,
    /// The hold has come to its end.
    #[error("the money is not set aside any more")]
    HoldClosed(HoldState),
    /// The entry takes more from the account than was set aside, or nothing.
    #[error("the entry does not take from the account what was set aside, or less")]
    NotHeld,
    /// Not an entry that could ever be posted.
    #[error(transparent)]
    Malformed(#[from] EntryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Moves money, all of it or none. A second call with the same key does nothing and returns the entry of the first one,
/// whatever the balances are meanwhile.
///
/// # Errors
/// [`LedgerError::Insufficient`], [`LedgerError::KeyReused`], [`LedgerError::NoSuchUser`], [`LedgerError::Malformed`].
pub async fn post(
    connection: &mut PgConnection,
    new: &NewEntry<'_>,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let request = Request::new(new)?;
    let mut inner = connection.begin().await?;
    let posted = entries::insert(&mut inner, &request, now).await?;
    if !posted.replayed {
        let legs = entries::legs(&mut inner, new.postings, now).await?;
        accounts::apply(&mut inner, &Movement::of(&legs)).await?;
        entries::insert_legs(&mut inner, posted.id, &legs).await?;
    }
    inner.commit().await?;
    Ok(posted)
}

/// Undoes an entry by one with the opposite postings. An entry is reversed at most once; a second call with the same key
/// does nothing and returns the reversal of the first one.
///
/// # Errors
/// [`LedgerError::NoSuchEntry`], [`LedgerError::IsReversal`], [`LedgerError::AlreadyReversed`],
/// [`LedgerError::Insufficient`] when a tenant has spent what the entry gave, [`LedgerError::KeyReused`],
/// [`LedgerError::Malformed`].
pub async fn reverse(
    connection: &mut PgConnection,
    entry: LedgerEntryId,
    key: &str,
    note: &str,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let mut inner = connection.begin().await?;
    let Some(original) = entries::find(&mut inner, entry).await? else { return Err(LedgerError::NoSuchEntry) };
    if original.kind == EntryKind::Reversal {
        return Err(LedgerError::IsReversal);
    }
    let request = Request::reversal(&original, key, note)?;
    let posted = entries::insert(&mut inner, &request, now).await?;
    if !posted.replayed {
        let legs = Leg::opposite(entries::legs_of(&mut inner, entry).await?);
        accounts::apply(&mut inner, &Movement::of(&legs)).await?;
        entries::insert_legs(&mut inner, posted.id, &legs).await?;
    }
    inner.commit().await?;
    Ok(posted)
}

/// The entry with this key, if it was posted.
///
/// # Errors
/// When the database fails.
pub async fn entry_of(connection: &mut PgConnection, key: &str) -> Result<Option<LedgerEntryId>, StoreError> {
    Ok(entries::find_by_key(connection, key).await?.map(|found| found.id))
}

/// The currency in a column: what is there was one when it was written.
fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|error| StoreError::Document(serde::de::Error::custom(error)))
}

fn new_entry_id(now: DateTime<Utc>) -> LedgerEntryId {
    LedgerEntryId::new(&FixedClock::at(now))
}

fn new_hold_id(now: DateTime<Utc>) -> HoldId {
    HoldId::new(&FixedClock::at(now))
}
