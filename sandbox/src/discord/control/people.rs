//! Bots, people, guilds and who is in them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action,
    call::{Answer, Call, Reply},
    core::Core,
    error::ApiError,
    gateway::Outgoing,
    id::Id,
    model::{Account, Bot, Record},
    secret,
    server::Sandbox,
};

/// The account that owns every guild made here.
const OWNER: &str = "sandbox-owner";

pub fn health(_sandbox: &Sandbox, _call: &Call) -> Answer {
    Ok(Reply::json(&json!({ "ok": true })))
}

/// What came to stand since the number `from` of the query.
pub fn arrivals(sandbox: &Sandbox, call: &Call) -> Answer {
    let from = call.query.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    Ok(Reply::json(&json!(sandbox.core().arrivals.since(from))))
}

pub fn ca(sandbox: &Sandbox, _call: &Call) -> Answer {
    let body = bytes::Bytes::from(sandbox.ca_pem.clone());
    Ok(Reply { content_type: "application/x-pem-file".to_owned(), body, ..Reply::json(&Value::Null) })
}

pub fn bots(sandbox: &Sandbox, _call: &Call) -> Answer {
    let core = sandbox.core();
    let bots = core.store.accounts.values().filter_map(|account| {
        let bot = account.bot.as_ref()?;
        Some(json!({
            "id": account.id, "username": account.username, "token": bot.token, "revoked": bot.revoked,
            "message_content": bot.message_content,
        }))
    });
    Ok(Reply::json(&bots.collect()))
}

#[derive(Deserialize)]
struct NewBot {
    username: String,
    #[serde(default = "yes")]
    message_content: bool,
}

pub fn create_bot(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: NewBot = call.json()?;
    let id = sandbox.ids.next();
    let bot = Bot { token: secret::bot_token(id), revoked: false, message_content: new.message_content };
    let answer = json!({ "id": id, "token": bot.token });
    sandbox.core().commit(Record::Account(Account { id, username: new.username, bot: Some(bot) }))?;
    Ok(Reply::json(&answer))
}

/// The token stops working, and the bot's connections are closed with 4004.
pub fn revoke(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let mut account = core.account(call.id("bot")?)?.clone();
    account.bot.as_mut().ok_or_else(ApiError::unknown_user)?.revoked = true;
    let id = account.id;
    core.commit(Record::Account(account))?;
    core.hub.order(Some(id), &Outgoing::Close(4004, "Authentication failed."));
    core.hub.forget(Some(id));
    Ok(Reply::json(&json!({})))
}

pub fn users(sandbox: &Sandbox, _call: &Call) -> Answer {
    let core = sandbox.core();
    let people = core.store.accounts.values().filter(|account| account.bot.is_none());
    Ok(Reply::json(&people.map(|person| json!({ "id": person.id, "username": person.username })).collect()))
}

#[derive(Deserialize)]
struct NewUser {
    username: String,
}

pub fn create_user(sandbox: &Sandbox, call: &Call) -> Answer {
    let NewUser { username } = call.json()?;
    let id = sandbox.ids.next();
    sandbox.core().commit(Record::Account(Account { id, username, bot: None }))?;
    Ok(Reply::json(&json!({ "id": id })))
}

pub fn guilds(sandbox: &Sandbox, _call: &Call) -> Answer {
    let core = sandbox.core();
    let guilds = core.store.guilds.values().map(|guild| {
        let channels = core.store.channels.values().filter(|it| it.guild == Some(guild.id));
        let channels = channels.map(|it| json!({ "id": it.id, "name": it.name, "kind": it.kind, "parent": it.parent }));
        let members: Vec<&Id> = guild.members.keys().collect();
        json!({ "id": guild.id, "name": guild.name, "members": members, "channels": channels.collect::<Value>() })
    });
    Ok(Reply::json(&guilds.collect()))
}

#[derive(Deserialize)]
struct NewGuild {
    name: String,
    #[serde(default)]
    bots: Vec<Id>,
}

pub fn create_guild(sandbox: &Sandbox, call: &Call) -> Answer {
    let new: NewGuild = call.json()?;
    let mut core = sandbox.core();
    for bot in &new.bots {
        core.account(*bot)?;
    }
    let owner = owner(&mut core, sandbox)?;
    let (id, channel) = action::create_guild(&mut core, &sandbox.ids, new.name, owner)?;
    for bot in new.bots {
        action::join(&mut core, &sandbox.ids, id, bot)?;
    }
    Ok(Reply::json(&json!({ "id": id, "channel_id": channel })))
}

#[derive(Deserialize)]
struct Who {
    bot: Id,
}

pub fn invite(sandbox: &Sandbox, call: &Call) -> Answer {
    let Who { bot } = call.json()?;
    action::join(&mut sandbox.core(), &sandbox.ids, call.id("guild")?, bot)?;
    Ok(Reply::json(&json!({})))
}

pub fn kick(sandbox: &Sandbox, call: &Call) -> Answer {
    let Who { bot } = call.json()?;
    action::kick(&mut sandbox.core(), call.id("guild")?, bot)?;
    Ok(Reply::json(&json!({})))
}

fn owner(core: &mut Core, sandbox: &Sandbox) -> Result<Id, ApiError> {
    if let Some(known) = core.store.accounts.values().find(|account| account.username == OWNER) {
        return Ok(known.id);
    }
    let id = sandbox.ids.next();
    core.commit(Record::Account(Account { id, username: OWNER.to_owned(), bot: None }))?;
    Ok(id)
}

const fn yes() -> bool {
    true
}
