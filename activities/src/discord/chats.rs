//! Guilds, channels and threads: what the bot can see, read and write, and what was said there.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{ChatFacts, ChatId, ChatKind, Message, Platform};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize as _;
use serenity::all::{
    Channel, ChannelId, ChannelType, GuildChannel, GuildId, GuildInfo, Member, PartialGuild, Permissions, PremiumTier,
    ThreadsData, UserId,
};
use serenity::http::Route;

use crate::platform::{MISSING_PERMISSION, PlatformError};

use super::errors::{chat as closed, retryable};
use super::names::{Names, is_thread};
use super::normalise::Normaliser;
use super::rest::Rest;
use super::snowflake;

/// Discord's largest page of guilds.
const GUILDS_PAGE: usize = 200;
/// A bot needs sharding long before; further guilds are not listed.
const GUILDS_MAX: usize = 2_500;
/// Guilds asked about at once: four calls each, far below the global limit of 50 per second.
const GUILDS_AT_ONCE: usize = 4;
/// Discord's largest page of messages.
const MESSAGES_PAGE: usize = 100;

/// Who asks, and when.
pub(super) struct Asker<'a> {
    pub(super) rest: &'a Rest,
    pub(super) me: i64,
    pub(super) names: &'a Names,
    pub(super) now: DateTime<Utc>,
}

