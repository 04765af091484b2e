//! What became of a claim: only the newest claim of a message settles it.

use chrono::{DateTime, Utc};
use domain::{
    NotificationId,
    notification::{Channel, DropReason},
};
use sqlx::PgConnection;

use super::Ticket;
use crate::StoreError;

/// The other side has taken it. False when the claim is not the newest.
pub async fn sent(connection: &mut PgConnection, ticket: Ticket, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends SET state = 'sent', sent_at = $4, reason_code = NULL, reason = NULL
         WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND state = 'sending'",
        ticket.id as NotificationId,
        ticket.channel as Channel,
        ticket.attempts,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It is given up. False when the claim is not the newest.
pub async fn failed(connection: &mut PgConnection, ticket: Ticket, code: &str, text: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends SET state = 'failed', reason_code = $4, reason = $5
         WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND state = 'sending'",
        ticket.id as NotificationId,
        ticket.channel as Channel,
        ticket.attempts,
        code,
        text
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It is not sent after all. False when the claim is not the newest.
pub async fn dropped(connection: &mut PgConnection, ticket: Ticket, reason: DropReason) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends SET state = 'dropped', reason_code = $4, reason = $5
         WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND state = 'sending'",
        ticket.id as NotificationId,
        ticket.channel as Channel,
        ticket.attempts,
        reason.code(),
        reason.text()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It is tried again at `due_at`. False when the claim is not the newest.
pub async fn postpone(
    connection: &mut PgConnection,
    ticket: Ticket,
    code: &str,
    text: &str,
    due_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends SET state = 'pending', reason_code = $4, reason = $5, due_at = $6
         WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND state = 'sending'",
        ticket.id as NotificationId,
        ticket.channel as Channel,
        ticket.attempts,
        code,
        text,
        due_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a claim back of which nothing was begun: it does not count as an attempt. False when the claim is not the
/// newest.
pub async fn release(connection: &mut PgConnection, ticket: Ticket, due_at: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends
         SET state = 'pending', attempts = attempts - 1, due_at = $4,
             first_attempt_at = CASE WHEN attempts <= 1 THEN NULL ELSE first_attempt_at END
         WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND state = 'sending'",
        ticket.id as NotificationId,
        ticket.channel as Channel,
        ticket.attempts,
        due_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
