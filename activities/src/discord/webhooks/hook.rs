//! One webhook: which of those that Discord lists is ours, and the calls that its secret opens.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serenity::all::WebhookId;
use serenity::http::{LightMethod, Route};

use crate::discord::ask::{Ask, Purpose};
use crate::discord::snowflake;

use super::Place;

/// Discord's type of an ordinary webhook; others follow channels or belong to applications.
const INCOMING: u8 = 1;

/// One webhook.
pub(super) struct Hook {
    pub(super) id: i64,
    secret: SecretString,
}

impl Hook {
    fn serenity_id(&self) -> WebhookId {
        WebhookId::new(u64::try_from(self.id).unwrap_or(1).max(1))
    }

    pub(super) fn route(&self) -> Route<'_> {
        Route::WebhookWithToken { webhook_id: self.serenity_id(), token: self.secret.expose_secret() }
    }

    /// A call about one message that it wrote.
    pub(super) fn about(&self, id: i64, at: &Place, method: LightMethod) -> Ask<'_> {
        let (webhook_id, token, message_id) = (self.serenity_id(), self.secret.expose_secret(), snowflake::message(id));
        let ask = Ask::new(Route::WebhookMessage { webhook_id, token, message_id }, method);
        let params = at.thread.iter().map(|thread| ("thread_id", thread.to_string())).collect();
        Ask { by_secret: true, ..ask }.with_params(params).for_purpose(Purpose::Change)
    }
}

/// A webhook as Discord lists it: the secret only of those that our application made.
#[derive(Deserialize)]
pub(super) struct Listed {
    id: String,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    application_id: Option<String>,
    #[serde(default)]
    user: Option<Maker>,
}

#[derive(Deserialize)]
struct Maker {
    id: String,
}

impl Listed {
    pub(super) fn ours(self, me: i64) -> Option<Hook> {
        let is_me = |id: &String| id.parse() == Ok(me);
        let ours = self.application_id.iter().chain(self.user.iter().map(|maker| &maker.id)).any(is_me);
        let secret = self.token.filter(|_| ours && self.kind == INCOMING)?;
        Some(Hook { id: self.id.parse().ok()?, secret: SecretString::from(secret) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_a_webhook_of_our_own_with_its_secret_is_used() {
        let check = |value: Value, expected: bool| {
            let listed: Listed = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(listed.ours(900).is_some(), expected, "{value}");
        };
        check(json!({"id": "5", "type": 1, "token": "t", "application_id": "900"}), true);
        check(json!({"id": "5", "type": 1, "token": "t", "application_id": null, "user": {"id": "900"}}), true);
        check(json!({"id": "5", "type": 1, "token": "t", "application_id": "901", "user": {"id": "902"}}), false);
        check(json!({"id": "5", "type": 1, "application_id": "900"}), false);
        check(json!({"id": "5", "type": 2, "token": "t", "application_id": "900"}), false);
    }
}
