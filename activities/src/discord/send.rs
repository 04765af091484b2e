//! Sending a message, and finding one that may have been sent.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ChatId, IdempotencyKey, PartText};
use serde::Deserialize;
use serenity::all::{
    CreateAllowedMentions, CreateAttachment, CreateMessage, MessageFlags, MessageReference, MessageReferenceKind, Nonce,
};
use serenity::http::{LightMethod, Request, Route};

use crate::platform::{PlatformError, SendBody, SendRequest, Upload};

use super::errors::{is_reply_refused, message};
use super::rest::{CALL_LIMIT, Rest, TRANSFER_LIMIT};
use super::snowflake;

/// Discord's limit on `content`, in characters.
const CONTENT_CHARS_MAX: usize = 2_000;
/// Discord's limit on attachments of one message.
const ATTACHMENTS_MAX: usize = 10;
/// How far our clock and Discord's may differ: only messages before it are left out of a search.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);
/// Discord's largest page.
const PAGE: usize = 100;
/// Pages searched for a lost send: a channel with more traffic than this since the attempt is given up.
const PAGES_MAX: usize = 20;
/// Remembered sends of this process; they tell one short message from an equal one sent just before.
const RECENT_MAX: usize = 1_000;

/// Sends once and returns the message's id. A reply that Discord refuses is sent again without its link: the refusal
/// says that nothing was sent.
pub(super) async fn send(rest: &Rest, recent: &Recent, request: &SendRequest) -> Result<i64, PlatformError> {
    let parts = Parts::of(request)?;
    let sent = match post(rest, request, &parts, request.reply_to).await {
        Err(error) if request.reply_to.is_some() && is_reply_refused(&error) => {
            post(rest, request, &parts, None).await?
        }
        answer => answer?,
    };
    recent.put(sent, &request.key);
    Ok(sent)
}

/// Looks for `request` among our own messages since `since`: by its nonce where Discord still shows it, else by content
/// and file sizes. Discord trims content and rewrites file names, so neither is compared as it was sent.
pub(super) async fn read_back(
    rest: &Rest,
    recent: &Recent,
    me: i64,
    request: &SendRequest,
    since: DateTime<Utc>,
) -> Result<Option<i64>, PlatformError> {
    if let Some(id) = recent.find(&request.key) {
        return Ok(Some(id));
    }
    let parts = Parts::of(request)?;
    let mut after = snowflake::at(since - CLOCK_SKEW);
    let mut alike = None;
    for _ in 0..PAGES_MAX {
        let page = page_after(rest, request.chat, after).await?;
        for stored in &page {
            if stored.author.id.parse() != Ok(me) {
                continue;
            }
            match stored.matches(request, &parts) {
                Match::Same => return stored.number().map(Some),
                Match::Alike if alike.is_none() => alike = stored.number().ok().filter(|id| !recent.has(*id)),
                Match::Alike | Match::Other => (),
            }
        }
        let (Some(last), PAGE) = (page.last(), page.len()) else { break };
        after = last.number()?;
    }
    Ok(alike)
}

/// Ids and keys of this process's latest sends.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<(i64, IdempotencyKey)>>);

impl Recent {
    fn put(&self, id: i64, key: &IdempotencyKey) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() == RECENT_MAX {
            sent.pop_front();
        }
        sent.push_back((id, key.clone()));
    }

    fn find(&self, key: &IdempotencyKey) -> Option<i64> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().find(|(_, known)| known == key).map(|(id, _)| *id)
    }

    fn has(&self, id: i64) -> bool {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().any(|(known, _)| *known == id)
    }
}

/// The checked parts of a request.
struct Parts<'a> {
    content: &'a str,
    uploads: &'a [Upload],
}

impl<'a> Parts<'a> {
    fn of(request: &'a SendRequest) -> Result<Self, PlatformError> {
        let (text, uploads): (&PartText, &[Upload]) = match &request.body {
            SendBody::Text(text) => (text, &[]),
            SendBody::Media { caption, uploads } => (caption, uploads),
            SendBody::Forward { .. } => {
                return Err(message("forward_unsupported", "Discord has no forward for bots"));
            }
        };
        let PartText::Discord(content) = text else {
            return Err(message("wrong_platform", "the text was converted for another platform"));
        };
        if content.chars().count() > CONTENT_CHARS_MAX {
            return Err(message("too_long", format!("more than {CONTENT_CHARS_MAX} characters")));
        }
        if uploads.len() > ATTACHMENTS_MAX {
            return Err(message("too_many_attachments", format!("more than {ATTACHMENTS_MAX} attachments")));
        }
        if content.trim().is_empty() && uploads.is_empty() {
            return Err(message("empty_message", "neither text nor attachments"));
        }
        Ok(Self { content, uploads })
    }
}

