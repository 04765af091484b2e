//! What the server knows, as it is kept on disk. Everything is a whole record: a change writes the new record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{clock::now_ms, id::Id};

mod message;

pub use message::{Attachment, Author, Forward, Message, Pings, Snapshot, Sticker, StickerFormat};

/// A person or a bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The user id; a bot's application has the same.
    pub id: Id,
    /// The name.
    pub username: String,
    /// Set for bots.
    pub bot: Option<Bot>,
}

/// What only bots have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bot {
    /// The secret.
    pub token: String,
    /// The token no longer works.
    pub revoked: bool,
    /// The Message Content intent is switched on for the application.
    pub message_content: bool,
}

/// A server with members, roles and channels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guild {
    /// Also the id of its `@everyone` role.
    pub id: Id,
    /// The name.
    pub name: String,
    /// May do everything.
    pub owner: Id,
    /// `@everyone` first, then one per bot.
    pub roles: Vec<Role>,
    /// Who is in it.
    pub members: BTreeMap<Id, Member>,
    /// Boost tier, 0 to 3: larger files from 2 on.
    #[serde(default)]
    pub premium_tier: u8,
}

/// A named set of permissions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// The role; equal to the guild's id for `@everyone`.
    pub id: Id,
    /// The name.
    pub name: String,
    /// What it grants.
    pub permissions: u64,
    /// The bot that it was made for.
    pub managed_by: Option<Id>,
}

/// An account inside a guild.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Roles besides `@everyone`.
    pub roles: Vec<Id>,
    /// Milliseconds since 1970.
    pub joined_ms: u64,
}

/// The channel types that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Text in a guild.
    Text,
    /// Text between a bot and a person.
    Direct,
    /// Text that can be followed from other guilds.
    Announcement,
    /// A thread under an announcement channel.
    AnnouncementThread,
    /// A thread, or a post of a forum.
    Thread,
    /// Only posts, no text of its own.
    Forum,
}

impl ChannelKind {
    /// Discord's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Direct => 1,
            Self::Announcement => 5,
            Self::AnnouncementThread => 10,
            Self::Thread => 11,
            Self::Forum => 15,
        }
    }

    /// A thread or a forum post.
    #[must_use]
    pub const fn is_thread(self) -> bool {
        matches!(self, Self::Thread | Self::AnnouncementThread)
    }
}

/// Somewhere to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// The channel.
    pub id: Id,
    /// None for a direct conversation.
    pub guild: Option<Id>,
    /// What it is.
    pub kind: ChannelKind,
    /// The name; empty for a direct conversation.
    pub name: String,
    /// Threads: the channel above.
    pub parent: Option<Id>,
    /// Exceptions from the guild's permissions.
    pub overwrites: Vec<Overwrite>,
    /// Shown at the top.
    pub topic: Option<String>,
    /// Order in the list.
    pub position: usize,
    /// Set for threads.
    pub thread: Option<Thread>,
    /// Direct conversations: the two accounts.
    pub recipients: Vec<Id>,
}

/// What only threads have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Thread {
    /// Who opened it.
    pub owner: Id,
    /// Hidden from the list until somebody writes again.
    pub archived: bool,
    /// When it was last hidden or shown again, in milliseconds since 1970; 0: never.
    #[serde(default)]
    pub archive_changed_ms: u64,
    /// Only moderators can write.
    pub locked: bool,
}

impl Thread {
    /// The thread, hidden or shown from now on.
    #[must_use]
    pub fn with_archived(mut self, archived: bool) -> Self {
        if self.archived != archived {
            self.archive_changed_ms = now_ms();
        }
        Self { archived, ..self }
    }
}

/// An exception for one role or member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overwrite {
    /// A role or a member.
    pub id: Id,
    /// It is a member.
    pub member: bool,
    /// Granted here.
    pub allow: u64,
    /// Denied here.
    pub deny: u64,
}

/// A way to write without a bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// The webhook.
    pub id: Id,
    /// Where it writes.
    pub channel: Id,
    /// The guild of that channel.
    pub guild: Id,
    /// The bot that made it.
    pub owner: Id,
    /// The name shown.
    pub name: String,
    /// The secret in its URL.
    pub token: String,
}

/// One change, as it is written to disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// New or changed.
    Account(Account),
    /// New or changed.
    Guild(Guild),
    /// New or changed.
    Channel(Channel),
    /// Gone, with its messages.
    ChannelGone(Id),
    /// New or changed.
    Message(Box<Message>),
    /// Gone.
    MessageGone {
        /// Where it stood.
        channel: Id,
        /// The message.
        id: Id,
    },
    /// New or changed.
    Webhook(Webhook),
    /// Gone.
    WebhookGone(Id),
}
