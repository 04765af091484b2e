//! What a tenant uses of their plan.

use chrono::{DateTime, Utc};
use domain::{
    AccountStatus, Platform, UserId,
    gate::{self, AccountUse, Use, Way},
    plan::Usage,
};
use sqlx::PgConnection;

use super::apply::{Carried, carried};
use crate::StoreError;

/// What the tenant uses now. For a decision, [`super::lock_user`] comes first.
pub async fn used(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Use, StoreError> {
    let pairs = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE status <> 'paused') AS "running!"
           FROM pairs WHERE user_id = $1 AND deleted_at IS NULL"#,
        user as UserId
    )
    .fetch_one(&mut *connection)
    .await?;
    let accounts = sqlx::query!(
        r#"SELECT platform, count(*) AS "linked!",
                  count(*) FILTER (WHERE status <> 'paused' AND plan_held_since IS NULL) AS "running!"
           FROM accounts WHERE user_id = $1 AND status <> $2 GROUP BY platform"#,
        user as UserId,
        AccountStatus::LoggedOut as AccountStatus
    )
    .fetch_all(&mut *connection)
    .await?;
    let of = |platform: Platform| {
        let row = accounts.iter().find(|row| row.platform == platform);
        row.map_or_else(AccountUse::default, |row| AccountUse {
            linked: count(row.linked),
            running: count(row.running),
        })
    };
    let messages = crate::pace::usage(connection, user).await?;
    Ok(Use {
        pairs: count(pairs.all),
        pairs_running: count(pairs.running),
        telegram_accounts: of(Platform::Telegram),
        discord_accounts: of(Platform::Discord),
        messages: messages.map_or_else(|| Usage::none(now), |(messages, _)| messages.at(now)),
    })
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// How a pair is connected with others of the same tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// It reads what another one writes.
    pub follows: bool,
    /// Another one reads what it writes.
    pub leads: bool,
}

/// How a pair along `way` is, or would be, connected with the tenant's others. A tenant whose plan includes chains is not
/// asked about: the answer is none.
pub async fn chain(connection: &mut PgConnection, user: UserId, way: Way) -> Result<Chain, StoreError> {
    let included = sqlx::query_scalar!(
        r#"SELECT coalesce(x.chain_forwarding, l.chain_forwarding) AS "included!"
           FROM users u JOIN plans l ON l.id = u.plan_id LEFT JOIN user_limits x ON x.user_id = u.id WHERE u.id = $1"#,
        user as UserId
    )
    .fetch_optional(&mut *connection)
    .await?;
    if included == Some(true) {
        return Ok(Chain::default());
    }
    let others = carried(connection, user, Some(way)).await?;
    let ways = || others.iter().map(Carried::way);
    Ok(Chain {
        follows: gate::joins_a_chain(way, ways()),
        leads: ways().any(|other| gate::joins_a_chain(other, [way])),
    })
}
