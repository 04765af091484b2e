//! What a plan has paused or resumed, and whether its workflow was told: who changes the row says so there, and a crash
//! between the commit and the signal is found by the sweep.

use chrono::{DateTime, Utc};
use domain::{AccountId, PairId, PairStatus, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// Something whose workflow was not told of its plan's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold<Id> {
    /// What.
    pub id: Id,
    /// Whose.
    pub user_id: UserId,
    /// It is paused now; else it runs.
    pub paused: bool,
    /// When it was changed.
    pub since: DateTime<Utc>,
}

/// Pairs that were paused or resumed before `before`, and whose workflows were not told.
pub async fn untold_pairs(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Untold<PairId>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, user_id, status, plan_untold_since AS "since!" FROM pairs
           WHERE plan_untold_since < $1 AND deleted_at IS NULL ORDER BY plan_untold_since, id LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    let untold = rows.into_iter().map(|row| Untold {
        id: row.id,
        user_id: row.user_id,
        paused: row.status == PairStatus::Paused,
        since: row.since,
    });
    Ok(untold.collect())
}

/// Accounts that were resumed before `before`, and whose workflows were not told.
pub async fn untold_accounts(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Untold<AccountId>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, user_id, plan_untold_since AS "since!" FROM accounts
           WHERE plan_untold_since < $1 AND plan_held_since IS NULL AND status <> 'logged_out'
           ORDER BY plan_untold_since, id LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    let untold =
        rows.into_iter().map(|row| Untold { id: row.id, user_id: row.user_id, paused: false, since: row.since });
    Ok(untold.collect())
}

/// The pair's workflow was told what was changed up to `since`.
pub async fn pair_told(connection: &mut PgConnection, pair: PairId, since: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE pairs SET plan_untold_since = NULL WHERE id = $1 AND plan_untold_since <= $2",
        pair as PairId,
        since
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The account's workflow was told what was changed up to `since`.
pub async fn account_told(
    connection: &mut PgConnection,
    account: AccountId,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET plan_untold_since = NULL WHERE id = $1 AND plan_untold_since <= $2",
        account as AccountId,
        since
    )
    .execute(connection)
    .await?;
    Ok(())
}
