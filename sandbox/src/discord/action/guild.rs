//! Guilds, who is in them, and their channels.

use serde_json::json;

use crate::discord::{
    clock::now_ms,
    core::Core,
    error::ApiError,
    gateway::{Audience, Event, intent},
    id::{Id, Ids},
    model::{Channel, ChannelKind, Guild, Member, Record, Role},
    permission, wire,
};

/// Makes a guild with a `#general`; the owner is an account of its own. Returns the guild and the channel.
///
/// # Errors
/// When it cannot be stored.
pub fn create_guild(core: &mut Core, ids: &Ids, name: String, owner: Id) -> Result<(Id, Id), ApiError> {
    let id = ids.next();
    let everyone = Role { id, name: "@everyone".to_owned(), permissions: permission::EVERYONE, managed_by: None };
    let member = Member { roles: Vec::new(), joined_ms: now_ms() };
    let guild = Guild { id, name, owner, roles: vec![everyone], members: [(owner, member)].into(), premium_tier: 0 };
    core.commit(Record::Guild(guild))?;
    let general = add_channel(core, ids, NewChannel::plain(id, ChannelKind::Text, "general".to_owned()))?;
    Ok((id, general.id))
}

/// Lets an account into a guild; a bot gets a role of its own. Nothing happens when it is in already.
///
/// # Errors
/// 10004, 10013, or when it cannot be stored.
pub fn join(core: &mut Core, ids: &Ids, guild: Id, account: Id) -> Result<(), ApiError> {
    let (mut known, who) = (core.guild(guild)?.clone(), core.account(account)?.clone());
    if known.members.contains_key(&account) {
        return Ok(());
    }
    let mut roles = Vec::new();
    if who.bot.is_some() {
        let id = ids.next();
        let permissions = permission::BOT_ROLE;
        known.roles.push(Role { id, name: who.username.clone(), permissions, managed_by: Some(account) });
        roles.push(id);
    }
    known.members.insert(account, Member { roles, joined_ms: now_ms() });
    core.commit(Record::Guild(known.clone()))?;
    if let Some(mut member) = wire::member(&core.store, &known, account) {
        member["guild_id"] = json!(guild);
        core.announce_guild(guild, &Event::new("GUILD_MEMBER_ADD", intent::GUILD_MEMBERS, &member));
    }
    let data = wire::guild_create(&core.store, &known, account);
    core.hub.publish(&Event::new("GUILD_CREATE", intent::GUILDS, &data), &Audience::Bot(account));
    Ok(())
}

/// Puts an account out of a guild.
///
/// # Errors
/// 10004, 10007, or when it cannot be stored.
pub fn kick(core: &mut Core, guild: Id, account: Id) -> Result<(), ApiError> {
    let mut known = core.guild(guild)?.clone();
    known.members.remove(&account).ok_or_else(ApiError::unknown_member)?;
    known.roles.retain(|role| role.managed_by != Some(account));
    let user = wire::user(core.account(account)?);
    core.commit(Record::Guild(known))?;
    core.hub.publish(&Event::new("GUILD_DELETE", intent::GUILDS, &json!({ "id": guild })), &Audience::Bot(account));
    let removed = json!({ "guild_id": guild, "user": user });
    core.announce_guild(guild, &Event::new("GUILD_MEMBER_REMOVE", intent::GUILD_MEMBERS, &removed));
    Ok(())
}

/// A channel or thread to be.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Its guild.
    pub guild: Id,
    /// What it is; a thread's kind follows from the channel above it.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
    /// Threads: the channel above.
    pub parent: Option<Id>,
    /// Threads: who opened it.
    pub opener: Id,
    /// The message that a thread hangs on; the thread has its id.
    pub starter: Option<Id>,
}

impl NewChannel {
    /// A channel that is no thread.
    #[must_use]
    pub const fn plain(guild: Id, kind: ChannelKind, name: String) -> Self {
        Self { guild, kind, name, parent: None, opener: Id(0), starter: None }
    }
}

/// Adds a channel, or a thread below another one.
///
/// # Errors
/// 10004, 10003, 50035 for a thread without a fitting parent, 160004 when the message has a thread, or when it cannot
/// be stored.
pub fn add_channel(core: &mut Core, ids: &Ids, new: NewChannel) -> Result<Channel, ApiError> {
    let guild = core.guild(new.guild)?.id;
    let position = core.store.channels.values().filter(|it| it.guild == Some(guild)).count();
    let mut channel = Channel {
        id: new.starter.unwrap_or_else(|| ids.next()),
        guild: Some(guild),
        kind: new.kind,
        name: new.name,
        parent: None,
        overwrites: Vec::new(),
        topic: None,
        position,
        thread: None,
        recipients: Vec::new(),
    };
    if core.store.channels.contains_key(&channel.id) {
        return Err(ApiError::new(400, 160_004, "A thread has already been created for this message"));
    }
    if let Some(parent) = new.parent {
        let above = core.channel(parent)?;
        if above.guild != Some(guild) || above.kind.is_thread() {
            return Err(ApiError::form("parent_id", "CHANNEL_PARENT_INVALID_TYPE", "Not a channel for threads."));
        }
        channel.kind = match above.kind {
            ChannelKind::Announcement => ChannelKind::AnnouncementThread,
            _ => ChannelKind::Thread,
        };
        channel.parent = Some(parent);
        channel.thread = Some(crate::discord::model::Thread {
            owner: new.opener,
            archived: false,
            archive_changed_ms: 0,
            locked: false,
        });
    }
    core.commit(Record::Channel(channel.clone()))?;
    let mut data = wire::channel(&core.store, &channel);
    if channel.thread.is_some() {
        data["newly_created"] = json!(true);
    }
    let name = if channel.thread.is_some() { "THREAD_CREATE" } else { "CHANNEL_CREATE" };
    core.announce(&channel, &Event::new(name, intent::GUILDS, &data));
    Ok(channel)
}

/// Replaces a channel by its changed self and announces it.
///
/// # Errors
/// When it cannot be stored.
pub fn update_channel(core: &mut Core, channel: Channel) -> Result<(), ApiError> {
    core.commit(Record::Channel(channel.clone()))?;
    let name = if channel.thread.is_some() { "THREAD_UPDATE" } else { "CHANNEL_UPDATE" };
    let event = Event::new(name, intent::GUILDS, &wire::channel(&core.store, &channel));
    // Also those who can no longer see it hear of the change, as a channel object never hides itself from members.
    match channel.guild {
        Some(guild) => core.announce_guild(guild, &event),
        None => core.announce(&channel, &event),
    }
    Ok(())
}

/// Deletes a channel with its threads and webhooks.
///
/// # Errors
/// 10003, or when it cannot be stored.
pub fn remove_channel(core: &mut Core, id: Id) -> Result<Channel, ApiError> {
    let gone = core.channel(id)?.clone();
    let threads: Vec<Channel> = core.store.channels.values().filter(|it| it.parent == Some(id)).cloned().collect();
    let webhooks: Vec<Id> = core.store.webhooks.values().filter(|it| it.channel == id).map(|it| it.id).collect();
    for webhook in webhooks {
        core.commit(Record::WebhookGone(webhook))?;
    }
    for channel in threads.iter().chain([&gone]) {
        let name = if channel.thread.is_some() { "THREAD_DELETE" } else { "CHANNEL_DELETE" };
        let event = Event::new(name, intent::GUILDS, &wire::channel(&core.store, channel));
        core.announce(channel, &event);
        core.commit(Record::ChannelGone(channel.id))?;
    }
    Ok(gone)
}
