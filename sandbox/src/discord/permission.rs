//! Permission bits, their names, and Discord's rule for what a member may do in a channel.

use super::{
    id::Id,
    model::{Channel, Guild},
    store::Store,
};

/// One named permission.
pub type Bits = u64;

/// Everything; nothing can be denied to its holder.
pub const ADMINISTRATOR: Bits = 1 << 3;
/// Change channels and their overwrites.
pub const MANAGE_CHANNELS: Bits = 1 << 4;
/// See a channel at all.
pub const VIEW_CHANNEL: Bits = 1 << 10;
/// Write in a channel.
pub const SEND_MESSAGES: Bits = 1 << 11;
/// Delete what others wrote.
pub const MANAGE_MESSAGES: Bits = 1 << 13;
/// Attach files.
pub const ATTACH_FILES: Bits = 1 << 15;
/// Read what was written before.
pub const READ_MESSAGE_HISTORY: Bits = 1 << 16;
/// Ping everybody at once.
pub const MENTION_EVERYONE: Bits = 1 << 17;
/// Manage webhooks.
pub const MANAGE_WEBHOOKS: Bits = 1 << 29;
/// Open threads that everybody sees.
pub const CREATE_PUBLIC_THREADS: Bits = 1 << 35;
/// Write in threads.
pub const SEND_MESSAGES_IN_THREADS: Bits = 1 << 38;

/// What `@everyone` may do in a new guild: the everyday permissions, none of the managing ones.
pub const EVERYONE: Bits = VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | ADD_REACTIONS
    | CREATE_PUBLIC_THREADS
    | SEND_MESSAGES_IN_THREADS
    | USE_EXTERNAL_EMOJIS;

/// What a bot's own role grants: `@everyone` plus what a forwarding bot is usually invited with.
pub const BOT_ROLE: Bits = EVERYONE | MANAGE_MESSAGES | MANAGE_WEBHOOKS;

const ADD_REACTIONS: Bits = 1 << 6;
const EMBED_LINKS: Bits = 1 << 14;
const USE_EXTERNAL_EMOJIS: Bits = 1 << 18;
const MANAGE_THREADS: Bits = 1 << 34;
const ALL: Bits = u64::MAX >> 13;

const NAMES: &[(&str, Bits)] = &[
    ("ADD_REACTIONS", ADD_REACTIONS),
    ("ADMINISTRATOR", ADMINISTRATOR),
    ("ATTACH_FILES", ATTACH_FILES),
    ("CREATE_PUBLIC_THREADS", CREATE_PUBLIC_THREADS),
    ("EMBED_LINKS", EMBED_LINKS),
    ("MANAGE_CHANNELS", MANAGE_CHANNELS),
    ("MANAGE_MESSAGES", MANAGE_MESSAGES),
    ("MANAGE_THREADS", MANAGE_THREADS),
    ("MENTION_EVERYONE", MENTION_EVERYONE),
    ("MANAGE_WEBHOOKS", MANAGE_WEBHOOKS),
    ("READ_MESSAGE_HISTORY", READ_MESSAGE_HISTORY),
    ("SEND_MESSAGES", SEND_MESSAGES),
    ("SEND_MESSAGES_IN_THREADS", SEND_MESSAGES_IN_THREADS),
    ("USE_EXTERNAL_EMOJIS", USE_EXTERNAL_EMOJIS),
    ("VIEW_CHANNEL", VIEW_CHANNEL),
];

/// The bit with this name, as Discord's documentation spells it.
#[must_use]
pub fn by_name(name: &str) -> Option<Bits> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, bits)| *bits)
}

/// What a member may do in the whole guild; nothing for a stranger.
#[must_use]
pub fn in_guild(guild: &Guild, user: Id) -> Bits {
    let Some(member) = guild.members.get(&user) else { return 0 };
    if guild.owner == user {
        return ALL;
    }
    let granted = guild
        .roles
        .iter()
        .filter(|role| role.id == guild.id || member.roles.contains(&role.id))
        .fold(0, |bits, role| bits | role.permissions);
    if granted & ADMINISTRATOR == 0 { granted } else { ALL }
}

/// What a member may do in a channel. A thread takes the overwrites of its parent.
#[must_use]
pub fn in_channel(store: &Store, channel: &Channel, user: Id) -> Bits {
    let Some(guild) = channel.guild.and_then(|guild| store.guilds.get(&guild)) else { return 0 };
    let base = in_guild(guild, user);
    if base == ALL || base == 0 {
        return base;
    }
    let ruled_by = if channel.kind.is_thread() {
        channel.parent.and_then(|parent| store.channels.get(&parent)).unwrap_or(channel)
    } else {
        channel
    };
    let (mut deny_roles, mut allow_roles) = (0, 0);
    let (mut everyone, mut own) = ((0, 0), (0, 0));
    for overwrite in &ruled_by.overwrites {
        if overwrite.id == guild.id {
            everyone = (overwrite.allow, overwrite.deny);
        } else if overwrite.id == user {
            own = (overwrite.allow, overwrite.deny);
        } else if guild.members.get(&user).is_some_and(|member| member.roles.contains(&overwrite.id)) {
            allow_roles |= overwrite.allow;
            deny_roles |= overwrite.deny;
        }
    }
    [everyone, (allow_roles, deny_roles), own].iter().fold(base, |bits, (allow, deny)| bits & !deny | allow)
}
