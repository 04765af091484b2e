//! Announcements on the wire.

use chrono::{DateTime, Utc};
use domain::{
    AnnouncementId, UserId,
    announcement::{self, AnnouncementError, State},
    notification::{Block, Button, Channel, Content, Preference},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::announcements::{Announcement, Outcomes};

use super::only;
use crate::error::ApiError;

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
    pub(super) fn read(self) -> Result<Content, ApiError> {
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
    pub(super) content: ContentDoc,
    /// Subject to the opt-out of promotions.
    pub(super) promotional: bool,
    /// Codes of the plans whose tenants get it; absent or null: `free` alone.
    #[serde(default)]
    pub(super) plans: Option<Vec<String>>,
    /// `email`, `bot` or both; absent or null: both.
    #[serde(default)]
    #[salvo(schema(value_type = Option<Vec<String>>))]
    pub(super) channels: Option<Vec<Channel>>,
    /// Tenants who get it in a minute, 1 to 6,000; absent or null: 600.
    #[serde(default)]
    pub(super) per_minute: Option<u32>,
}

/// What to change of an announcement that has not begun; what is absent or null stays.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// What it says, all of it.
    #[serde(default)]
    pub(super) content: Option<ContentDoc>,
    /// Subject to the opt-out of promotions.
    #[serde(default)]
    pub(super) promotional: Option<bool>,
    /// Codes of the plans whose tenants get it.
    #[serde(default)]
    pub(super) plans: Option<Vec<String>>,
    /// `email`, `bot` or both.
    #[serde(default)]
    #[salvo(schema(value_type = Option<Vec<String>>))]
    pub(super) channels: Option<Vec<Channel>>,
    /// Tenants who get it in a minute, 1 to 6,000.
    #[serde(default)]
    pub(super) per_minute: Option<u32>,
}

/// What has become of an announcement at its recipients.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AnnouncementOutcomes))]
pub(crate) struct OutcomesOut {
    /// Under way; after 90 days also what was sent, because messages are forgotten.
    pub(super) enqueued: i64,
    /// Taken by at least one channel.
    sent: i64,
    /// Not sent by decision.
    pub(super) skipped: i64,
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
    pub(super) id: AnnouncementId,
    /// `draft`, `scheduled`, `running`, `paused`, `canceled` or `done`.
    #[salvo(schema(value_type = String))]
    pub(super) state: State,
    /// What it says.
    pub(super) content: ContentDoc,
    /// Subject to the opt-out of promotions.
    pub(super) promotional: bool,
    /// Codes of the plans whose tenants get it.
    pub(super) plans: Vec<String>,
    /// By which channels it goes, where its reader wants that too.
    #[salvo(schema(value_type = Vec<String>))]
    pub(super) channels: Vec<Channel>,
    /// Tenants who get it in a minute.
    pub(super) per_minute: u32,
    /// Tenants of its plans when it began.
    pub(super) total: i64,
    /// Messages asked for.
    pub(super) enqueued: i64,
    /// Tenants who do not get it.
    pub(super) skipped: i64,
    /// What has become of it at its recipients; null in lists.
    pub(super) outcomes: Option<OutcomesOut>,
    /// When it begins; null for a draft.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    pub(super) starts_at: Option<DateTime<Utc>>,
    /// When the first tenants had it.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    pub(super) started_at: Option<DateTime<Utc>>,
    /// When it was done or canceled.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// `user_…`: who wrote it.
    #[salvo(schema(value_type = String))]
    pub(super) created_by: UserId,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    pub(super) created_at: DateTime<Utc>,
    /// When people changed it last.
    #[salvo(schema(value_type = String, format = DateTime))]
    pub(super) updated_at: DateTime<Utc>,
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
    pub(super) announcements: Vec<AnnouncementOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    pub(super) next: Option<AnnouncementId>,
}
