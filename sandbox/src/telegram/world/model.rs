//! What the sandbox remembers: accounts, chats, messages, files and codes. Plain data; the rules are in `apply`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use super::attached::{Attached, Extra};
pub(crate) use super::chat::{Channel, ChatKind, Group, Member, Role, Topic};
use super::entity::Entity;
use super::peer::Peer;
use crate::telegram::net::srp::Verifier;

/// An account: a person with a phone number, or a bot with a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    /// Digits only; None for a bot.
    pub(crate) phone: Option<String>,
    pub(crate) first_name: String,
    #[serde(default)]
    pub(crate) last_name: String,
    pub(crate) username: Option<String>,
    /// Set for bots only.
    pub(crate) bot_token: Option<String>,
    /// Set when two-step verification is on.
    pub(crate) password: Option<Verifier>,
    /// The file of the profile picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) photo: Option<i64>,
}

impl User {
    pub(crate) fn is_bot(&self) -> bool {
        self.bot_token.is_some()
    }
}

/// One account's private side: its mailbox (private chats and basic groups) and its log of changes.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Starts at 1: clients take 0 for "no state".
    pub(crate) pts: i32,
    pub(crate) last_id: i32,
    pub(crate) messages: BTreeMap<i32, Message>,
    pub(crate) dialogs: HashMap<Peer, Dialog>,
    pub(crate) log: Vec<LogEntry>,
    /// What each `random_id` of this account led to.
    pub(crate) sent: HashMap<i64, Sent>,
    /// Channels that the account is or was in, with the last message it read.
    pub(crate) channels: BTreeMap<i64, i32>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            pts: 1,
            last_id: 0,
            messages: BTreeMap::new(),
            dialogs: HashMap::new(),
            log: Vec::new(),
            sent: HashMap::new(),
            channels: BTreeMap::new(),
        }
    }
}

/// The message that a `random_id` made, for when the request comes again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) peer: Peer,
    pub(crate) id: i32,
    /// The state that its appearance led to, so that the repeated answer fits where the first one would have.
    pub(crate) pts: i32,
}

/// A conversation within a mailbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialog {
    /// Ascending message ids.
    pub(crate) ids: Vec<i32>,
    pub(crate) read_inbox: i32,
    pub(crate) read_outbox: i32,
}

/// A message as one mailbox or channel holds it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: i32,
    /// The conversation as its holder sees it.
    pub(crate) peer: Peer,
    /// Ids differ between mailboxes, so each copy has its own reply.
    pub(crate) reply: Option<Reply>,
    pub(crate) content: Arc<Content>,
}

/// What all copies of a message share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Ties the copies in different mailboxes together; 0 in channels.
    #[serde(default)]
    pub(crate) uid: u64,
    /// The writer, also where the chat does not show it.
    pub(crate) author: i64,
    pub(crate) date: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edit_date: Option<i32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) entities: Vec<Entity>,
    #[serde(flatten)]
    pub(crate) attached: Attached,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) forward: Option<Forward>,
    /// The piece of the answered message that is quoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quote: Option<Quote>,
    /// The bot that made the message for its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) via_bot: Option<i64>,
    /// The name under a post of a channel with signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grouped_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) random_id: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) silent: bool,
    /// No preview is made of the links in the text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_webpage: bool,
    /// Set for service messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<Action>,
}

impl Content {
    /// An empty message of `author`.
    pub(crate) fn by(author: i64, date: i32) -> Self {
        Self {
            uid: 0,
            author,
            date,
            edit_date: None,
            text: String::new(),
            entities: Vec::new(),
            attached: Attached::default(),
            forward: None,
            quote: None,
            via_bot: None,
            signature: None,
            grouped_id: None,
            random_id: None,
            silent: false,
            no_webpage: false,
            action: None,
        }
    }
}

/// A quoted piece of an answered message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) entities: Vec<Entity>,
    /// Where it stands in the answered message, in UTF-16 units.
    #[serde(default)]
    pub(crate) offset: i32,
}

/// What a message answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The answered message, or the topic's first message.
    pub(crate) to: i32,
    /// The forum topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<i32>,
}

/// Where a forwarded message came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Forward {
    pub(crate) from: Peer,
    pub(crate) date: i32,
    /// The author hides the account from those who forward: only this name is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hidden_name: Option<String>,
    /// The post's id when it came from a broadcast channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel_post: Option<i32>,
}

/// What a service message announces.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    ChannelCreate { title: String },
    GroupCreate { title: String, users: Vec<i64> },
    AddUser { users: Vec<i64> },
    DeleteUser { user: i64 },
    TopicCreate { title: String },
    EditTitle { title: String },
}

/// One step of a mailbox's or channel's state.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    /// The state after this step.
    pub(crate) pts: i32,
    /// By how much it moved.
    pub(crate) count: i32,
    pub(crate) date: i32,
    pub(crate) change: Change,
}

/// What happened in one step.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    New(i32),
    Edit(i32),
    Delete(Vec<i32>),
    ReadInbox { peer: Peer, max_id: i32 },
    ReadOutbox { peer: Peer, max_id: i32 },
}

/// A stored photo or document; its bytes lie in the files folder under `sha256`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) id: i64,
    pub(crate) access_hash: i64,
    pub(crate) kind: FileKind,
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) size: i64,
    pub(crate) sha256: String,
    pub(crate) date: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// The attributes of a document as the client sent them, serialised; empty when made from the name alone.
    #[serde(with = "crate::telegram::hexed")]
    pub(crate) attributes: Vec<u8>,
}

/// How a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileKind {
    Photo,
    Document,
}

/// A login code that was sent to a phone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) phone: String,
    pub(crate) code: String,
    pub(crate) hash: String,
    pub(crate) expires_at: i32,
    /// Wrong attempts so far.
    pub(crate) attempts: u8,
    /// The right code was given and the number has no account yet: sign-up may follow.
    pub(crate) verified: bool,
}

/// What an authorization key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Login {
    /// Logged in.
    User(i64),
    /// The code was right; the password is awaited.
    PasswordPending(i64),
    /// The session was ended from elsewhere, and is told so.
    Revoked,
}
