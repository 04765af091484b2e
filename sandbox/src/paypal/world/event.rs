//! Webhook events: their bytes are made once, and sent as they are however often.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{clock, error::ApiError, id},
    World,
};

/// How far the delivery of an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On its way, or tried again later.
    Pending,
    /// Kept back until it is released.
    Held,
    /// Never sent, and nobody will be told.
    Lost,
    /// Answered with 2xx.
    Delivered,
    /// Given up after the last try.
    Failed,
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// `WH-…`.
    pub id: String,
    /// Such as `PAYMENT.CAPTURE.COMPLETED`.
    pub event_type: String,
    /// What it is about.
    pub resource: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The bytes that are sent.
    pub body: String,
    /// How far its delivery has come.
    pub state: State,
    /// What each try was answered with; 0 for no answer.
    pub answers: Vec<u16>,
}

impl Event {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> String {
        self.id.clone()
    }

    /// As the service shows it in lists.
    #[must_use]
    pub fn wire(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// As the control API shows it.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "event_type": self.event_type,
            "resource": self.resource,
            "state": self.state,
            "answers": self.answers,
            "at": clock::millis(self.at),
        })
    }
}

/// What an event is about.
pub struct About<'a> {
    /// Such as `capture`.
    pub resource_type: &'a str,
    /// `1.0` or `2.0`.
    pub resource_version: &'a str,
    /// The id of the resource.
    pub id: &'a str,
    /// As it is now.
    pub resource: Value,
}

impl World {
    /// Makes an event.
    pub(super) fn tell(&mut self, event_type: &str, summary: &str, about: About<'_>, now: DateTime<Utc>) {
        let id = id::event();
        let own = format!("{}/v1/notifications/webhooks-events/{id}", self.base);
        let body = json!({
            "id": id,
            "event_version": "1.0",
            "create_time": clock::millis(now),
            "resource_type": about.resource_type,
            "resource_version": about.resource_version,
            "event_type": event_type,
            "summary": summary,
            "resource": about.resource,
            "links": [
                { "href": own, "rel": "self", "method": "GET" },
                { "href": format!("{own}/resend"), "rel": "resend", "method": "POST" },
            ],
        });
        self.fresh.push(id.clone());
        self.events.push(Event {
            id,
            event_type: event_type.to_owned(),
            resource: about.id.to_owned(),
            at: now,
            body: body.to_string(),
            state: State::Pending,
            answers: Vec::new(),
        });
    }

    /// The event of this id.
    ///
    /// # Errors
    /// When there is none.
    pub fn event(&self, id: &str) -> Result<&Event, ApiError> {
        self.events.iter().find(|event| event.id == id).ok_or_else(ApiError::not_found)
    }

    /// The same, to be changed. The newest are looked at first.
    pub fn event_mut(&mut self, id: &str) -> Option<&mut Event> {
        self.events.iter_mut().rev().find(|event| event.id == id)
    }
}
