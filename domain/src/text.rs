//! Formatted text, neutral between the platforms: a string and spans measured in UTF-16 code units.

use serde::{Deserialize, Serialize};

/// Text with formatting. Offsets and lengths are UTF-16 code units, as on Telegram's wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RichText {
    /// The text without any markup.
    pub text: String,
    /// Formatting; sorted by offset, longer first; spans may nest and may overlap.
    #[serde(default)]
    pub spans: Vec<Span>,
}

impl RichText {
    /// Text without formatting.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), spans: Vec::new() }
    }

    /// Length in UTF-16 code units.
    #[must_use]
    pub fn utf16_len(&self) -> usize {
        self.text.encode_utf16().count()
    }
}

/// A stretch of text in one style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First UTF-16 code unit.
    pub offset: usize,
    /// Length in UTF-16 code units.
    pub length: usize,
    /// The style.
    pub style: Style,
}

/// A style that at least one platform knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Heavy.
    Bold,
    /// Slanted.
    Italic,
    /// Underlined.
    Underline,
    /// Struck through.
    Strikethrough,
    /// Hidden until tapped.
    Spoiler,
    /// Inline monospace.
    Code,
    /// A block of code.
    Pre {
        /// The language, empty when unknown.
        language: String,
    },
    /// A quotation.
    Quote,
    /// Text that opens a URL.
    Link {
        /// Where it leads.
        url: String,
    },
    /// A mention of a person, shown by the text it covers and never pinged.
    Mention {
        /// The platform's id of the person, where known.
        user_id: Option<i64>,
    },
    /// A custom emoji, shown by the text it covers.
    CustomEmoji {
        /// The platform's id of the emoji.
        id: i64,
    },
}
