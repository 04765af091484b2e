//! What a message becomes at its destination: the parts to send, in order, each within the platform's limits.

use serde::{Deserialize, Serialize};

use crate::text::RichText;

/// Text in the form that the destination's adapter sends as it is: already converted and within the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartText {
    /// For Telegram: text and spans, normalised, to be sent as message and entities.
    Telegram(RichText),
    /// For Discord: markdown, escaped, to be sent as `content` with every mention disallowed.
    Discord(String),
}

impl PartText {
    /// True when there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// The text that the platform's `message` or `content` field holds.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Telegram(text) => &text.text,
            Self::Discord(markdown) => markdown,
        }
    }
}
