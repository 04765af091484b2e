//! Announcements to the tenants of some plans: written, looked at, and watched.

use chrono::{DateTime, Utc};
use domain::{
    AnnouncementId, PlanId, UserId,
    announcement::{self, Act, AnnouncementError, State},
    notification::{Block, Button, Channel, Content, Preference},
    plan::FREE_CODE,
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    PgConnection, StoreError,
    announcements::{self, Announcement, Outcomes, Written},
};

use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{Created, pairs::number},
    state::AppState,
};

pub(crate) mod acts;
pub(crate) mod recipients;

use acts::{Origin, audited};

/// Announcements on one page unless asked for otherwise.
const PAGE_DEFAULT: i64 = 50;
/// The longest page.
const PAGE_MAX: i64 = 200;

/// One part of an announcement: either a paragraph or a list.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementBlock))]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockDoc {
    /// A paragraph; a line feed is a new line in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paragraph: Option<String>,
    /// Short lines of equal standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<Vec<String>>,
}

/// A link that stands out.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementButton))]
#[serde(deny_unknown_fields)]
pub(crate) struct ButtonDoc {
    /// What following it does.
    label: String,
    /// Where it leads: `https`, `http` or `tg`.
    url: String,
}

/// What an announcement says.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementContent))]
#[serde(deny_unknown_fields)]
pub(crate) struct ContentDoc {
    /// One line that says it all.
    subject: String,
    /// What stands below it.
    blocks: Vec<BlockDoc>,
    /// The one thing to do about it.
    #[serde(default)]
    button: Option<ButtonDoc>,
    /// Small print.
    #[serde(default)]
    note: Option<String>,
}

impl ContentDoc {
    fn read(self) -> Result<Content, ApiError> {
        let block = |block: BlockDoc| match (block.paragraph, block.list) {
            (Some(text), None) => Ok(Block::Paragraph(text)),
            (None, Some(items)) => Ok(Block::List(items)),
            (Some(_), Some(_)) | (None, None) => Err(AnnouncementError::Block),
        };
        let content = Content {
            subject: self.subject,
            blocks: self.blocks.into_iter().map(block).collect::<Result<_, _>>()?,
            button: self.button.map(|button| Button { label: button.label, url: button.url }),
            note: self.note,
        };
        announcement::check(&content)?;
        Ok(content)
    }
}

impl From<Content> for ContentDoc {
    fn from(content: Content) -> Self {
        let block = |block| match block {
            Block::Paragraph(text) | Block::Code(text) => BlockDoc { paragraph: Some(text), list: None },
            Block::List(items) => BlockDoc { paragraph: None, list: Some(items) },
        };
        Self {
            subject: content.subject,
            blocks: content.blocks.into_iter().map(block).collect(),
            button: content.button.map(|button| ButtonDoc { label: button.label, url: button.url }),
            note: content.note,
        }
    }
}

/// A draft.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementDraft))]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftIn {
    /// What it says.
    content: ContentDoc,
    /// Subject to the opt-out of promotions.
    promotional: bool,
    /// Codes of the plans whose tenants get it; absent or null: `free` alone.
    #[serde(default)]
    plans: Option<Vec<String>>,
    /// `email`, `bot` or both; absent or null: both.
    #[serde(default)]
    #[salvo(schema(value_type = Option<Vec<String>>))]
    channels: Option<Vec<Channel>>,
    /// Tenants who get it in a minute, 1 to 6,000; absent or null: 600.
    #[serde(default)]
    per_minute: Option<u32>,
}

/// What to change of an announcement that has not begun; what is absent or null stays.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// What it says, all of it.
    #[serde(default)]
    content: Option<ContentDoc>,
    /// Subject to the opt-out of promotions.
    #[serde(default)]
    promotional: Option<bool>,
    /// Codes of the plans whose tenants get it.
    #[serde(default)]
    plans: Option<Vec<String>>,
    /// `email`, `bot` or both.
    #[serde(default)]
    #[salvo(schema(value_type = Option<Vec<String>>))]
    channels: Option<Vec<Channel>>,
    /// Tenants who get it in a minute, 1 to 6,000.
    #[serde(default)]
    per_minute: Option<u32>,
}

/// What has become of an announcement at its recipients.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementOutcomes))]
pub(crate) struct OutcomesOut {
    /// Under way; after 90 days also what was sent, because messages are forgotten.
    enqueued: i64,
    /// Taken by at least one channel.
    sent: i64,
    /// Not sent by decision.
    skipped: i64,
    /// Given up on all channels.
    failed: i64,
}

impl From<Outcomes> for OutcomesOut {
    fn from(outcomes: Outcomes) -> Self {
        let Outcomes { enqueued, sent, skipped, failed } = outcomes;
        Self { enqueued, sent, skipped, failed }
    }
}

