//! The product's own HTTP API, as a user sees it.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::{CallError, Http};

/// A linked account.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// `acc_…`.
    pub id: String,
    /// `telegram` or `discord`.
    pub platform: String,
    /// `awaiting_code`, `online`, …
    pub status: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// A chat that an account can see.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatRow {
    /// The platform's id, decimal.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is.
    pub kind: String,
    /// Can be a source.
    pub can_read: bool,
    /// Can be a destination.
    pub can_write: bool,
}

/// One end of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `acc_…`.
    pub account: String,
    /// The platform's id of the chat, decimal.
    pub chat: String,
}

/// A pair to be made.
#[derive(Clone, Debug, Serialize)]
pub struct NewPair {
    /// For people.
    pub name: String,
    /// Where messages come from.
    pub source: Place,
    /// Where they go.
    pub destination: Place,
    /// `copy` or `forward`; the API's default is `copy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Seconds between arrival and sending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u32>,
    /// Without a notification sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<bool>,
}

/// A forwarding pair.
#[derive(Clone, Debug, Deserialize)]
pub struct Pair {
    /// `pair_…`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

#[derive(Deserialize)]
struct Chats {
    chats: Vec<ChatRow>,
}

/// One user's view of the API.
#[derive(Clone, Debug)]
pub struct CausewayClient(Http);

impl CausewayClient {
    /// Registers a user at the API whose base address (without `/api`) is `base`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn register(base: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        Self::enter(base, "/auth/register", email, password).await
    }

    /// Signs a user in.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn login(base: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        Self::enter(base, "/auth/login", email, password).await
    }

    /// A client without a session.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn anonymous(base: &str) -> anyhow::Result<Self> {
        Ok(Self(Http::new(format!("{base}/api"))?))
    }

    /// A client with a session's token.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn signed_in(base: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self(Http::new(format!("{base}/api"))?.with_token(token)))
    }

    /// For calls that have no method here.
    #[must_use]
    pub const fn http(&self) -> &Http {
        &self.0
    }

    /// Asks Telegram to send a code to `phone`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn add_telegram(&self, phone: &str) -> Result<Account, CallError> {
        self.0.post("/accounts/telegram", &json!({ "phone": phone })).await
    }

    /// Hands in the code.
    ///
    /// # Errors
    /// When it is wrong or expired.
    pub async fn submit_code(&self, account: &str, code: &str) -> Result<Value, CallError> {
        self.0.post(&format!("/accounts/{account}/code"), &json!({ "code": code })).await
    }

    /// Hands in the two-step verification password.
    ///
    /// # Errors
    /// When it is wrong.
    pub async fn submit_password(&self, account: &str, password: &str) -> Result<Value, CallError> {
        self.0.post(&format!("/accounts/{account}/password"), &json!({ "password": password })).await
    }

    /// Links a Discord bot.
    ///
    /// # Errors
    /// When the token is not accepted.
    pub async fn add_discord(&self, token: &str) -> Result<Account, CallError> {
        self.0.post("/accounts/discord", &json!({ "token": token })).await
    }

    /// One account, live.
    ///
    /// # Errors
    /// When it is not ours.
    pub async fn account(&self, account: &str) -> Result<Account, CallError> {
        self.0.get(&format!("/accounts/{account}")).await
    }

    /// The chats of an account, asked of the platform now.
    ///
    /// # Errors
    /// When the account is not ours or not online.
    pub async fn chats(&self, account: &str) -> Result<Vec<ChatRow>, CallError> {
        let Chats { chats } = self.0.get(&format!("/accounts/{account}/chats?refresh=true")).await?;
        Ok(chats)
    }

    /// Makes a pair.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn create_pair(&self, pair: &NewPair) -> Result<Pair, CallError> {
        self.0.post("/pairs", pair).await
    }

    /// One pair.
    ///
    /// # Errors
    /// When it is not ours.
    pub async fn pair(&self, pair: &str) -> Result<Pair, CallError> {
        self.0.get(&format!("/pairs/{pair}")).await
    }

    /// Stops forwarding; messages wait.
    ///
    /// # Errors
    /// When the pair is not ours.
    pub async fn pause(&self, pair: &str) -> Result<Value, CallError> {
        self.0.post(&format!("/pairs/{pair}/pause"), &json!({})).await
    }

    /// Goes on forwarding.
    ///
    /// # Errors
    /// When the pair is not ours.
    pub async fn resume(&self, pair: &str) -> Result<Value, CallError> {
        self.0.post(&format!("/pairs/{pair}/resume"), &json!({})).await
    }

    /// Deletes a pair.
    ///
    /// # Errors
    /// When the pair is not ours.
    pub async fn delete_pair(&self, pair: &str) -> Result<Value, CallError> {
        self.0.call(Method::DELETE, &format!("/pairs/{pair}"), None::<&()>).await
    }

    /// The newest messages of a pair with their steps.
    ///
    /// # Errors
    /// When the pair is not ours.
    pub async fn messages(&self, pair: &str, limit: u32) -> Result<Value, CallError> {
        self.0.get(&format!("/pairs/{pair}/messages?limit={limit}")).await
    }

    async fn enter(base: &str, path: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let http = Http::new(format!("{base}/api"))?;
        let Session { token } = http.post(path, &json!({ "email": email, "password": password })).await?;
        Ok(Self(http.with_token(token)))
    }
}
