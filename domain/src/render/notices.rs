//! What is said of content that cannot go: a link where there is one, else a name and a reason.

use chrono::{DateTime, Utc};

use super::families::Left;
use crate::{
    message::{Media, MediaKind, Message},
    text::{RichText, Style},
};

/// The longest file name that a notice repeats, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Names of unsupported content that no person wrote: somebody joined, a message was pinned. Nothing is said of them
/// at the destination.
const HOUSEKEEPING: &[&str] = &["service", "system_message", "empty"];

/// Whether an attachment's bytes are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// They are.
    Here {
        /// How many there are, whatever the message states.
        size_bytes: u64,
        /// Where people can fetch them, if we serve links.
        link: Option<Link>,
    },
    /// They are not.
    Missing(Missing),
}

/// Where an attachment can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The signed address.
    pub url: String,
    /// When it ends.
    pub until: DateTime<Utc>,
}

/// Why an attachment's bytes are not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is larger than we keep.
    TooLarge,
    /// The source does not give it.
    Unfetched,
}

/// One line for everything that is not carried; empty when all is.
pub(super) fn notices(message: &Message, held: &[Held], left: &[(usize, Left)]) -> RichText {
    let files = left.iter().filter_map(|(index, left)| Some(file(message.media.get(*index)?, held.get(*index), *left)));
    let unsupported = message.unsupported.iter().filter(|name| !HOUSEKEEPING.contains(&name.as_str()));
    let unsupported = unsupported.map(|name| RichText::plain(format!("[{}: not carried yet]", readable(name))));
    let lines: Vec<RichText> = files.chain(unsupported).collect();
    RichText::join(&lines, "\n")
}

fn file(media: &Media, held: Option<&Held>, left: Left) -> RichText {
    let name = one_line(&media.label());
    let size = match held {
        Some(Held::Here { size_bytes, .. }) => *size_bytes,
        Some(Held::Missing(_)) | None => media.size_bytes,
    };
    let size = human_size(size);
    match (left, held) {
        (Left::NotShown, _) => RichText::plain(sticker(media)),
        (Left::TooLarge, Some(Held::Here { link: Some(link), .. })) => linked(&name, &size, link),
        (Left::TooLarge, _) | (Left::Missing, Some(Held::Missing(Missing::TooLarge))) => {
            RichText::plain(format!("[{name}, {size}: too large to carry]"))
        }
        (Left::Missing, _) => RichText::plain(format!("[{name}: could not be fetched]")),
    }
}

/// "📎 name, 12.3 MiB (until 2026-11-28)", the name being the link.
fn linked(name: &str, size: &str, link: &Link) -> RichText {
    let mut line = RichText::plain("📎 ");
    line.push(&RichText::styled(name, Style::Link { url: link.url.clone() }));
    line.push(&RichText::plain(format!(", {size} (until {})", link.until.format("%Y-%m-%d"))));
    line
}

/// A sticker that the destination cannot show is what it stands for.
fn sticker(media: &Media) -> String {
    let form = if media.kind == MediaKind::Sticker { "animated sticker" } else { "file" };
    match media.emoji.as_deref().map(one_line) {
        Some(emoji) => format!("[{form}: {emoji}]"),
        None => format!("[{form}: {}]", one_line(&media.file_name)),
    }
}

/// The name of a kind of content for people.
fn readable(name: &str) -> String {
    one_line(name).replace('_', " ")
}

/// A name on one line, no longer than a notice needs.
pub(super) fn one_line(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
    if line.is_empty() { "file".to_owned() } else { line }
}

/// A size in the unit that people read, with one decimal. The units are powers of 1,024, as in both platforms' limits.
pub(super) fn human_size(bytes: u64) -> String {
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
