//! The workers that there are: what they have room for, and what they are told.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::StoreError;

/// A worker that has not been seen for so long is not counted on: it says that it is alive every few seconds.
pub const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(20);

/// What a worker says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// Its name, stable over restarts.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Accounts that it can host at once.
    pub hosting_slots: i32,
    /// Drains that it can run at once.
    pub drain_slots: i32,
    /// Accounts that are connected.
    pub hosted: i32,
    /// Drains that run.
    pub drains: i32,
    /// When its process began.
    pub started_at: DateTime<Utc>,
}

/// What staff has told a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Take no more accounts, and give away those that there are.
    pub draining: bool,
    /// Also when nobody takes them.
    pub forced: bool,
}

/// The worker is alive; says what it is to do. What it was told survives its restarts.
pub async fn beat(connection: &mut PgConnection, beat: &Beat<'_>, now: DateTime<Utc>) -> Result<Orders, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO workers (name, version, hosting_slots, drain_slots, hosted, drains, started_at, last_seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT ON CONSTRAINT workers_pkey DO UPDATE
           SET version = excluded.version, hosting_slots = excluded.hosting_slots, drain_slots = excluded.drain_slots,
               hosted = excluded.hosted, drains = excluded.drains, started_at = excluded.started_at,
               last_seen_at = excluded.last_seen_at, stopped_at = NULL
           RETURNING draining_since IS NOT NULL AS "draining!", drain_forced"#,
        beat.name,
        beat.version,
        beat.hosting_slots,
        beat.drain_slots,
        beat.hosted,
        beat.drains,
        beat.started_at,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(Orders { draining: row.draining, forced: row.drain_forced })
}

/// The worker has stopped by itself.
pub async fn stopped(connection: &mut PgConnection, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE workers SET stopped_at = $2, hosted = 0, drains = 0 WHERE name = $1", name, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// One worker, as staff sees it.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Accounts that it can host at once.
    pub hosting_slots: i32,
    /// Drains that it can run at once.
    pub drain_slots: i32,
    /// Accounts that have it as their host.
    pub accounts: i64,
    /// Those of them that are online.
    pub online: i64,
    /// Drains that run.
    pub drains: i32,
    /// When its process began.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of.
    pub last_seen_at: DateTime<Utc>,
    /// When it stopped by itself, unless it was started anew.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Since when it is being drained.
    pub draining_since: Option<DateTime<Utc>>,
    /// It gives its accounts away although nobody may take them.
    pub drain_forced: bool,
}

impl Worker {
    /// True while it can be counted on.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.stopped_at.is_none() && now - self.last_seen_at <= SEEN_WITHIN
    }

    /// Accounts that it can take.
    #[must_use]
    pub fn room(&self, now: DateTime<Utc>) -> i64 {
        if self.is_alive(now) && self.draining_since.is_none() {
            (i64::from(self.hosting_slots) - self.accounts).max(0)
        } else {
            0
        }
    }
}

/// All workers, by name.
pub async fn list(connection: &mut PgConnection) -> Result<Vec<Worker>, StoreError> {
    let workers = sqlx::query_as!(
        Worker,
        r#"SELECT w.name, w.version, w.hosting_slots, w.drain_slots, h.accounts AS "accounts!", h.online AS "online!",
                  w.drains, w.started_at, w.last_seen_at, w.stopped_at, w.draining_since, w.drain_forced
           FROM workers w
           CROSS JOIN LATERAL (SELECT count(*) AS accounts, count(*) FILTER (WHERE a.status = 'online') AS online
                               FROM accounts a WHERE a.host = w.name) h
           ORDER BY w.name"#
    )
    .fetch_all(connection)
    .await?;
    Ok(workers)
}

/// Makes whoever looks at the list to decide about a worker wait for each other.
pub async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("SELECT name FROM workers ORDER BY name FOR UPDATE").fetch_all(connection).await?;
    Ok(())
}

/// Has the worker take no more accounts and give away those that it has. Twice is the same as once. False when there is
/// no such worker.
pub async fn drain(
    connection: &mut PgConnection,
    name: &str,
    forced: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE workers SET draining_since = coalesce(draining_since, $3), drain_forced = $2 WHERE name = $1",
        name,
        forced,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has the worker take accounts again. Twice is the same as once. False when there is no such worker.
pub async fn undrain(connection: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!("UPDATE workers SET draining_since = NULL, drain_forced = false WHERE name = $1", name)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets workers that were last seen before `before` and host nothing.
pub async fn forget(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM workers w WHERE w.last_seen_at < $1 AND NOT EXISTS (SELECT FROM accounts a WHERE a.host = w.name)",
        before
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
