//! The audit log: what staff and the operator have done, and what befell an account's identity.

use chrono::{DateTime, Utc};
use domain::{Role, UserId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StoreError;

/// Something that was done.
#[derive(Clone, Debug, Default)]
pub struct Act<'a> {
    /// Who; `None` is the operator at the console, or the machinery.
    pub actor: Option<UserId>,
    /// As what.
    pub role: Option<Role>,
    /// Stable name, such as `user.suspend`.
    pub action: &'a str,
    /// Whom or what it was done to, as on the wire.
    pub subject: Option<&'a str>,
    /// Whose data it was done to.
    pub user: Option<UserId>,
    /// What was there before; never a secret.
    pub before: Option<Value>,
    /// What is there now; never a secret.
    pub after: Option<Value>,
    /// Why, as the actor said.
    pub reason: Option<&'a str>,
    /// From where.
    pub address: Option<&'a str>,
    /// In which request.
    pub request_id: Option<&'a str>,
}

/// Records it; in the transaction of what is done, so that neither is there without the other.
pub async fn record(connection: &mut PgConnection, act: &Act<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_log (at, actor_id, actor_role, action, subject, user_id, before, after, reason, address,
                                request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        now,
        act.actor as Option<UserId>,
        act.role as Option<Role>,
        act.action,
        act.subject,
        act.user as Option<UserId>,
        act.before,
        act.after,
        act.reason,
        act.address,
        act.request_id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number; newer ones are higher.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor_id: Option<UserId>,
    /// As what.
    pub actor_role: Option<Role>,
    /// What.
    pub action: String,
    /// Whom or what it was done to.
    pub subject: Option<String>,
    /// Whose data it was done to.
    pub user_id: Option<UserId>,
    /// What was there before.
    pub before: Option<Value>,
    /// What is there now.
    pub after: Option<Value>,
    /// Why.
    pub reason: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
}

/// Which lines; everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Done by.
    pub actor: Option<UserId>,
    /// Done to the data of.
    pub user: Option<UserId>,
    /// An action, or its beginning up to a dot: `user.` means everything about users.
    pub action: Option<&'a str>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// Only lines below this number.
    pub before: Option<i64>,
}

/// The newest lines that fit.
pub async fn list(connection: &mut PgConnection, filter: &Filter<'_>, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let entries = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, actor_id AS "actor_id: UserId", actor_role AS "actor_role: Role", action, subject,
                  user_id AS "user_id: UserId", before, after, reason, address, request_id
           FROM audit_log
           WHERE ($1::uuid IS NULL OR actor_id = $1) AND ($2::uuid IS NULL OR user_id = $2)
             AND ($3::text IS NULL OR action = $3 OR (right($3, 1) = '.' AND starts_with(action, $3)))
             AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)
             AND ($6::bigint IS NULL OR id < $6)
           ORDER BY id DESC LIMIT $7"#,
        filter.actor.map(|user| user.as_uuid()),
        filter.user.map(|user| user.as_uuid()),
        filter.action,
        filter.from,
        filter.until,
        filter.before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(entries)
}
