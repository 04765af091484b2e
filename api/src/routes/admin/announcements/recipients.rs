//! What has become of an announcement at each of its recipients.

use chrono::{DateTime, Utc};
use domain::{AnnouncementId, NotificationId, UserId};
use salvo::prelude::*;
use serde::Serialize;
use store::announcements::{self, OUTCOMES, RecipientRow};

use crate::{
    auth::{PathId, Staff},
    error::{ApiError, Thing},
    routes::{notifications::SendOut, page},
    state::AppState,
};

/// One recipient.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementRecipient))]
pub(crate) struct RecipientOut {
    /// `user_…`.
    #[salvo(schema(value_type = String))]
    user: UserId,
    /// Their address.
    email: String,
    /// `enqueued` (under way, or forgotten after 90 days), `sent`, `skipped` or `failed`.
    result: String,
    /// Why they were skipped: `opt_out`, `suspended`, `unverified` or `bot_not_linked`; null: they were not, or what was
    /// asked for was dropped later, as `sends` says.
    reason_code: Option<String>,
    /// `ntf_…`: the message.
    #[salvo(schema(value_type = Option<String>))]
    notification: Option<NotificationId>,
    /// Its channels.
    sends: Vec<SendOut>,
    /// When their turn came.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

impl From<RecipientRow> for RecipientOut {
    fn from(row: RecipientRow) -> Self {
        Self {
            user: row.user,
            email: row.email,
            result: row.outcome,
            reason_code: row.skip_code,
            notification: row.notification,
            sends: row.sends.into_iter().map(SendOut::from).collect(),
            at: row.at,
        }
    }
}

/// A page of recipients.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementRecipients))]
pub(crate) struct RecipientsOut {
    /// By id.
    recipients: Vec<RecipientOut>,
    /// What to pass as `after` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<UserId>,
}

/// Lists those whose turn has come, with what has become of it.
#[endpoint(
    operation_id = "list_announcement_recipients",
    tags("admin"),
    parameters(
        ("limit" = Option<i64>, Query, description = "Recipients on a page: 1 to 200, 50 unless given."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
        ("result" = Option<String>, Query, description = "Only `enqueued`, `sent`, `skipped` or `failed`.")
    )
)]
pub(crate) async fn list(
    _staff: Staff,
    app: AppState,
    id: PathId<AnnouncementId>,
    req: &mut Request,
) -> Result<Json<RecipientsOut>, ApiError> {
    let limit = page::size(req)?;
    let after = page::asked(req, "after", "`after` is the `next` of the page before")?;
    let result = req.query::<String>("result");
    if result.as_deref().is_some_and(|result| !OUTCOMES.contains(&result)) {
        let detail = "`result` is `enqueued`, `sent`, `skipped` or `failed`";
        return Err(ApiError::Query { field: "result", detail });
    }
    let mut database = app.database().await?;
    announcements::find(&mut database, id.0).await?.ok_or(ApiError::NotFound(Thing::Announcement))?;
    let found = announcements::recipients(&mut database, id.0, result.as_deref(), after, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |one| one.user);
    Ok(Json(RecipientsOut { recipients: found.into_iter().map(RecipientOut::from).collect(), next }))
}
