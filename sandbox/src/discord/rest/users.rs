//! The bot itself: user, application, guilds, and where its gateway is.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    action,
    call::{Answer, Call, Reply},
    clock::now_ms,
    error::ApiError,
    id::Id,
    model::{Channel, ChannelKind, Record},
    permission,
    server::Sandbox,
    wire,
};

pub fn gateway(sandbox: &Sandbox, _call: &Call) -> Answer {
    Ok(Reply::json(&json!({ "url": sandbox.gateway_url() })))
}

pub fn gateway_bot(sandbox: &Sandbox, call: &Call) -> Answer {
    let (remaining, reset_after) = sandbox.usage().identifies_left(call.bot, now_ms());
    Ok(Reply::json(&json!({
        "url": sandbox.gateway_url(), "shards": 1,
        "session_start_limit": { "total": 1000, "remaining": remaining, "reset_after": reset_after, "max_concurrency": 1 },
    })))
}

pub fn application(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guilds = core.store.guilds.values().filter(|guild| guild.members.contains_key(&call.bot)).count();
    Ok(Reply::json(&wire::application(core.account(call.bot)?, guilds)))
}

pub fn me(sandbox: &Sandbox, call: &Call) -> Answer {
    Ok(Reply::json(&wire::current_user(sandbox.core().account(call.bot)?)))
}

pub fn one(sandbox: &Sandbox, call: &Call) -> Answer {
    Ok(Reply::json(&wire::user(sandbox.core().account(call.id("user")?)?)))
}

pub fn my_guilds(sandbox: &Sandbox, call: &Call) -> Answer {
    let (limit, after, before) = (call.limit(1..=200, 200)?, call.query_id("after")?, call.query_id("before")?);
    let core = sandbox.core();
    let guilds: Vec<Value> = core
        .store
        .guilds
        .values()
        .filter(|guild| guild.members.contains_key(&call.bot))
        .filter(|guild| after.is_none_or(|after| guild.id > after) && before.is_none_or(|before| guild.id < before))
        .take(limit)
        .map(|guild| {
            json!({
                "id": guild.id, "name": guild.name, "icon": null, "banner": null, "owner": guild.owner == call.bot,
                "permissions": permission::in_guild(guild, call.bot).to_string(), "features": [],
                "approximate_member_count": guild.members.len(),
            })
        })
        .collect();
    Ok(Reply::json(&Value::Array(guilds)))
}

pub fn leave_guild(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?.id;
    action::kick(&mut core, guild, call.bot)?;
    Ok(Reply::empty())
}

#[derive(Deserialize)]
struct Direct {
    recipient_id: Id,
}

/// The conversation with a person, opened when there is none.
pub fn open_direct(sandbox: &Sandbox, call: &Call) -> Answer {
    let Direct { recipient_id: person } = call.json()?;
    let mut core = sandbox.core();
    if core.account(person)?.bot.is_some() {
        return Err(ApiError::new(403, 50007, "Cannot send messages to this user"));
    }
    let pair = [call.bot, person];
    let known = core.store.channels.values().find(|it| it.kind == ChannelKind::Direct && it.recipients == pair);
    let channel = if let Some(known) = known {
        known.clone()
    } else {
        let channel = Channel {
            id: sandbox.ids.next(),
            guild: None,
            kind: ChannelKind::Direct,
            name: String::new(),
            parent: None,
            overwrites: Vec::new(),
            topic: None,
            position: 0,
            thread: None,
            recipients: pair.to_vec(),
        };
        core.commit(Record::Channel(channel.clone()))?;
        channel
    };
    Ok(Reply::json(&wire::channel(&core.store, &channel)))
}
