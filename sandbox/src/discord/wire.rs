//! What clients see: records as the JSON objects of API v10.

mod guild;
mod message;

use serde_json::{Value, json};

use super::{model::Account, model::Webhook, store::Store};

pub use guild::{channel, guild, guild_create, member, roles};
pub use message::{Sight, mentioned, mentioned_roles, message, message_event, terse_update};

/// Application flags: presence, members and message content for a bot in few guilds.
const FLAG_PRESENCE_LIMITED: u64 = 1 << 13;
const FLAG_MEMBERS_LIMITED: u64 = 1 << 15;
const FLAG_MESSAGE_CONTENT_LIMITED: u64 = 1 << 19;

/// A user object.
#[must_use]
pub fn user(account: &Account) -> Value {
    json!({
        "id": account.id, "username": account.username, "discriminator": if account.bot.is_some() { "0000" } else { "0" },
        "global_name": null, "avatar": null, "bot": account.bot.is_some(), "system": false, "public_flags": 0,
    })
}

/// The user object that a bot gets of itself.
#[must_use]
pub fn current_user(account: &Account) -> Value {
    let mut value = user(account);
    for (name, more) in [
        ("verified", json!(true)),
        ("email", Value::Null),
        ("mfa_enabled", json!(false)),
        ("locale", json!("en-US")),
        ("flags", json!(0)),
    ] {
        value[name] = more;
    }
    value
}

/// The application of a bot.
#[must_use]
pub fn application(account: &Account, guilds: usize) -> Value {
    json!({
        "id": account.id, "name": account.username, "icon": null, "description": "", "bot_public": true,
        "bot_require_code_grant": false, "verify_key": "", "team": null, "summary": "", "flags": flags(account),
        "tags": [], "rpc_origins": [], "approximate_guild_count": guilds, "hook": false, "owner": user(account),
        "bot": user(account), "redirect_uris": [], "interactions_endpoint_url": null,
    })
}

/// The application's flags.
#[must_use]
pub fn flags(account: &Account) -> u64 {
    let content = account.bot.as_ref().is_some_and(|bot| bot.message_content);
    FLAG_PRESENCE_LIMITED | FLAG_MEMBERS_LIMITED | if content { FLAG_MESSAGE_CONTENT_LIMITED } else { 0 }
}

/// A webhook with its secret.
#[must_use]
pub fn webhook(store: &Store, webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id, "type": 1, "guild_id": webhook.guild, "channel_id": webhook.channel, "name": webhook.name,
        "avatar": null, "token": webhook.token, "application_id": webhook.owner,
        "user": store.accounts.get(&webhook.owner).map(user),
        "url": format!("https://discord.com/api/webhooks/{}/{}", webhook.id, webhook.token),
    })
}
