//! Groups and channels, and who is what in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{LogEntry, Message};

/// A basic group; its messages live in the members' mailboxes.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) date: i32,
    pub(crate) version: i32,
    pub(crate) members: BTreeMap<i64, Member>,
}

/// A broadcast channel or supergroup with its own messages and its own log of changes.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: i64,
    pub(crate) kind: ChatKind,
    pub(crate) title: String,
    pub(crate) username: Option<String>,
    pub(crate) date: i32,
    pub(crate) members: BTreeMap<i64, Member>,
    pub(crate) pts: i32,
    pub(crate) last_id: i32,
    pub(crate) messages: BTreeMap<i32, Message>,
    /// Ascending ids of `messages`.
    pub(crate) ids: Vec<i32>,
    pub(crate) log: Vec<LogEntry>,
    /// Titles of forum topics by the id of their first message.
    pub(crate) topics: BTreeMap<i32, Topic>,
}

impl Channel {
    pub(crate) fn is_broadcast(&self) -> bool {
        self.kind == ChatKind::Channel
    }

    pub(crate) fn role(&self, user: i64) -> Option<Role> {
        self.members.get(&user).map(|m| m.role)
    }
}

/// A forum topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) title: String,
    pub(crate) creator: i64,
    pub(crate) date: i32,
}

/// The kinds of chat that people create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChatKind {
    /// A broadcast channel.
    Channel,
    Supergroup,
    /// A supergroup with topics.
    Forum,
    /// A basic group.
    Group,
}

/// What a user is to a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Creator,
    Admin,
    Member,
    /// May read but not write.
    Restricted,
    Left,
    Kicked,
}

impl Role {
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Self::Creator | Self::Admin | Self::Member | Self::Restricted)
    }

    pub(crate) fn is_admin(self) -> bool {
        matches!(self, Self::Creator | Self::Admin)
    }
}

/// A membership with its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) role: Role,
    pub(crate) date: i32,
    pub(crate) inviter: i64,
}
