//! Attachments: how the destination shows each, which go together in one send, and which cannot go at all.

use super::{Held, Limits, Target};
use crate::{
    account::Platform,
    message::{Media, MediaKind, Message},
};

/// Telegram takes larger images as files only (core.telegram.org/api/files).
const TELEGRAM_PHOTO_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// The most that a photo's two sides may have together on Telegram, in pixels (PHOTO_INVALID_DIMENSIONS).
const TELEGRAM_PHOTO_SIDES_MAX: u64 = 10_000;
/// How many times longer than wide a photo may be on Telegram.
const TELEGRAM_PHOTO_RATIO_MAX: u32 = 20;
/// Discord hides an attachment whose name begins with this.
const SPOILER_PREFIX: &str = "SPOILER_";

/// What goes, and what stays behind.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The places of the attachments of each send.
    pub(super) sends: Vec<Vec<usize>>,
    /// The first send may have a caption.
    pub(super) takes_caption: bool,
    /// The places of attachments that the destination does not take, each with the reason; in order.
    pub(super) left: Vec<(usize, Left)>,
}

/// Why an attachment cannot go as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Its bytes are not here.
    Missing,
    /// It is larger than the destination takes.
    TooLarge,
    /// The destination cannot show it.
    NotShown,
}

/// Which attachments Telegram puts into one album.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Picture,
    Audio,
    Document,
    /// No album at all.
    Alone,
}

/// `media` as the destination shows it: its kind and its file name there. `size_bytes` is what it really has.
#[must_use]
pub fn at_destination(media: &Media, size_bytes: u64, destination: Platform) -> Media {
    let shown = Media { size_bytes, ..media.clone() };
    let bare = media.file_name.strip_prefix(SPOILER_PREFIX).filter(|name| media.spoiler && !name.is_empty());
    let bare = bare.unwrap_or(&media.file_name);
    match destination {
        Platform::Telegram => {
            let kind = telegram_kind(&shown).unwrap_or(MediaKind::Document);
            Media { kind, file_name: bare.to_owned(), ..shown }
        }
        Platform::Discord if media.spoiler => Media { file_name: format!("{SPOILER_PREFIX}{bare}"), ..shown },
        // Discord shows no more of a piece of music than the name of its file.
        Platform::Discord => Media { file_name: media.label().into_owned(), ..shown },
    }
}

/// Sorts the message's attachments into sends.
pub(super) fn plan(message: &Message, held: &[Held], target: &Target) -> Plan {
    let limits = target.limits;
    let (mut going, mut left) = (Vec::new(), Vec::new());
    for (index, media) in message.media.iter().enumerate() {
        let size_bytes = match held.get(index) {
            None => media.size_bytes,
            Some(Held::Here { size_bytes, .. }) => *size_bytes,
            Some(Held::Missing(_)) => {
                left.push((index, if shows(media, target.destination) { Left::Missing } else { Left::NotShown }));
                continue;
            }
        };
        if !shows(media, target.destination) {
            left.push((index, Left::NotShown));
        } else if size_bytes > limits.media_bytes_max || limits.attachments_max == 0 {
            left.push((index, Left::TooLarge));
        } else {
            going.push((index, at_destination(media, size_bytes, target.destination)));
        }
    }
    let takes_caption = match (going.first(), target.destination) {
        (None, _) => false,
        (Some((_, first)), Platform::Telegram) => !matches!(first.kind, MediaKind::Sticker | MediaKind::VideoNote),
        (Some(_), Platform::Discord) => true,
    };
    let sends = match target.destination {
        Platform::Telegram => albums(&going, limits),
        Platform::Discord => in_order(&going, limits),
    };
    Plan { sends, takes_caption, left }
}

/// One album for each family, where its first member stands; ten at the most.
fn albums(going: &[(usize, Media)], limits: Limits) -> Vec<Vec<usize>> {
    let mut sends: Vec<(Family, Vec<usize>)> = Vec::new();
    for (index, media) in going {
        let family = family(media.kind);
        let room = sends
            .iter_mut()
            .find(|(other, album)| *other == family && family != Family::Alone && album.len() < limits.attachments_max);
        match room {
            Some((_, album)) => album.push(*index),
            None => sends.push((family, vec![*index])),
        }
    }
    sends.into_iter().map(|(_, album)| album).collect()
}

/// As many as fit into one message, in order.
fn in_order(going: &[(usize, Media)], limits: Limits) -> Vec<Vec<usize>> {
    let mut sends: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0_u64;
    for (index, media) in going {
        let together = bytes.saturating_add(media.size_bytes);
        match sends.last_mut() {
            Some(last) if last.len() < limits.attachments_max && together <= limits.message_bytes_max => {
                last.push(*index);
                bytes = together;
            }
            _ => {
                sends.push(vec![*index]);
                bytes = media.size_bytes;
            }
        }
    }
    sends
}

const fn family(kind: MediaKind) -> Family {
    match kind {
        MediaKind::Photo | MediaKind::Video => Family::Picture,
        MediaKind::Audio => Family::Audio,
        MediaKind::Document => Family::Document,
        MediaKind::VideoNote | MediaKind::Animation | MediaKind::Voice | MediaKind::Sticker => Family::Alone,
    }
}

/// False for a sticker in a form that the destination's clients would show as an unreadable file.
fn shows(media: &Media, destination: Platform) -> bool {
    if media.kind != MediaKind::Sticker {
        return true;
    }
    match destination {
        Platform::Telegram => telegram_kind(media).is_some(),
        Platform::Discord => !matches!(bare_type(&media.mime), "application/x-tgsticker" | "application/json"),
    }
}

/// What Telegram makes of an attachment; `None` when it is a sticker that it cannot show.
fn telegram_kind(media: &Media) -> Option<MediaKind> {
    let mime = bare_type(&media.mime);
    let kind = match (media.kind, mime) {
        (MediaKind::Photo | MediaKind::Sticker | MediaKind::Animation, "image/gif") => MediaKind::Animation,
        (MediaKind::Photo, "image/jpeg" | "image/png" | "image/webp")
        | (MediaKind::Sticker, "image/png" | "image/jpeg") => {
            if is_telegram_photo(media) {
                MediaKind::Photo
            } else {
                MediaKind::Document
            }
        }
        (MediaKind::Sticker, "image/apng") => MediaKind::Document,
        (MediaKind::Sticker, "image/webp" | "video/webm" | "application/x-tgsticker") => MediaKind::Sticker,
        (MediaKind::Sticker, _) => return None,
        (MediaKind::Video | MediaKind::VideoNote | MediaKind::Animation, "video/mp4") => media.kind,
        (MediaKind::Video, "video/quicktime") => MediaKind::Video,
        (MediaKind::Voice, "audio/ogg" | "audio/mpeg" | "audio/mp4") => MediaKind::Voice,
        (MediaKind::Audio | MediaKind::Voice, mime) if mime.starts_with("audio/") => MediaKind::Audio,
        _ => MediaKind::Document,
    };
    Some(kind)
}

fn is_telegram_photo(media: &Media) -> bool {
    let sides = media.width.zip(media.height).is_none_or(|(width, height)| {
        let (long, short) = (width.max(height), width.min(height));
        u64::from(long) + u64::from(short) <= TELEGRAM_PHOTO_SIDES_MAX
            && long <= short.saturating_mul(TELEGRAM_PHOTO_RATIO_MAX)
    });
    sides && media.size_bytes <= TELEGRAM_PHOTO_BYTES_MAX
}

/// A MIME type without its parameters.
fn bare_type(mime: &str) -> &str {
    mime.split(';').next().unwrap_or_default().trim()
}
