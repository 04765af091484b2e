//! Names for the ids in Discord's mentions.

use std::collections::HashMap;

use crate::text::Pinged;

/// What the caller knows of the people, channels and roles that a message mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    users: HashMap<i64, String>,
    channels: HashMap<i64, String>,
    roles: HashMap<i64, String>,
    pings: bool,
    everyone: bool,
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

    /// The people and roles that are known by name were pinged, and with `everyone` also all members of the server.
    #[must_use]
    pub const fn pinging(mut self, everyone: bool) -> Self {
        self.pings = true;
        self.everyone = everyone;
        self
    }

    /// True when `@everyone` and `@here` were more than words.
    pub(super) const fn everyone(&self) -> bool {
        self.everyone
    }

    /// The person, if it was pinged.
    pub(super) fn pinged_user(&self, id: i64) -> Option<Pinged> {
        (self.pings && self.users.contains_key(&id)).then_some(Pinged::User(id))
    }

    /// The role, if it was pinged.
    pub(super) fn pinged_role(&self, id: i64) -> Option<Pinged> {
        (self.pings && self.roles.contains_key(&id)).then_some(Pinged::Role(id))
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
