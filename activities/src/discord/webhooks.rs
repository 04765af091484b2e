//! Writing under other names, through a webhook of our own in each channel.
//!
//! A webhook's secret is in memory only; after a restart it is asked of Discord again. Webhooks know no nonce, so who
//! sends through them reads back before sending again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ChatId;
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};

use crate::platform::{DeleteRequest, EditRequest, PlatformError, SendRequest, Sent};

use super::ask::{Ask, Purpose};
use super::chats::Asker;
use super::errors::{chat as closed, has_code};
use super::names::Names;
use super::rest::Rest;
use super::send::{Created, Parts, body, number, place};
use super::snowflake;

mod hook;
mod shown_name;

pub(super) use shown_name::shown_name;

use hook::{Hook, Listed};

/// The name of our webhooks in the settings of a server.
const NAME: &str = "Causeway";

/// The webhooks of one bot.
pub(super) struct Webhooks {
    me: i64,
    names: Arc<Names>,
    known: Mutex<HashMap<ChatId, Arc<Hook>>>,
    /// One is made at a time, so that a channel does not get two.
    making: tokio::sync::Mutex<()>,
}

/// Where a webhook writes: in its channel, or in a thread below it.
struct Place {
    channel: ChatId,
    thread: Option<i64>,
}

impl Webhooks {
    /// None known yet.
    pub(super) fn new(me: i64, names: Arc<Names>) -> Self {
        Self { me, names, known: Mutex::default(), making: tokio::sync::Mutex::default() }
    }

    /// Whether a webhook is one of ours, as far as is known.
    pub(super) fn is_ours(&self, id: i64) -> bool {
        self.names.is_own_webhook(id)
    }

    /// Writes a message under the request's name.
    pub(super) async fn send(
        &self,
        rest: &Rest,
        request: &SendRequest,
        parts: &Parts<'_>,
    ) -> Result<Sent, PlatformError> {
        let at = self.place(rest, request.chat, request.thread).await?;
        let created = self.execute(rest, &at, request, parts, self.personal(request, parts)).await?;
        Ok(Sent::one(number(&created.id)?))
    }

    /// Writes a message under the request's name that opens a post of a forum.
    pub(super) async fn send_post(
        &self,
        rest: &Rest,
        request: &SendRequest,
        parts: &Parts<'_>,
        title: &str,
    ) -> Result<Sent, PlatformError> {
        let mut body = self.personal(request, parts);
        body["thread_name"] = json!(title);
        let at = Place { channel: request.chat, thread: None };
        let created = self.execute(rest, &at, request, parts, body).await?;
        Ok(Sent { message_ids: vec![number(&created.id)?], thread: Some(number(&created.channel_id)?) })
    }

    /// Changes what our webhook wrote.
    pub(super) async fn edit(&self, rest: &Rest, request: &EditRequest, body: &Value) -> Result<(), PlatformError> {
        let at = self.place(rest, request.chat, request.thread).await?;
        let hook = self.hook(rest, at.channel).await?;
        let ask = hook.about(request.message_id, &at, LightMethod::Patch).with_json(body.clone());
        self.judge(at.channel, rest.order(&ask).await).map(drop)
    }

