//! Sending a message: as the bot, through a webhook, or as the first message of a forum's post.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use domain::{ChatId, IdempotencyKey, PartText};
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};

use crate::platform::{Mentions, PlatformError, SendBody, SendRequest, Sent, Upload};

use super::ask::{Ask, Purpose};
use super::errors::{chat as closed, is_reply_refused, message, retryable};
use super::rest::Rest;
use super::snowflake;
use super::threads;
use super::webhooks::Webhooks;

/// Discord's limit on `content`, in characters.
const CONTENT_CHARS_MAX: usize = 2_000;
/// Discord's limit on attachments of one message.
const ATTACHMENTS_MAX: usize = 10;
/// Message flag: nothing is shown of what is behind the links.
pub(super) const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Message flag: no sound.
const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;
/// Remembered sends of this process; they tell one short message from an equal one sent just before.
const RECENT_MAX: usize = 1_000;

/// What a send needs of its connection.
pub(super) struct Sender<'a> {
    pub(super) rest: &'a Rest,
    pub(super) recent: &'a Recent,
    pub(super) webhooks: &'a Webhooks,
    /// The bot's user id.
    pub(super) me: i64,
}

impl Sender<'_> {
    /// Sends once. A reply that Discord refuses is sent again without its link: the refusal says that nothing was sent.
    pub(super) async fn send(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        let parts = Parts::of(request)?;
        let sent = if makes_post(request) {
            self.send_post(request, &parts).await?
        } else if request.persona.is_some() {
            self.webhooks.send(self.rest, request, &parts).await?
        } else {
            Sent::one(self.send_message(request, &parts).await?)
        };
        if let Some(id) = sent.message_ids.first() {
            self.recent.put(*id, sent.thread, &request.key);
        }
        Ok(sent)
    }

    async fn send_message(&self, request: &SendRequest, parts: &Parts<'_>) -> Result<i64, PlatformError> {
        match self.post(request, parts, request.reply_to).await {
            Err(error) if request.reply_to.is_some() && is_reply_refused(&error) => {
                self.post(request, parts, None).await
            }
            answer => answer,
        }
    }

    async fn post(
        &self,
        request: &SendRequest,
        parts: &Parts<'_>,
        reply_to: Option<i64>,
    ) -> Result<i64, PlatformError> {
        let place = place(request);
        let channel_id = snowflake::channel(place)?;
        let ask = Ask::new(Route::ChannelMessages { channel_id }, LightMethod::Post)
            .with_message(keyed_body(request, parts, reply_to), parts.uploads)
            .for_purpose(Purpose::Send(place));
        let created: Created = self.rest.ask(&ask).await?;
        number(&created.id)
    }

    /// A post of a forum with this message as its first; a post has the id of its first message.
    async fn send_post(&self, request: &SendRequest, parts: &Parts<'_>) -> Result<Sent, PlatformError> {
        let title = threads::shortened(request.thread_title.as_deref().unwrap_or_default());
        if request.persona.is_some() {
            return self.webhooks.send_post(self.rest, request, parts, &title).await;
        }
        let channel_id = snowflake::channel(request.chat)?;
        let body = json!({ "name": title, "message": body(request, parts) });
        let ask = Ask::new(Route::ChannelForumPosts { channel_id }, LightMethod::Post)
            .with_message(body, parts.uploads)
            .for_purpose(Purpose::Send(request.chat));
        let created: CreatedPost = self.rest.ask(&ask).await?;
        let first = created.message.ok_or_else(|| closed("wrong_channel_type", "only a forum has posts"))?;
        Ok(Sent { message_ids: vec![number(&first.id)?], thread: Some(number(&created.id)?) })
    }
}

/// The message shall open a post of a forum.
pub(super) const fn makes_post(request: &SendRequest) -> bool {
    request.thread.is_none() && request.thread_title.is_some()
}

/// Discord recognises the key of a retry: neither webhooks nor the first message of a post have one.
pub(super) const fn is_recognised(request: &SendRequest) -> bool {
    request.persona.is_none() && !makes_post(request)
}

/// The channel that a message is written to: a thread is one of its own.
pub(super) fn place(request: &SendRequest) -> ChatId {
    request.thread.map_or(request.chat, ChatId::new)
}

