//! Webhooks: made by bots, used by whoever knows the secret in their address.

use serde::Deserialize;
use serde_json::Value;

use super::{
    draft::{self, Body},
    messages,
};
use crate::discord::{
    action::{self, NewChannel, Told},
    call::{Answer, Call, Reply},
    core::Core,
    error::ApiError,
    id::Id,
    model::{Author, ChannelKind, Message, Record, Webhook},
    permission, secret,
    server::Sandbox,
    wire,
};

/// Webhooks of one channel.
const WEBHOOKS_MAX: usize = 15;

#[derive(Deserialize)]
struct New {
    name: String,
}

pub fn create(sandbox: &Sandbox, call: &Call) -> Answer {
    let New { name } = call.json()?;
    let mut core = sandbox.core();
    if !draft::is_webhook_name(&name) {
        return Err(ApiError::form("name", "USERNAME_INVALID", "Must be between 1 and 80 in length."));
    }
    let channel = core.channel_with(call.id("channel")?, call.bot, permission::MANAGE_WEBHOOKS)?;
    if core.store.webhooks.values().filter(|it| it.channel == channel.id).count() >= WEBHOOKS_MAX {
        return Err(ApiError::new(400, 30_007, format!("Maximum number of webhooks reached ({WEBHOOKS_MAX})")));
    }
    let guild = channel.guild.ok_or_else(ApiError::missing_access)?;
    let webhook = Webhook {
        id: sandbox.ids.next(),
        channel: channel.id,
        guild,
        owner: call.bot,
        name,
        token: secret::webhook_token(),
    };
    core.commit(Record::Webhook(webhook.clone()))?;
    Ok(Reply::json(&wire::webhook(&core.store, &webhook)))
}

pub fn of_channel(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let channel = core.channel_with(call.id("channel")?, call.bot, permission::MANAGE_WEBHOOKS)?.id;
    Ok(Reply::json(&listed(&core, |webhook| webhook.channel == channel)))
}

pub fn of_guild(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let guild = core.joined_guild(call.id("guild")?, call.bot)?;
    if permission::in_guild(guild, call.bot) & permission::MANAGE_WEBHOOKS == 0 {
        return Err(ApiError::missing_permissions());
    }
    Ok(Reply::json(&listed(&core, |webhook| webhook.guild == guild.id)))
}

pub fn one(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    Ok(Reply::json(&wire::webhook(&core.store, managed(&core, call)?)))
}

pub fn remove(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let id = managed(&core, call)?.id;
    core.commit(Record::WebhookGone(id))?;
    Ok(Reply::empty())
}

pub fn one_by_token(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    Ok(Reply::json(&wire::webhook(&core.store, known(&core, call)?)))
}

/// Writes as the webhook; answers with the message when asked to wait, else with nothing.
pub fn execute(sandbox: &Sandbox, call: &Call) -> Answer {
    known(&sandbox.core(), call)?;
    let (body, uploads) = Body::read(sandbox, call)?;
    if body.is_empty(uploads.len()) {
        return Err(ApiError::empty_message());
    }
    let attachments = draft::keep(sandbox, uploads)?;
    let mut core = sandbox.core();
    let webhook = known(&core, call)?.clone();
    let (channel, starter) = destination(&mut core, sandbox, call, &webhook, &body)?;
    let pings = body.pings(permission::MENTION_EVERYONE);
    let name = body.username.unwrap_or_else(|| webhook.name.clone());
    let draft = Message {
        id: starter,
        channel,
        author: Author::Webhook { id: webhook.id, name, avatar: body.avatar_url },
        attachments,
        flags: body.flags.unwrap_or(0) & messages::FLAGS_OWN,
        pings,
        content: body.content.unwrap_or_default(),
        embeds: body.embeds.unwrap_or_default(),
        poll: body.poll.map(draft::NewPoll::shown),
        ..Message::default()
    };
    let message = action::post(&mut core, &sandbox.ids, draft)?;
    let wait = call.query.get("wait").is_some_and(|wait| matches!(wait.to_lowercase().as_str(), "true" | "1"));
    Ok(if wait { Reply::json(&messages::shown(&core, &message, webhook.owner)) } else { Reply::empty() })
}

