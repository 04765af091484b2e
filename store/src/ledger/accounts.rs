//! Accounts and their stored balances.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{Currency, Money, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, Balance, LedgerError, currency, entries::Leg};
use crate::StoreError;

/// Accounts by whose they are, and their numbers.
pub(super) type Numbers = BTreeMap<(Account, Currency), i64>;

/// How a balance changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Movement {
    pub account: i64,
    pub posted: i64,
    pub held: i64,
}

impl Movement {
    /// What the legs of one entry come to. An account that gives as much as it gets does not move.
    pub fn of(legs: &[Leg]) -> Vec<Self> {
        let mut sums: BTreeMap<i64, i64> = BTreeMap::new();
        for leg in legs {
            *sums.entry(leg.account).or_default() += leg.amount;
        }
        let moved = sums.into_iter().filter(|(_, posted)| *posted != 0);
        moved.map(|(account, posted)| Self { account, posted, held: 0 }).collect()
    }
}

/// The numbers of some accounts, of which those that are missing are made. Nothing is locked by that but new rows, in an
/// order that is the same for all.
pub(super) async fn numbers(
    connection: &mut PgConnection,
    wanted: &BTreeSet<(Account, Currency)>,
    now: DateTime<Utc>,
) -> Result<Numbers, LedgerError> {
    let mut known = find(connection, wanted).await?;
    let missing: BTreeSet<_> = wanted.iter().filter(|one| !known.contains_key(one)).cloned().collect();
    if !missing.is_empty() {
        insert(connection, &missing, now).await?;
        known.append(&mut find(connection, &missing).await?);
    }
    Ok(known)
}

/// Columns of accounts, one array each.
#[derive(Default)]
struct Columns {
    kinds: Vec<&'static str>,
    users: Vec<Option<Uuid>>,
    providers: Vec<Option<String>>,
    currencies: Vec<String>,
}

impl Columns {
    fn of(accounts: &BTreeSet<(Account, Currency)>) -> Self {
        let mut columns = Self::default();
        for (account, currency) in accounts {
            columns.kinds.push(account.kind().as_str());
            columns.users.push(match account {
                Account::User(user) => Some(user.as_uuid()),
                _ => None,
            });
            columns.providers.push(match account {
                Account::Provider(code) => Some(code.clone()),
                _ => None,
            });
            columns.currencies.push(currency.code().to_owned());
        }
        columns
    }
}

async fn find(connection: &mut PgConnection, wanted: &BTreeSet<(Account, Currency)>) -> Result<Numbers, LedgerError> {
    let columns = Columns::of(wanted);
    let rows = sqlx::query!(
        r#"WITH wanted AS (
               SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY
                   AS w (kind, user_id, provider, currency, place))
           SELECT w.place AS "place!", a.id AS "id!" FROM wanted w
               JOIN ledger_accounts a ON a.user_id = w.user_id AND a.currency = w.currency
           UNION ALL
           SELECT w.place, a.id FROM wanted w
               JOIN ledger_accounts a ON a.kind = w.kind::ledger_account_kind AND a.kind <> 'user'
                   AND a.provider IS NOT DISTINCT FROM w.provider AND a.currency = w.currency"#,
        &columns.kinds as &[&str],
        &columns.users as &[Option<Uuid>],
        &columns.providers as &[Option<String>],
        &columns.currencies
    )
    .fetch_all(connection)
    .await?;
    let named: Vec<_> = wanted.iter().collect();
    let numbers = rows.into_iter().filter_map(|row| {
        let place = usize::try_from(row.place).ok()?.checked_sub(1)?;
        Some(((*named.get(place)?).clone(), row.id))
    });
    Ok(numbers.collect())
}

/// Makes accounts. One that somebody else makes at this moment is waited for.
async fn insert(
    connection: &mut PgConnection,
    accounts: &BTreeSet<(Account, Currency)>,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let columns = Columns::of(accounts);
    let made = sqlx::query!(
        "INSERT INTO ledger_accounts (kind, user_id, provider, currency, created_at)
         SELECT w.kind::ledger_account_kind, w.user_id, w.provider, w.currency, $5
         FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY
             AS w (kind, user_id, provider, currency, place)
         ORDER BY w.place ON CONFLICT DO NOTHING",
        &columns.kinds as &[&str],
        &columns.users as &[Option<Uuid>],
        &columns.providers as &[Option<String>],
        &columns.currencies,
        now
    )
    .execute(connection)
    .await;
    match made {
        Err(sqlx::Error::Database(refusal)) if refusal.constraint() == Some("ledger_accounts_user_fkey") => {
            Err(LedgerError::NoSuchUser)
        }
        made => Ok(made.map(|_| ())?),
    }
}

