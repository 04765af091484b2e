//! Acts of staff on many things at once: what was asked for, how far it got. The things themselves are done in
//! [`batch`](self::batch()).

use chrono::{DateTime, Utc};
use domain::{
    BulkActId, UserId,
    bulk::{BulkKind, BulkScope, BulkState},
};
use serde::Deserialize as _;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{
    StoreError,
    audit::{self, Act},
};

mod batch;
mod letters;
mod pairs;

pub use batch::{Batch, Tell, batch};

/// The act that stands in the way of a new one may end just then.
const INSERTS: usize = 3;

/// One act.
#[derive(Clone, Debug)]
pub struct BulkAct {
    /// Which.
    pub id: BulkActId,
    /// What is done.
    pub kind: BulkKind,
    /// To which things, as [`BulkScope`] writes it.
    pub scope: Value,
    /// How far it is.
    pub state: BulkState,
    /// Why, in the words of who asked for it.
    pub reason: String,
    /// Who asked for it.
    pub started_by: UserId,
    /// How many things there are; `None` until they were counted.
    pub total: Option<i64>,
    /// How many were done.
    pub done: i64,
    /// How many could not be done.
    pub failed: i64,
    /// Why it cannot go on.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When somebody asked for it to stop.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl BulkAct {
    /// Which things.
    ///
    /// # Errors
    /// [`StoreError::Document`] when a newer version wrote what this one cannot read.
    pub fn scope(&self) -> Result<BulkScope, StoreError> {
        Ok(BulkScope::deserialize(&self.scope)?)
    }
}

/// An act to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewBulkAct<'a> {
    /// Its id.
    pub id: BulkActId,
    /// What is to be done.
    pub kind: BulkKind,
    /// To which things.
    pub scope: &'a BulkScope,
    /// Why.
    pub reason: &'a str,
    /// Who asks for it.
    pub started_by: UserId,
}

/// Asks for an act. While the same one has not ended, it is that one, and nothing is recorded.
pub async fn insert(
    connection: &mut PgConnection,
    act: &NewBulkAct<'_>,
    now: DateTime<Utc>,
) -> Result<BulkAct, StoreError> {
    let scope = serde_json::to_value(act.scope)?;
    for _ in 0..INSERTS {
        sqlx::query!(
            "INSERT INTO bulk_acts (id, kind, scope, state, reason, started_by, created_at)
             VALUES ($1, $2, $3, 'pending', $4, $5, $6)
             ON CONFLICT (kind, scope) WHERE state IN ('pending', 'running') DO NOTHING",
            act.id as BulkActId,
            act.kind as BulkKind,
            scope,
            act.reason,
            act.started_by as UserId,
            now
        )
        .execute(&mut *connection)
        .await?;
        let found = sqlx::query_as!(
            BulkAct,
            "SELECT id, kind, scope, state, reason, started_by, total, done, failed, error, created_at, started_at,
                    cancel_requested_at, finished_at
             FROM bulk_acts WHERE kind = $1 AND scope = $2 AND state IN ('pending', 'running')",
            act.kind as BulkKind,
            scope
        )
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(StoreError::Conflict { constraint: "bulk_acts_open_key".to_owned() })
}

/// The act.
pub async fn find(connection: &mut PgConnection, id: BulkActId) -> Result<Option<BulkAct>, StoreError> {
    let act = sqlx::query_as!(
        BulkAct,
        "SELECT id, kind, scope, state, reason, started_by, total, done, failed, error, created_at, started_at,
                cancel_requested_at, finished_at
         FROM bulk_acts WHERE id = $1",
        id as BulkActId
    )
    .fetch_optional(connection)
    .await?;
    Ok(act)
}

/// Which acts; everything that is given must fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<BulkState>,
    /// Of this kind.
    pub kind: Option<BulkKind>,
    /// Only those that were asked for before this one.
    pub before: Option<BulkActId>,
}

/// The newest acts that fit.
pub async fn list(connection: &mut PgConnection, filter: Filter, limit: i64) -> Result<Vec<BulkAct>, StoreError> {
    let acts = sqlx::query_as!(
        BulkAct,
        "SELECT id, kind, scope, state, reason, started_by, total, done, failed, error, created_at, started_at,
                cancel_requested_at, finished_at
         FROM bulk_acts
         WHERE ($1::bulk_state IS NULL OR state = $1) AND ($2::bulk_kind IS NULL OR kind = $2)
           AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        filter.state as Option<BulkState>,
        filter.kind as Option<BulkKind>,
        filter.before.map(|id| id.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(acts)
}

/// Asks an act to stop after the batch that is under way. Twice is the same as once, and one that has ended stays what it
/// is. False when there is no such act.
pub async fn request_cancel(
    connection: &mut PgConnection,
    id: BulkActId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let found = sqlx::query!(
        "UPDATE bulk_acts SET cancel_requested_at = CASE WHEN state IN ('pending', 'running')
                                                         THEN coalesce(cancel_requested_at, $2)
                                                         ELSE cancel_requested_at END
         WHERE id = $1",
        id as BulkActId,
        now
    )
    .execute(connection)
    .await?;
    Ok(found.rows_affected() == 1)
}

/// Acts that were asked for before `before` and have not ended: their workflows have to run.
pub async fn open(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<BulkActId>, StoreError> {
    let acts = sqlx::query_scalar!(
        "SELECT id FROM bulk_acts WHERE state IN ('pending', 'running') AND created_at < $1
         ORDER BY created_at LIMIT $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(acts)
}

/// How an act ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// Nothing is left.
    Done,
    /// Somebody wanted it to stop.
    Cancelled,
    /// It cannot go on, for this reason.
    Failed(&'a str),
}

/// Ends an act, and says in the audit log how far it got. One that has ended stays as it is. To be called within a
/// transaction.
pub async fn finish(
    connection: &mut PgConnection,
    id: BulkActId,
    end: End<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (state, error) = match end {
        End::Done => (BulkState::Done, None),
        End::Cancelled => (BulkState::Cancelled, None),
        End::Failed(why) => (BulkState::Failed, Some(why)),
    };
    let ended = sqlx::query!(
        "UPDATE bulk_acts SET state = $2, error = $3, finished_at = $4
         WHERE id = $1 AND state IN ('pending', 'running') RETURNING kind, started_by, scope, total, done, failed",
        id as BulkActId,
        state as BulkState,
        error,
        now
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(ended) = ended else { return Ok(()) };
    let user = BulkScope::deserialize(&ended.scope).ok().and_then(|scope| scope.user);
    if let (Some(user), BulkKind::PausePairs | BulkKind::DeletePairs) = (user, ended.kind) {
        // What it left paused by the plan may have room now.
        crate::plans::mark_stale(connection, user, now).await?;
    }
    let subject = id.to_string();
    let after = json!({ "state": state, "total": ended.total, "done": ended.done, "failed": ended.failed });
    let act = Act {
        actor: Some(ended.started_by),
        action: "bulk.end",
        subject: Some(&subject),
        user,
        after: Some(after),
        reason: error,
        ..Act::default()
    };
    audit::record(connection, &act, now).await
}
