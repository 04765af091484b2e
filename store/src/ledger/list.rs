//! What people see of the ledger.

use chrono::{DateTime, Utc};
use domain::{
    LedgerEntryId, Money, UserId,
    ledger::{AccountKind, Balance, EntryKind},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::currency;
use crate::StoreError;

/// An entry as its tenant sees it.
#[derive(Clone, Debug)]
pub struct UserEntry {
    /// Which.
    pub id: LedgerEntryId,
    /// Why.
    pub kind: EntryKind,
    /// What it is about.
    pub reference: Option<Uuid>,
    /// The entry that it undoes.
    pub reverses: Option<LedgerEntryId>,
    /// For people.
    pub note: String,
    /// When it was posted.
    pub at: DateTime<Utc>,
    /// By how much it has changed the balances; never nothing.
    pub amounts: Vec<Money>,
}

/// The newest entries that have changed a balance of the tenant, below `before`.
///
/// # Errors
/// When the database fails.
pub async fn user_entries(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<LedgerEntryId>,
    limit: i64,
) -> Result<Vec<UserEntry>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.id, e.kind, e.reference, e.reverses, e.note, e.created_at, c.currencies AS "currencies!",
                  c.amounts AS "amounts!"
           FROM (SELECT s.entry_id, array_agg(s.currency ORDER BY s.currency) AS currencies,
                        array_agg(s.amount ORDER BY s.currency) AS amounts
                 FROM (SELECT p.entry_id, p.currency, sum(p.amount)::bigint AS amount
                       FROM ledger_accounts a JOIN ledger_postings p ON p.account_id = a.id
                       WHERE a.user_id = $1 AND ($2::uuid IS NULL OR p.entry_id < $2)
                       GROUP BY p.entry_id, p.currency HAVING sum(p.amount) <> 0) s
                 GROUP BY s.entry_id ORDER BY s.entry_id DESC LIMIT $3) c
           JOIN ledger_entries e ON e.id = c.entry_id ORDER BY e.id DESC"#,
        user as UserId,
        before.map(|entry| entry.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let amounts = row.currencies.iter().zip(row.amounts);
        let amounts: Result<_, StoreError> =
            amounts.map(|(code, minor)| Ok(Money::new(minor, currency(code)?))).collect();
        entries.push(UserEntry {
            id: row.id,
            kind: row.kind,
            reference: row.reference,
            reverses: row.reverses,
            note: row.note,
            at: row.created_at,
            amounts: amounts?,
        });
    }
    Ok(entries)
}

/// An account of the installation itself.
#[derive(Clone, Debug)]
pub struct SystemAccount {
    /// What it is.
    pub kind: AccountKind,
    /// Whose clearing, of a provider's.
    pub provider: Option<String>,
    /// What it has; negative for what we have spent, or are owed.
    pub posted: Money,
}

/// All accounts but those of tenants.
///
/// # Errors
/// When the database fails.
pub async fn system_accounts(connection: &mut PgConnection) -> Result<Vec<SystemAccount>, StoreError> {
    let rows = sqlx::query!(
        "SELECT kind, provider, currency, posted FROM ledger_accounts WHERE kind <> 'user'
         ORDER BY kind, provider, currency"
    )
    .fetch_all(connection)
    .await?;
    let account = |kind, provider, posted| SystemAccount { kind, provider, posted };
    rows.into_iter()
        .map(|row| Ok(account(row.kind, row.provider, Money::new(row.posted, currency(&row.currency)?))))
        .collect()
}

/// What all tenants have of one currency.
#[derive(Clone, Copy, Debug)]
pub struct Credit {
    /// How many accounts that are.
    pub accounts: i64,
    /// Of these, accounts of tenants who have left.
    pub orphaned: i64,
    /// All of them together.
    pub balance: Balance,
}

/// What tenants have, by currency.
///
/// # Errors
/// When the database fails.
pub async fn credits(connection: &mut PgConnection) -> Result<Vec<Credit>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT currency, count(*) AS "accounts!", count(*) FILTER (WHERE user_id IS NULL) AS "orphaned!",
                  sum(posted)::bigint AS "posted!", sum(held)::bigint AS "held!"
           FROM ledger_accounts WHERE kind = 'user' GROUP BY currency ORDER BY currency"#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency = currency(&row.currency)?;
            let balance = Balance { posted: Money::new(row.posted, currency), held: Money::new(row.held, currency) };
            Ok(Credit { accounts: row.accounts, orphaned: row.orphaned, balance })
        })
        .collect()
}
