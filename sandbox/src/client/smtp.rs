//! The mail sandbox's control API: looking into mailboxes.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{CallError, Http};

/// A mail as its reader sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// Numbered as they came.
    pub id: u64,
    /// Who gets it, by the envelope, in lower case.
    pub recipients: Vec<String>,
    /// The addresses of `From`.
    pub from: Vec<String>,
    /// The addresses of `To`.
    pub to: Vec<String>,
    /// The subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// The `Message-ID`, without its angle brackets.
    #[serde(default)]
    pub message_id: Option<String>,
    /// The part of plain text, if there is one.
    #[serde(default)]
    pub text: Option<String>,
    /// The part of HTML, if there is one.
    #[serde(default)]
    pub html: Option<String>,
    /// Every header as name and value, in order.
    pub headers: Vec<(String, String)>,
    /// The web addresses of both parts, each once.
    pub links: Vec<String>,
}

impl Mail {
    /// The value of a header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The first link that contains this.
    #[must_use]
    pub fn link(&self, part: &str) -> Option<&str> {
        self.links.iter().map(String::as_str).find(|link| link.contains(part))
    }
}

#[derive(Deserialize)]
struct Mails {
    mails: Vec<Mail>,
}

/// The control API of one mail sandbox.
#[derive(Clone, Debug)]
pub struct SmtpControl(Http);

impl SmtpControl {
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

    /// The mails to an address, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn mails_to(&self, address: &str) -> Result<Vec<Mail>, CallError> {
        let mails: Mails = self.0.get(&format!("/mails?to={}", query(address))).await?;
        Ok(mails.mails)
    }

    /// Forgets the mails to an address.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn clear(&self, address: &str) -> Result<(), CallError> {
        let path = format!("/mails?to={}", query(address));
        self.0.call::<Value>(Method::DELETE, &path, None::<&()>).await.map(drop)
    }

    /// Refuses the next `times` mails to an address with `code`; all of them with 0.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn refuse(&self, address: &str, code: u16, times: u64) -> Result<(), CallError> {
        self.fault(&json!({ "kind": "refuse", "recipient": address, "code": code, "times": times })).await
    }

    /// Adds any fault.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn fault(&self, fault: &Value) -> Result<(), CallError> {
        self.0.post::<Value>("/faults", fault).await.map(drop)
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub async fn clear_faults(&self) -> Result<(), CallError> {
        self.0.call::<Value>(Method::DELETE, "/faults", None::<&()>).await.map(drop)
    }
}

/// A value as it stands in a query.
fn query(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
