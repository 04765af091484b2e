//! The tenants.

use chrono::{DateTime, Utc};
use domain::{Role, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// Which tenants; everything that is given must fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserFilter<'a> {
    /// A part of the address, lower-cased.
    pub email_part: Option<&'a str>,
    /// This one.
    pub id: Option<UserId>,
    /// On the plan with this code.
    pub plan: Option<&'a str>,
    /// In this role.
    pub role: Option<Role>,
    /// Suspended, or not.
    pub suspended: Option<bool>,
    /// With a proven address, or not.
    pub verified: Option<bool>,
    /// With something that does not work, or without: an account that is out, a pair that is blocked, or dead letters.
    pub troubled: Option<bool>,
    /// Registered since then.
    pub from: Option<DateTime<Utc>>,
    /// Registered before then.
    pub until: Option<DateTime<Utc>>,
    /// Only those below this one.
    pub before: Option<UserId>,
}

/// One tenant with their plan and what they have.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// The address, lower-cased.
    pub email: String,
    /// When they have proven that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// What they are to this installation.
    pub role: Role,
    /// The plan's code.
    pub plan: String,
    /// When it ends.
    pub plan_expires_at: Option<DateTime<Utc>>,
    /// Why they have it.
    pub plan_reason: Option<String>,
    /// Something else was settled for them than what the plan says.
    pub has_exceptions: bool,
    /// Since when they may do nothing.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why.
    pub suspended_reason: Option<String>,
    /// When they registered.
    pub created_at: DateTime<Utc>,
    /// When they were last seen signed in, to the minute.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Accounts that are not logged out.
    pub accounts: i64,
    /// Those of them that are online.
    pub accounts_online: i64,
    /// Pairs that are not deleted.
    pub pairs: i64,
    /// Those of them that are active.
    pub pairs_active: i64,
    /// Those of them that are blocked.
    pub pairs_blocked: i64,
}

/// The tenants that fit, the newest first.
pub async fn users(
    connection: &mut PgConnection,
    filter: &UserFilter<'_>,
    limit: i64,
) -> Result<Vec<UserRow>, StoreError> {
    let users = sqlx::query_as!(
        UserRow,
        r#"WITH page AS (
             SELECT u.id FROM users u JOIN plans l ON l.id = u.plan_id
             WHERE ($1::text IS NULL OR strpos(u.email, $1) > 0) AND ($2::uuid IS NULL OR u.id = $2)
               AND ($3::text IS NULL OR l.code = $3) AND ($4::role IS NULL OR u.role = $4)
               AND ($5::boolean IS NULL OR (u.suspended_at IS NOT NULL) = $5)
               AND ($6::boolean IS NULL OR (u.email_verified_at IS NOT NULL) = $6)
               AND ($7::timestamptz IS NULL OR u.created_at >= $7) AND ($8::timestamptz IS NULL OR u.created_at < $8)
               AND ($9::uuid IS NULL OR u.id < $9)
               AND ($10::boolean IS NULL OR $10 = (
                 EXISTS (SELECT FROM accounts a
                         WHERE a.user_id = u.id AND a.status IN ('reconnecting', 'limited', 'revoked', 'banned'))
                 OR EXISTS (SELECT FROM pairs p
                            WHERE p.user_id = u.id AND p.deleted_at IS NULL
                              AND (p.status = 'blocked' OR EXISTS (
                                SELECT FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'dead')))))
             ORDER BY u.id DESC LIMIT $11)
           SELECT u.id, u.email, u.email_verified_at, u.role, l.code AS plan, u.plan_expires_at, u.plan_reason,
                  EXISTS (SELECT FROM user_limits x WHERE x.user_id = u.id) AS "has_exceptions!",
                  u.suspended_at, u.suspended_reason, u.created_at,
                  (SELECT max(s.last_used_at) FROM sessions s WHERE s.user_id = u.id) AS last_seen_at,
                  a.linked AS "accounts!", a.online AS "accounts_online!",
                  p.made AS "pairs!", p.active AS "pairs_active!", p.blocked AS "pairs_blocked!"
           FROM page JOIN users u ON u.id = page.id JOIN plans l ON l.id = u.plan_id
           CROSS JOIN LATERAL (SELECT count(*) AS linked, count(*) FILTER (WHERE status = 'online') AS online
                               FROM accounts WHERE user_id = u.id AND status <> 'logged_out') a
           CROSS JOIN LATERAL (SELECT count(*) AS made, count(*) FILTER (WHERE status = 'active') AS active,
                                      count(*) FILTER (WHERE status = 'blocked') AS blocked
                               FROM pairs WHERE user_id = u.id AND deleted_at IS NULL) p
           ORDER BY u.id DESC"#,
        filter.email_part,
        filter.id.map(|user| user.as_uuid()),
        filter.plan,
        filter.role as Option<Role>,
        filter.suspended,
        filter.verified,
        filter.from,
        filter.until,
        filter.before.map(|user| user.as_uuid()),
        filter.troubled,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(users)
}
