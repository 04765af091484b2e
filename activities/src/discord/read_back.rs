//! Finding a message that may have been sent.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ChatId;
use serde::Deserialize;
use serenity::http::Route;

use crate::platform::{PlatformError, SendRequest, Sent};

use super::chats::Asker;
use super::errors::has_code;
use super::rest::Rest;
use super::send::{Parts, Sender, makes_post, number, place};
use super::snowflake;
use super::threads;
use super::webhooks::shown_name;

/// How far our clock and Discord's may differ: only messages before it are left out of a search.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);
/// Discord's largest page.
const PAGE: usize = 100;
/// Pages searched for a lost send: a channel with more traffic than this since the attempt is given up.
const PAGES_MAX: usize = 20;

/// Looks for `request` among our own messages since `since`: by its nonce where Discord still shows it, else by content
/// and file sizes. Discord trims content and rewrites file names, so neither is compared as it was sent.
///
/// Of several alike the newest counts: whoever sends in order has sent nothing after the send that is looked for.
pub(super) async fn read_back(
    sender: &Sender<'_>,
    asker: &Asker<'_>,
    request: &SendRequest,
    since: DateTime<Utc>,
) -> Result<Option<Sent>, PlatformError> {
    if let Some(sent) = sender.recent.find(&request.key) {
        return Ok(Some(sent));
    }
    let search = Search { sender, request, parts: Parts::of(request)?, after: snowflake::at(since - CLOCK_SKEW) };
    let found =
        if makes_post(request) { search.post(asker).await? } else { search.message(asker, place(request)).await? };
    // From now on it is this send's, and no other's that looks alike.
    if let Some(id) = found.iter().flat_map(|sent| &sent.message_ids).next() {
        sender.recent.put(*id, found.as_ref().and_then(|sent| sent.thread), &request.key);
    }
    Ok(found)
}

struct Search<'a> {
    sender: &'a Sender<'a>,
    request: &'a SendRequest,
    parts: Parts<'a>,
    after: i64,
}

impl Search<'_> {
    async fn message(&self, asker: &Asker<'_>, channel: ChatId) -> Result<Option<Sent>, PlatformError> {
        let (mut after, mut alike) = (self.after, None);
        for number in 0..PAGES_MAX {
            let page = page_after(self.sender.rest, channel, after).await?;
            if number == 0 && page.is_empty() {
                // Not finding a send whose history is hidden would send it twice.
                asker.is_proved_end(snowflake::channel(channel)?, after).await?;
            }
            for stored in page.iter().filter(|stored| self.is_ours(stored)) {
                let id = stored.number()?;
                match stored.matches(self.request, &self.parts) {
                    Match::Same => return Ok(Some(Sent::one(id))),
                    Match::Alike if !self.sender.recent.has(id) => alike = Some(id),
                    Match::Alike | Match::Other => (),
                }
            }
            let (Some(last), PAGE) = (page.last(), page.len()) else { break };
            after = last.number()?;
        }
        Ok(alike.map(Sent::one))
    }

    /// Posts of this name that were opened since, whose first message is the one looked for.
    async fn post(&self, asker: &Asker<'_>) -> Result<Option<Sent>, PlatformError> {
        let title = threads::shortened(self.request.thread_title.as_deref().unwrap_or_default());
        let mut posts: Vec<i64> = threads::below(asker, self.request.chat, snowflake::time(self.after))
            .await?
            .into_iter()
            .filter(|thread| thread.name == title)
            .map(|thread| snowflake::signed(thread.id.get()))
            .filter(|id| *id > self.after && !self.sender.recent.has(*id))
            .collect();
        posts.sort_unstable();
        for post in posts.into_iter().rev() {
            let id = ChatId::new(post);
            let route =
                Route::ChannelMessage { channel_id: snowflake::channel(id)?, message_id: snowflake::message(post) };
            let first: Stored = match self.sender.rest.get(route, Vec::new()).await {
                Err(error) if has_code(&error, "unknown_message") => continue,
                answer => answer?,
            };
            if self.is_ours(&first) && first.matches(self.request, &self.parts) != Match::Other {
                return Ok(Some(Sent { message_ids: vec![post], thread: Some(post) }));
            }
        }
        Ok(None)
    }

    /// Written by this bot, or by its webhook under the name of the request.
    fn is_ours(&self, stored: &Stored) -> bool {
        match &self.request.persona {
            None => stored.webhook_id.is_none() && stored.author.id.parse() == Ok(self.sender.me),
            Some(persona) => {
                let ours = stored.webhook_id.as_ref().and_then(|id| id.parse().ok());
                let by_application = stored.application_id.as_ref().and_then(|id| id.parse::<i64>().ok());
                let ours = ours.is_some_and(|id| self.sender.webhooks.is_ours(id))
                    || (ours.is_some() && by_application == Some(self.sender.me));
                ours && stored.author.username.trim() == shown_name(&persona.name).trim()
            }
        }
    }
}

/// Messages of `chat` above `after`, oldest first, at most [`PAGE`].
async fn page_after(rest: &Rest, chat: ChatId, after: i64) -> Result<Vec<Stored>, PlatformError> {
    let route = Route::ChannelMessages { channel_id: snowflake::channel(chat)? };
    let params = vec![("limit", PAGE.to_string()), ("after", after.to_string())];
    let mut page: Vec<Stored> = rest.get(route, params).await?;
    page.sort_by_key(|stored| stored.number().unwrap_or(i64::MAX));
    Ok(page)
}

/// As much of a message as a comparison needs.
#[derive(Deserialize)]
struct Stored {
    id: String,
    author: StoredAuthor,
    #[serde(default)]
    webhook_id: Option<String>,
    #[serde(default)]
    application_id: Option<String>,
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
    #[serde(default)]
    username: String,
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discord::send::tests::{files_with, request};

    #[test]
    fn a_stored_message_is_recognised_by_nonce_and_else_by_content_and_sizes() {
        let request = request(files_with(" caption\n", &[3, 4]));
        let parts = Parts::of(&request).unwrap();
        let check = |nonce: serde_json::Value, content: &str, sizes: &[u64], expected: Match| {
            let files: Vec<_> = sizes.iter().map(|size| json!({"size": size})).collect();
            let stored: Stored = serde_json::from_value(json!({
                "id": "5", "author": {"id": "900"}, "content": content, "nonce": nonce, "attachments": files
            }))
            .unwrap();
            assert_eq!(stored.matches(&request, &parts), expected);
        };
        check(json!(request.key.as_nonce()), "edited since", &[], Match::Same);
        check(json!("another"), "caption", &[3, 4], Match::Other);
        check(json!(17), "caption", &[3, 4], Match::Other);
        check(json!(null), "caption", &[3, 4], Match::Alike);
        check(json!(null), "caption", &[3], Match::Other);
        check(json!(null), "caption", &[4, 3], Match::Other);
        check(json!(null), "other", &[3, 4], Match::Other);
    }
}
