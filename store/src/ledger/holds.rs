//! Money of a tenant that is set aside: spent, freed or expired, each once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{
    HoldId, LedgerEntryId, Money, UserId,
    ledger::{self, HoldState},
};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{
    Account, LedgerError, NewEntry, Posted,
    accounts::{self, Movement},
    currency,
    entries::{self, Request},
    new_hold_id,
};
use crate::StoreError;

/// Money to be set aside.
#[derive(Clone, Copy, Debug)]
pub struct NewHold<'a> {
    /// Names it, as an entry's key does.
    pub key: &'a str,
    /// Whose.
    pub user: UserId,
    /// How much.
    pub amount: Money,
    /// What for, such as a payment.
    pub reference: Option<Uuid>,
    /// From then on it cannot be spent, and is free again.
    pub expires_at: DateTime<Utc>,
}

/// Money that was set aside, by this call or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which hold.
    pub id: HoldId,
    /// It was there before, and may have come to its end meanwhile.
    pub replayed: bool,
}

/// A hold as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub id: HoldId,
    /// How much was set aside.
    pub amount: Money,
    /// Whether it still is.
    pub state: HoldState,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Sets money aside. A second call with the same key does nothing and returns the hold of the first one.
///
/// # Errors
/// [`LedgerError::Insufficient`], [`LedgerError::KeyReused`], [`LedgerError::NoSuchUser`], [`LedgerError::Malformed`].
pub async fn hold(connection: &mut PgConnection, new: &NewHold<'_>, now: DateTime<Utc>) -> Result<Held, LedgerError> {
    ledger::check_key(new.key)?;
    ledger::check_amount(new.amount)?;
    let hash = ledger::fingerprint_hold(new.user, new.amount, new.reference);
    let mut inner = connection.begin().await?;
    let owner = (Account::User(new.user), new.amount.currency);
    let numbers = accounts::numbers(&mut inner, &BTreeSet::from([owner.clone()]), now).await?;
    let account = *numbers.get(&owner).ok_or(LedgerError::NoSuchUser)?;
    let id = new_hold_id(now);
    let inserted = sqlx::query!(
        "INSERT INTO ledger_holds (id, key, request_hash, account_id, currency, amount, reference, expires_at,
                                   created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT ledger_holds_key_key DO NOTHING",
        id as HoldId,
        new.key,
        &hash[..],
        account,
        new.amount.currency.code(),
        new.amount.minor,
        new.reference,
        new.expires_at,
        now
    )
    .execute(&mut *inner)
    .await?;
    if inserted.rows_affected() == 0 {
        return replayed(&mut inner, new.key, &hash).await;
    }
    accounts::apply(&mut inner, &[Movement { account, posted: 0, held: new.amount.minor }]).await?;
    inner.commit().await?;
    Ok(Held { id, replayed: false })
}

async fn replayed(connection: &mut PgConnection, key: &str, hash: &[u8]) -> Result<Held, LedgerError> {
    let known = sqlx::query!("SELECT id, request_hash FROM ledger_holds WHERE key = $1", key)
        .fetch_optional(connection)
        .await?;
    match known {
        Some(known) if known.request_hash == hash => Ok(Held { id: known.id, replayed: true }),
        Some(_) => Err(LedgerError::KeyReused),
        None => Err(LedgerError::NoSuchHold),
    }
}

/// A hold, locked until the transaction ends.
struct Locked {
    account: i64,
    amount: i64,
    state: HoldState,
    expires_at: DateTime<Utc>,
    entry: Option<LedgerEntryId>,
}

async fn lock(connection: &mut PgConnection, hold: HoldId) -> Result<Locked, LedgerError> {
    let locked = sqlx::query_as!(
        Locked,
        "SELECT account_id AS account, amount, state, expires_at, entry_id AS entry FROM ledger_holds
         WHERE id = $1 FOR NO KEY UPDATE",
        hold as HoldId
    )
    .fetch_optional(connection)
    .await?;
    locked.ok_or(LedgerError::NoSuchHold)
}

