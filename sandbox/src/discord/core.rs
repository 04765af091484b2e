//! The world together with its journal and its listeners: every change is written, made and announced under one
//! lock, so that events reach the gateway in the order of the changes.

use crate::arrivals::Arrivals;

use super::{
    error::ApiError,
    gateway::{Audience, Event, Hub},
    id::Id,
    journal::Journal,
    links::Links,
    model::{Account, Channel, Guild, Record},
    permission::{self, Bits},
    store::Store,
};

/// Everything that one lock guards.
#[derive(Debug)]
pub struct Core {
    /// What is known.
    pub store: Store,
    /// Who listens.
    pub hub: Hub,
    /// How attachments are addressed.
    pub links: Links,
    /// What came to stand since the start.
    pub arrivals: Arrivals,
    journal: Journal,
}

impl Core {
    /// A world that was read from `journal`.
    #[must_use]
    pub fn new(store: Store, journal: Journal, links: Links) -> Self {
        Self { store, hub: Hub::default(), links, arrivals: Arrivals::default(), journal }
    }

    /// Writes a change and makes it true.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub fn commit(&mut self, record: Record) -> Result<(), ApiError> {
        self.journal.append(&record)?;
        if let Record::Message(message) = &record
            && message.edited_ms.is_none()
            && self.store.message(message.channel, message.id).is_none()
        {
            self.arrivals.note(message.channel.to_string(), &message.content);
        }
        self.store.apply(record);
        Ok(())
    }

    /// An account.
    ///
    /// # Errors
    /// 10013.
    pub fn account(&self, id: Id) -> Result<&Account, ApiError> {
        self.store.accounts.get(&id).ok_or_else(ApiError::unknown_user)
    }

    /// A guild.
    ///
    /// # Errors
    /// 10004.
    pub fn guild(&self, id: Id) -> Result<&Guild, ApiError> {
        self.store.guilds.get(&id).ok_or_else(ApiError::unknown_guild)
    }

    /// A channel.
    ///
    /// # Errors
    /// 10003.
    pub fn channel(&self, id: Id) -> Result<&Channel, ApiError> {
        self.store.channels.get(&id).ok_or_else(ApiError::unknown_channel)
    }

    /// A guild that this bot is a member of.
    ///
    /// # Errors
    /// 10004, as Discord answers strangers.
    pub fn joined_guild(&self, id: Id, bot: Id) -> Result<&Guild, ApiError> {
        self.guild(id)
            .and_then(|guild| if guild.members.contains_key(&bot) { Ok(guild) } else { Err(ApiError::unknown_guild()) })
    }

    /// A channel that this bot can see, with what it may do there.
    ///
    /// # Errors
    /// 10003, or 50001 when it cannot be seen.
    pub fn seen_channel(&self, id: Id, bot: Id) -> Result<(&Channel, Bits), ApiError> {
        let channel = self.channel(id)?;
        let may = self.permissions(channel, bot);
        if may & permission::VIEW_CHANNEL == 0 { Err(ApiError::missing_access()) } else { Ok((channel, may)) }
    }

    /// A channel where this bot has all of `needed`.
    ///
    /// # Errors
    /// 10003, 50001, or 50013 when something is missing.
    pub fn channel_with(&self, id: Id, bot: Id, needed: Bits) -> Result<&Channel, ApiError> {
        let (channel, may) = self.seen_channel(id, bot)?;
        if may & needed == needed { Ok(channel) } else { Err(ApiError::missing_permissions()) }
    }

    /// What an account may do in a channel.
    #[must_use]
    pub fn permissions(&self, channel: &Channel, user: Id) -> Bits {
        if channel.guild.is_none() {
            return if channel.recipients.contains(&user) { permission::EVERYONE } else { 0 };
        }
        permission::in_channel(&self.store, channel, user)
    }

    /// Announces an event to the bots that can see `channel`.
    pub fn announce(&mut self, channel: &Channel, event: &Event) {
        let seen: Vec<Id> = self
            .hub
            .bots()
            .into_iter()
            .filter(|bot| self.permissions(channel, *bot) & permission::VIEW_CHANNEL != 0)
            .collect();
        self.hub.publish(event, &Audience::Bots(&seen));
    }

    /// Announces an event to the bots in `guild`.
    pub fn announce_guild(&mut self, guild: Id, event: &Event) {
        let Some(guild) = self.store.guilds.get(&guild) else { return };
        let members: Vec<Id> = self.hub.bots().into_iter().filter(|bot| guild.members.contains_key(bot)).collect();
        self.hub.publish(event, &Audience::Bots(&members));
    }
}
