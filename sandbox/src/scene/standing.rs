//! Being a person at a spot: writing, answering, editing, deleting, and looking at what stands there.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Controls, Spot};
use crate::client::CallError;

/// A message as it stands in a chat, with the ids of both platforms as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id in the chat.
    pub id: String,
    /// Its text, without formatting on Telegram and with markup on Discord.
    pub text: String,
    /// The id of the message that it answers.
    pub reply_to: Option<String>,
}

impl Spot {
    /// Writes `text`, as an answer to message `reply_to` if there is one, and returns the new message's id.
    ///
    /// # Errors
    /// When the sandbox refuses or does not answer; in the second case the message may stand there all the same.
    pub async fn post(&self, controls: &Controls, text: &str, reply_to: Option<&str>) -> Result<String, CallError> {
        match self {
            Self::Telegram { dialog, writer } => {
                let reply_to = reply_to.and_then(|id| id.parse::<i64>().ok());
                let message = json!({ "from": writer, "text": text, "reply_to": reply_to });
                Ok(controls.telegram.post(*dialog, &message).await?.to_string())
            }
            Self::Discord { channel, writer } => {
                let message = json!({ "author": writer, "content": text, "reply_to": reply_to });
                controls.discord.post(channel, &message).await
            }
        }
    }

    /// Gives message `id` another text.
    ///
    /// # Errors
    /// When the sandbox refuses or does not answer.
    pub async fn edit(&self, controls: &Controls, id: &str, text: &str) -> Result<(), CallError> {
        match self {
            Self::Telegram { dialog, .. } => {
                controls.telegram.edit(*dialog, id.parse().unwrap_or_default(), text).await.map(drop)
            }
            Self::Discord { channel, .. } => controls.discord.edit(channel, id, text).await.map(drop),
        }
    }

    /// Deletes message `id`; one that is gone already is fine.
    ///
    /// # Errors
    /// When the sandbox refuses or does not answer.
    pub async fn delete(&self, controls: &Controls, id: &str) -> Result<(), CallError> {
        let gone = match self {
            Self::Telegram { dialog, .. } => controls.telegram.delete(*dialog, id.parse().unwrap_or_default()).await,
            Self::Discord { channel, .. } => controls.discord.delete(channel, id).await,
        };
        match gone {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(()),
            other => other.map(drop),
        }
    }

    /// What stands there beyond message `after` (all of it without one), oldest first.
    ///
    /// # Errors
    /// When the sandbox refuses or does not answer.
    pub async fn standing(&self, controls: &Controls, after: Option<&str>) -> Result<Vec<Standing>, CallError> {
        match self {
            Self::Telegram { dialog, .. } => {
                let after = after.and_then(|id| id.parse().ok()).unwrap_or(0);
                let messages = controls.telegram.messages_after(*dialog, after).await?;
                let standing = messages.into_iter().map(|message| Standing {
                    id: message.id.to_string(),
                    text: message.text,
                    reply_to: message.reply_to.map(|id| id.to_string()),
                });
                Ok(standing.collect())
            }
            Self::Discord { channel, .. } => {
                let messages = controls.discord.messages_after(channel, after.unwrap_or("0")).await?;
                let standing = messages.into_iter().map(|message| Standing {
                    reply_to: message.rest.get("reply_to").and_then(Value::as_str).map(str::to_owned),
                    id: message.id,
                    text: message.content,
                });
                Ok(standing.collect())
            }
        }
    }
}