/// Locks the accounts of all that a transaction is going to post, in the order of their numbers, so that two transactions
/// that each post more than one entry do not wait for each other. Who posts one entry needs not to call it.
///
/// # Errors
/// [`LedgerError::NoSuchUser`], and when the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    accounts: impl IntoIterator<Item = (Account, Currency)> + Send,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let numbers = numbers(connection, &accounts.into_iter().collect(), now).await?;
    lock_numbers(connection, &numbers.into_values().collect::<Vec<_>>()).await
}

async fn lock_numbers(connection: &mut PgConnection, numbers: &[i64]) -> Result<(), LedgerError> {
    // Not the key: postings that refer to the account are still written by others.
    sqlx::query_scalar!("SELECT id FROM ledger_accounts WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", numbers)
        .fetch_all(connection)
        .await?;
    Ok(())
}

/// Changes balances, all or none that matter: after [`LedgerError::Insufficient`] the caller rolls back.
pub(super) async fn apply(connection: &mut PgConnection, movements: &[Movement]) -> Result<(), LedgerError> {
    let accounts: Vec<i64> = movements.iter().map(|movement| movement.account).collect();
    let posted: Vec<i64> = movements.iter().map(|movement| movement.posted).collect();
    let held: Vec<i64> = movements.iter().map(|movement| movement.held).collect();
    lock_numbers(connection, &accounts).await?;
    let done = sqlx::query!(
        "UPDATE ledger_accounts a SET posted = a.posted + m.posted, held = a.held + m.held
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS m (id, posted, held)
         WHERE a.id = m.id
           AND (a.kind <> 'user' OR m.posted >= m.held OR a.posted - a.held >= m.held - m.posted)",
        &accounts,
        &posted,
        &held
    )
    .execute(connection)
    .await?;
    let all = u64::try_from(movements.len()).is_ok_and(|all| all == done.rows_affected());
    if all { Ok(()) } else { Err(LedgerError::Insufficient) }
}

/// What the account has of the currency; nothing when nothing was ever posted to it.
///
/// # Errors
/// When the database fails.
pub async fn balance(
    connection: &mut PgConnection,
    account: &Account,
    currency: Currency,
) -> Result<Balance, StoreError> {
    let known = |posted, held| Balance { posted: Money::new(posted, currency), held: Money::new(held, currency) };
    if let Account::User(user) = account {
        let row = sqlx::query!(
            "SELECT posted, held FROM ledger_accounts WHERE user_id = $1 AND currency = $2",
            *user as UserId,
            currency.code()
        );
        let row = row.fetch_optional(connection).await?;
        return Ok(row.map_or_else(|| Balance::zero(currency), |row| known(row.posted, row.held)));
    }
    let provider = if let Account::Provider(code) = account { Some(code.as_str()) } else { None };
    let row = sqlx::query!(
        "SELECT posted, held FROM ledger_accounts
         WHERE kind = $1::text::ledger_account_kind AND kind <> 'user' AND provider IS NOT DISTINCT FROM $2
           AND currency = $3",
        account.kind().as_str(),
        provider,
        currency.code()
    );
    let row = row.fetch_optional(connection).await?;
    Ok(row.map_or_else(|| Balance::zero(currency), |row| known(row.posted, row.held)))
}

/// What the tenant has, of every currency that they ever had something of, by its code.
///
/// # Errors
/// When the database fails.
pub async fn balances(connection: &mut PgConnection, user: UserId) -> Result<Vec<Balance>, StoreError> {
    let rows = sqlx::query!(
        "SELECT currency, posted, held FROM ledger_accounts WHERE user_id = $1 ORDER BY currency",
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    let balance =
        |currency, posted, held| Balance { posted: Money::new(posted, currency), held: Money::new(held, currency) };
    rows.into_iter().map(|row| Ok(balance(currency(&row.currency)?, row.posted, row.held))).collect()
}
