//! What a message becomes at its destination: the parts to send, in order, each within the platform's limits.

mod limits;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use limits::Limits;

use crate::{
    account::Platform,
    message::{Media, Message},
    pair::CopyMode,
    text::{RichText, attribution, discord, telegram},
};

/// The longest file name that a notice repeats, in characters.
const NOTICE_NAME_CHARS_MAX: usize = 100;
/// Names of unsupported content that no person wrote: somebody joined, a message was pinned. Nothing is said of them
/// at the destination.
const HOUSEKEEPING: &[&str] = &["service", "system_message", "empty"];

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

    /// The text that the platform's `message` or `content` field holds.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Telegram(text) => &text.text,
            Self::Discord(markdown) => markdown,
        }
    }
}

/// One send: at most one message at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartPlan {
    /// Text only.
    Text(PartText),
    /// Attachments, never none, by their places in [`Message::media`].
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

/// The sends that carry `message` to `destination`; none when there is nothing to carry.
///
/// `native_forward`: in [`CopyMode::Forward`], the destination account sees the source chat on the same platform, so
/// that the platform can forward by itself. It can on Telegram only. Elsewhere a line says where the message is from.
///
/// Nothing is dropped without a word: an attachment over the limits and content that is not carried yet each leave a
/// notice, after everything else.
#[must_use]
pub fn render(
    message: &Message,
    destination: Platform,
    mode: CopyMode,
    native_forward: bool,
    limits: Limits,
) -> Vec<PartPlan> {
    let notices = notices(message, limits);
    if message.text.is_blank() && message.media.is_empty() && notices.text.is_empty() {
        return Vec::new();
    }
    let head = match mode {
        CopyMode::Forward if native_forward && destination == Platform::Telegram => return vec![PartPlan::Forward],
        CopyMode::Forward => {
            attribution(message.author.as_ref().map(|author| author.name.as_str()), message.chat_title.as_deref())
        }
        CopyMode::Copy => RichText::default(),
    };
    let carried = carried(&message.media, limits);
    let text = if message.text.is_blank() { RichText::default() } else { message.text.clone() };
    if text.text.is_empty() && carried.is_empty() {
        // Nothing but notices: the head belongs to them.
        let said = RichText::join([&head, &notices], "\n");
        return texts(&said, destination, limits.text_utf16_max).into_iter().map(PartPlan::Notice).collect();
    }
    let mut parts = body(&RichText::join([&head, &text], "\n"), &carried, destination, limits);
    parts.extend(texts(&notices, destination, limits.text_utf16_max).into_iter().map(PartPlan::Notice));
    parts
}

/// Text and media. The text is the caption of the first message with media if it fits; else Telegram, where media
/// stand one by one, has it before them, and Discord after them.
fn body(text: &RichText, media: &[Vec<usize>], destination: Platform, limits: Limits) -> Vec<PartPlan> {
    let caption = caption(text, destination, limits.caption_utf16_max).filter(|_| !media.is_empty());
    let apart = if caption.is_some() { Vec::new() } else { texts(text, destination, limits.text_utf16_max) };
    let apart = apart.into_iter().map(PartPlan::Text);
    let mut caption = caption;
    let media = media.iter().map(|indices| PartPlan::Media {
        indices: indices.clone(),
        caption: caption.take().unwrap_or_else(|| PartText::empty(destination)),
    });
    match destination {
        Platform::Telegram => apart.chain(media).collect(),
        Platform::Discord => media.chain(apart).collect(),
    }
}

/// The whole text as one caption, if it fits.
fn caption(text: &RichText, destination: Platform, utf16_max: usize) -> Option<PartText> {
    let mut parts = texts(text, destination, utf16_max).into_iter();
    let only = parts.next().unwrap_or_else(|| PartText::empty(destination));
    parts.next().is_none().then_some(only)
}

fn texts(text: &RichText, destination: Platform, utf16_max: usize) -> Vec<PartText> {
    match destination {
        Platform::Telegram => telegram::split(text, utf16_max).into_iter().map(PartText::Telegram).collect(),
        Platform::Discord => discord::split(text, utf16_max).into_iter().map(PartText::Discord).collect(),
    }
}

/// Which attachments go together in one message, by their places.
fn carried(media: &[Media], limits: Limits) -> Vec<Vec<usize>> {
    let mut messages: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0_u64;
    for (index, attachment) in media.iter().enumerate().filter(|(_, attachment)| fits(attachment, limits)) {
        let together = bytes.saturating_add(attachment.size_bytes);
        match messages.last_mut() {
            Some(last) if last.len() < limits.attachments_max && together <= limits.message_bytes_max => {
                last.push(index);
                bytes = together;
            }
            _ => {
                messages.push(vec![index]);
                bytes = attachment.size_bytes;
            }
        }
    }
    messages
}

const fn fits(attachment: &Media, limits: Limits) -> bool {
    attachment.size_bytes <= limits.media_bytes_max && limits.attachments_max > 0
}

/// One line for everything that is not carried; empty when all is.
fn notices(message: &Message, limits: Limits) -> RichText {
    let too_large = message.media.iter().filter(|attachment| !fits(attachment, limits)).map(|attachment| {
        let size = human_size(attachment.size_bytes);
        format!("[{}, {size}: too large to carry]", one_line(&attachment.file_name))
    });
    let unsupported = message.unsupported.iter().filter(|name| !HOUSEKEEPING.contains(&name.as_str()));
    let unsupported = unsupported.map(|name| format!("[{}: not carried yet]", one_line(name).replace('_', " ")));
    let lines: Vec<String> = too_large.chain(unsupported).collect();
    RichText::plain(lines.join("\n"))
}

fn one_line(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(NOTICE_NAME_CHARS_MAX).collect();
    if line.is_empty() { "file".to_owned() } else { line }
}

/// A size in the unit that people read, with one decimal. The units are powers of 1,024, as in both platforms' limits.
fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}
