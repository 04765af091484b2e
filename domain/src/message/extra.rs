//! What a message carries beside text and files: polls, places, cards, boxes.

use serde::{Deserialize, Serialize};

use crate::text::RichText;

/// What a message carries beside text and files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Extra {
    /// A question with answers to choose from.
    Poll(Poll),
    /// A place.
    Location(Location),
    /// Somebody's card.
    Contact(Contact),
    /// A box beside the text: a bot's embed or the preview of a link.
    Embed(Box<Embed>),
    /// A throw of dice or another game of chance (Telegram).
    Dice {
        /// Which game, as its emoji.
        emoji: String,
        /// What came out.
        value: i32,
    },
}

/// A poll as it stood when the message was read; votes are not carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// What is asked.
    pub question: String,
    /// The answers, in order.
    pub options: Vec<String>,
    /// More than one answer may be chosen.
    #[serde(default)]
    pub multiple: bool,
    /// One answer is right.
    #[serde(default)]
    pub quiz: bool,
    /// Nobody can vote any more.
    #[serde(default)]
    pub closed: bool,
}

/// A place on the map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, in units of 10⁻⁷ degree.
    pub latitude_e7: i64,
    /// Degrees east, in units of 10⁻⁷ degree.
    pub longitude_e7: i64,
    /// Name of the place.
    #[serde(default)]
    pub title: Option<String>,
    /// Postal address.
    #[serde(default)]
    pub address: Option<String>,
    /// It moved on the sender's map; only where it was first is carried.
    #[serde(default)]
    pub live: bool,
}

/// Somebody's card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Their number, as the platform writes it.
    pub phone: String,
}

/// A box beside the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// It is the preview of a link that stands in the text: the destination makes its own.
    #[serde(default)]
    pub preview: bool,
    /// Where the title leads.
    #[serde(default)]
    pub url: Option<String>,
    /// Headline.
    #[serde(default)]
    pub title: Option<String>,
    /// Body, with its formatting.
    #[serde(default)]
    pub description: RichText,
    /// Name of the author or site.
    #[serde(default)]
    pub author: Option<String>,
    /// Small print.
    #[serde(default)]
    pub footer: Option<String>,
    /// Named values, in order.
    #[serde(default)]
    pub fields: Vec<EmbedField>,
    /// Address of its picture.
    #[serde(default)]
    pub image_url: Option<String>,
}

/// A named value of an [`Embed`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedField {
    /// Its name.
    pub name: String,
    /// Its value, with its formatting.
    pub value: RichText,
}
