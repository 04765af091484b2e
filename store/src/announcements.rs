//! Announcements: what is to be said to whom, and how far it has come.

use chrono::{DateTime, Utc};
use domain::{
    AnnouncementId, PlanId, UserId,
    announcement::State,
    notification::{Content, Preference},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

mod audience;
mod fan_out;
mod recipients;

pub use audience::{Audience, audience};
pub use fan_out::{Turn, take_turn};
pub use recipients::{OUTCOMES, Outcomes, RecipientRow, outcomes, recipients};

/// The code of what a canceled announcement had asked for and was not sent.
const CANCELED_CODE: &str = "announcement_canceled";

/// What an announcement says, and to whom it goes how.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What it says.
    pub content: Content,
    /// Subject to the opt-out of promotions.
    pub promotional: bool,
    /// To tenants of these plans.
    pub plans: Vec<PlanId>,
    /// By these channels, of those that a tenant wants.
    pub via: Preference,
    /// To so many tenants in a minute.
    pub per_minute: u32,
}

/// One announcement.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Which.
    pub id: AnnouncementId,
    /// Where it stands.
    pub state: State,
    /// What it says to whom.
    pub written: Written,
    /// The codes of its plans, the lowest first.
    pub plan_codes: Vec<String>,
    /// When it begins; `None` for a draft.
    pub starts_at: Option<DateTime<Utc>>,
    /// When the first batch was handed out.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done or canceled.
    pub finished_at: Option<DateTime<Utc>>,
    /// Tenants of its plans when it began.
    pub total: i64,
    /// Messages asked for.
    pub enqueued: i64,
    /// Tenants who do not get it.
    pub skipped: i64,
    /// Who wrote it.
    pub created_by: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last, by people.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: AnnouncementId,
    state: State,
    content: serde_json::Value,
    promotional: bool,
    plan_ids: Vec<Uuid>,
    plan_codes: Vec<String>,
    via: Preference,
    per_minute: i32,
    starts_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    total: i64,
    enqueued: i64,
    skipped: i64,
    created_by: UserId,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Announcement {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let written = Written {
            content: serde_json::from_value(row.content)?,
            promotional: row.promotional,
            plans: row.plan_ids.into_iter().map(PlanId::from_uuid).collect(),
            via: row.via,
            per_minute: u32::try_from(row.per_minute).unwrap_or(1),
        };
        Ok(Self {
            id: row.id,
            state: row.state,
            written,
            plan_codes: row.plan_codes,
            starts_at: row.starts_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            total: row.total,
            enqueued: row.enqueued,
            skipped: row.skipped,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

macro_rules! select {
    ($tail:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT a.id, a.state, a.content, a.promotional, a.plan_ids, a.via, a.per_minute, a.starts_at, a.started_at,
                      a.finished_at, a.total, a.enqueued, a.skipped, a.created_by, a.created_at, a.updated_at,
                      ARRAY(SELECT p.code FROM plans p WHERE p.id = ANY (a.plan_ids) ORDER BY p.position, p.code)
                          AS "plan_codes!: Vec<String>"
               FROM announcements a "# + $tail,
            $($argument),*
        )
    };
}

fn ids(plans: &[PlanId]) -> Vec<Uuid> {
    plans.iter().map(PlanId::as_uuid).collect()
}

fn column(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Writes a draft.
pub async fn insert(
    connection: &mut PgConnection,
    id: AnnouncementId,
    written: &Written,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO announcements (id, state, content, promotional, plan_ids, via, per_minute, created_by, created_at,
                                    updated_at)
         VALUES ($1, 'draft', $2, $3, $4, $5, $6, $7, $8, $8)",
        id as AnnouncementId,
        serde_json::to_value(&written.content)?,
        written.promotional,
        &ids(&written.plans),
        written.via as Preference,
        column(written.per_minute),
        by as UserId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes what one says, and to whom: only before it has begun.
pub async fn rewrite(
    connection: &mut PgConnection,
    id: AnnouncementId,
    written: &Written,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE announcements SET content = $2, promotional = $3, plan_ids = $4, via = $5, per_minute = $6, updated_at = $7
         WHERE id = $1 AND started_at IS NULL",
        id as AnnouncementId,
        serde_json::to_value(&written.content)?,
        written.promotional,
        &ids(&written.plans),
        written.via as Preference,
        column(written.per_minute),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The announcement, if there is one.
pub async fn find(connection: &mut PgConnection, id: AnnouncementId) -> Result<Option<Announcement>, StoreError> {
    let row = select!("WHERE a.id = $1", id as AnnouncementId).fetch_optional(connection).await?;
    row.map(Announcement::try_from).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(connection: &mut PgConnection, id: AnnouncementId) -> Result<Option<Announcement>, StoreError> {
    let row = select!("WHERE a.id = $1 FOR UPDATE", id as AnnouncementId).fetch_optional(connection).await?;
    row.map(Announcement::try_from).transpose()
}

/// Announcements from before `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    before: Option<AnnouncementId>,
    limit: i64,
) -> Result<Vec<Announcement>, StoreError> {
    let rows = select!(
        "WHERE $1::uuid IS NULL OR a.id < $1 ORDER BY a.id DESC LIMIT $2",
        before.map(|id| id.as_uuid()),
        limit
    );
    rows.fetch_all(connection).await?.into_iter().map(Announcement::try_from).collect()
}

/// Moves one to another state, of which its workflow has to be told; `starts_at` replaces the time that it has. Call it
/// with the row locked.
pub async fn set_state(
    connection: &mut PgConnection,
    id: AnnouncementId,
    state: State,
    starts_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE announcements SET state = $2, starts_at = coalesce($3, starts_at), untold_since = $4, updated_at = $4,
                finished_at = CASE WHEN $5 THEN $4::timestamptz END
         WHERE id = $1",
        id as AnnouncementId,
        state as State,
        starts_at,
        now,
        state.is_over()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what a canceled announcement has asked for and nobody has begun to send; how many messages on all channels.
pub async fn drop_waiting(connection: &mut PgConnection, id: AnnouncementId) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE notification_sends s SET state = 'dropped', reason_code = $2, reason = 'the announcement was canceled'
         FROM announcement_recipients r
         WHERE r.announcement_id = $1 AND s.notification_id = r.notification_id AND s.state = 'pending'",
        id as AnnouncementId,
        CANCELED_CODE
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Its workflow knows what was changed up to `since`.
pub async fn told(connection: &mut PgConnection, id: AnnouncementId, since: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE announcements SET untold_since = NULL WHERE id = $1 AND untold_since <= $2",
        id as AnnouncementId,
        since
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An announcement whose workflow may have to be told, or started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which.
    pub id: AnnouncementId,
    /// Where it stands.
    pub state: State,
    /// Since when its workflow is not known to know.
    pub untold_since: Option<DateTime<Utc>>,
}

/// Announcements that are under way, or were changed before `changed_before` without their workflow's knowing.
pub async fn live(
    connection: &mut PgConnection,
    changed_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Live>, StoreError> {
    let live = sqlx::query_as!(
        Live,
        "SELECT id, state, untold_since FROM announcements
         WHERE untold_since < $1 OR untold_since IS NULL AND state IN ('scheduled', 'running', 'paused')
         ORDER BY id LIMIT $2",
        changed_before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(live)
}
