//! The Telegram sandbox's control API: being people on Telegram.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::{CallError, Http, id_text};

/// A person to be made.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewUser {
    /// With country code.
    pub phone: String,
    /// For people.
    pub first_name: String,
    /// Without the `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Turns two-step verification on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A bot that was made.
#[derive(Clone, Debug, Deserialize)]
pub struct TelegramBot {
    /// Its user id.
    pub id: i64,
    /// Its secret.
    pub token: String,
}

/// A bot as it shows itself.
#[derive(Clone, Debug, Deserialize)]
pub struct TelegramBotFacts {
    /// Its menu, in order.
    pub commands: Vec<TelegramCommand>,
    /// Log-ins that stand.
    pub sessions: u32,
}

/// An entry of a bot's menu.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TelegramCommand {
    /// Without the slash.
    pub command: String,
    /// For people.
    pub description: String,
}

/// A chat that was made.
#[derive(Clone, Debug, Deserialize)]
pub struct TelegramChat {
    /// The Bot API dialog id.
    pub dialog_id: i64,
}

/// A message as it stands in a chat.
#[derive(Clone, Debug, Deserialize)]
pub struct TelegramMessage {
    /// Its id in the chat.
    pub id: i64,
    /// Who wrote it.
    #[serde(default)]
    pub from: Value,
    /// Its text.
    #[serde(default)]
    pub text: String,
    /// Its formatting.
    #[serde(default)]
    pub entities: Value,
    /// The message that it answers.
    #[serde(default)]
    pub reply_to: Option<i64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<i64>,
}

#[derive(Deserialize)]
struct Code {
    #[serde(deserialize_with = "id_text")]
    code: String,
}

/// The control API of one Telegram sandbox.
#[derive(Clone, Debug)]
pub struct TelegramControl(Http);

impl TelegramControl {
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

