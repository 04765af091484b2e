use serde_json::{Value, json};

use super::*;

const VIEW: u64 = 1 << 10;
const SEND: u64 = 1 << 11;
const HISTORY: u64 = 1 << 16;
const MANAGE_THREADS: u64 = 1 << 34;
const SEND_IN_THREADS: u64 = 1 << 38;
const ALL: u64 = VIEW | SEND | HISTORY | SEND_IN_THREADS;

fn role(id: &str, permissions: u64) -> Value {
    json!({
        "id": id, "name": "role", "color": 0, "colors": {"primary_color": 0}, "hoist": false, "position": 0, "permissions": permissions.to_string(),
        "managed": false, "mentionable": false, "flags": 0
    })
}

/// A guild whose members may do `everyone` and whose role 7, which the bot has, adds `extra`.
fn view(everyone: u64, extra: u64) -> View {
    let guild = json!({
        "id": "500", "name": "Sandbox", "owner_id": "901", "afk_timeout": 300, "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "emojis": [], "features": [],
        "roles": [role("500", everyone), role("7", extra)], "mfa_level": 0, "system_channel_flags": 0,
        "premium_tier": 0, "preferred_locale": "en-US", "nsfw_level": 0, "stickers": [],
        "premium_progress_bar_enabled": false
    });
    let member = json!({
        "user": {"id": "900", "username": "relay", "discriminator": "0", "avatar": null, "bot": true},
        "roles": ["7"], "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0
    });
    View { guild: serde_json::from_value(guild).unwrap(), member: serde_json::from_value(member).unwrap() }
}

fn channel(kind: u8, change: Value) -> GuildChannel {
    let mut value = json!({
        "id": "501", "type": kind, "guild_id": "500", "name": "general", "position": 0, "permission_overwrites": [],
        "last_message_id": "11"
    });
    for (name, field) in change.as_object().unwrap() {
        value[name] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn overwrite(kind: u8, id: &str, allow: u64, deny: u64) -> Value {
    json!({"id": id, "type": kind, "allow": allow.to_string(), "deny": deny.to_string()})
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// What the bot may do, as letters.
fn letters(view: &View, channel: &GuildChannel, parent: Option<&GuildChannel>) -> String {
    let rights = view.rights(channel, parent, now());
    [(rights.view, 'v'), (rights.read, 'r'), (rights.write, 'w')]
        .into_iter()
        .filter_map(|(granted, letter)| granted.then_some(letter))
        .collect()
}

#[test]
fn rights_come_from_roles_and_overwrites() {
    let text = |overwrites: Value| channel(0, json!({"permission_overwrites": overwrites}));
    assert_eq!(letters(&view(ALL, 0), &text(json!([])), None), "vrw");
    assert_eq!(letters(&view(VIEW, HISTORY), &text(json!([])), None), "vr");
    assert_eq!(letters(&view(SEND | HISTORY, 0), &text(json!([])), None), "");
    assert_eq!(letters(&view(ALL, 0), &text(json!([overwrite(0, "500", 0, SEND)])), None), "vr");
    let for_the_bot = json!([overwrite(0, "500", 0, SEND), overwrite(1, "900", SEND, 0)]);
    assert_eq!(letters(&view(ALL, 0), &text(for_the_bot), None), "vrw");
    let against_the_bot = json!([overwrite(1, "900", 0, VIEW)]);
    assert_eq!(letters(&view(ALL, 0), &text(against_the_bot), None), "");
}

#[test]
fn threads_take_their_parents_rights_and_have_their_own_for_writing() {
    let parent = |deny: u64| channel(0, json!({"permission_overwrites": [overwrite(0, "500", 0, deny)]}));
    let thread = |locked: bool| {
        channel(
            11,
            json!({"parent_id": "502", "thread_metadata": {
                "archived": false, "auto_archive_duration": 60, "archive_timestamp": "2026-01-01T00:00:00Z", "locked": locked
            }}),
        )
    };
    assert_eq!(letters(&view(ALL, 0), &thread(false), Some(&parent(0))), "vrw");
    assert_eq!(letters(&view(ALL, 0), &thread(false), Some(&parent(SEND))), "vrw");
    assert_eq!(letters(&view(ALL, 0), &thread(false), Some(&parent(SEND_IN_THREADS))), "vr");
    assert_eq!(letters(&view(ALL, 0), &thread(false), Some(&parent(VIEW))), "");
    assert_eq!(letters(&view(ALL, 0), &thread(true), Some(&parent(0))), "vr");
    assert_eq!(letters(&view(ALL, MANAGE_THREADS), &thread(true), Some(&parent(0))), "vrw");
}

#[test]
fn a_bot_in_timeout_cannot_write() {
    let mut view = view(ALL, 0);
    view.member.communication_disabled_until = Some("2030-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(letters(&view, &channel(0, json!({})), None), "vr");
    view.member.communication_disabled_until = Some("2020-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(letters(&view, &channel(0, json!({})), None), "vrw");
}

#[test]
fn kinds_that_hold_no_messages_are_left_out() {
    let kinds = [
        (0, Some(ChatKind::Text)),
        (2, Some(ChatKind::Text)),
        (5, Some(ChatKind::Channel)),
        (10, Some(ChatKind::Thread)),
        (11, Some(ChatKind::Thread)),
        (12, Some(ChatKind::Thread)),
        (4, None),
        (14, None),
        (15, Some(ChatKind::Forum)),
        (16, None),
    ];
    for (kind, expected) in kinds {
        assert_eq!(kind_of(channel(kind, json!({})).kind), expected, "{kind}");
    }
}
