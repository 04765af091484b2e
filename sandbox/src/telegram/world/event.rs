//! Every change of the world, as it is written to the journal. The world is exactly the sum of these.

use serde::{Deserialize, Serialize};

use super::bot::BotCommand;
use super::entity::Entity;
use super::model::{Attached, ChatKind, Code, Content, File, LogEntry, Login, Reply, Role, User};
use super::peer::Peer;

/// One change. Identifiers that follow from the order of events (message ids, states) are not stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A new or changed account.
    UserSaved {
        user: User,
    },
    /// A key exchange ended; hex.
    KeyMade {
        key: String,
    },
    /// A key now stands for an account.
    KeyBound {
        key_id: i64,
        login: Login,
    },
    /// A key stands for nobody any more.
    KeyFreed {
        key_id: i64,
    },
    CodeSet {
        code: Code,
    },
    CodeGone {
        phone: String,
    },
    PhoneBanned {
        phone: String,
    },
    ChatMade {
        chat: NewChat,
    },
    MemberSet {
        chat: Peer,
        user: i64,
        role: Role,
        by: i64,
        date: i32,
    },
    TitleSet {
        chat: Peer,
        title: String,
        by: i64,
        date: i32,
    },
    Posted {
        post: Box<Post>,
    },
    Edited {
        target: Target,
        text: String,
        entities: Vec<Entity>,
        #[serde(flatten)]
        attached: Attached,
        #[serde(default)]
        no_webpage: bool,
        date: i32,
    },
    /// Ids of one mailbox or one channel.
    Deleted {
        holder: Holder,
        ids: Vec<i32>,
        date: i32,
    },
    Read {
        user: i64,
        peer: Peer,
        max_id: i32,
        date: i32,
    },
    FileSaved {
        file: File,
    },
    /// A bot's menu.
    CommandsSet {
        bot: i64,
        commands: Vec<BotCommand>,
    },
    /// `by` blocks `user`, or takes the block back.
    BlockSet {
        by: i64,
        user: i64,
        blocked: bool,
    },
}

/// A chat as it is founded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewChat {
    pub(crate) id: i64,
    pub(crate) kind: ChatKind,
    pub(crate) title: String,
    pub(crate) username: Option<String>,
    pub(crate) creator: i64,
    pub(crate) members: Vec<i64>,
    pub(crate) date: i32,
}

/// A message as its author wrote it: `to` and `reply` are in the author's view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) to: Peer,
    pub(crate) reply: Option<Reply>,
    pub(crate) content: Content,
}

/// Which message an edit means.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Channel {
        channel: i64,
        id: i32,
    },
    /// All copies in the mailboxes.
    Copies(u64),
}

/// Who holds messages and counts their changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holder {
    Account(i64),
    Channel(i64),
}

/// What a change means for connected clients.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// A step of a mailbox or channel, for the account or for all members.
    Step { holder: Holder, entry: LogEntry },
    /// What the user is to the channel has changed.
    Membership { user: i64, channel: i64 },
}
