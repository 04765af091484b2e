//! Names of channels and roles as last seen, and where threads hang: a Discord message carries only ids.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::ChatId;
use serde::Deserialize;
use serde_json::Value;
use serenity::all::{ChannelType, GuildChannel};

use super::snowflake::signed;

/// More than the bots of one host will see; beyond it new names are simply not remembered.
const NAMES_MAX: usize = 50_000;

/// What is known of a channel, thread or role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The name.
    pub(super) name: String,
    /// Threads and posts: the channel above.
    pub(super) parent: Option<ChatId>,
    /// Discord's type of a channel; `None` for a role.
    pub(super) kind: Option<ChannelType>,
}

/// Names by id; channels and roles share one space of ids. Also the webhooks that are ours.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: RwLock<HashMap<i64, Known>>,
    webhooks: RwLock<Vec<i64>>,
}

impl Names {
    /// Remembers a role's present name.
    pub(super) fn put(&self, id: i64, name: &str) {
        self.insert(id, Known { name: name.to_owned(), parent: None, kind: None });
    }

    /// Remembers a channel or thread as it is now.
    pub(super) fn put_channel(&self, channel: &GuildChannel) {
        let parent = channel.parent_id.filter(|_| is_thread(channel.kind));
        let parent = parent.map(|parent| ChatId::new(signed(parent.get())));
        let known = Known { name: channel.name.clone(), parent, kind: Some(channel.kind) };
        self.insert(signed(channel.id.get()), known);
    }

    /// Remembers what an event says whose whole cannot be read: channels and threads by their ordinary fields.
    pub(super) fn learn(&self, event: &Value) {
        let listed = ["channels", "threads"].iter().filter_map(|name| event[name].as_array()).flatten();
        for value in listed.chain([event]) {
            if let Ok(channel) = Plain::deserialize(value)
                && let Ok(id) = channel.id.parse()
            {
                let parent = channel.parent_id.filter(|_| is_thread(channel.kind));
                let parent = parent.and_then(|parent| parent.parse().ok());
                self.insert(id, Known { name: channel.name, parent, kind: Some(channel.kind) });
            }
        }
    }

    /// A name, if it has been seen.
    pub(super) fn get(&self, id: i64) -> Option<String> {
        self.read().get(&id).map(|known| known.name.clone())
    }

    /// All that has been seen of a channel.
    pub(super) fn known(&self, id: i64) -> Option<Known> {
        self.read().get(&id).cloned()
    }

    /// A webhook of ours: what it writes is what we wrote.
    pub(super) fn own_webhook(&self, id: i64) {
        let mut webhooks = self.webhooks.write().unwrap_or_else(PoisonError::into_inner);
        if !webhooks.contains(&id) {
            webhooks.push(id);
        }
    }

    /// Whether a webhook is ours.
    pub(super) fn is_own_webhook(&self, id: i64) -> bool {
        self.webhooks.read().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn insert(&self, id: i64, known: Known) {
        let mut names = self.write();
        if names.len() < NAMES_MAX || names.contains_key(&id) {
            names.insert(id, known);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<i64, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<i64, Known>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The least that every channel object has.
#[derive(Deserialize)]
struct Plain {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: ChannelType,
    #[serde(default)]
    parent_id: Option<String>,
}

/// A thread or forum post.
pub(super) const fn is_thread(kind: ChannelType) -> bool {
    matches!(kind, ChannelType::NewsThread | ChannelType::PublicThread | ChannelType::PrivateThread)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn channels_are_learnt_from_an_event_that_is_new_to_us() {
        let names = Names::default();
        names.learn(&json!({
            "id": "1", "new_field": {}, "channels": [{"id": "5", "name": "general", "type": 0, "parent_id": "4"}, 7],
            "threads": [{"id": "6", "name": "aside", "type": 11, "parent_id": "5"}]
        }));
        assert_eq!(names.known(5).map(|known| (known.name, known.parent)), Some(("general".to_owned(), None)));
        assert_eq!(names.known(6).and_then(|known| known.parent), Some(ChatId::new(5)));
        assert_eq!(names.known(1), None);
    }
}