/// An announcement.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Announcement))]
pub(crate) struct AnnouncementOut {
    /// `ann_…`.
    #[salvo(schema(value_type = String))]
    id: AnnouncementId,
    /// `draft`, `scheduled`, `running`, `paused`, `canceled` or `done`.
    #[salvo(schema(value_type = String))]
    state: State,
    /// What it says.
    content: ContentDoc,
    /// Subject to the opt-out of promotions.
    promotional: bool,
    /// Codes of the plans whose tenants get it.
    plans: Vec<String>,
    /// By which channels it goes, where its reader wants that too.
    #[salvo(schema(value_type = Vec<String>))]
    channels: Vec<Channel>,
    /// Tenants who get it in a minute.
    per_minute: u32,
    /// Tenants of its plans when it began.
    total: i64,
    /// Messages asked for.
    enqueued: i64,
    /// Tenants who do not get it.
    skipped: i64,
    /// What has become of it at its recipients; null in lists.
    outcomes: Option<OutcomesOut>,
    /// When it begins; null for a draft.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    starts_at: Option<DateTime<Utc>>,
    /// When the first tenants had it.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    started_at: Option<DateTime<Utc>>,
    /// When it was done or canceled.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    finished_at: Option<DateTime<Utc>>,
    /// `user_…`: who wrote it.
    #[salvo(schema(value_type = String))]
    created_by: UserId,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When people changed it last.
    #[salvo(schema(value_type = String, format = DateTime))]
    updated_at: DateTime<Utc>,
}

impl From<Announcement> for AnnouncementOut {
    fn from(one: Announcement) -> Self {
        let named = |channel: &Channel| one.written.via.within(only(*channel)) != Preference::Off;
        Self {
            id: one.id,
            state: one.state,
            channels: Channel::ALL.into_iter().filter(named).collect(),
            content: one.written.content.into(),
            promotional: one.written.promotional,
            plans: one.plan_codes,
            per_minute: one.written.per_minute,
            total: one.total,
            enqueued: one.enqueued,
            skipped: one.skipped,
            outcomes: None,
            starts_at: one.starts_at,
            started_at: one.started_at,
            finished_at: one.finished_at,
            created_by: one.created_by,
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

/// A page of announcements.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Announcements))]
pub(crate) struct AnnouncementsOut {
    /// Newest first.
    announcements: Vec<AnnouncementOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<AnnouncementId>,
}

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
    staff: Staff,
    app: AppState,
    body: JsonBody<DraftIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Created<AnnouncementOut>, ApiError> {
    let DraftIn { content, promotional, plans: codes, channels, per_minute } = body.0;
    let per_minute = per_minute.unwrap_or(announcement::PER_MINUTE_DEFAULT);
    announcement::check_rate(per_minute)?;
    let (content, via) = (content.read()?, via(&channels.unwrap_or_else(|| Channel::ALL.to_vec()))?);
    let mut transaction = app.transaction().await?;
    let codes = codes.unwrap_or_else(|| vec![FREE_CODE.to_owned()]);
    let written = Written { content, promotional, plans: plans(&mut transaction, &codes).await?, via, per_minute };
    let (id, now) = (AnnouncementId::new(app.clock.as_ref()), app.clock.now());
    announcements::insert(&mut transaction, id, &written, staff.user, now).await?;
    let origin = Origin::of(&app, staff, req, depot);
    audited(&mut transaction, &origin, ("announcement.create", id), (None, Some(summary(&written))), now).await?;
    let one = announcements::find(&mut transaction, id).await?.ok_or(ApiError::NotFound(Thing::Announcement))?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Created(one.into()))
}

/// Changes an announcement that nobody has yet.
#[endpoint(operation_id = "change_announcement", tags("admin"))]
pub(crate) async fn change(
    staff: Staff,
    app: AppState,
    id: PathId<AnnouncementId>,
    body: JsonBody<ChangeIn>,
    req: &mut Request,
    depot: &mut Depot,
) -> Result<Json<AnnouncementOut>, ApiError> {
    let ChangeIn { content, promotional, plans: codes, channels, per_minute } = body.0;
    let mut transaction = app.transaction().await?;
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
    let origin = Origin::of(&app, staff, req, depot);
    let changed = (Some(summary(&before.written)), Some(summary(&written)));
    audited(&mut transaction, &origin, ("announcement.change", id.0), changed, now).await?;
    let one = locked(&mut transaction, id.0).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(one.into()))
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
    let limit = page_size(req)?;
    let before = req.query::<String>("before").map(|text| text.parse()).transpose();
    let before =
        before.map_err(|_| ApiError::Query { field: "before", detail: "`before` is the `next` of the page before" })?;
    let found = announcements::list(&mut *app.database().await?, before, limit.saturating_add(1)).await?;
    let mut announcements: Vec<AnnouncementOut> = found.into_iter().map(AnnouncementOut::from).collect();
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = announcements.len() > page;
    announcements.truncate(page);
    let next = announcements.last().filter(|_| more).map(|one| one.id);
    Ok(Json(AnnouncementsOut { announcements, next }))
}

fn page_size(req: &mut Request) -> Result<i64, ApiError> {
    let limit = number(req, "limit", "`limit` is a number from 1 to 200")?.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::Query { field: "limit", detail: "`limit` is a number from 1 to 200" })
    }
}
