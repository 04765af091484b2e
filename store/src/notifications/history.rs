//! What was sent to a user, and how long that is kept.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    NotificationId, UserId,
    notification::{Channel, Kind, SendState},
};
use sqlx::PgConnection;

use crate::StoreError;

/// One message as its user sees it: without what it said, for that may be a token.
#[derive(Clone, Debug)]
pub struct Notification {
    /// The row.
    pub id: NotificationId,
    /// What it is about.
    pub kind: Kind,
    /// It is subject to the opt-out of promotions.
    pub promotional: bool,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Its channels.
    pub sends: Vec<SendRecord>,
}

/// Where a message stands on one channel.
#[derive(Clone, Debug)]
pub struct SendRecord {
    /// Which.
    pub channel: Channel,
    /// Where it stands.
    pub state: SendState,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// When the other side took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// Attempts so far.
    pub attempts: i32,
    /// Stable code of why it waits, has failed or was dropped.
    pub reason_code: Option<String>,
    /// The same for people.
    pub reason: Option<String>,
}

/// The tenant's messages before `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<Notification>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, kind, promotional, created_at FROM notifications
         WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        user as UserId,
        before as Option<NotificationId>,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<NotificationId> = rows.iter().map(|row| row.id).collect();
    let mut sends = sends(connection, &ids).await?;
    let notifications = rows.into_iter().map(|row| Notification {
        id: row.id,
        kind: row.kind,
        promotional: row.promotional,
        created_at: row.created_at,
        sends: sends.remove(&row.id).unwrap_or_default(),
    });
    Ok(notifications.collect())
}

/// Where these messages stand on each of their channels.
pub(crate) async fn sends(
    connection: &mut PgConnection,
    ids: &[NotificationId],
) -> Result<HashMap<NotificationId, Vec<SendRecord>>, StoreError> {
    let rows = sqlx::query!(
        "SELECT notification_id, channel, state, due_at, sent_at, attempts, reason_code, reason
         FROM notification_sends WHERE notification_id = ANY($1) ORDER BY notification_id, channel",
        &ids.iter().map(NotificationId::as_uuid).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    let mut sends: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        sends.entry(row.notification_id).or_default().push(SendRecord {
            channel: row.channel,
            state: row.state,
            due_at: row.due_at,
            sent_at: row.sent_at,
            attempts: row.attempts,
            reason_code: row.reason_code,
            reason: row.reason,
        });
    }
    Ok(sends)
}

/// The message of this key, if it was asked for.
pub async fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<NotificationId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT id FROM notifications WHERE key = $1", key).fetch_optional(connection).await?;
    Ok(id)
}

/// Forgets what messages from before `before` said, once nothing of them is to be sent, at most `limit`; how many.
pub async fn forget_contents(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE notifications SET content = NULL WHERE id IN (
             SELECT n.id FROM notifications n
             WHERE n.content IS NOT NULL AND n.created_at < $1 AND NOT EXISTS (
                 SELECT FROM notification_sends s
                 WHERE s.notification_id = n.id AND s.state IN ('pending', 'sending'))
             ORDER BY n.created_at LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets messages from before `before` of which nothing is to be sent, at most `limit`; how many.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM notifications WHERE id IN (
             SELECT n.id FROM notifications n
             WHERE n.created_at < $1 AND NOT EXISTS (
                 SELECT FROM notification_sends s
                 WHERE s.notification_id = n.id AND s.state IN ('pending', 'sending'))
             ORDER BY n.created_at LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
