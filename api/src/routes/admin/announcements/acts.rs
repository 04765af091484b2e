//! What is done with an announcement: looked at, begun, held, resumed, ended. The row first, with the audit log, then the
//! workflow; what the workflow was not told, the sweep tells it.

use chrono::{DateTime, Utc};
use domain::{
    AnnouncementId, NotificationId,
    announcement::{self, Act, State},
    notification::{Footer, Kind},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    announcements::{self, Announcement},
    notifications::{self, NewNotification, Recipient},
};
use workflows::announcement::AnnouncementWorkflow;

use super::{AnnouncementOut, deed, locked};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{Accepted, admin::act::Acting},
    state::AppState,
};

/// Where the link that turns messages off stands in a preview: every reader has their own.
const UNSUBSCRIBE_PLACE: &str = "https://example.invalid/unsubscribe";

/// How to look at an announcement.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementPreviewRequest))]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewIn {
    /// Send it to you, too, by its channels and your preferences. Once for each state of what it says.
    #[serde(default)]
    send_test: bool,
}

/// Tenants who would not get it, for one reason.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementSkipped))]
pub(crate) struct SkippedOut {
    /// `opt_out`, `suspended`, `unverified` or `bot_not_linked`.
    reason_code: String,
    /// How many.
    count: i64,
}

/// An announcement as its readers would get it now.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementPreview))]
pub(crate) struct PreviewOut {
    /// The subject of the e-mail.
    subject: String,
    /// Its part of plain text; the link that turns messages off is every reader's own.
    text: String,
    /// Its part of HTML.
    html: String,
    /// Tenants of the plans.
    total: i64,
    /// Of these, those who would get it.
    recipients: i64,
    /// By e-mail.
    by_email: i64,
    /// By the bot.
    by_bot: i64,
    /// Those who would not get it.
    skipped: Vec<SkippedOut>,
    /// `ntf_…`: the message to you, if you have asked for it.
    #[salvo(schema(value_type = Option<String>))]
    test: Option<NotificationId>,
}

/// Shows what an announcement looks like and how many it would reach.
#[endpoint(operation_id = "preview_announcement", tags("admin"))]
pub(crate) async fn preview(
    acting: Acting,
    staff: Staff,
    app: AppState,
    id: PathId<AnnouncementId>,
    body: JsonBody<PreviewIn>,
) -> Result<Json<PreviewOut>, ApiError> {
    let mut transaction = acting.begin(&app).await?;
    let one = announcements::find(&mut transaction, id.0).await?.ok_or(ApiError::NotFound(Thing::Announcement))?;
    let audience = announcements::audience(&mut transaction, &one.written).await?;
    let mut test = None;
    if body.0.send_test {
        let now = app.clock.now();
        let key = format!("announcement-test/{}/{}/{}", one.id, staff.user, one.updated_at.timestamp_micros());
        let new = NewNotification {
            to: Recipient::User(staff.user),
            kind: Kind::Announcement,
            promotional: one.written.promotional,
            key: &key,
            content: &one.written.content,
            expires_at: None,
        };
        test = notifications::enqueue_by(&mut transaction, &app.sealer, &new, one.written.via, now).await?;
        if test.is_some() {
            transaction.commit(deed("announcement.test", one.id, None, None)).await?;
        } else {
            test = notifications::find_by_key(&mut transaction, &key).await?;
        }
    }
    let footer = Footer { kind: Kind::Announcement, unsubscribe: Some(UNSUBSCRIBE_PLACE) };
    let letter = one.written.content.letter(footer);
    let skipped = audience.skipped.iter();
    Ok(Json(PreviewOut {
        subject: letter.subject,
        text: letter.text,
        html: letter.html,
        total: audience.total,
        recipients: audience.reached,
        by_email: audience.by_email,
        by_bot: audience.by_bot,
        skipped: skipped
            .map(|(skip, count)| SkippedOut { reason_code: skip.code().to_owned(), count: *count })
            .collect(),
        test,
    }))
}

/// When to begin.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementStart))]
#[serde(deny_unknown_fields)]
pub(crate) struct StartIn {
    /// In the future, within a year; absent or null: now.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    at: Option<DateTime<Utc>>,
}

/// Nothing more to say.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementAct))]
#[serde(deny_unknown_fields)]
pub(crate) struct ActIn {}

