//! Sign-ins: sessions, the refresh tokens that they have had, and who an access token belongs to.

use chrono::{DateTime, Utc};
use domain::{PlanId, Role, SessionId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// What a session may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "session_kind", rename_all = "snake_case")]
pub enum SessionKind {
    /// The tenant's own things.
    Tenant,
    /// The administration.
    Staff,
}

/// A sign-in, for the user's own list.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// What for.
    pub kind: SessionKind,
    /// From where it was begun.
    pub address: String,
    /// With what it was begun.
    pub user_agent: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// A sign-in to be recorded.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// What for.
    pub kind: SessionKind,
    /// From where.
    pub address: &'a str,
    /// With what.
    pub user_agent: Option<&'a str>,
    /// SHA-256 of its first refresh token.
    pub refresh_hash: &'a [u8],
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Records a sign-in.
pub async fn insert(
    connection: &mut PgConnection,
    session: &NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH made AS (
             INSERT INTO sessions (id, user_id, kind, address, user_agent, created_at, last_used_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7) RETURNING id
         )
         INSERT INTO refresh_tokens (hash, session_id, issued_at) SELECT $8, id, $6 FROM made",
        session.id as SessionId,
        session.user as UserId,
        session.kind as SessionKind,
        session.address,
        session.user_agent,
        now,
        session.expires_at,
        session.refresh_hash
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whom a token or key belongs to, and what holds for them.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// What they pay for.
    pub plan: PlanId,
    /// What they are to this installation.
    pub role: Role,
    /// They may do nothing.
    pub suspended: bool,
    /// Requests that they, or one key of theirs, may make in a minute, by plan and exception; `None` is no limit.
    pub requests_per_minute: Option<i32>,
}

/// A session that is still good, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct LiveSession {
    /// Whose.
    pub holder: Holder,
    /// What for.
    pub kind: SessionKind,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
}

/// The session, if it is still good.
pub async fn find_live(
    connection: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<LiveSession>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT s.user_id AS "user: UserId", u.plan_id AS "plan: PlanId", u.role AS "role: Role",
                  u.suspended_at IS NOT NULL AS "suspended!",
                  coalesce(x.requests_per_minute, l.requests_per_minute) AS requests_per_minute, s.kind AS "kind: SessionKind", s.expires_at, s.last_used_at
           FROM sessions s JOIN users u ON u.id = s.user_id
           JOIN plans l ON l.id = u.plan_id
           LEFT JOIN user_limits x ON x.user_id = u.id AND (x.expires_at IS NULL OR x.expires_at > $2)
           WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.leaving_at IS NULL"#,
        id as SessionId,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| LiveSession {
        holder: Holder {
            user: row.user,
            plan: row.plan,
            role: row.role,
            suspended: row.suspended,
            requests_per_minute: row.requests_per_minute,
        },
        kind: row.kind,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    }))
}

/// Remembers that the session was used.
pub async fn set_used(connection: &mut PgConnection, id: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sessions SET last_used_at = greatest(last_used_at, $2) WHERE id = $1", id as SessionId, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// What became of a refresh token that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good and is used up; the next one is in its place.
    Rotated {
        /// The session that goes on.
        session: SessionId,
        /// Whose.
        user: UserId,
        /// What for.
        kind: SessionKind,
        /// When the session ends by itself now.
        expires_at: DateTime<Utc>,
    },
    /// It had been used before: somebody has a copy, and the session has ended with all its tokens.
    Reused {
        /// The session that has ended.
        session: SessionId,
        /// Whose.
        user: UserId,
    },
    /// It is none of ours, or its session is over.
    Unknown,
}

/// How long a session goes on from now: `idle` after this refresh, but never longer than `life` after its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Without a refresh.
    pub idle: chrono::TimeDelta,
    /// In all.
    pub life: chrono::TimeDelta,
}

/// Uses up the refresh token with this hash and puts `next` in its place. Two callers with the same token cannot both
/// win: the second one ends the session. To be called in a transaction that is committed whatever the answer.
pub async fn refresh(
    connection: &mut PgConnection,
    kind: SessionKind,
    hash: &[u8],
    next: &[u8],
    lifetimes: Lifetimes,
    now: DateTime<Utc>,
) -> Result<Refreshed, StoreError> {
    let row = sqlx::query!(
        r#"SELECT t.session_id AS "session: SessionId", t.used_at, s.user_id AS "user: UserId", s.created_at,
                  (s.revoked_at IS NULL AND s.expires_at > $2) AS "live!"
           FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
           WHERE t.hash = $1 AND s.kind = $3 FOR UPDATE"#,
        hash,
        now,
        kind as SessionKind
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Refreshed::Unknown) };
    if row.used_at.is_some() {
        revoke(connection, row.user, row.session, "refresh_token_reused", now).await?;
        return Ok(Refreshed::Reused { session: row.session, user: row.user });
    }
    if !row.live {
        return Ok(Refreshed::Unknown);
    }
    let expires_at = (now + lifetimes.idle).min(row.created_at + lifetimes.life);
    sqlx::query!(
        "WITH used AS (UPDATE refresh_tokens SET used_at = $3 WHERE hash = $1),
              gone_on AS (UPDATE sessions SET expires_at = $4, last_used_at = $3 WHERE id = $5)
         INSERT INTO refresh_tokens (hash, session_id, issued_at) VALUES ($2, $5, $3)",
        hash,
        next,
        now,
        expires_at,
        row.session as SessionId
    )
    .execute(connection)
    .await?;
    Ok(Refreshed::Rotated { session: row.session, user: row.user, kind, expires_at })
}

/// Ends one session of the tenant. False when there is none that is good.
pub async fn revoke(
    connection: &mut PgConnection,
    user: UserId,
    id: SessionId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $4, revoked_reason = $3
         WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL",
        user as UserId,
        id as SessionId,
        reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of the tenant but `keep`. Returns how many.
pub async fn revoke_all(
    connection: &mut PgConnection,
    user: UserId,
    keep: Option<SessionId>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $4, revoked_reason = $3
         WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND revoked_at IS NULL",
        user as UserId,
        keep as Option<SessionId>,
        reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Ends what somebody who is not staff any more had open of the administration. Returns how much.
pub async fn revoke_staff(
    connection: &mut PgConnection,
    user: UserId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3, revoked_reason = $2
         WHERE user_id = $1 AND kind = 'staff' AND revoked_at IS NULL",
        user as UserId,
        reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The tenant's sessions that are good, newest first.
pub async fn list(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Vec<Session>, StoreError> {
    let sessions = sqlx::query_as!(
        Session,
        r#"SELECT id AS "id: SessionId", kind AS "kind: SessionKind", address, user_agent, created_at, last_used_at,
                  expires_at
           FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id"#,
        user as UserId,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(sessions)
}

/// Forgets sessions that ended before `before`, with their refresh tokens. Returns how many.
pub async fn forget(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", before)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
