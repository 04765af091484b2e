//! Handing an announcement to its recipients, batch after batch: each in one transaction with the place that it has
//! reached, so that a batch that is asked for twice is done once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AnnouncementId, NotificationId, UserId,
    announcement::{Reader, State, batch, pause, way},
    notification::{Content, Kind, Preference},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Announcement, Written, audience, ids, lock};
use crate::{
    StoreError,
    notifications::{self, NewNotification, Recipient},
    seal::Sealer,
};

/// How far an announcement has come, and when there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Where it stands now.
    pub state: State,
    /// Tenants of its plans when it began.
    pub total: i64,
    /// Messages asked for.
    pub enqueued: i64,
    /// Tenants who do not get it.
    pub skipped: i64,
    /// When there is more to do; `None`: not before somebody changes it.
    pub next: Option<Duration>,
}

impl Turn {
    fn of(one: &Announcement, next: Option<Duration>) -> Self {
        let Announcement { state, total, enqueued, skipped, .. } = *one;
        Self { state, total, enqueued, skipped, next }
    }
}

/// Does what is due of an announcement: begins it when its time has come, and hands it to the next batch of tenants.
/// `None` when there is no such announcement. To be called within a transaction.
pub async fn take_turn(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: AnnouncementId,
    now: DateTime<Utc>,
) -> Result<Option<Turn>, StoreError> {
    let Some(mut one) = lock(connection, id).await? else { return Ok(None) };
    let since = match (one.state, one.started_at) {
        (State::Draft | State::Paused | State::Canceled | State::Done, _) => return Ok(Some(Turn::of(&one, None))),
        (State::Scheduled | State::Running, Some(since)) => since,
        (State::Scheduled | State::Running, None) => {
            if let Some(wait) = one.starts_at.and_then(|at| (at - now).to_std().ok()).filter(|wait| !wait.is_zero()) {
                return Ok(Some(Turn::of(&one, Some(wait))));
            }
            begin(connection, &mut one, now).await?;
            now
        }
    };
    let place = place(connection, id).await?;
    if let Some(wait) = place.next_at.and_then(|at| (at - now).to_std().ok()).filter(|wait| !wait.is_zero()) {
        return Ok(Some(Turn::of(&one, Some(wait))));
    }
    let size = batch(one.written.per_minute);
    let readers = readers(connection, &one.written, since, place.cursor, i64::from(size)).await?;
    let last = readers.last().map(|(user, _)| *user);
    let more = readers.len() >= usize::try_from(size).unwrap_or(usize::MAX);
    let mut asked = 0;
    for (user, reader) in readers {
        match hand_to(connection, sealer, &one, (user, &reader), now).await? {
            Some(true) => asked += 1,
            Some(false) => one.skipped += 1,
            None => (),
        }
    }
    one.enqueued += i64::from(asked);
    let wait = pause(asked, one.written.per_minute);
    one.state = if more { State::Running } else { State::Done };
    move_on(connection, &one, last, now + TimeDelta::from_std(wait).unwrap_or_default(), now).await?;
    Ok(Some(Turn::of(&one, more.then_some(wait))))
}

async fn begin(connection: &mut PgConnection, one: &mut Announcement, now: DateTime<Utc>) -> Result<(), StoreError> {
    one.total = audience::count(connection, &one.written.plans).await?;
    one.state = State::Running;
    sqlx::query!(
        "UPDATE announcements SET state = 'running', started_at = $2, total = $3 WHERE id = $1",
        one.id as AnnouncementId,
        now,
        one.total
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The place that an announcement has reached.
struct Reached {
    cursor: Option<Uuid>,
    next_at: Option<DateTime<Utc>>,
}

async fn place(connection: &mut PgConnection, id: AnnouncementId) -> Result<Reached, StoreError> {
    let place = sqlx::query_as!(
        Reached,
        "SELECT cursor, next_batch_at AS next_at FROM announcements WHERE id = $1",
        id as AnnouncementId
    )
    .fetch_one(connection)
    .await?;
    Ok(place)
}

/// The next tenants, by id; who registered after it began does not get it.
async fn readers(
    connection: &mut PgConnection,
    written: &Written,
    since: DateTime<Utc>,
    cursor: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(UserId, Reader)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT u.id, u.suspended_at IS NOT NULL AS "suspended!", u.email_verified_at IS NOT NULL AS "verified!",
                  p.preference AS "preference?", s.promotions_off_at IS NULL AS "promotions!",
                  s.bot_linked_at IS NOT NULL AS "bot_linked!"
           FROM users u LEFT JOIN notification_preferences p ON p.user_id = u.id AND p.kind = 'announcement'
           LEFT JOIN notification_settings s ON s.user_id = u.id
           WHERE u.plan_id = ANY ($1) AND u.created_at <= $2 AND ($3::uuid IS NULL OR u.id > $3)
           ORDER BY u.id LIMIT $4"#,
        &ids(&written.plans) as _,
        since,
        cursor,
        limit
    )
    .fetch_all(connection)
    .await?;
    let reader = rows.into_iter().map(|row| {
        let reader = Reader {
            suspended: row.suspended,
            verified: row.verified,
            preference: row.preference.unwrap_or(Kind::Announcement.default_preference()),
            promotions: row.promotions,
            bot_linked: row.bot_linked,
        };
        (row.id, reader)
    });
    Ok(reader.collect())
}

/// True when a message was asked for, false when they do not get it, `None` when they are gone or had their turn.
async fn hand_to(
    connection: &mut PgConnection,
    sealer: &Sealer,
    one: &Announcement,
    (user, reader): (UserId, &Reader),
    now: DateTime<Utc>,
) -> Result<Option<bool>, StoreError> {
    let Written { content, promotional, via, .. } = &one.written;
    let fate = match way(reader, *promotional, *via) {
        Err(skip) => (None, Some(skip.code())),
        Ok(way) => match ask(connection, sealer, one.id, (user, way), (content, *promotional), now).await? {
            Some(notification) => (Some(notification), None),
            None => return Ok(None),
        },
    };
    let inserted = sqlx::query!(
        "INSERT INTO announcement_recipients (announcement_id, user_id, notification_id, skip_code, at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT announcement_recipients_pkey DO NOTHING",
        one.id as AnnouncementId,
        user as UserId,
        fate.0 as Option<NotificationId>,
        fate.1,
        now
    )
    .execute(connection)
    .await?;
    Ok((inserted.rows_affected() == 1).then_some(fate.0.is_some()))
}

async fn ask(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: AnnouncementId,
    (user, way): (UserId, Preference),
    (content, promotional): (&Content, bool),
    now: DateTime<Utc>,
) -> Result<Option<NotificationId>, StoreError> {
    let key = format!("announcement/{id}/{user}");
    let (to, kind) = (Recipient::User(user), Kind::Announcement);
    let new = NewNotification { to, kind, promotional, key: &key, content, expires_at: None };
    match notifications::enqueue_by(connection, sealer, &new, way, now).await? {
        Some(asked) => Ok(Some(asked)),
        None => notifications::find_by_key(connection, &key).await,
    }
}

async fn move_on(
    connection: &mut PgConnection,
    one: &Announcement,
    last: Option<UserId>,
    next_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE announcements SET state = $2, cursor = coalesce($3, cursor), next_batch_at = $4, enqueued = $5,
                skipped = $6, finished_at = CASE WHEN $7 THEN $8::timestamptz END
         WHERE id = $1",
        one.id as AnnouncementId,
        one.state as State,
        last.map(|user| user.as_uuid()),
        next_at,
        one.enqueued,
        one.skipped,
        one.state.is_over(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