async fn post(
    rest: &Rest,
    request: &SendRequest,
    parts: &Parts<'_>,
    reply_to: Option<i64>,
) -> Result<i64, PlatformError> {
    let channel_id = snowflake::channel(request.chat)?;
    let body = body(request, parts, reply_to)?;
    if parts.uploads.is_empty() {
        let payload = serde_json::to_vec(&body).map_err(|error| message("invalid_form", error.to_string()))?;
        let call = Request::new(Route::ChannelMessages { channel_id }, LightMethod::Post).body(Some(payload));
        let created: Created = rest.call(CALL_LIMIT, rest.http().fire(call)).await?;
        return number(&created.id);
    }
    let mut files = Vec::with_capacity(parts.uploads.len());
    for upload in parts.uploads {
        let mut bytes = Vec::new();
        for index in 0_u64.. {
            let chunk = upload.content.chunk(index).await?;
            if chunk.is_empty() {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        files.push(CreateAttachment::bytes(bytes, upload.media.file_name.clone()));
    }
    // Only serenity's own call can number the files of a form.
    let created = rest.call(TRANSFER_LIMIT, channel_id.send_message(rest.http(), body.add_files(files))).await?;
    Ok(snowflake::signed(created.id.get()))
}

/// Everything but the files. Nobody is pinged by a carried message, whatever it contains.
fn body(request: &SendRequest, parts: &Parts<'_>, reply_to: Option<i64>) -> Result<CreateMessage, PlatformError> {
    let mut body = CreateMessage::new()
        .content(parts.content)
        .nonce(Nonce::String(request.key.as_nonce().to_owned()))
        .enforce_nonce(true)
        .allowed_mentions(CreateAllowedMentions::new().replied_user(false));
    if request.silent {
        body = body.flags(MessageFlags::SUPPRESS_NOTIFICATIONS);
    }
    if let Some(target) = reply_to {
        let reference = MessageReference::new(MessageReferenceKind::Default, snowflake::channel(request.chat)?)
            .message_id(snowflake::message(target))
            .fail_if_not_exists(false);
        body = body.reference_message(reference);
    }
    Ok(body)
}

/// Messages of `chat` above `after`, oldest first, at most [`PAGE`].
async fn page_after(rest: &Rest, chat: ChatId, after: i64) -> Result<Vec<Stored>, PlatformError> {
    let route = Route::ChannelMessages { channel_id: snowflake::channel(chat)? };
    let params = vec![("limit", PAGE.to_string()), ("after", after.to_string())];
    let mut page: Vec<Stored> = rest.get(route, params).await?;
    page.sort_by_key(|stored| stored.number().unwrap_or(i64::MAX));
    Ok(page)
}

fn number(id: &str) -> Result<i64, PlatformError> {
    id.parse().map_err(|_| super::errors::retryable("undecodable_answer", "a message id is not a number"))
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

/// As much of a message as a comparison needs.
#[derive(Deserialize)]
struct Stored {
    id: String,
    author: StoredAuthor,
    #[serde(default)]
    content: String,
    #[serde(default)]
    nonce: Option<serde_json::Value>,
    #[serde(default)]
    attachments: Vec<StoredFile>,
}

#[derive(Deserialize)]
struct StoredAuthor {
    id: String,
}

#[derive(Deserialize)]
struct StoredFile {
    size: u64,
}

/// How sure it is that a stored message is the one looked for.
#[derive(Debug, PartialEq, Eq)]
enum Match {
    Same,
    Alike,
    Other,
}

impl Stored {
    fn number(&self) -> Result<i64, PlatformError> {
        number(&self.id)
    }

    fn matches(&self, request: &SendRequest, parts: &Parts<'_>) -> Match {
        if let Some(nonce) = &self.nonce {
            let same = nonce.as_str() == Some(request.key.as_nonce());
            return if same { Match::Same } else { Match::Other };
        }
        let sizes = parts.uploads.iter().map(|upload| upload.content.size_bytes());
        let alike =
            self.content.trim() == parts.content.trim() && self.attachments.iter().map(|file| file.size).eq(sizes);
        if alike { Match::Alike } else { Match::Other }
    }
}

#[cfg(test)]
mod tests;