pub fn message(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let (webhook, message) = own(&core, call)?;
    Ok(Reply::json(&messages::shown(&core, message, webhook.owner)))
}

pub fn edit(sandbox: &Sandbox, call: &Call) -> Answer {
    let (body, uploads) = Body::read(sandbox, call)?;
    let added = draft::keep(sandbox, uploads)?;
    let mut core = sandbox.core();
    let (webhook, message) = own(&core, call)?;
    let (owner, changed) = (webhook.owner, messages::changed(message, body, added)?);
    let message = action::edit(&mut core, changed, Told::Edit)?;
    Ok(Reply::json(&messages::shown(&core, &message, owner)))
}

pub fn delete(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    let (_, message) = own(&core, call)?;
    let (channel, id) = (message.channel, message.id);
    action::delete(&mut core, channel, &[id])?;
    Ok(Reply::empty())
}

fn listed(core: &Core, wanted: impl Fn(&Webhook) -> bool) -> Value {
    core.store.webhooks.values().filter(|it| wanted(it)).map(|it| wire::webhook(&core.store, it)).collect()
}

/// The webhook of the path, for a bot that may manage it.
fn managed<'a>(core: &'a Core, call: &Call) -> Result<&'a Webhook, ApiError> {
    let webhook = core.store.webhooks.get(&call.id("webhook")?).ok_or_else(ApiError::unknown_webhook)?;
    core.channel_with(webhook.channel, call.bot, permission::MANAGE_WEBHOOKS)?;
    Ok(webhook)
}

/// The webhook of the path, for whoever knows its secret.
fn known<'a>(core: &'a Core, call: &Call) -> Result<&'a Webhook, ApiError> {
    let webhook = core.store.webhooks.get(&call.id("webhook")?).ok_or_else(ApiError::unknown_webhook)?;
    if call.params.get("token") == Some(&webhook.token) {
        return Ok(webhook);
    }
    Err(ApiError::new(401, 50027, "Invalid Webhook Token"))
}

fn own<'a>(core: &'a Core, call: &Call) -> Result<(&'a Webhook, &'a Message), ApiError> {
    let webhook = known(core, call)?;
    let channel = call.query_id("thread_id")?.unwrap_or(webhook.channel);
    let message = core.store.message(channel, call.id("message")?).ok_or_else(ApiError::unknown_message)?;
    match &message.author {
        Author::Webhook { id, .. } if *id == webhook.id => Ok((webhook, message)),
        Author::Webhook { .. } | Author::Account(_) => Err(ApiError::unknown_message()),
    }
}

/// The webhook's channel, the thread that the query names, or a new post of a forum with the id of its first message.
fn destination(
    core: &mut Core,
    sandbox: &Sandbox,
    call: &Call,
    webhook: &Webhook,
    body: &Body,
) -> Result<(Id, Id), ApiError> {
    if let Some(thread) = call.query_id("thread_id")? {
        let below = core.channel(thread)?.parent == Some(webhook.channel);
        return if below { Ok((thread, Id(0))) } else { Err(ApiError::unknown_channel()) };
    }
    let forum = core.channel(webhook.channel)?.kind == ChannelKind::Forum;
    match &body.thread_name {
        None if forum => {
            Err(ApiError::new(400, 220_001, "Webhooks posted to forum channels must have a thread_name or thread_id"))
        }
        Some(name) if forum => {
            let (parent, opener) = (Some(webhook.channel), webhook.owner);
            let plain = NewChannel::plain(webhook.guild, ChannelKind::Thread, name.clone());
            let post = action::add_channel(core, &sandbox.ids, NewChannel { parent, opener, ..plain })?.id;
            Ok((post, post))
        }
        Some(_) => Err(ApiError::new(400, 220_003, "Webhooks can only create threads in forum channels")),
        None => Ok((webhook.channel, Id(0))),
    }
}
