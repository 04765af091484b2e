//! What is due is claimed, which is on record before anything is sent.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    NotificationId, UserId,
    notification::{
        Channel, Content, DropReason, Kind, QuietHours,
        retry::{self, Trouble},
    },
};
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use super::{
    place,
    preferences::quiet_hours,
    settle::{failed, postpone, release},
};
use crate::{StoreError, seal::Sealer};

/// A claim is void after this time: longer than one attempt takes, with all its time-outs. What its claimant settles
/// later is ignored.
pub const CLAIM_LASTS: TimeDelta = TimeDelta::minutes(5);

/// One claim of one message on one channel: only the newest settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(super) id: NotificationId,
    pub(super) channel: Channel,
    pub(super) attempts: i32,
}

/// A message to be sent now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Settles it.
    pub ticket: Ticket,
    /// Which message; a key for whoever sends it.
    pub id: NotificationId,
    /// Whose; `None` for the operator's, and for an address that is no user's.
    pub user: Option<UserId>,
    /// Where an e-mail goes to; `None` for the operator.
    pub address: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// It is subject to the opt-out of promotions.
    pub promotional: bool,
    /// What it says.
    pub content: Content,
    /// Which attempt this is, counted from 1.
    pub attempts: i32,
    /// When the first one was.
    pub first_attempt_at: DateTime<Utc>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

struct Row {
    notification_id: NotificationId,
    attempts: i32,
    first_attempt_at: DateTime<Utc>,
    user_id: Option<UserId>,
    address: Option<String>,
    kind: Kind,
    promotional: bool,
    content: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    quiet: Option<QuietHours>,
}

/// Claims what is due on a channel, the most urgent first, at most `limit`; what was claimed by somebody who has not
/// settled it in [`CLAIM_LASTS`] is claimed again. What is out of date is dropped, and what would disturb quiet hours
/// waits for their end: so there may be nothing to send and more that is due.
pub async fn claim(
    connection: &mut PgConnection,
    sealer: &Sealer,
    channel: Channel,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    drop_expired(connection, channel, now).await?;
    let mut claimed = Vec::new();
    for row in claim_rows(connection, channel, now, limit).await? {
        let ticket = Ticket { id: row.notification_id, channel, attempts: row.attempts };
        let quiet_until = row.quiet.as_ref().filter(|_| !row.kind.is_transactional()).map(|quiet| quiet.end_after(now));
        if let Some(until) = quiet_until.filter(|until| *until > now) {
            release(connection, ticket, until).await?;
            continue;
        }
        match open(sealer, &row) {
            Some(content) => claimed.push(Claimed {
                ticket,
                id: row.notification_id,
                user: row.user_id,
                address: row.address,
                kind: row.kind,
                promotional: row.promotional,
                content,
                attempts: row.attempts,
                first_attempt_at: row.first_attempt_at,
                created_at: row.created_at,
            }),
            None => put_off_unreadable(connection, ticket, row.first_attempt_at, now).await?,
        }
    }
    Ok(claimed)
}

fn open(sealer: &Sealer, row: &Row) -> Option<Content> {
    let plain = sealer.open(&place(row.notification_id), row.content.as_deref()?).ok()?;
    serde_json::from_str(plain.expose_secret()).ok()
}

/// The key may come back; the others go on meanwhile.
async fn put_off_unreadable(
    connection: &mut PgConnection,
    ticket: Ticket,
    first_attempt_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (code, text) = ("content_unreadable", "what it says cannot be opened with the keys that are set");
    tracing::error!(notification.id = %ticket.id, "a notification cannot be opened with the keys that are set");
    match retry::next(Trouble::Refused, ticket.attempts, first_attempt_at, now) {
        Some(due_at) => postpone(connection, ticket, code, text, due_at).await?,
        None => failed(connection, ticket, code, text).await?,
    };
    Ok(())
}

async fn drop_expired(connection: &mut PgConnection, channel: Channel, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE notification_sends s SET state = 'dropped', reason_code = $3, reason = $4
         FROM notifications n
         WHERE n.id = s.notification_id AND s.channel = $1 AND s.state IN ('pending', 'sending') AND s.due_at <= $2
           AND n.expires_at <= $2",
        channel as Channel,
        now,
        DropReason::Expired.code(),
        DropReason::Expired.text()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn claim_rows(
    connection: &mut PgConnection,
    channel: Channel,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH due AS (
             SELECT notification_id FROM notification_sends
             WHERE channel = $1 AND state IN ('pending', 'sending') AND due_at <= $2
             ORDER BY priority, due_at, notification_id LIMIT $3 FOR UPDATE SKIP LOCKED),
           claimed AS (
             UPDATE notification_sends s
             SET state = 'sending', attempts = s.attempts + 1, claimed_at = $2, due_at = $4,
                 first_attempt_at = coalesce(s.first_attempt_at, $2)
             FROM due WHERE s.notification_id = due.notification_id AND s.channel = $1
             RETURNING s.notification_id, s.attempts, s.first_attempt_at, s.priority)
           SELECT c.notification_id AS "notification_id!: NotificationId", c.attempts AS "attempts!",
                  c.first_attempt_at AS "first_attempt_at!", n.user_id AS "user_id: UserId",
                  coalesce(n.address, u.email) AS address, n.kind AS "kind!: Kind", n.promotional AS "promotional!",
                  n.content, n.created_at AS "created_at!", o.zone AS "zone?", o.quiet_from_minute, o.quiet_to_minute
           FROM claimed c JOIN notifications n ON n.id = c.notification_id
           LEFT JOIN users u ON u.id = n.user_id LEFT JOIN notification_settings o ON o.user_id = n.user_id
           ORDER BY c.priority, c.notification_id"#,
        channel as Channel,
        now,
        limit,
        now + CLAIM_LASTS
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Row {
            notification_id: row.notification_id,
            attempts: row.attempts,
            first_attempt_at: row.first_attempt_at,
            user_id: row.user_id,
            address: row.address,
            kind: row.kind,
            promotional: row.promotional,
            content: row.content,
            created_at: row.created_at,
            quiet: quiet_hours(row.quiet_from_minute, row.quiet_to_minute, row.zone.as_deref()),
        })
        .collect())
}

/// Makes void what was claimed and not settled: for a channel of which one drain runs at a time, when it begins and
/// knows that the one before it is over.
pub async fn reclaim(connection: &mut PgConnection, channel: Channel, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends SET due_at = $2 WHERE channel = $1 AND state = 'sending' AND due_at > $2",
        channel as Channel,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// When the next message of a channel is due, or a claim is void; `None` when nothing waits.
pub async fn next_due(connection: &mut PgConnection, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
    let due = sqlx::query_scalar!(
        "SELECT min(due_at) FROM notification_sends WHERE channel = $1 AND state IN ('pending', 'sending')",
        channel as Channel
    )
    .fetch_one(connection)
    .await?;
    Ok(due)
}

/// What waits on a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that are not settled.
    pub waiting: i64,
    /// How many of them are due.
    pub due: i64,
}

/// What waits on a channel, for the figures and the sweep.
pub async fn backlog(
    connection: &mut PgConnection,
    channel: Channel,
    now: DateTime<Utc>,
) -> Result<Backlog, StoreError> {
    let backlog = sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "waiting!", count(*) FILTER (WHERE due_at <= $2) AS "due!"
           FROM notification_sends WHERE channel = $1 AND state IN ('pending', 'sending')"#,
        channel as Channel,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(backlog)
}
