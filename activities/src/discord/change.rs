//! Editing and deleting what we wrote.

use domain::ChatId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serenity::http::{LightMethod, Route};

use crate::platform::{DeleteRequest, EditRequest, KeptAttachments, PlatformError};

use super::ask::{Ask, Purpose};
use super::errors::{has_code, message};
use super::rest::Rest;
use super::send::{SUPPRESS_EMBEDS, allowed, content_of};
use super::snowflake;
use super::webhooks::Webhooks;

/// Changes the text; what already reads so is changed to the same, which Discord takes.
pub(super) async fn edit(rest: &Rest, webhooks: &Webhooks, request: &EditRequest) -> Result<(), PlatformError> {
    let mut body = json!({ "content": content_of(&request.text)?, "allowed_mentions": allowed(request.mentions) });
    if !request.link_previews {
        // Other flags cannot be changed, and are left as they are.
        body["flags"] = json!(SUPPRESS_EMBEDS);
    }
    let place = request.thread.map_or(request.chat, ChatId::new);
    if let Some(keep) = &request.keep
        && let Some(kept) = kept(rest, message_route(place, request.message_id)?, keep).await?
    {
        body["attachments"] = json!(kept);
    }
    let answer = if request.by_webhook {
        webhooks.edit(rest, request, &body).await
    } else {
        let ask = Ask::new(message_route(place, request.message_id)?, LightMethod::Patch).with_json(body);
        rest.order(&ask.for_purpose(Purpose::Change)).await.map(drop)
    };
    match answer {
        // A webhook knows only its own messages: one of a webhook that was replaced stands there all the same.
        Err(error) if request.by_webhook && has_code(&error, "unknown_message") => {
            match rest.order(&Ask::new(message_route(place, request.message_id)?, LightMethod::Get)).await {
                Ok(_) => Err(message("not_editable", "the webhook that wrote it is gone")),
                Err(error) if has_code(&error, "unknown_message") => Err(gone()),
                Err(error) => Err(error),
            }
        }
        Err(error) if has_code(&error, "unknown_message") => Err(gone()),
        answer => answer,
    }
}

/// The attachments of the message that stay, as Discord wants them named: by their ids, which only the message itself
/// says. `None` when the others are gone already, by an earlier attempt.
async fn kept(rest: &Rest, route: Route<'_>, keep: &KeptAttachments) -> Result<Option<Vec<Named>>, PlatformError> {
    let holder: Holder = match rest.get(route, Vec::new()).await {
        Err(error) if has_code(&error, "unknown_message") => return Err(gone()),
        holder => holder?,
    };
    let there = holder.attachments.len();
    if there == keep.places.len() {
        return Ok(None);
    }
    if there != keep.of {
        let detail = format!("the message has {there} attachments instead of {}", keep.of);
        return Err(message("attachments_differ", detail));
    }
    let named = holder.attachments.into_iter().enumerate().filter(|(place, _)| keep.places.contains(place));
    Ok(Some(named.map(|(_, named)| named).collect()))
}

/// As much of a message as its attachments' ids need.
#[derive(Deserialize)]
struct Holder {
    #[serde(default)]
    attachments: Vec<Named>,
}

/// An attachment by its id.
#[derive(Deserialize, Serialize)]
struct Named {
    id: String,
}

/// Deletes one message after the other. What is gone already, alone or with its channel, is deleted.
pub(super) async fn delete(rest: &Rest, webhooks: &Webhooks, request: &DeleteRequest) -> Result<(), PlatformError> {
    let place = request.thread.map_or(request.chat, ChatId::new);
    for id in &request.message_ids {
        let answer = if request.by_webhook { webhooks.delete(rest, request, *id).await } else { Ok(false) };
        let answer = match answer {
            Ok(true) => Ok(()),
            // Not written by the webhook that we have now; with the permission for it the bot can do it itself.
            Ok(false) => {
                let ask = Ask::new(message_route(place, *id)?, LightMethod::Delete).for_purpose(Purpose::Change);
                rest.order(&ask).await.map(drop)
            }
            Err(error) => Err(error),
        };
        match answer {
            Err(error) if !has_code(&error, "unknown_message") && !has_code(&error, "unknown_channel") => {
                return Err(error);
            }
            _ => (),
        }
    }
    Ok(())
}

fn message_route(place: ChatId, id: i64) -> Result<Route<'static>, PlatformError> {
    Ok(Route::ChannelMessage { channel_id: snowflake::channel(place)?, message_id: snowflake::message(id) })
}

fn gone() -> PlatformError {
    message("message_gone", "the message was deleted at the destination")
}
