//! Entries and their postings, as rows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    Currency, LedgerEntryId,
    ledger::{self, EntryError, EntryKind},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LedgerError, NewEntry, Posted, Posting, accounts, new_entry_id};
use crate::StoreError;

/// The row that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    key: &'a str,
    hash: [u8; 32],
    kind: EntryKind,
    reference: Option<Uuid>,
    reverses: Option<LedgerEntryId>,
    note: &'a str,
}

impl<'a> Request<'a> {
    /// Checks all that can be checked without rows.
    pub fn new(new: &NewEntry<'a>) -> Result<Self, EntryError> {
        let NewEntry { key, kind, reference, postings, note } = *new;
        ledger::check_key(key)?;
        ledger::check_note(note)?;
        ledger::check_kind(kind)?;
        ledger::net(postings)?;
        let hash = ledger::fingerprint(kind, reference, postings);
        Ok(Self { key, hash, kind, reference, reverses: None, note })
    }

    /// The row of the reversal of an entry; it is about the same.
    pub fn reversal(original: &Found, key: &'a str, note: &'a str) -> Result<Self, EntryError> {
        ledger::check_key(key)?;
        ledger::check_note(note)?;
        let hash = ledger::fingerprint_reversal(original.id);
        let (kind, reference, reverses) = (EntryKind::Reversal, original.reference, Some(original.id));
        Ok(Self { key, hash, kind, reference, reverses, note })
    }
}

/// Half a posting: what it adds to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub account: i64,
    pub currency: String,
    pub amount: i64,
}

impl Leg {
    /// The legs that undo these: each posting the other way round.
    pub fn opposite(mut legs: Vec<Self>) -> Vec<Self> {
        for posting in legs.chunks_exact_mut(2) {
            if let [from, to] = posting {
                std::mem::swap(&mut from.account, &mut to.account);
            }
        }
        legs
    }
}

/// The legs of postings, the giving one first. Accounts that are missing are made.
pub(super) async fn legs(
    connection: &mut PgConnection,
    postings: &[Posting],
    now: DateTime<Utc>,
) -> Result<Vec<Leg>, LedgerError> {
    let sides = postings.iter().flat_map(|posting| {
        let currency = posting.amount.currency;
        [(posting.from.clone(), currency), (posting.to.clone(), currency)]
    });
    let numbers = accounts::numbers(connection, &sides.collect::<BTreeSet<_>>(), now).await?;
    let mut legs = Vec::with_capacity(postings.len() * 2);
    for Posting { from, to, amount } in postings {
        for (account, amount, currency) in [(from, -amount.minor, amount.currency), (to, amount.minor, amount.currency)]
        {
            // Only an account that has lost its tenant between two statements is not there.
            let number = numbers.get(&(account.clone(), currency)).ok_or(LedgerError::NoSuchUser)?;
            legs.push(Leg { account: *number, currency: Currency::code(&currency).to_owned(), amount });
        }
    }
    Ok(legs)
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub id: LedgerEntryId,
    pub kind: EntryKind,
    pub reference: Option<Uuid>,
    request_hash: Vec<u8>,
}

pub(super) async fn find(connection: &mut PgConnection, entry: LedgerEntryId) -> Result<Option<Found>, StoreError> {
    let found = sqlx::query_as!(
        Found,
        "SELECT id, kind, reference, request_hash FROM ledger_entries WHERE id = $1",
        entry as LedgerEntryId
    )
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

pub(super) async fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<Found>, StoreError> {
    let found =
        sqlx::query_as!(Found, "SELECT id, kind, reference, request_hash FROM ledger_entries WHERE key = $1", key)
            .fetch_optional(connection)
            .await?;
    Ok(found)
}

/// Inserts the entry, or finds the one that has its key. Who comes second waits here until the first has committed.
pub(super) async fn insert(
    connection: &mut PgConnection,
    request: &Request<'_>,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let id = new_entry_id(now);
    let inserted = sqlx::query!(
        "INSERT INTO ledger_entries (id, key, request_hash, kind, reference, reverses, note, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        id as LedgerEntryId,
        request.key,
        &request.hash[..],
        request.kind as EntryKind,
        request.reference,
        request.reverses as Option<LedgerEntryId>,
        request.note,
        now
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() > 0 {
        return Ok(Posted { id, replayed: false });
    }
    match find_by_key(connection, request.key).await? {
        Some(found) if found.request_hash == request.hash => Ok(Posted { id: found.id, replayed: true }),
        Some(_) => Err(LedgerError::KeyReused),
        None => match reversal_of(connection, request.reverses).await? {
            Some(by) => Err(LedgerError::AlreadyReversed { by }),
            // Two ids that are the same: a second try has another one.
            None => Err(StoreError::Conflict { constraint: "ledger_entries_pkey".to_owned() }.into()),
        },
    }
}

async fn reversal_of(
    connection: &mut PgConnection,
    entry: Option<LedgerEntryId>,
) -> Result<Option<LedgerEntryId>, StoreError> {
    let found =
        sqlx::query_scalar!("SELECT id FROM ledger_entries WHERE reverses = $1", entry as Option<LedgerEntryId>)
            .fetch_optional(connection)
            .await?;
    Ok(found)
}

pub(super) async fn insert_legs(
    connection: &mut PgConnection,
    entry: LedgerEntryId,
    legs: &[Leg],
) -> Result<(), StoreError> {
    let accounts: Vec<i64> = legs.iter().map(|leg| leg.account).collect();
    let currencies: Vec<&str> = legs.iter().map(|leg| leg.currency.as_str()).collect();
    let amounts: Vec<i64> = legs.iter().map(|leg| leg.amount).collect();
    sqlx::query!(
        "INSERT INTO ledger_postings (entry_id, leg, account_id, currency, amount)
         SELECT $1, l.place - 1, l.account_id, l.currency, l.amount
         FROM unnest($2::bigint[], $3::text[], $4::bigint[]) WITH ORDINALITY
             AS l (account_id, currency, amount, place)",
        entry as LedgerEntryId,
        &accounts,
        &currencies as &[&str],
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn legs_of(connection: &mut PgConnection, entry: LedgerEntryId) -> Result<Vec<Leg>, StoreError> {
    let legs = sqlx::query_as!(
        Leg,
        "SELECT account_id AS account, currency, amount FROM ledger_postings WHERE entry_id = $1 ORDER BY leg",
        entry as LedgerEntryId
    )
    .fetch_all(connection)
    .await?;
    Ok(legs)
}
