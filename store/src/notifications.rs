//! Messages to users and to the operator: asked for in the transaction of what they tell of, sent afterwards by the
//! channels, and kept for a while as a record.

use chrono::{DateTime, Utc};
use domain::{
    Email, FixedClock, NotificationId, UserId,
    notification::{Channel, Content, Kind, Preference, Route, Wishes, route},
};
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

pub mod claim;
pub mod history;
pub mod preferences;
pub mod settle;

pub use claim::{Backlog, CLAIM_LASTS, Claimed, Ticket, backlog, claim, next_due, reclaim};
pub use history::{Notification, SendRecord, find_by_key, forget_contents, list, prune};
pub use preferences::{
    Settings, change_preferences, change_settings, preferences, set_bot_linked, settings, unsubscribe,
};
pub use settle::{dropped, failed, postpone, release, sent};

/// The PostgreSQL channel that says which channel of ours has something to send.
pub const WAKE_CHANNEL: &str = "outbox";

/// Who is to get a message.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// A user, by the channels of their choice.
    User(UserId),
    /// A user at an address that is not, or not yet, or no longer their own; by e-mail only.
    UserAt(UserId, &'a Email),
    /// Somebody who is no user, or will be none when it is sent.
    Address(&'a Email),
    /// Who runs this installation.
    Operator,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct NewNotification<'a> {
    /// To whom.
    pub to: Recipient<'a>,
    /// What it is about.
    pub kind: Kind,
    /// An announcement that a user may opt out of.
    pub promotional: bool,
    /// The same key is the same message: made from what happened, not from the attempt to tell of it.
    pub key: &'a str,
    /// What it says.
    pub content: &'a Content,
    /// When it need not be sent any more, for one that holds a token that ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Records a message and by which channels it goes, and wakes the channels when the transaction commits. One that the
/// reader does not want is recorded too, with the reason. `None` when the key is known already, or the user is not.
pub async fn enqueue(
    connection: &mut PgConnection,
    sealer: &Sealer,
    new: &NewNotification<'_>,
    now: DateTime<Utc>,
) -> Result<Option<NotificationId>, StoreError> {
    enqueue_by(connection, sealer, new, Preference::Both, now).await
}

/// As [`enqueue`], by these channels only, of those that the reader wants.
pub async fn enqueue_by(
    connection: &mut PgConnection,
    sealer: &Sealer,
    new: &NewNotification<'_>,
    via: Preference,
    now: DateTime<Utc>,
) -> Result<Option<NotificationId>, StoreError> {
    let (user, address) = match new.to {
        Recipient::User(user) => (Some(user), None),
        Recipient::UserAt(user, address) => (Some(user), Some(address.as_str())),
        Recipient::Address(address) => (None, Some(address.as_str())),
        Recipient::Operator => (None, None),
    };
    let wishes = match user {
        None => Some(Wishes::BY_EMAIL),
        Some(user) => preferences::wishes(connection, user, new.kind).await?,
    };
    let Some(mut wishes) = wishes else { return Ok(None) };
    wishes.bot_linked &= address.is_none();
    wishes.preference = wishes.preference.within(via);
    let routes = route(new.kind, new.promotional, &wishes, now);
    let id = NotificationId::new(&FixedClock::at(now));
    let sealed = match routes.iter().any(|route| route.fate.is_ok()) {
        false => None,
        true => Some(sealer.seal(&place(id), &serde_json::to_string(new.content)?.into())?),
    };
    let inserted = sqlx::query!(
        "INSERT INTO notifications (id, user_id, kind, promotional, key, address, content, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT notifications_key_key DO NOTHING",
        id as NotificationId,
        user as Option<UserId>,
        new.kind as Kind,
        new.promotional,
        new.key,
        address,
        sealed,
        new.expires_at,
        now
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    for route in routes {
        insert_send(connection, id, new.kind, route, now).await?;
    }
    Ok(Some(id))
}

async fn insert_send(
    connection: &mut PgConnection,
    id: NotificationId,
    kind: Kind,
    route: Route,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (due_at, reason) = match route.fate {
        Ok(due_at) => (due_at, None),
        Err(reason) => (now, Some(reason)),
    };
    sqlx::query!(
        "INSERT INTO notification_sends (notification_id, channel, state, priority, due_at, reason_code, reason)
         VALUES ($1, $2, CASE WHEN $5::text IS NULL THEN 'pending' ELSE 'dropped' END::notification_state, $3, $4, $5, $6)",
        id as NotificationId,
        route.channel as Channel,
        kind.priority(),
        due_at,
        reason.map(|reason| reason.code()),
        reason.map(|reason| reason.text())
    )
    .execute(&mut *connection)
    .await?;
    if reason.is_none() {
        sqlx::query!("SELECT pg_notify($1, $2)::text", WAKE_CHANNEL, route.channel.as_str())
            .fetch_one(connection)
            .await?;
    }
    Ok(())
}

/// What a sealed content is bound to.
pub(crate) fn place(id: NotificationId) -> String {
    format!("notifications/{id}/content")
}
