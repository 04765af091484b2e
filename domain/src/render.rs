//! What a message becomes at its destination: the parts to send, in order, each within the platform's limits.

mod extras;
mod families;
mod limits;
mod notices;
mod pings;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use families::at_destination;
pub use limits::Limits;
pub use notices::{Held, Link, Missing};
pub use pings::Pings;

use crate::{
    account::Platform,
    message::Message,
    pair::CopyMode,
    text::{RichText, Style, attribution},
};

/// Length of a text's digest: enough to tell apart what one message ever showed.
const DIGEST_BYTES: usize = 10;

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
    /// No text, for media without a caption.
    #[must_use]
    pub fn empty(destination: Platform) -> Self {
        match destination {
            Platform::Telegram => Self::Telegram(RichText::default()),
            Platform::Discord => Self::Discord(String::new()),
        }
    }

    /// True when there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// A digest of the text with its formatting, by which it is recognised: 80 bits, as hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        use std::fmt::Write as _;
        // A text that does not serialise does not exist; were there one, it would count as changed each time.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(bytes).iter().take(DIGEST_BYTES).fold(String::new(), |mut hex, byte| {
            let _infallible = write!(hex, "{byte:02x}");
            hex
        })
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

/// One send: one message at the destination, or one Telegram album.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartPlan {
    /// Text only.
    Text(PartText),
    /// Attachments, never none, by their places in [`Message::media`]. On Telegram several are an album of one family.
    Media {
        /// Places in [`Message::media`], ascending.
        indices: Vec<usize>,
        /// May be empty.
        caption: PartText,
    },
    /// Telegram's native forward of the whole message.
    Forward,
    /// Text that stands for something that cannot be carried; sent like [`PartPlan::Text`].
    Notice(PartText),
}

/// Where a message goes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The destination's platform.
    pub destination: Platform,
    /// Copied, or forwarded with its origin named.
    pub mode: CopyMode,
    /// In [`CopyMode::Forward`], the destination account sees the source chat on the same platform, so that the
    /// platform can forward by itself. It can on Telegram only. Elsewhere a line says where the message is from.
    pub native_forward: bool,
    /// Who is pinged; `None`: nobody.
    pub pings: Option<Pings>,
    /// What the destination takes.
    pub limits: Limits,
}

/// The sends that carry `message`, as if every attachment's bytes were here and no link could be given.
#[must_use]
pub fn render(
    message: &Message,
    destination: Platform,
    mode: CopyMode,
    native_forward: bool,
    limits: Limits,
) -> Vec<PartPlan> {
    render_held(message, &[], &Target { destination, mode, native_forward, pings: None, limits })
}

/// The sends that carry `message` to `target`; none when there is nothing to carry.
///
/// `held` says of each attachment, in order, whether its bytes are here; one that it does not name is taken as the
/// message states it. Nothing is dropped without a word: what the destination does not take leaves a link or a notice,
/// after everything else.
#[must_use]
pub fn render_held(message: &Message, held: &[Held], target: &Target) -> Vec<PartPlan> {
    let Target { destination, limits, pings, .. } = *target;
    let texts = |text: &RichText| pings::texts(text, destination, limits.text_utf16_max, pings);
    let plan = families::plan(message, held, target);
    let notices = notices::notices(message, held, &plan.left);
    let words = words(message);
    if words.is_blank() && message.media.is_empty() && notices.text.is_empty() {
        return Vec::new();
    }
    let head = match target.mode {
        CopyMode::Forward if target.native_forward && destination == Platform::Telegram => {
            return vec![PartPlan::Forward];
        }
        CopyMode::Forward => origin(message),
        CopyMode::Copy => RichText::default(),
    };
    if words.text.is_empty() && plan.sends.is_empty() {
        // Nothing but notices: the head belongs to them.
        let said = RichText::join([&head, &notices], "\n");
        return texts(&said).into_iter().map(PartPlan::Notice).collect();
    }
    let mut parts = body(&RichText::join([&head, &words], "\n"), &plan, target);
    parts.extend(texts(&notices).into_iter().map(PartPlan::Notice));
    parts
}

/// "Forwarded from": the first author, where the platform names one, else who posted it.
fn origin(message: &Message) -> RichText {
    let first = message.forwarded_from.as_ref().and_then(|origin| origin.name.as_deref());
    let author = first.or(message.author.as_ref().map(|author| author.name.as_str()));
    attribution(author, message.chat_title.as_deref())
}

/// Everything that is said in words: what was quoted, the text, and what else can only be written out.
fn words(message: &Message) -> RichText {
    let text = if message.text.is_blank() { RichText::default() } else { message.text.clone() };
    let quoted = message.quote.as_ref().filter(|quote| !quote.is_blank());
    let quoted = quoted.map(|quote| {
        let mut quote = quote.clone();
        // Quotes do not nest on either platform.
        quote.spans.retain(|span| !span.style.is_quote());
        quote.cover(Style::Quote);
        quote
    });
    let own = RichText::join([&quoted.unwrap_or_default(), &text], "\n");
    RichText::join([&own, &extras::extras(message)], "\n\n")
}

/// Text and media. The text is the caption of the first message with media if it fits and may stand there; else
/// Telegram has it before the media, and Discord after them.
fn body(text: &RichText, plan: &families::Plan, target: &Target) -> Vec<PartPlan> {
    let Target { destination, limits, pings, .. } = *target;
    let texts = |utf16_max: usize| pings::texts(text, destination, utf16_max, pings);
    let mut caption = only(texts(limits.caption_utf16_max), destination).filter(|_| plan.takes_caption);
    let apart = if caption.is_some() { Vec::new() } else { texts(limits.text_utf16_max) };
    let apart = apart.into_iter().map(PartPlan::Text);
    let media = plan.sends.iter().map(|indices| PartPlan::Media {
        indices: indices.clone(),
        caption: caption.take().unwrap_or_else(|| PartText::empty(destination)),
    });
    match destination {
        Platform::Telegram => apart.chain(media).collect(),
        Platform::Discord => media.chain(apart).collect(),
    }
}

/// The whole text as one caption, if it fits.
fn only(parts: Vec<PartText>, destination: Platform) -> Option<PartText> {
    let mut parts = parts.into_iter();
    let only = parts.next().unwrap_or_else(|| PartText::empty(destination));
    parts.next().is_none().then_some(only)
}
