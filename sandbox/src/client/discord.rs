//! The Discord sandbox's control API: being people on Discord.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{CallError, Http, id_text};

/// A bot that was made.
#[derive(Clone, Debug, Deserialize)]
pub struct DiscordBot {
    /// Its user id.
    #[serde(deserialize_with = "id_text")]
    pub id: String,
    /// Its secret.
    pub token: String,
}

/// A guild that was made, with its first text channel.
#[derive(Clone, Debug, Deserialize)]
pub struct Guild {
    /// The guild.
    #[serde(deserialize_with = "id_text")]
    pub id: String,
    /// Its `#general`.
    #[serde(deserialize_with = "id_text")]
    pub channel_id: String,
}

/// A message as it stands in a channel.
#[derive(Clone, Debug, Deserialize)]
pub struct DiscordMessage {
    /// Its snowflake.
    #[serde(deserialize_with = "id_text")]
    pub id: String,
    /// Who wrote it.
    #[serde(deserialize_with = "id_text")]
    pub author_id: String,
    /// Its text.
    #[serde(default)]
    pub content: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Id {
    #[serde(deserialize_with = "id_text")]
    id: String,
}

/// The control API of one Discord sandbox.
#[derive(Clone, Debug)]
pub struct DiscordControl(Http);

impl DiscordControl {
    /// The control API at `base`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self(Http::new(base)?))
    }

    /// For calls that have no method here.
    #[must_use]
    pub const fn http(&self) -> &Http {
        &self.0
    }

    /// Makes a bot.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_bot(&self, username: &str) -> Result<DiscordBot, CallError> {
        self.0.post("/bots", &json!({ "username": username })).await
    }

    /// Makes a person and returns their id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_user(&self, username: &str) -> Result<String, CallError> {
        let Id { id } = self.0.post("/users", &json!({ "username": username })).await?;
        Ok(id)
    }

    /// Makes a guild with these bots in it.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_guild(&self, name: &str, bots: &[&str]) -> Result<Guild, CallError> {
        self.0.post("/guilds", &json!({ "name": name, "bots": bots })).await
    }

    /// Makes a text channel and returns its id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_channel(&self, guild: &str, name: &str) -> Result<String, CallError> {
        self.create(guild, &json!({ "name": name, "kind": "text" })).await
    }

    /// Makes a forum and returns its id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_forum(&self, guild: &str, name: &str) -> Result<String, CallError> {
        self.create(guild, &json!({ "name": name, "kind": "forum" })).await
    }

    /// Makes a thread below a channel and returns its id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_thread(&self, guild: &str, channel: &str, name: &str) -> Result<String, CallError> {
        self.create(guild, &json!({ "name": name, "kind": "thread", "parent": channel })).await
    }

    async fn create(&self, guild: &str, channel: &Value) -> Result<String, CallError> {
        let Id { id } = self.0.post(&format!("/guilds/{guild}/channels"), channel).await?;
        Ok(id)
    }

    /// Writes plain text as `author` and returns the message's id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn say(&self, channel: &str, author: &str, content: &str) -> Result<String, CallError> {
        self.post(channel, &json!({ "author": author, "content": content })).await
    }

    /// Writes any message and returns its id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn post(&self, channel: &str, message: &Value) -> Result<String, CallError> {
        let Id { id } = self.0.post(&format!("/channels/{channel}/messages"), message).await?;
        Ok(id)
    }

    /// What a channel holds, oldest first.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn messages(&self, channel: &str) -> Result<Vec<DiscordMessage>, CallError> {
        self.0.get(&format!("/channels/{channel}/messages")).await
    }

    /// What a channel holds beyond message `after`, oldest first.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn messages_after(&self, channel: &str, after: &str) -> Result<Vec<DiscordMessage>, CallError> {
        self.0.get(&format!("/channels/{channel}/messages?after={after}")).await
    }

    /// Gives a message another text.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn edit(&self, channel: &str, message: &str, content: &str) -> Result<Value, CallError> {
        let path = format!("/channels/{channel}/messages/{message}");
        self.0.call(Method::PATCH, &path, Some(&json!({ "content": content }))).await
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn delete(&self, channel: &str, message: &str) -> Result<Value, CallError> {
        self.0.call(Method::DELETE, &format!("/channels/{channel}/messages/{message}"), None::<&()>).await
    }

    /// Turns rate limits on with Discord's numbers, or off.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn limits(&self, enabled: bool) -> Result<Value, CallError> {
        self.0.call(Method::PUT, "/limits", Some(&json!({ "enabled": enabled }))).await
    }

    /// Injects a fault.
    ///
    /// # Errors
    /// When the sandbox does not know it.
    pub async fn fault(&self, fault: &Value) -> Result<Value, CallError> {
        self.0.post("/faults", fault).await
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn clear_faults(&self) -> Result<Value, CallError> {
        self.0.call(Method::DELETE, "/faults", None::<&()>).await
    }
}