    /// Deletes what our webhook wrote; false when it has not written that.
    pub(super) async fn delete(&self, rest: &Rest, request: &DeleteRequest, id: i64) -> Result<bool, PlatformError> {
        let at = self.place(rest, request.chat, request.thread).await?;
        let hook = match self.hook(rest, at.channel).await {
            Err(error) if has_code(&error, "webhook_not_permitted") => return Ok(false),
            hook => hook?,
        };
        match self.judge(at.channel, rest.order(&hook.about(id, &at, LightMethod::Delete)).await) {
            Err(error) if has_code(&error, "unknown_message") || has_code(&error, "unknown_webhook") => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    async fn execute(
        &self,
        rest: &Rest,
        at: &Place,
        request: &SendRequest,
        parts: &Parts<'_>,
        body: Value,
    ) -> Result<Created, PlatformError> {
        let mut last = None;
        // A webhook that somebody has deleted is made anew, once.
        for _ in 0..2 {
            let hook = self.hook(rest, at.channel).await?;
            let mut params = vec![("wait", "true".to_owned())];
            params.extend(at.thread.map(|thread| ("thread_id", thread.to_string())));
            let ask = Ask { by_secret: true, ..Ask::new(hook.route(), LightMethod::Post) }
                .with_params(params)
                .with_message(body.clone(), parts.uploads)
                .for_purpose(Purpose::Send(place(request)));
            match self.judge(at.channel, rest.ask(&ask).await) {
                Err(error) if has_code(&error, "unknown_webhook") => last = Some(error),
                answer => return answer,
            }
        }
        Err(last.unwrap_or_else(|| closed("unknown_webhook", "the webhook is gone")))
    }

    fn personal(&self, request: &SendRequest, parts: &Parts<'_>) -> Value {
        let mut body = body(request, parts);
        if let Some(persona) = &request.persona {
            body["username"] = json!(shown_name(&persona.name));
            let is_web = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
            if let Some(url) = persona.avatar_url.as_ref().filter(is_web) {
                body["avatar_url"] = json!(url);
            }
        }
        body
    }

    /// A webhook that is gone, or whose secret was changed, is forgotten; both are called `unknown_webhook`.
    fn judge<T>(&self, channel: ChatId, answer: Result<T, PlatformError>) -> Result<T, PlatformError> {
        match answer {
            Err(error) if has_code(&error, "unknown_webhook") || has_code(&error, "webhook_token_invalid") => {
                self.lock().remove(&channel);
                Err(closed("unknown_webhook", "the webhook was deleted or changed"))
            }
            answer => answer,
        }
    }

    /// A thread has no webhooks of its own: it is written through its parent's.
    async fn place(&self, rest: &Rest, chat: ChatId, thread: Option<i64>) -> Result<Place, PlatformError> {
        if thread.is_some() {
            return Ok(Place { channel: chat, thread });
        }
        let known = match self.names.known(chat.get()).filter(|known| known.kind.is_some()) {
            Some(known) => Some(known),
            None => {
                let now = chrono::DateTime::default();
                let asker = Asker { rest, me: self.me, names: &self.names, now };
                asker.channel(snowflake::channel(chat)?).await?;
                self.names.known(chat.get())
            }
        };
        Ok(match known.and_then(|known| known.parent) {
            Some(parent) => Place { channel: parent, thread: Some(chat.get()) },
            None => Place { channel: chat, thread: None },
        })
    }

    /// Our webhook of a channel: known, found or made.
    async fn hook(&self, rest: &Rest, channel: ChatId) -> Result<Arc<Hook>, PlatformError> {
        if let Some(hook) = self.lock().get(&channel) {
            return Ok(Arc::clone(hook));
        }
        let _making = self.making.lock().await;
        if let Some(hook) = self.lock().get(&channel) {
            return Ok(Arc::clone(hook));
        }
        let route = Route::ChannelWebhooks { channel_id: snowflake::channel(channel)? };
        let listed: Vec<Value> = rest.get(route, Vec::new()).await.map_err(not_permitted)?;
        let found = listed.iter().filter_map(|value| Listed::deserialize(value).ok());
        let mut ours: Vec<Hook> = found.filter_map(|listed| listed.ours(self.me)).collect();
        ours.sort_by_key(|hook| hook.id);
        let hook = match ours.into_iter().next() {
            Some(hook) => hook,
            None => {
                let ask = Ask::new(route, LightMethod::Post).with_json(json!({ "name": NAME }));
                let made: Listed = rest.ask(&ask).await.map_err(not_permitted)?;
                made.ours(self.me)
                    .ok_or_else(|| closed("webhook_not_permitted", "Discord made a webhook of another's"))?
            }
        };
        self.names.own_webhook(hook.id);
        let hook = Arc::new(hook);
        self.lock().insert(channel, Arc::clone(&hook));
        Ok(hook)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ChatId, Arc<Hook>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_permitted(error: PlatformError) -> PlatformError {
    if has_code(&error, "missing_permission") || has_code(&error, "missing_access") || has_code(&error, "forbidden") {
        return closed("webhook_not_permitted", "the bot lacks the permission Manage Webhooks in this channel");
    }
    error
}