/// Ids, threads and keys of this process's latest sends.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<(i64, Option<i64>, IdempotencyKey)>>);

impl Recent {
    /// Remembers what a send left.
    pub(super) fn put(&self, id: i64, thread: Option<i64>, key: &IdempotencyKey) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() == RECENT_MAX {
            sent.pop_front();
        }
        sent.push_back((id, thread, key.clone()));
    }

    /// What the send of this key left.
    pub(super) fn find(&self, key: &IdempotencyKey) -> Option<Sent> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = sent.iter().find(|(_, _, known)| known == key);
        found.map(|(id, thread, _)| Sent { message_ids: vec![*id], thread: *thread })
    }

    /// Whether a send left this message.
    pub(super) fn has(&self, id: i64) -> bool {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().any(|(known, _, _)| *known == id)
    }
}

/// The checked parts of a request.
pub(super) struct Parts<'a> {
    pub(super) content: &'a str,
    pub(super) uploads: &'a [Upload],
}

impl<'a> Parts<'a> {
    /// Errors: [`PlatformError::Message`] for what Discord would refuse.
    pub(super) fn of(request: &'a SendRequest) -> Result<Self, PlatformError> {
        let (text, uploads): (&PartText, &[Upload]) = match &request.body {
            SendBody::Text(text) => (text, &[]),
            SendBody::Media { caption, uploads } => (caption, uploads),
            SendBody::Forward { .. } => {
                return Err(message("forward_unsupported", "a native forward exists on Telegram only"));
            }
        };
        let content = content_of(text)?;
        if uploads.len() > ATTACHMENTS_MAX {
            return Err(message("too_many_attachments", format!("more than {ATTACHMENTS_MAX} attachments")));
        }
        if content.trim().is_empty() && uploads.is_empty() {
            return Err(message("empty_message", "neither text nor attachments"));
        }
        Ok(Self { content, uploads })
    }
}

/// Text for Discord, within its limit.
pub(super) fn content_of(text: &PartText) -> Result<&str, PlatformError> {
    let PartText::Discord(content) = text else {
        return Err(message("wrong_platform", "the text was converted for another platform"));
    };
    if content.chars().count() > CONTENT_CHARS_MAX {
        return Err(message("too_long", format!("more than {CONTENT_CHARS_MAX} characters")));
    }
    Ok(content)
}

/// What every way of writing has in common.
pub(super) fn body(request: &SendRequest, parts: &Parts<'_>) -> Value {
    let silent = if request.silent { SUPPRESS_NOTIFICATIONS } else { 0 };
    let bare = if request.link_previews { 0 } else { SUPPRESS_EMBEDS };
    json!({
        "content": parts.content, "allowed_mentions": allowed(request.mentions), "flags": silent | bare,
    })
}

/// The same with the key by which Discord recognises a retry, and the link to what is answered.
fn keyed_body(request: &SendRequest, parts: &Parts<'_>, reply_to: Option<i64>) -> Value {
    let mut body = body(request, parts);
    body["nonce"] = json!(request.key.as_nonce());
    body["enforce_nonce"] = json!(true);
    if let Some(target) = reply_to {
        body["message_reference"] = json!({
            "type": 0, "message_id": target.to_string(), "channel_id": place(request), "fail_if_not_exists": false,
        });
    }
    body
}

/// Whom Discord may notify: nobody unless the pair says so, whatever the text contains.
pub(super) fn allowed(mentions: Mentions) -> Value {
    match mentions {
        Mentions::None => json!({ "parse": [], "users": [], "roles": [], "replied_user": false }),
        Mentions::Allowed => json!({ "parse": ["users", "roles", "everyone"], "replied_user": true }),
    }
}

/// A snowflake out of an answer.
pub(super) fn number(id: &str) -> Result<i64, PlatformError> {
    id.parse().map_err(|_| retryable("undecodable_answer", "an id is not a number"))
}

/// As much of a new message as matters.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) channel_id: String,
}

#[derive(Deserialize)]
struct CreatedPost {
    id: String,
    #[serde(default)]
    message: Option<Created>,
}

#[cfg(test)]
pub(super) mod tests;