/// Begins an announcement, now or at a time. One that is scheduled gets another time; one that runs goes on as it does.
#[endpoint(operation_id = "start_announcement", tags("admin"))]
pub(crate) async fn start(
    acting: Acting,
    app: AppState,
    id: PathId<AnnouncementId>,
    body: JsonBody<StartIn>,
) -> Result<Accepted<AnnouncementOut>, ApiError> {
    let now = app.clock.now();
    if let Some(at) = body.0.at {
        announcement::check_schedule(at, now)?;
    }
    act(&app, &acting, id.0, Act::Start, Some(body.0.at.unwrap_or(now))).await
}

/// Holds an announcement. What the outbox has by then is sent.
#[endpoint(operation_id = "pause_announcement", tags("admin"))]
pub(crate) async fn pause(
    acting: Acting,
    app: AppState,
    id: PathId<AnnouncementId>,
    _body: JsonBody<ActIn>,
) -> Result<Accepted<AnnouncementOut>, ApiError> {
    act(&app, &acting, id.0, Act::Pause, None).await
}

/// Lets an announcement go on where it was held.
#[endpoint(operation_id = "resume_announcement", tags("admin"))]
pub(crate) async fn resume(
    acting: Acting,
    app: AppState,
    id: PathId<AnnouncementId>,
    _body: JsonBody<ActIn>,
) -> Result<Accepted<AnnouncementOut>, ApiError> {
    act(&app, &acting, id.0, Act::Resume, None).await
}

/// Ends an announcement for good. What waits in the outbox is dropped; what is under way may arrive.
#[endpoint(operation_id = "cancel_announcement", tags("admin"))]
pub(crate) async fn cancel(
    acting: Acting,
    app: AppState,
    id: PathId<AnnouncementId>,
    _body: JsonBody<ActIn>,
) -> Result<Accepted<AnnouncementOut>, ApiError> {
    act(&app, &acting, id.0, Act::Cancel, None).await
}

const fn action(act: Act) -> &'static str {
    match act {
        Act::Change => "announcement.change",
        Act::Start => "announcement.start",
        Act::Pause => "announcement.pause",
        Act::Resume => "announcement.resume",
        Act::Cancel => "announcement.cancel",
    }
}

/// True when a start gives it another time: one that is due already and is started once more is started once.
fn moves(before: &Announcement, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at > now || before.starts_at.is_none_or(|due| due > now)
}

/// The row first. An act that changes nothing is not recorded, but its workflow is told once more.
async fn act(
    app: &AppState,
    acting: &Acting,
    id: AnnouncementId,
    act: Act,
    starts_at: Option<DateTime<Utc>>,
) -> Result<Accepted<AnnouncementOut>, ApiError> {
    let now = app.clock.now();
    let mut transaction = acting.begin(app).await?;
    let before = locked(&mut transaction, id).await?;
    let after = announcement::after(before.state, before.started_at.is_some(), act);
    let after = after.ok_or(ApiError::AnnouncementState(before.state))?;
    let starts_at = starts_at.filter(|at| after == State::Scheduled && moves(&before, *at, now));
    let one = if after != before.state || starts_at.is_some() {
        announcements::set_state(&mut transaction, id, after, starts_at, now).await?;
        let dropped = match act {
            Act::Cancel => announcements::drop_waiting(&mut transaction, id).await?,
            Act::Change | Act::Start | Act::Pause | Act::Resume => 0,
        };
        let was = json!({ "state": before.state, "starts_at": before.starts_at });
        let is = json!({ "state": after, "starts_at": starts_at.or(before.starts_at), "dropped": dropped });
        let one = locked(&mut transaction, id).await?;
        transaction.commit(deed(action(act), id, Some(was), Some(is))).await?;
        one
    } else {
        before
    };
    let told = match act {
        Act::Change | Act::Start => app.temporal.signal_announcement(id, AnnouncementWorkflow::start).await,
        Act::Pause => app.temporal.signal_announcement(id, AnnouncementWorkflow::pause).await,
        Act::Resume => app.temporal.signal_announcement(id, AnnouncementWorkflow::resume).await,
        Act::Cancel => app.temporal.signal_announcement(id, AnnouncementWorkflow::cancel).await,
    };
    match told {
        Ok(()) => announcements::told(&mut *app.database().await?, id, now).await?,
        Err(error) => {
            tracing::warn!(announcement.id = %id, ?error, "An announcement's workflow was not told; the sweep will do it.")
        }
    }
    Ok(Accepted(one.into()))
}
