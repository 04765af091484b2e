//! What is particular to bots: their menus, and whom they may write to.

use serde::{Deserialize, Serialize};

use super::World;
use super::model::User;
use super::peer::Peer;

/// One entry of a bot's menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BotCommand {
    /// Without the slash.
    pub(crate) command: String,
    pub(crate) description: String,
}

/// Why somebody may not write to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Bots do not write to each other.
    BotToBot,
    /// The writer has blocked the other.
    BlockedByWriter,
    /// The other has blocked the writer.
    BlockedByOther,
    /// A bot cannot begin a conversation.
    NeverStarted,
}

impl World {
    pub(crate) fn is_bot(&self, id: i64) -> bool {
        self.users.get(&id).is_some_and(User::is_bot)
    }

    /// Whether, and why not, `writer` may write to `other`.
    pub(crate) fn closed(&self, writer: i64, other: i64) -> Option<Closed> {
        let writes_as_bot = self.is_bot(writer);
        let has_begun = || self.accounts.get(&writer).is_some_and(|a| a.dialogs.contains_key(&Peer::User(other)));
        if writer == other {
            None
        } else if writes_as_bot && self.is_bot(other) {
            Some(Closed::BotToBot)
        } else if self.blocks.contains(&(writer, other)) {
            Some(Closed::BlockedByWriter)
        } else if self.blocks.contains(&(other, writer)) {
            Some(Closed::BlockedByOther)
        } else if writes_as_bot && !has_begun() {
            Some(Closed::NeverStarted)
        } else {
            None
        }
    }
}
