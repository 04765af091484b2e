//! Refusals, with Discord's numbers and words.

use serde_json::{Value, json};

/// An answer that says no.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Discord's own code; 0 where it has none.
    pub code: u32,
    /// For people.
    pub message: String,
    /// What was wrong with which field, in Discord's nested shape.
    pub errors: Option<Value>,
}

impl ApiError {
    /// Any refusal.
    #[must_use]
    pub fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), errors: None }
    }

    /// The token is unknown or revoked.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    /// There is no such route.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(404, 0, "404: Not Found")
    }

    /// The route exists, but not for this method.
    #[must_use]
    pub fn wrong_method() -> Self {
        Self::new(405, 0, "405: Method Not Allowed")
    }

    /// 10003.
    #[must_use]
    pub fn unknown_channel() -> Self {
        Self::new(404, 10003, "Unknown Channel")
    }

    /// 10004.
    #[must_use]
    pub fn unknown_guild() -> Self {
        Self::new(404, 10004, "Unknown Guild")
    }

    /// 10007.
    #[must_use]
    pub fn unknown_member() -> Self {
        Self::new(404, 10007, "Unknown Member")
    }

    /// 10008.
    #[must_use]
    pub fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }

    /// 10013.
    #[must_use]
    pub fn unknown_user() -> Self {
        Self::new(404, 10013, "Unknown User")
    }

    /// 10015.
    #[must_use]
    pub fn unknown_webhook() -> Self {
        Self::new(404, 10015, "Unknown Webhook")
    }

    /// 40005: an upload over the limit.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(413, 40005, "Request entity too large")
    }

    /// 50001: the channel or guild cannot be seen.
    #[must_use]
    pub fn missing_access() -> Self {
        Self::new(403, 50001, "Missing Access")
    }

    /// 50005: somebody else wrote it.
    #[must_use]
    pub fn not_the_author() -> Self {
        Self::new(403, 50005, "Cannot edit a message authored by another user")
    }

    /// 50006: neither text, file nor embed.
    #[must_use]
    pub fn empty_message() -> Self {
        Self::new(400, 50006, "Cannot send an empty message")
    }

    /// 50008: a forum has no text of its own.
    #[must_use]
    pub fn not_a_text_channel() -> Self {
        Self::new(400, 50008, "Cannot send messages in a non-text channel")
    }

    /// 50013: seen, but not allowed.
    #[must_use]
    pub fn missing_permissions() -> Self {
        Self::new(403, 50013, "Missing Permissions")
    }

    /// 50035: `field` breaks a rule of the form; `reason` is Discord's name of the rule.
    #[must_use]
    pub fn form(field: &str, reason: &str, message: impl Into<String>) -> Self {
        let errors = json!({ field: { "_errors": [{ "code": reason, "message": message.into() }] } });
        Self { errors: Some(errors), ..Self::new(400, 50035, "Invalid Form Body") }
    }

    /// 50109: not JSON.
    #[must_use]
    pub fn not_json() -> Self {
        Self::new(400, 50109, "The request body contains invalid JSON.")
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "The sandbox could not write to its data directory");
        Self::new(500, 0, "500: Internal Server Error")
    }
}
