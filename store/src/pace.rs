//! Budgets, plan usage and egress counts: what the pace of sending remembers.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, ChatId, UserId,
    pace::{Budget, LastWait, Scope, Snapshot},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

mod egress;
mod usage;

pub use egress::{EgressCount, count_egress, egress_used, space_egress};
pub use usage::{add_usage, usage};

/// The chat id of budgets that belong to no chat.
const NO_CHAT: i64 = 0;

/// Stores budgets of one account. What a newer worker has stored stays.
pub async fn save(
    connection: &mut PgConnection,
    account: AccountId,
    snapshots: &[Snapshot],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for Snapshot { scope, chat, budget } in snapshots {
        sqlx::query!(
            "INSERT INTO pace_budgets (account_id, scope, chat_id, rate, ceiling, tokens, counted_at, closed_until,
                                       quiet_since, spent, waits, last_wait_at, last_wait_ms, stored_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT ON CONSTRAINT pace_budgets_pkey DO UPDATE SET
                 rate = excluded.rate, ceiling = excluded.ceiling, tokens = excluded.tokens,
                 counted_at = excluded.counted_at, closed_until = excluded.closed_until,
                 quiet_since = excluded.quiet_since, spent = excluded.spent, waits = excluded.waits,
                 last_wait_at = excluded.last_wait_at, last_wait_ms = excluded.last_wait_ms,
                 stored_at = excluded.stored_at
             WHERE pace_budgets.stored_at <= excluded.stored_at",
            account as AccountId,
            *scope as Scope,
            chat.map_or(NO_CHAT, ChatId::get),
            budget.rate,
            budget.ceiling,
            budget.tokens,
            budget.counted_at,
            budget.closed_until,
            budget.quiet_since,
            budget.spent,
            budget.waits,
            budget.last_wait.map(|wait| wait.at),
            budget.last_wait.map(|wait| wait.ms),
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The budgets of an account, chats last.
pub async fn load(connection: &mut PgConnection, account: AccountId) -> Result<Vec<Snapshot>, StoreError> {
    let rows = sqlx::query!(
        "SELECT scope, chat_id, rate, ceiling, tokens, counted_at, closed_until, quiet_since, spent,
                  waits, last_wait_at, last_wait_ms
           FROM pace_budgets WHERE account_id = $1 ORDER BY scope, chat_id",
        account as AccountId
    )
    .fetch_all(connection)
    .await?;
    let snapshots = rows.into_iter().map(|row| Snapshot {
        scope: row.scope,
        chat: (row.scope == Scope::Chat).then(|| ChatId::new(row.chat_id)),
        budget: Budget {
            rate: row.rate,
            ceiling: row.ceiling,
            tokens: row.tokens,
            counted_at: row.counted_at,
            closed_until: row.closed_until,
            quiet_since: row.quiet_since,
            spent: row.spent,
            waits: row.waits,
            last_wait: row.last_wait_at.zip(row.last_wait_ms).map(|(at, ms)| LastWait { at, ms }),
        },
    });
    Ok(snapshots.collect())
}

/// What a hosting must know of an account to pace it.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The account.
    pub account: AccountId,
    /// The user's own interval, in milliseconds.
    pub send_interval_ms: i32,
}

/// The intervals of accounts.
pub async fn standings(connection: &mut PgConnection, accounts: &[AccountId]) -> Result<Vec<Standing>, StoreError> {
    let ids: Vec<Uuid> = accounts.iter().map(AccountId::as_uuid).collect();
    let rows = sqlx::query_as!(
        Standing,
        "SELECT id AS account, send_interval_ms FROM accounts WHERE id = ANY($1) ORDER BY id",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Sets the tenant's wish of how long to pause between two messages of the account. False when there is none.
pub async fn set_send_interval(
    connection: &mut PgConnection,
    user: UserId,
    account: AccountId,
    ms: i32,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE accounts SET send_interval_ms = $3, updated_at = $4 WHERE id = $2 AND user_id = $1",
        user as UserId,
        account as AccountId,
        ms,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
