//! What became of an announcement at each of its recipients.

use chrono::{DateTime, Utc};
use domain::{AnnouncementId, NotificationId, UserId};
use sqlx::PgConnection;

use crate::{
    StoreError,
    notifications::{SendRecord, history},
};

/// What can have become of it at one recipient: asked for and under way (or forgotten by now), taken by at least one
/// channel, not sent by decision, given up.
pub const OUTCOMES: [&str; 4] = ["enqueued", "sent", "skipped", "failed"];

/// One recipient.
#[derive(Clone, Debug)]
pub struct RecipientRow {
    /// Who.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// One of [`OUTCOMES`].
    pub outcome: String,
    /// Why they were skipped when their turn came.
    pub skip_code: Option<String>,
    /// The message; `None`: none was asked for, or it is forgotten.
    pub notification: Option<NotificationId>,
    /// Its channels.
    pub sends: Vec<SendRecord>,
    /// When their turn came.
    pub at: DateTime<Utc>,
}

/// The recipients after `after`, by id, of one outcome or of all.
pub async fn recipients(
    connection: &mut PgConnection,
    id: AnnouncementId,
    outcome: Option<&str>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<RecipientRow>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT r.user_id, u.email, r.notification_id AS "notification_id: NotificationId", r.skip_code, r.at,
                  o.outcome AS "outcome!"
           FROM announcement_recipients r JOIN users u ON u.id = r.user_id
           CROSS JOIN LATERAL (
               SELECT CASE WHEN r.skip_code IS NOT NULL THEN 'skipped'
                           WHEN bool_or(s.state = 'sent') THEN 'sent'
                           WHEN bool_or(s.state IN ('pending', 'sending')) THEN 'enqueued'
                           WHEN bool_or(s.state = 'failed') THEN 'failed'
                           WHEN bool_or(s.state = 'dropped') THEN 'skipped'
                           ELSE 'enqueued' END AS outcome
               FROM notification_sends s WHERE s.notification_id = r.notification_id) o
           WHERE r.announcement_id = $1 AND ($2::uuid IS NULL OR r.user_id > $2)
             AND ($3::text IS NULL OR o.outcome = $3)
           ORDER BY r.user_id LIMIT $4"#,
        id as AnnouncementId,
        after.map(|user| user.as_uuid()),
        outcome,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let asked: Vec<NotificationId> = rows.iter().filter_map(|row| row.notification_id).collect();
    let mut sends = history::sends(connection, &asked).await?;
    let rows = rows.into_iter().map(|row| RecipientRow {
        user: row.user_id,
        email: row.email,
        outcome: row.outcome,
        skip_code: row.skip_code,
        notification: row.notification_id,
        sends: row.notification_id.and_then(|id| sends.remove(&id)).unwrap_or_default(),
        at: row.at,
    });
    Ok(rows.collect())
}

/// How many recipients have come to which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Under way, or forgotten by now.
    pub enqueued: i64,
    /// Taken by at least one channel.
    pub sent: i64,
    /// Not sent by decision.
    pub skipped: i64,
    /// Given up.
    pub failed: i64,
}

/// Counts them.
pub async fn outcomes(connection: &mut PgConnection, id: AnnouncementId) -> Result<Outcomes, StoreError> {
    let outcomes = sqlx::query_as!(
        Outcomes,
        r#"SELECT count(*) FILTER (WHERE o.outcome = 'enqueued') AS "enqueued!",
                  count(*) FILTER (WHERE o.outcome = 'sent') AS "sent!",
                  count(*) FILTER (WHERE o.outcome = 'skipped') AS "skipped!",
                  count(*) FILTER (WHERE o.outcome = 'failed') AS "failed!"
           FROM announcement_recipients r
           CROSS JOIN LATERAL (
               SELECT CASE WHEN r.skip_code IS NOT NULL THEN 'skipped'
                           WHEN bool_or(s.state = 'sent') THEN 'sent'
                           WHEN bool_or(s.state IN ('pending', 'sending')) THEN 'enqueued'
                           WHEN bool_or(s.state = 'failed') THEN 'failed'
                           WHEN bool_or(s.state = 'dropped') THEN 'skipped'
                           ELSE 'enqueued' END AS outcome
               FROM notification_sends s WHERE s.notification_id = r.notification_id) o
           WHERE r.announcement_id = $1"#,
        id as AnnouncementId
    )
    .fetch_one(connection)
    .await?;
    Ok(outcomes)
}
