//! What a pair's workflow needs: where its drain has to run, and whether it was started.

use domain::{AccountStatus, PairId, PairStatus, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// Where a pair's drain has to run.
#[derive(Clone, Debug)]
pub struct Route {
    /// The destination account's host, if it has one.
    pub host: Option<String>,
    /// The destination account's state.
    pub account_status: AccountStatus,
    /// Whose pair it is: the fairness key.
    pub user_id: UserId,
    /// Temporal priority by their plan.
    pub priority_key: i32,
    /// Share by their plan.
    pub fairness_weight: f32,
    /// The pair's state.
    pub status: PairStatus,
}

/// Where the pair's drain has to run; `None` when the pair is deleted.
pub async fn route(connection: &mut PgConnection, id: PairId) -> Result<Option<Route>, StoreError> {
    let route = sqlx::query_as!(
        Route,
        "SELECT a.host, a.status AS account_status, p.user_id, l.priority AS priority_key, l.fairness_weight, p.status
         FROM pairs p JOIN accounts a ON a.id = p.destination_account_id JOIN users u ON u.id = p.user_id
         JOIN plans l ON l.id = u.plan_id
         WHERE p.id = $1 AND p.deleted_at IS NULL",
        id as PairId
    )
    .fetch_optional(connection)
    .await?;
    Ok(route)
}

/// Remembers that the pair's workflow was started (or, for a deleted pair, ended).
pub async fn set_workflow_started(connection: &mut PgConnection, id: PairId, started: bool) -> Result<(), StoreError> {
    sqlx::query!("UPDATE pairs SET workflow_started = $2 WHERE id = $1", id as PairId, started)
        .execute(connection)
        .await?;
    Ok(())
}