/// Posts an entry that takes from the tenant's account what was set aside, or less: the rest is free again. A second call
/// with the same key does nothing and returns the entry of the first one.
///
/// # Errors
/// [`LedgerError::HoldClosed`] when it was spent under another key, freed, or its time is over;
/// [`LedgerError::NotHeld`] when the entry takes more than was set aside, or nothing; those of [`super::post`].
pub async fn capture(
    connection: &mut PgConnection,
    hold: HoldId,
    new: &NewEntry<'_>,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let request = Request::new(new)?;
    let mut inner = connection.begin().await?;
    let held = lock(&mut inner, hold).await?;
    match held.state {
        HoldState::Open if now < held.expires_at => (),
        HoldState::Open => return Err(LedgerError::HoldClosed(HoldState::Expired)),
        HoldState::Captured => {
            let known = entries::find_by_key(&mut inner, new.key).await?;
            if known.is_none_or(|known| Some(known.id) != held.entry) {
                return Err(LedgerError::HoldClosed(HoldState::Captured));
            }
            return entries::insert(&mut inner, &request, now).await;
        }
        closed @ (HoldState::Released | HoldState::Expired) => return Err(LedgerError::HoldClosed(closed)),
    }
    let posted = entries::insert(&mut inner, &request, now).await?;
    if posted.replayed {
        // It was posted without the hold.
        return Err(LedgerError::KeyReused);
    }
    let legs = entries::legs(&mut inner, new.postings, now).await?;
    let mut movements = Movement::of(&legs);
    match movements.iter_mut().find(|movement| movement.account == held.account) {
        Some(taken) if taken.posted < 0 && -taken.posted <= held.amount => taken.held = -held.amount,
        _ => return Err(LedgerError::NotHeld),
    }
    accounts::apply(&mut inner, &movements).await?;
    entries::insert_legs(&mut inner, posted.id, &legs).await?;
    close(&mut inner, &[hold], HoldState::Captured, Some(posted.id), now).await?;
    inner.commit().await?;
    Ok(posted)
}

/// Frees what was set aside. False when it had come to its end before, whichever that was.
///
/// # Errors
/// [`LedgerError::NoSuchHold`], and when the database fails.
pub async fn release(connection: &mut PgConnection, hold: HoldId, now: DateTime<Utc>) -> Result<bool, LedgerError> {
    let mut inner = connection.begin().await?;
    let held = lock(&mut inner, hold).await?;
    if held.state != HoldState::Open {
        return Ok(false);
    }
    accounts::apply(&mut inner, &[Movement { account: held.account, posted: 0, held: -held.amount }]).await?;
    close(&mut inner, &[hold], HoldState::Released, None, now).await?;
    inner.commit().await?;
    Ok(true)
}

/// Frees all that is set aside for something, such as a payment that nobody made; returns how many holds that were.
///
/// # Errors
/// When the database fails.
pub async fn release_for(
    connection: &mut PgConnection,
    reference: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, LedgerError> {
    let mut inner = connection.begin().await?;
    let open = sqlx::query_as!(
        Freed,
        "SELECT id, account_id AS account, amount FROM ledger_holds
         WHERE reference = $1 AND state = 'open' ORDER BY id FOR NO KEY UPDATE",
        reference
    )
    .fetch_all(&mut *inner)
    .await?;
    let freed = free(&mut inner, &open, HoldState::Released, now).await?;
    inner.commit().await?;
    Ok(freed)
}

/// The newest hold for something, such as a payment.
///
/// # Errors
/// When the database fails.
pub async fn hold_for(connection: &mut PgConnection, reference: Uuid) -> Result<Option<Hold>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, amount, currency, state, expires_at FROM ledger_holds WHERE reference = $1
         ORDER BY created_at DESC, id DESC LIMIT 1",
        reference
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let amount = Money::new(row.amount, currency(&row.currency)?);
        Ok(Hold { id: row.id, amount, state: row.state, expires_at: row.expires_at })
    })
    .transpose()
}

/// Frees what was set aside until now or earlier, at most `limit` holds; returns how many. One that somebody else is
/// closing is left to them.
///
/// # Errors
/// When the database fails.
pub async fn expire_holds(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, LedgerError> {
    let mut inner = connection.begin().await?;
    let over = sqlx::query_as!(
        Freed,
        "SELECT id, account_id AS account, amount FROM ledger_holds
         WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        now,
        limit
    )
    .fetch_all(&mut *inner)
    .await?;
    let freed = free(&mut inner, &over, HoldState::Expired, now).await?;
    inner.commit().await?;
    Ok(freed)
}

/// A hold that is about to be closed without being spent.
struct Freed {
    id: HoldId,
    account: i64,
    amount: i64,
}

async fn free(
    connection: &mut PgConnection,
    holds: &[Freed],
    state: HoldState,
    now: DateTime<Utc>,
) -> Result<u64, LedgerError> {
    let mut sums: BTreeMap<i64, i64> = BTreeMap::new();
    for hold in holds {
        *sums.entry(hold.account).or_default() -= hold.amount;
    }
    let movements: Vec<Movement> =
        sums.into_iter().map(|(account, held)| Movement { account, posted: 0, held }).collect();
    accounts::apply(connection, &movements).await?;
    let ids: Vec<HoldId> = holds.iter().map(|hold| hold.id).collect();
    Ok(close(connection, &ids, state, None, now).await?)
}

async fn close(
    connection: &mut PgConnection,
    holds: &[HoldId],
    state: HoldState,
    entry: Option<LedgerEntryId>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = holds.iter().map(HoldId::as_uuid).collect();
    let done = sqlx::query!(
        "UPDATE ledger_holds SET state = $2, entry_id = $3, closed_at = $4 WHERE id = ANY ($1) AND state = 'open'",
        &ids,
        state as HoldState,
        entry as Option<LedgerEntryId>,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
