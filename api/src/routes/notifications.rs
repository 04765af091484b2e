//! What a user is told: which messages, how, and when not.

use chrono::{DateTime, Utc};
use domain::{
    NotificationId,
    notification::{Channel, Kind, SendState},
};
use salvo::prelude::*;
use serde::Serialize;
use store::notifications::{Notification, SendRecord};

use super::page;
use crate::{auth::Actor, error::ApiError, state::AppState};

pub(crate) mod preferences;
pub(crate) mod unsubscribe;

/// Where a message stands on one channel.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = NotificationSend))]
pub(crate) struct SendOut {
    /// `email` or `bot`.
    #[salvo(schema(value_type = crate::wire::ChannelDoc))]
    channel: Channel,
    /// `pending`, `sending`, `sent`, `failed` or `dropped`.
    #[salvo(schema(value_type = crate::wire::SendStateDoc))]
    state: SendState,
    /// When it may be sent, or is tried again.
    #[salvo(schema(value_type = String, format = DateTime))]
    due_at: DateTime<Utc>,
    /// When it was sent.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    sent_at: Option<DateTime<Utc>>,
    /// Attempts so far.
    attempts: i32,
    /// Stable code of why it waits, has failed or was dropped.
    reason_code: Option<String>,
    /// The same for people.
    reason: Option<String>,
}

impl From<SendRecord> for SendOut {
    fn from(send: SendRecord) -> Self {
        Self {
            channel: send.channel,
            state: send.state,
            due_at: send.due_at,
            sent_at: send.sent_at,
            attempts: send.attempts,
            reason_code: send.reason_code,
            reason: send.reason,
        }
    }
}

/// A message that was sent, is to be sent, or was not wanted. What it says is not shown.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Notification))]
pub(crate) struct NotificationOut {
    /// Names it; `before` takes it.
    #[salvo(schema(value_type = String))]
    id: NotificationId,
    /// What it is about, such as `session_warning`.
    #[salvo(schema(value_type = crate::wire::NotificationKindDoc))]
    kind: Kind,
    /// Subject to the opt-out of promotions.
    promotional: bool,
    /// When it was asked for.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// Its channels.
    sends: Vec<SendOut>,
}

impl From<Notification> for NotificationOut {
    fn from(one: Notification) -> Self {
        Self {
            id: one.id,
            kind: one.kind,
            promotional: one.promotional,
            created_at: one.created_at,
            sends: one.sends.into_iter().map(SendOut::from).collect(),
        }
    }
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Notifications))]
pub(crate) struct NotificationsOut {
    /// Newest first.
    notifications: Vec<NotificationOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<NotificationId>,
}

/// Lists what you were told in the last 90 days, newest first.
#[endpoint(
    operation_id = "list_notifications",
    tags("notifications"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Messages on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::NotificationIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<NotificationsOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let found = store::notifications::list(&mut *app.database().await?, actor.user, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |one| one.id);
    Ok(Json(NotificationsOut { notifications: found.into_iter().map(NotificationOut::from).collect(), next }))
}