    /// Makes a person and returns their id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_user(&self, user: &NewUser) -> Result<i64, CallError> {
        let Id { id } = self.0.post("/users", user).await?;
        Ok(id)
    }

    /// Makes a bot; the same one again is the same bot. Without a `token`, one is made up.
    ///
    /// # Errors
    /// When the username or the token's id is taken.
    pub async fn create_bot(&self, username: &str, name: &str, token: Option<&str>) -> Result<TelegramBot, CallError> {
        self.0.post("/bots", &json!({ "username": username, "name": name, "token": token })).await
    }

    /// What a bot shows of itself.
    ///
    /// # Errors
    /// When there is no such bot.
    pub async fn bot(&self, bot: i64) -> Result<TelegramBotFacts, CallError> {
        self.0.get(&format!("/bots/{bot}")).await
    }

    /// `user` follows `t.me/<bot>?start=<payload>` and presses "start"; a block ends by it. Text for the bot is said with
    /// [`Self::say`], with the bot's id as the dialog.
    ///
    /// # Errors
    /// When no link can hold the payload.
    pub async fn press_start(&self, bot: i64, user: i64, payload: &str) -> Result<i64, CallError> {
        let Id { id } =
            self.0.post(&format!("/bots/{bot}/start"), &json!({ "user": user, "payload": payload })).await?;
        Ok(id)
    }

    /// `user` blocks the bot, or takes the block back.
    ///
    /// # Errors
    /// When there is no such bot or user.
    pub async fn block_bot(&self, bot: i64, user: i64, blocked: bool) -> Result<Value, CallError> {
        self.0.post(&format!("/bots/{bot}/block"), &json!({ "user": user, "blocked": blocked })).await
    }

    /// What `user` sees in the private chat with `other`, a bot or a person, oldest first.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn private_chat(&self, user: i64, other: i64) -> Result<Vec<TelegramMessage>, CallError> {
        self.0.get(&format!("/chats/{other}/messages?as={user}")).await
    }

    /// The login code that was last sent to `phone`.
    ///
    /// # Errors
    /// When none was sent.
    pub async fn code(&self, phone: &str) -> Result<String, CallError> {
        let Code { code } = self.0.get(&format!("/codes/{phone}")).await?;
        Ok(code)
    }

    /// Makes a chat: `channel`, `supergroup`, `forum` or `group`.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn create_chat(
        &self,
        kind: &str,
        title: &str,
        creator: i64,
        members: &[i64],
    ) -> Result<TelegramChat, CallError> {
        let chat = json!({ "kind": kind, "title": title, "creator": creator, "members": members });
        self.0.post("/chats", &chat).await
    }

    /// Changes someone's standing in a chat: `member`, `admin`, `left` or `kicked`.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn set_member(&self, dialog_id: i64, user: i64, role: &str) -> Result<Value, CallError> {
        self.0.post(&format!("/chats/{dialog_id}/members"), &json!({ "user_id": user, "role": role })).await
    }

    /// Writes plain text as `from` and returns the message's id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn say(&self, dialog_id: i64, from: i64, text: &str) -> Result<i64, CallError> {
        self.post(dialog_id, &json!({ "from": from, "text": text })).await
    }

    /// Writes any message and returns its id.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn post(&self, dialog_id: i64, message: &Value) -> Result<i64, CallError> {
        let Id { id } = self.0.post(&format!("/chats/{dialog_id}/messages"), message).await?;
        Ok(id)
    }

    /// Writes many messages, all or none, and returns their ids. Clients get them together.
    ///
    /// # Errors
    /// When the sandbox refuses one.
    pub async fn post_batch(&self, dialog_id: i64, messages: &[Value]) -> Result<Vec<i64>, CallError> {
        let batch = json!({ "messages": messages });
        let Ids { ids } = self.0.post(&format!("/chats/{dialog_id}/messages/batch"), &batch).await?;
        Ok(ids)
    }

    /// Changes a message; in a channel or supergroup. `change` has the fields of a new message.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn change(&self, dialog_id: i64, id: i64, change: &Value) -> Result<Value, CallError> {
        self.0.call(Method::PATCH, &format!("/chats/{dialog_id}/messages/{id}"), Some(change)).await
    }

    /// Makes a topic of a forum and returns its id.
    ///
    /// # Errors
    /// When the chat is no forum.
    pub async fn create_topic(&self, dialog_id: i64, title: &str) -> Result<i64, CallError> {
        let Id { id } = self.0.post(&format!("/chats/{dialog_id}/topics"), &json!({ "title": title })).await?;
        Ok(id)
    }

    /// Limits what accounts may write; an empty object lifts the limits.
    ///
    /// # Errors
    /// When a rate is not above 0.
    pub async fn set_limits(&self, limits: &Value) -> Result<Value, CallError> {
        self.0.call(Method::PUT, "/limits", Some(limits)).await
    }

    /// What a chat holds, oldest first.
    ///
    /// # Errors
    /// When there is no such chat.
    pub async fn messages(&self, dialog_id: i64) -> Result<Vec<TelegramMessage>, CallError> {
        self.0.get(&format!("/chats/{dialog_id}/messages")).await
    }

    /// What a chat holds beyond message `after`, oldest first.
    ///
    /// # Errors
    /// When there is no such chat.
    pub async fn messages_after(&self, dialog_id: i64, after: i64) -> Result<Vec<TelegramMessage>, CallError> {
        self.0.get(&format!("/chats/{dialog_id}/messages?after={after}")).await
    }

    /// Gives a message another text, without formatting.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn edit(&self, dialog_id: i64, message: i64, text: &str) -> Result<Value, CallError> {
        let path = format!("/chats/{dialog_id}/messages/{message}");
        self.0.call(Method::PATCH, &path, Some(&json!({ "text": text }))).await
    }

    /// Deletes a message for everybody.
    ///
    /// # Errors
    /// When there is no such message.
    pub async fn delete(&self, dialog_id: i64, message: i64) -> Result<Value, CallError> {
        self.0.call(Method::DELETE, &format!("/chats/{dialog_id}/messages/{message}"), None::<&()>).await
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
