//! Editing and deleting what we wrote.

use domain::ChatId;
use serde_json::json;
use serenity::http::{LightMethod, Route};

use crate::platform::{DeleteRequest, EditRequest, PlatformError};

use super::ask::{Ask, Purpose};
use super::errors::{has_code, message};
use super::rest::Rest;
use super::send::{allowed, content_of};
use super::snowflake;
use super::webhooks::Webhooks;

/// Changes the text; what already reads so is changed to the same, which Discord takes.
pub(super) async fn edit(rest: &Rest, webhooks: &Webhooks, request: &EditRequest) -> Result<(), PlatformError> {
    let body = json!({ "content": content_of(&request.text)?, "allowed_mentions": allowed(request.mentions) });
    let place = request.thread.map_or(request.chat, ChatId::new);
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
