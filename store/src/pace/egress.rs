//! What the workers behind one address have done together.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

/// Counts what happened behind one address, in windows of fixed length; returns the sum of the window.
pub async fn count_egress(
    connection: &mut PgConnection,
    place: EgressCount<'_>,
    window_start: DateTime<Utc>,
    used: i64,
) -> Result<i64, StoreError> {
    let used = sqlx::query_scalar!(
        "INSERT INTO pace_egress AS e (egress, kind, subject, window_start, used) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT pace_egress_pkey DO UPDATE SET
             used = CASE WHEN e.window_start >= excluded.window_start THEN e.used + excluded.used ELSE excluded.used END,
             window_start = greatest(e.window_start, excluded.window_start)
         RETURNING used",
        place.egress,
        place.kind,
        place.subject,
        window_start,
        used
    )
    .fetch_one(connection)
    .await?;
    Ok(used)
}

/// What the current window holds; 0 when nothing was counted in it.
pub async fn egress_used(
    connection: &mut PgConnection,
    place: EgressCount<'_>,
    window_start: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let used = sqlx::query_scalar!(
        "SELECT used FROM pace_egress WHERE egress = $1 AND kind = $2 AND subject = $3 AND window_start = $4",
        place.egress,
        place.kind,
        place.subject,
        window_start
    )
    .fetch_optional(connection)
    .await?;
    Ok(used.unwrap_or_default())
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub struct EgressCount<'a> {
    /// The address, by the name that its workers share.
    pub egress: &'a str,
    /// `invalid`, `identify` or `identify_gap`.
    pub kind: &'a str,
    /// The account, or nil for all.
    pub subject: Uuid,
}

/// Remembers that something was done now, unless it was done after `not_since`; false then.
pub async fn space_egress(
    connection: &mut PgConnection,
    place: EgressCount<'_>,
    now: DateTime<Utc>,
    not_since: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO pace_egress AS e (egress, kind, subject, window_start, used) VALUES ($1, $2, $3, $4, 1)
         ON CONFLICT ON CONSTRAINT pace_egress_pkey DO UPDATE SET used = e.used + 1, window_start = excluded.window_start
         WHERE e.window_start <= $5",
        place.egress,
        place.kind,
        place.subject,
        now,
        not_since
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
