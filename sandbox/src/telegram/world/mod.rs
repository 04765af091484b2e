//! The world of the sandbox: who exists, what was written, and the journal that makes it survive a kill.

pub(crate) mod apply;
pub(crate) mod attached;
pub(crate) mod bot;
pub(crate) mod chat;
pub(crate) mod entity;
pub(crate) mod event;
pub(crate) mod journal;
pub(crate) mod mailbox;
pub(crate) mod model;
pub(crate) mod peer;
pub(crate) mod query;

use std::collections::{HashMap, HashSet};

use self::bot::BotCommand;
use self::model::{Account, Channel, Code, File, Group, Login, User};
use self::peer::Peer;
use super::net::crypto::AuthKeyBytes;

/// Everything that is remembered over restarts.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) users: HashMap<i64, User>,
    pub(crate) accounts: HashMap<i64, Account>,
    pub(crate) groups: HashMap<i64, Group>,
    pub(crate) channels: HashMap<i64, Channel>,
    pub(crate) files: HashMap<i64, File>,
    /// Codes by phone (digits).
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) banned: HashSet<String>,
    /// Who has blocked whom.
    pub(crate) blocks: HashSet<(i64, i64)>,
    /// What each bot offers in its menu.
    pub(crate) commands: HashMap<i64, Vec<BotCommand>>,
    pub(crate) keys: HashMap<i64, AuthKeyBytes>,
    pub(crate) logins: HashMap<i64, Login>,
    /// Logged-in keys by user.
    pub(crate) keys_of: HashMap<i64, HashSet<i64>>,
    phones: HashMap<String, i64>,
    tokens: HashMap<String, i64>,
    /// Lower-case usernames.
    usernames: HashMap<String, Peer>,
    /// Where the copies of a mailbox message lie.
    copies: HashMap<u64, Vec<(i64, i32)>>,
    last_uid: u64,
    last_id: i64,
}

/// The first user, bot, group and channel ids; one counter serves them all, so that no two objects share a number.
const FIRST_ID: i64 = 1_700_000_000;

impl World {
    /// The next free id for a user, group, channel or file.
    pub(crate) fn next_id(&self) -> i64 {
        self.last_id.max(FIRST_ID) + 1
    }

    pub(crate) fn user_by_phone(&self, phone: &str) -> Option<&User> {
        self.users.get(self.phones.get(phone)?)
    }

    pub(crate) fn user_by_token(&self, token: &str) -> Option<&User> {
        self.users.get(self.tokens.get(token)?)
    }

    /// Who or what has this username, without the @, in any case.
    pub(crate) fn by_username(&self, username: &str) -> Option<Peer> {
        self.usernames.get(&username.to_lowercase()).copied()
    }

    /// Whether the account's number is banned.
    pub(crate) fn is_banned(&self, user: i64) -> bool {
        self.users.get(&user).and_then(|u| u.phone.as_ref()).is_some_and(|phone| self.banned.contains(phone))
    }

    /// Whose mailboxes hold copies of this message, and under which ids.
    pub(crate) fn copies_of(&self, uid: u64) -> &[(i64, i32)] {
        self.copies.get(&uid).map_or(&[], Vec::as_slice)
    }
}
