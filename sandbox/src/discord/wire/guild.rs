//! Guilds, their members, roles and channels.

use serde_json::{Value, json};

use super::user;
use crate::discord::{
    clock::iso,
    id::Id,
    model::{Channel, ChannelKind, Guild, Member, Role, Thread},
    store::Store,
};

/// A guild as REST gives it.
#[must_use]
pub fn guild(store: &Store, guild: &Guild) -> Value {
    let system = store.channels.values().find(|channel| channel.guild == Some(guild.id)).map(|channel| channel.id);
    json!({
        "id": guild.id, "name": guild.name, "icon": null, "icon_hash": null, "splash": null, "discovery_splash": null,
        "owner_id": guild.owner, "region": "deprecated", "afk_channel_id": null, "afk_timeout": 300,
        "widget_enabled": false, "widget_channel_id": null, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "roles": roles(guild), "emojis": [], "features": [], "mfa_level": 0,
        "application_id": null, "system_channel_id": system, "system_channel_flags": 0, "rules_channel_id": null,
        "max_presences": null, "max_members": 500_000, "vanity_url_code": null, "description": null, "banner": null,
        "premium_tier": guild.premium_tier, "premium_subscription_count": 0, "preferred_locale": "en-US",
        "public_updates_channel_id": null, "max_video_channel_users": 25, "max_stage_video_channel_users": 50,
        "nsfw": false, "nsfw_level": 0, "stickers": [], "premium_progress_bar_enabled": false,
        "safety_alerts_channel_id": null, "approximate_member_count": guild.members.len(),
        "approximate_presence_count": guild.members.len(),
    })
}

/// A guild as the gateway gives it when a bot gets to know it.
#[must_use]
pub fn guild_create(store: &Store, known: &Guild, bot: Id) -> Value {
    let mut value = guild(store, known);
    let inside = || store.channels.values().filter(|channel| channel.guild == Some(known.id));
    let channels: Vec<Value> = inside().filter(|it| !it.kind.is_thread()).map(|it| channel(store, it)).collect();
    let threads: Vec<Value> = inside()
        .filter(|it| it.thread.as_ref().is_some_and(|thread| !thread.archived))
        .map(|it| channel(store, it))
        .collect();
    let members: Vec<Value> = known.members.keys().filter_map(|id| member(store, known, *id)).collect();
    for (name, more) in [
        ("joined_at", json!(known.members.get(&bot).map(|own| iso(own.joined_ms)))),
        ("large", json!(false)),
        ("unavailable", json!(false)),
        ("member_count", json!(members.len())),
        ("members", Value::Array(members)),
        ("channels", Value::Array(channels)),
        ("threads", Value::Array(threads)),
        ("voice_states", json!([])),
        ("presences", json!([])),
        ("stage_instances", json!([])),
        ("guild_scheduled_events", json!([])),
        ("soundboard_sounds", json!([])),
    ] {
        value[name] = more;
    }
    value
}

/// A guild's roles.
#[must_use]
pub fn roles(guild: &Guild) -> Vec<Value> {
    guild.roles.iter().enumerate().map(|(position, it)| role(it, position)).collect()
}

/// A member with its user object; none for a stranger.
#[must_use]
pub fn member(store: &Store, guild: &Guild, id: Id) -> Option<Value> {
    let mut value = partial_member(guild.members.get(&id)?);
    value["user"] = user(store.accounts.get(&id)?);
    Some(value)
}

/// A member as it stands inside a message.
#[must_use]
pub fn partial_member(member: &Member) -> Value {
    json!({
        "nick": null, "avatar": null, "banner": null, "roles": member.roles, "joined_at": iso(member.joined_ms),
        "premium_since": null, "deaf": false, "mute": false, "flags": 0, "pending": false,
        "communication_disabled_until": null,
    })
}

/// A channel or thread.
#[must_use]
pub fn channel(store: &Store, channel: &Channel) -> Value {
    let last = store.messages(channel.id).and_then(|messages| messages.keys().next_back().copied());
    let overwrites: Vec<Value> = channel
        .overwrites
        .iter()
        .map(|it| {
            let (allow, deny) = (it.allow.to_string(), it.deny.to_string());
            json!({ "id": it.id, "type": u8::from(it.member), "allow": allow, "deny": deny })
        })
        .collect();
    let mut value = json!({
        "id": channel.id, "type": channel.kind.number(), "last_message_id": last, "flags": 0,
    });
    let more = match (&channel.thread, channel.guild) {
        (_, None) => json!({ "recipients": recipients(store, channel) }),
        (Some(thread), Some(guild)) => thread_fields(store, channel, guild, thread),
        (None, Some(guild)) => json!({
            "guild_id": guild, "name": channel.name, "position": channel.position, "permission_overwrites": overwrites,
            "topic": channel.topic, "nsfw": false, "rate_limit_per_user": 0, "parent_id": channel.parent,
        }),
    };
    merge(&mut value, more);
    if channel.kind == ChannelKind::Forum {
        merge(
            &mut value,
            json!({ "available_tags": [], "default_reaction_emoji": null, "default_sort_order": null,
            "default_forum_layout": 0, "template": "" }),
        );
    }
    value
}

fn recipients(store: &Store, channel: &Channel) -> Vec<Value> {
    channel.recipients.iter().filter_map(|id| store.accounts.get(id)).filter(|it| it.bot.is_none()).map(user).collect()
}

fn thread_fields(store: &Store, channel: &Channel, guild: Id, thread: &Thread) -> Value {
    let count = store.messages(channel.id).map_or(0, std::collections::BTreeMap::len);
    let created = iso(channel.id.created_ms());
    let changed = iso(thread.archive_changed_ms.max(channel.id.created_ms()));
    json!({
        "guild_id": guild, "name": channel.name, "parent_id": channel.parent, "owner_id": thread.owner,
        "rate_limit_per_user": 0, "message_count": count, "member_count": 1, "total_message_sent": count,
        "applied_tags": [],
        "thread_metadata": {
            "archived": thread.archived, "auto_archive_duration": 4320, "archive_timestamp": changed,
            "locked": thread.locked, "create_timestamp": created,
        },
    })
}

fn role(role: &Role, position: usize) -> Value {
    let mut value = json!({
        "id": role.id, "name": role.name, "color": 0, "hoist": false, "icon": null, "unicode_emoji": null,
        "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null }, "position": position,
        "permissions": role.permissions.to_string(), "managed": role.managed_by.is_some(), "mentionable": false,
        "flags": 0,
    });
    if let Some(bot) = role.managed_by {
        value["tags"] = json!({ "bot_id": bot });
    }
    value
}

fn merge(value: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(from)) = (value, more) {
        into.extend(from);
    }
}
