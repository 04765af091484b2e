//! What a message carries besides text: a stored file, or something that is not a file.

use serde::{Deserialize, Serialize};

use crate::telegram::net::crypto::random;

/// What hangs on a message. At most one of `media` and `extra` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attached {
    /// The id of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media: Option<i64>,
    /// The file is hidden until it is tapped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) spoiler: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extra: Option<Extra>,
}

impl Attached {
    /// A file, shown openly.
    pub(crate) fn file(id: i64) -> Self {
        Self { media: Some(id), ..Self::default() }
    }

    /// Something that is not a file.
    pub(crate) fn extra(extra: Extra) -> Self {
        Self { extra: Some(extra), ..Self::default() }
    }

    /// Whether the text beside it is a caption, with a caption's limit, and may be empty.
    pub(crate) fn is_captioned(&self) -> bool {
        self.media.is_some() || self.stands_alone()
    }

    /// Whether a message may consist of this alone. A link preview belongs to a text.
    pub(crate) fn stands_alone(&self) -> bool {
        match &self.extra {
            Some(Extra::WebPage(_)) => false,
            Some(_) => true,
            None => self.media.is_some(),
        }
    }
}

/// Content that is not a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Extra {
    Poll(Poll),
    Location(Location),
    Contact(Contact),
    Dice { emoji: String, value: i32 },
    WebPage(WebPage),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Poll {
    #[serde(default = "poll_id")]
    pub(crate) id: i64,
    pub(crate) question: String,
    pub(crate) options: Vec<String>,
    /// Several options may be chosen.
    #[serde(default)]
    pub(crate) multiple: bool,
    /// There is one right answer.
    #[serde(default)]
    pub(crate) quiz: bool,
    #[serde(default)]
    pub(crate) closed: bool,
}

fn poll_id() -> i64 {
    i64::from_le_bytes(random()) & i64::MAX
}

/// A point on the map; a venue when it has a title; a live location when it says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Location {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(default)]
    pub(crate) live: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) first_name: String,
    #[serde(default)]
    pub(crate) last_name: String,
    pub(crate) phone: String,
}

/// The preview of a link in the text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WebPage {
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
}
