//! What is wrong now, with whose account, pair or limit, or with the books.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountStatus, PairStatus,
    alert::{AlertKind, LAG_MAX, Observed},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StoreError, plans::PLAN_LIMIT};

/// A minute that was used up is still seen by a comparison that comes so long after its beginning.
const MINUTE_SEEN_FOR: TimeDelta = TimeDelta::minutes(2);

/// All that is wrong. Nothing is wrong with a tenant who is suspended.
pub async fn present(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Observed>, StoreError> {
    let mut found = accounts(connection).await?;
    found.extend(pairs(connection, now).await?);
    found.extend(limits(connection, now).await?);
    found.extend(books(connection).await?);
    Ok(found)
}

/// What the last proof of the ledger has found: one thing, however much it is, because it has one cause more often than
/// not, and all of it is on record with the proof.
async fn books(connection: &mut PgConnection) -> Result<Option<Observed>, StoreError> {
    let found = crate::ledger::last_proof(connection).await?.map_or(0, |proof| proof.found);
    Ok((found > 0).then(|| Observed {
        user: None,
        kind: AlertKind::LedgerImbalance,
        subject: Uuid::nil(),
        label: "Ledger".to_owned(),
        detail: Some(if found == 1 { "1 discrepancy".to_owned() } else { format!("{found} discrepancies") }),
        onset: true,
    }))
}

async fn accounts(connection: &mut PgConnection) -> Result<Vec<Observed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.user_id, a.status, a.reason, a.plan_held_since IS NOT NULL AS "held!",
                  initcap(a.platform::text) || coalesce(' ' || a.display_name, ' ' || a.phone, '') AS "label!"
           FROM accounts a JOIN users u ON u.id = a.user_id
           WHERE u.suspended_at IS NULL AND a.status <> 'logged_out'
             AND (a.plan_held_since IS NOT NULL OR a.status IN ('revoked', 'banned', 'limited', 'connecting', 'reconnecting')
                  OR a.status = 'online' AND a.host IS NULL)"#
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().filter_map(|row| {
        let kind = match row.status {
            AccountStatus::Revoked => AlertKind::SessionRevoked,
            AccountStatus::Banned => AlertKind::SessionBanned,
            AccountStatus::Limited => AlertKind::SessionLimited,
            _ if row.held => AlertKind::PlanSurplus,
            AccountStatus::Connecting | AccountStatus::Online | AccountStatus::Reconnecting => {
                AlertKind::AccountUnreachable
            }
            AccountStatus::New
            | AccountStatus::AwaitingCode
            | AccountStatus::AwaitingPassword
            | AccountStatus::Paused
            | AccountStatus::LoggedOut => return None,
        };
        // Why a link is down changes from try to try, and a plan's reason says what the alert says.
        let detail = row.reason.filter(|_| kind != AlertKind::AccountUnreachable && kind != AlertKind::PlanSurplus);
        let (user, subject) = (row.user_id, row.id.as_uuid());
        Some(Observed { user: Some(user), kind, subject, label: row.label, detail, onset: true })
    });
    Ok(found.collect())
}

async fn pairs(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Observed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT p.id, p.user_id, p.name, p.status, p.reason, (p.reason_code = $3) IS TRUE AS "surplus!",
                  coalesce(d.dead, 0) AS "dead!",
                  (h.due_at < $2 AND p.status = 'active') IS TRUE AS "late!",
                  (a.status = 'online' AND a.host IS NOT NULL AND (a.cooldown_until > $1) IS NOT TRUE
                   AND h.reason_code IS DISTINCT FROM $3
                   AND NOT EXISTS (
                       SELECT FROM pace_budgets b
                       WHERE b.account_id = a.id AND b.scope = 'chat' AND b.chat_id = p.destination_chat_id
                         AND b.last_wait_at + least(b.last_wait_ms, 2592000000) * interval '1 millisecond' > $1))
                      IS TRUE AS "free!"
           FROM pairs p JOIN users u ON u.id = p.user_id JOIN accounts a ON a.id = p.destination_account_id
           LEFT JOIN (SELECT pair_id, count(*) AS dead FROM deliveries WHERE state = 'dead' GROUP BY pair_id) d
               ON d.pair_id = p.id
           LEFT JOIN LATERAL (SELECT o.due_at, o.reason_code FROM deliveries o
                              WHERE o.pair_id = p.id AND o.state IN ('pending', 'sending')
                              ORDER BY o.seq LIMIT 1) h ON true
           WHERE p.deleted_at IS NULL AND u.suspended_at IS NULL
             AND (d.dead > 0 OR p.status = 'blocked' OR h.due_at < $2 AND p.status = 'active'
                  OR p.status = 'paused' AND p.reason_code = $3)"#,
        now,
        now - LAG_MAX,
        PLAN_LIMIT
    )
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let mut add = |kind, detail: Option<String>, onset| {
            let (user, subject, label) = (row.user_id, row.id.as_uuid(), row.name.clone());
            found.push(Observed { user: Some(user), kind, subject, label, detail, onset });
        };
        match row.status {
            PairStatus::Blocked => add(AlertKind::PairBlocked, row.reason.clone(), true),
            PairStatus::Paused if row.surplus => add(AlertKind::PlanSurplus, None, true),
            PairStatus::Active | PairStatus::Paused => (),
        }
        if row.dead > 0 {
            let count = if row.dead == 1 { "1 message".to_owned() } else { format!("{} messages", row.dead) };
            add(AlertKind::DeadLetters, Some(count), true);
        }
        if row.late {
            add(AlertKind::PairLagging, None, row.free);
        }
    }
    Ok(found)
}

async fn limits(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Observed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT s.user_id, s.day_limit, s.minute_limit,
                  (s.day + interval '1 day' > $1 AND s.day_used >= s.day_limit) IS TRUE AS "day!",
                  (s.minute > $2 AND s.minute_used >= s.minute_limit) IS TRUE AS "minute!"
           FROM plan_usage s JOIN users u ON u.id = s.user_id
           WHERE u.suspended_at IS NULL
             AND (s.day + interval '1 day' > $1 AND s.day_used >= s.day_limit
                  OR s.minute > $2 AND s.minute_used >= s.minute_limit)"#,
        now,
        now - MINUTE_SEEN_FOR
    )
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        for (reached, kind, limit) in
            [(row.day, AlertKind::DayLimit, row.day_limit), (row.minute, AlertKind::MinuteLimit, row.minute_limit)]
        {
            if reached {
                let detail = limit.map(|limit| format!("{limit} are included"));
                let (user, subject, label) = (row.user_id, row.user_id.as_uuid(), "Messages".to_owned());
                found.push(Observed { user: Some(user), kind, subject, label, detail, onset: true });
            }
        }
    }
    Ok(found)
}