impl Asker<'_> {
    /// Every channel and active thread that the bot can see, guild by guild.
    pub(super) async fn chats(&self) -> Result<Vec<ChatFacts>, PlatformError> {
        let guilds = self.guilds().await?;
        let per_guild: Vec<Vec<ChatFacts>> =
            stream::iter(guilds).map(|guild| self.chats_of(guild.id)).buffered(GUILDS_AT_ONCE).try_collect().await?;
        Ok(per_guild.into_iter().flatten().collect())
    }

    /// One channel, asked now.
    pub(super) async fn chat(&self, chat: ChatId) -> Result<ChatFacts, PlatformError> {
        let channel = self.channel(snowflake::channel(chat)?).await?;
        let (view, parent) = (self.view_of(channel.guild_id).await?, self.above(&channel).await?);
        self.facts(&view, &channel, parent.as_ref())
            .ok_or_else(|| closed("missing_access", "the bot cannot see this channel, or it holds no messages"))
    }

    /// Messages above `after`, oldest first, at most `limit`. None only when there are none: whoever asks then takes
    /// what it knows for deleted.
    pub(super) async fn history_after(
        &self,
        chat: ChatId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Message>, PlatformError> {
        let channel_id = snowflake::channel(chat)?;
        // Also a thread that was archived before we came: its messages must say where it hangs.
        if self.kind_of(chat).await? == ChannelType::Forum {
            // Its posts are chats of their own.
            return Ok(Vec::new());
        }
        let after = after.max(1);
        let found = self.pages_after(channel_id, after, limit).await?;
        if !found.is_empty() || self.is_proved_end(channel_id, after).await? {
            return Ok(found);
        }
        // The permission may have come between page and proof.
        self.pages_after(channel_id, after, limit).await
    }

    /// Proves an empty page after `after`: a bot that may not read what was written before gets one too, not a refusal.
    /// True when nothing was ever written above `after`; false when something was, perhaps, and the bot may read it.
    pub(super) async fn is_proved_end(&self, id: ChannelId, after: i64) -> Result<bool, PlatformError> {
        let channel = self.channel(id).await?;
        if channel.last_message_id.is_some_and(|last| snowflake::signed(last.get()) <= after) {
            return Ok(true);
        }
        let (view, parent) = (self.view_of(channel.guild_id).await?, self.above(&channel).await?);
        if view.rights(&channel, parent.as_ref(), self.now).read {
            return Ok(false);
        }
        let detail = "the bot needs the permissions View Channel and Read Message History in this channel";
        Err(closed(MISSING_PERMISSION, detail))
    }

    async fn pages_after(
        &self,
        channel_id: ChannelId,
        mut after: i64,
        limit: usize,
    ) -> Result<Vec<Message>, PlatformError> {
        let normaliser = Normaliser { me: self.me, names: self.names };
        let mut found = Vec::new();
        while found.len() < limit {
            let asked = MESSAGES_PAGE.min(limit - found.len());
            let params = vec![("limit", asked.to_string()), ("after", after.to_string())];
            let page: Vec<serde_json::Value> = self.rest.get(Route::ChannelMessages { channel_id }, params).await?;
            let full = page.len() == asked;
            let mut page: Vec<Message> = page.iter().filter_map(|value| normaliser.raw(value)).collect();
            page.sort_by_key(|message| message.message_id);
            let Some(last) = page.last().filter(|last| last.message_id > after) else { break };
            after = last.message_id;
            found.append(&mut page);
            if !full {
                break;
            }
        }
        Ok(found)
    }

    async fn guilds(&self) -> Result<Vec<GuildInfo>, PlatformError> {
        let mut guilds: Vec<GuildInfo> = Vec::new();
        while guilds.len() < GUILDS_MAX {
            let mut params = vec![("limit", GUILDS_PAGE.to_string())];
            params.extend(guilds.last().map(|guild| ("after", guild.id.to_string())));
            let page: Vec<GuildInfo> = self.rest.get(Route::UserMeGuilds, params).await?;
            let full = page.len() == GUILDS_PAGE;
            guilds.extend(page);
            if !full {
                break;
            }
        }
        Ok(guilds)
    }

    /// A guild that the bot has left in the meantime holds nothing for it.
    async fn chats_of(&self, guild: GuildId) -> Result<Vec<ChatFacts>, PlatformError> {
        match self.listed(guild).await {
            Err(PlatformError::Chat { .. }) => Ok(Vec::new()),
            answer => answer,
        }
    }

    async fn listed(&self, guild: GuildId) -> Result<Vec<ChatFacts>, PlatformError> {
        let view = self.view_of(guild).await?;
        let mut channels: Vec<GuildChannel> =
            self.rest.get(Route::GuildChannels { guild_id: guild }, Vec::new()).await?;
        channels.sort_by_key(|channel| (channel.position, channel.id));
        let active: ThreadsData = self.rest.get(Route::GuildThreadsActive { guild_id: guild }, Vec::new()).await?;
        let threads = active.threads;
        let parents: HashMap<ChannelId, &GuildChannel> = channels.iter().map(|channel| (channel.id, channel)).collect();
        let own = channels.iter().filter_map(|channel| self.facts(&view, channel, None));
        let below = threads.iter().filter_map(|thread| {
            let parent = parents.get(&thread.parent_id?)?;
            self.facts(&view, thread, Some(*parent))
        });
        Ok(own.chain(below).collect())
    }

    pub(super) async fn channel(&self, id: ChannelId) -> Result<GuildChannel, PlatformError> {
        match self.rest.get(Route::Channel { channel_id: id }, Vec::new()).await? {
            Channel::Guild(channel) => {
                self.names.put_channel(&channel);
                Ok(channel)
            }
            _ => Err(closed("wrong_channel_type", "only channels of a server can be used")),
        }
    }

    /// The channel whose overwrites count in a thread.
    async fn above(&self, channel: &GuildChannel) -> Result<Option<GuildChannel>, PlatformError> {
        match channel.parent_id {
            Some(parent) if is_thread(channel.kind) => Ok(Some(self.channel(parent).await?)),
            _ => Ok(None),
        }
    }

    /// Discord's type of a channel, as last seen or asked now.
    pub(super) async fn kind_of(&self, chat: ChatId) -> Result<ChannelType, PlatformError> {
        match self.names.known(chat.get()).and_then(|known| known.kind) {
            Some(kind) => Ok(kind),
            None => Ok(self.channel(snowflake::channel(chat)?).await?.kind),
        }
    }

    async fn view_of(&self, guild: GuildId) -> Result<View, PlatformError> {
        let me = UserId::new(u64::try_from(self.me).unwrap_or(1).max(1));
        let route = Route::GuildMember { guild_id: guild, user_id: me };
        let mut member: serde_json::Value = self.rest.get(route, Vec::new()).await?;
        // serenity expects it, and Discord does not repeat what was asked.
        member["guild_id"] = serde_json::json!(guild);
        let member = Member::deserialize(member)
            .map_err(|_| retryable("undecodable_answer", "Discord's answer could not be read"))?;
        Ok(View { guild: self.rest.get(Route::Guild { guild_id: guild }, Vec::new()).await?, member })
    }

    /// `None` for a channel that the bot cannot see or that holds no messages of its own.
    fn facts(&self, view: &View, channel: &GuildChannel, parent: Option<&GuildChannel>) -> Option<ChatFacts> {
        let id = snowflake::signed(channel.id.get());
        let kind = kind_of(channel.kind)?;
        let rights = view.rights(channel, parent, self.now);
        self.names.put_channel(channel);
        rights.view.then(|| ChatFacts {
            id: ChatId::new(id),
            platform: Platform::Discord,
            kind,
            title: channel.name.clone(),
            guild_id: Some(view.guild.id.to_string()),
            guild_name: Some(view.guild.name.clone()),
            username: None,
            file_bytes_max: file_bytes_max(view.guild.premium_tier),
            can_read: rights.read,
            can_write: rights.write,
            last_message_id: channel.last_message_id.map_or(0, |id| snowflake::signed(id.get())),
        })
    }
}

