//! Announcements to the tenants of some plans: written, looked at, and watched.

use domain::{
    AnnouncementId, PlanId,
    announcement::{self, Act, AnnouncementError},
    notification::{Channel, Preference},
    plan::FREE_CODE,
};
use salvo::prelude::*;
use serde_json::{Value, json};
use store::{
    PgConnection,
    announcements::{self, Announcement, Written},
};

use super::act::{Acting, Deed};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{Created, page},
    state::AppState,
};

pub(crate) mod acts;
pub(crate) mod recipients;
mod wire;

use wire::{AnnouncementOut, AnnouncementsOut, ChangeIn, DraftIn};

const fn only(channel: Channel) -> Preference {
    match channel {
        Channel::Email => Preference::Email,
        Channel::Bot => Preference::Bot,
    }
}

fn via(channels: &[Channel]) -> Result<Preference, AnnouncementError> {
    match channels {
        [one] => Ok(only(*one)),
        [one, other] if one != other => Ok(Preference::Both),
        _ => Err(AnnouncementError::Channels),
    }
}

async fn plans(database: &mut PgConnection, codes: &[String]) -> Result<Vec<PlanId>, ApiError> {
    let catalogue = store::plans::catalogue(database).await?;
    let mut plans = Vec::new();
    for code in codes {
        let plan = catalogue.iter().find(|plan| plan.code == *code).ok_or(ApiError::NotFound(Thing::Plan))?;
        if plans.contains(&plan.id) {
            return Err(AnnouncementError::Plans.into());
        }
        plans.push(plan.id);
    }
    if plans.is_empty() { Err(AnnouncementError::Plans.into()) } else { Ok(plans) }
}

/// What of it the audit log keeps.
fn summary(written: &Written) -> serde_json::Value {
    json!({
        "subject": written.content.subject, "promotional": written.promotional, "via": written.via.as_str(),
        "plans": written.plans, "per_minute": written.per_minute,
    })
}

/// Writes a draft. Nothing is sent before it is started.
#[endpoint(operation_id = "create_announcement", tags("admin"))]
pub(crate) async fn create(
    acting: Acting,
    staff: Staff,
    app: AppState,
    body: JsonBody<DraftIn>,
) -> Result<Created<AnnouncementOut>, ApiError> {
    let DraftIn { content, promotional, plans: codes, channels, per_minute } = body.0;
    let per_minute = per_minute.unwrap_or(announcement::PER_MINUTE_DEFAULT);
    announcement::check_rate(per_minute)?;
    let (content, via) = (content.read()?, via(&channels.unwrap_or_else(|| Channel::ALL.to_vec()))?);
    let mut transaction = acting.begin(&app).await?;
    let codes = codes.unwrap_or_else(|| vec![FREE_CODE.to_owned()]);
    let written = Written { content, promotional, plans: plans(&mut transaction, &codes).await?, via, per_minute };
    let (id, now) = (AnnouncementId::new(app.clock.as_ref()), app.clock.now());
    announcements::insert(&mut transaction, id, &written, staff.user, now).await?;
    let one = announcements::find(&mut transaction, id).await?.ok_or(ApiError::NotFound(Thing::Announcement))?;
    transaction.commit(deed("announcement.create", id, None, Some(summary(&written)))).await?;
    Ok(Created(one.into()))
}

/// Changes an announcement that nobody has yet.
#[endpoint(operation_id = "change_announcement", tags("admin"))]
pub(crate) async fn change(
    acting: Acting,
    app: AppState,
    id: PathId<AnnouncementId>,
    body: JsonBody<ChangeIn>,
) -> Result<Json<AnnouncementOut>, ApiError> {
    let ChangeIn { content, promotional, plans: codes, channels, per_minute } = body.0;
    let mut transaction = acting.begin(&app).await?;
    let before = locked(&mut transaction, id.0).await?;
    if announcement::after(before.state, before.started_at.is_some(), Act::Change).is_none() {
        return Err(ApiError::AnnouncementState(before.state));
    }
    let mut written = before.written.clone();
    if let Some(content) = content {
        written.content = content.read()?;
    }
    if let Some(codes) = codes {
        written.plans = plans(&mut transaction, &codes).await?;
    }
    written.promotional = promotional.unwrap_or(written.promotional);
    written.via = channels.as_deref().map_or(Ok(written.via), via)?;
    written.per_minute = per_minute.unwrap_or(written.per_minute);
    announcement::check_rate(written.per_minute)?;
    let now = app.clock.now();
    announcements::rewrite(&mut transaction, id.0, &written, now).await?;
    let (was, is) = (Some(summary(&before.written)), Some(summary(&written)));
    let one = locked(&mut transaction, id.0).await?;
    transaction.commit(deed("announcement.change", id.0, was, is)).await?;
    Ok(Json(one.into()))
}

fn deed(action: &str, id: AnnouncementId, before: Option<Value>, after: Option<Value>) -> Deed<'_> {
    Deed { action, subject: id.to_string(), before, after, ..Deed::default() }
}

async fn locked(database: &mut PgConnection, id: AnnouncementId) -> Result<Announcement, ApiError> {
    announcements::lock(database, id).await?.ok_or(ApiError::NotFound(Thing::Announcement))
}

/// Reads an announcement with what has become of it.
#[endpoint(operation_id = "read_announcement", tags("admin"))]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<AnnouncementId>,
) -> Result<Json<AnnouncementOut>, ApiError> {
    let mut database = app.database().await?;
    let one = announcements::find(&mut database, id.0).await?.ok_or(ApiError::NotFound(Thing::Announcement))?;
    let outcomes = announcements::outcomes(&mut database, id.0).await?;
    Ok(Json(AnnouncementOut { outcomes: Some(outcomes.into()), ..one.into() }))
}

/// Lists announcements, newest first.
#[endpoint(
    operation_id = "list_announcements",
    tags("admin"),
    parameters(
        ("limit" = Option<i64>, Query, description = "Announcements on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AnnouncementsOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let found = announcements::list(&mut *app.database().await?, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |one| one.id);
    Ok(Json(AnnouncementsOut { announcements: found.into_iter().map(AnnouncementOut::from).collect(), next }))
}
