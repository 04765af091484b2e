//! Names for the ids in Discord's mentions.

use std::collections::HashMap;

/// What the caller knows of the people, channels and roles that a message mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    users: HashMap<i64, String>,
    channels: HashMap<i64, String>,
    roles: HashMap<i64, String>,
}

impl Mentions {
    /// Adds a person's name, without the `@`.
    #[must_use]
    pub fn user(mut self, id: i64, name: impl Into<String>) -> Self {
        self.users.insert(id, name.into());
        self
    }

    /// Adds a channel's name, without the `#`.
    #[must_use]
    pub fn channel(mut self, id: i64, name: impl Into<String>) -> Self {
        self.channels.insert(id, name.into());
        self
    }

    /// Adds a role's name, without the `@`.
    #[must_use]
    pub fn role(mut self, id: i64, name: impl Into<String>) -> Self {
        self.roles.insert(id, name.into());
        self
    }

    /// The name shown for a person; Discord's own words for an unknown one.
    pub(super) fn user_name(&self, id: i64) -> &str {
        self.users.get(&id).map_or("unknown-user", String::as_str)
    }

    /// The name shown for a channel.
    pub(super) fn channel_name(&self, id: i64) -> &str {
        self.channels.get(&id).map_or("unknown", String::as_str)
    }

    /// The name shown for a role.
    pub(super) fn role_name(&self, id: i64) -> &str {
        self.roles.get(&id).map_or("deleted-role", String::as_str)
    }
}
