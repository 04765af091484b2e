//! Formatted text, neutral between the platforms: a string and spans measured in UTF-16 code units; reading and
//! writing it for each platform.

pub mod discord;
pub mod telegram;

mod attribution;
mod cut;
mod spans;
mod splice;
#[cfg(test)]
mod tests;
mod units;
pub(crate) mod urls;

use serde::{Deserialize, Serialize};

pub use attribution::attribution;
pub use splice::Edit;
use units::Units;

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

    /// The whole text in one style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        let mut styled = Self::plain(text);
        styled.cover(style);
        styled
    }

    /// Puts one more style over the whole text; does nothing to an empty text.
    pub fn cover(&mut self, style: Style) {
        let length = self.utf16_len();
        if length > 0 {
            self.spans.push(Span { offset: 0, length, style });
            spans::sort(&mut self.spans);
        }
    }

    /// Appends `other` with its formatting.
    pub fn push(&mut self, other: &Self) {
        let shift = self.utf16_len();
        self.text.push_str(&other.text);
        self.spans
            .extend(other.spans.iter().map(|span| Span { offset: span.offset.saturating_add(shift), ..span.clone() }));
    }

    /// The pieces one after the other.
    pub fn concat<'a>(pieces: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::join(pieces, "")
    }

    /// The pieces one after the other with `separator` between those that are not empty.
    pub fn join<'a>(pieces: impl IntoIterator<Item = &'a Self>, separator: &str) -> Self {
        let mut joined = Self::default();
        for piece in pieces.into_iter().filter(|piece| !piece.text.is_empty()) {
            if !joined.text.is_empty() {
                joined.text.push_str(separator);
            }
            joined.push(piece);
        }
        joined
    }

    /// True when no character can be seen, so that neither platform would accept it as a message.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.chars().all(|c| c.is_whitespace() || urls::is_invisible(c))
    }

    /// For each span the bytes that it covers; a span that leaves the text is clamped to it.
    #[must_use]
    pub fn byte_ranges(&self) -> Vec<std::ops::Range<usize>> {
        if self.spans.is_empty() {
            return Vec::new();
        }
        let units = Units::new(&self.text);
        self.spans
            .iter()
            .map(|span| units.byte(span.offset)..units.byte(span.end()).max(units.byte(span.offset)))
            .collect()
    }

    /// The UTF-16 units `from..to` with the spans cut at the edges. Both must be character boundaries.
    fn slice(&self, units: &Units, from: usize, to: usize) -> Self {
        let spans = self.spans.iter().filter_map(|span| {
            let start = span.offset.max(from);
            let end = span.end().min(to);
            (start < end).then(|| Span { offset: start - from, length: end - start, style: span.style.clone() })
        });
        Self { text: units.str(&self.text, from, to).to_owned(), spans: spans.collect() }
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

impl Span {
    /// The UTF-16 code unit after the last one.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset.saturating_add(self.length)
    }
}

/// Whom a mention on Discord pinged when it was written. What looked like a mention and pinged nobody is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pinged {
    /// This person.
    User(i64),
    /// All who have this role.
    Role(i64),
    /// All members.
    Everyone,
    /// All members who are online.
    Here,
}

impl Style {
    /// A mention of somebody of whom nothing but the name is known.
    pub const NAMED: Self = Self::Mention { user_id: None, pinged: None };

    /// True for a quotation of either kind.
    #[must_use]
    pub const fn is_quote(&self) -> bool {
        matches!(self, Self::Quote | Self::ExpandableQuote)
    }
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
    /// A quotation of which Telegram shows three lines until it is tapped; on Discord a quotation like any other.
    ExpandableQuote,
    /// Text that opens a URL.
    Link {
        /// Where it leads.
        url: String,
    },
    /// A mention, shown by the text it covers. It pings nobody unless the pair says so.
    Mention {
        /// Telegram's id of the person, where known.
        user_id: Option<i64>,
        /// Whom it pinged on Discord.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pinged: Option<Pinged>,
    },
    /// A custom emoji, shown by the text it covers.
    CustomEmoji {
        /// The platform's id of the emoji.
        id: i64,
    },
}