/// A guild as the bot stands in it.
struct View {
    guild: PartialGuild,
    member: Member,
}

#[derive(Debug, PartialEq, Eq)]
struct Rights {
    view: bool,
    read: bool,
    write: bool,
}

impl View {
    /// Threads have no overwrites of their own: their parent's count, with a permission of their own for writing.
    fn rights(&self, channel: &GuildChannel, parent: Option<&GuildChannel>, now: DateTime<Utc>) -> Rights {
        let granted = self.guild.user_permissions_in(parent.unwrap_or(channel), &self.member);
        let moderator = granted.contains(Permissions::MANAGE_THREADS);
        let thread = is_thread(channel.kind);
        let speak = if thread { Permissions::SEND_MESSAGES_IN_THREADS } else { Permissions::SEND_MESSAGES };
        let locked = channel.thread_metadata.as_ref().is_some_and(|thread| thread.locked) && !moderator;
        let silenced = self.member.communication_disabled_until.is_some_and(|until| *until > now)
            && !granted.contains(Permissions::ADMINISTRATOR);
        let view = granted.contains(Permissions::VIEW_CHANNEL);
        Rights {
            view,
            read: view && granted.contains(Permissions::READ_MESSAGE_HISTORY),
            write: view && granted.contains(speak) && !locked && !silenced,
        }
    }
}

/// What a boosted server takes (discord/discord-api-docs, reference.mdx, "Uploading Files"); `None`: what all do.
const fn file_bytes_max(tier: PremiumTier) -> Option<u64> {
    match tier {
        PremiumTier::Tier2 => Some(50 * 1024 * 1024),
        PremiumTier::Tier3 => Some(100 * 1024 * 1024),
        _ => None,
    }
}

/// `None` for what holds no messages: categories, directories.
const fn kind_of(kind: ChannelType) -> Option<ChatKind> {
    match kind {
        ChannelType::Text | ChannelType::Voice | ChannelType::Stage => Some(ChatKind::Text),
        ChannelType::Forum => Some(ChatKind::Forum),
        ChannelType::News => Some(ChatKind::Channel),
        ChannelType::NewsThread | ChannelType::PublicThread | ChannelType::PrivateThread => Some(ChatKind::Thread),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
