//! Accounts that a plan keeps from being hosted.

use chrono::{DateTime, Utc};
use domain::{AccountId, Platform, UserId, gate::Action};
use sqlx::PgConnection;

use crate::StoreError;

/// What a host asks before it hosts.
#[derive(Clone, Copy, Debug)]
pub struct Hostable {
    /// Whose account it is.
    pub user: UserId,
    /// Where it lives.
    pub platform: Platform,
    /// The plan has paused it.
    pub held: bool,
    /// Older accounts of the tenant's on the same platform that are not paused.
    pub before: u64,
}

impl Hostable {
    /// What the gate is asked.
    #[must_use]
    pub const fn action(&self) -> Action {
        Action::HostAccount { platform: self.platform, before: self.before }
    }
}

/// What there is to say of the account; `None` when it is gone.
pub async fn hostable(connection: &mut PgConnection, account: AccountId) -> Result<Option<Hostable>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT a.user_id, a.platform, a.plan_held_since IS NOT NULL AS "held!",
                  (SELECT count(*) FROM accounts o
                   WHERE o.user_id = a.user_id AND o.platform = a.platform AND o.plan_held_since IS NULL
                     AND o.status NOT IN ('paused', 'logged_out')
                     AND (o.created_at, o.id) < (a.created_at, a.id)) AS "before!"
           FROM accounts a WHERE a.id = $1 AND a.status <> 'logged_out'"#,
        account as AccountId
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Hostable {
        user: row.user_id,
        platform: row.platform,
        held: row.held,
        before: u64::try_from(row.before).unwrap_or(0),
    }))
}

/// The plan pauses the account, or its tenant's suspension does, for this code and reason: its host sees it in the lease, and nothing is claimed for it from now on. A state that
/// is not one of running stays what it is. Twice is the same as once.
pub async fn hold(
    connection: &mut PgConnection,
    account: AccountId,
    (code, reason): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET plan_held_since = coalesce(plan_held_since, $4), plan_untold_since = NULL,
                reason_code = CASE WHEN status IN ('connecting', 'online', 'reconnecting', 'paused') THEN $2
                                   ELSE reason_code END,
                reason = CASE WHEN status IN ('connecting', 'online', 'reconnecting', 'paused') THEN $3
                              ELSE reason END,
                status = CASE WHEN status IN ('connecting', 'online', 'reconnecting') THEN 'paused' ELSE status END,
                lease_epoch = lease_epoch + CASE WHEN host IS NULL THEN 0 ELSE 1 END,
                host = NULL, host_task_token = NULL, updated_at = $4
         WHERE id = $1 AND status <> 'logged_out'",
        account as AccountId,
        code,
        reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tenant takes a paused account into their own hands: what the plan has paused is theirs to resume from now on, or
/// is resumed already (`resumed`), and its workflow has to be told. False when it is not paused, or not the tenant's.
pub async fn end_hold(
    connection: &mut PgConnection,
    user: UserId,
    account: AccountId,
    resumed: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE accounts SET plan_held_since = NULL, plan_untold_since = CASE WHEN $3 THEN $4::timestamptz END,
                status = CASE WHEN $3 AND status = 'paused' THEN 'connecting' ELSE status END,
                reason_code = CASE WHEN status = 'paused' THEN NULL ELSE reason_code END,
                reason = CASE WHEN status = 'paused' THEN NULL ELSE reason END, updated_at = $4
         WHERE id = $2 AND user_id = $1 AND (status = 'paused' OR plan_held_since IS NOT NULL)
           AND status <> 'logged_out'",
        user as UserId,
        account as AccountId,
        resumed,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
