//! Attachments and stickers.

use domain::chat::ChatId;
use domain::message::{Media, MediaKind, MediaSource};
use serenity::all::{Attachment, StickerFormatType, StickerItem};

use crate::discord::ask::SPOILER_PREFIX;
use crate::discord::snowflake;

/// An attachment of a message; `voice` when the message is a spoken one.
pub(super) fn attachment(chat: ChatId, message_id: i64, attachment: &Attachment, voice: bool) -> Media {
    let mime = attachment.content_type.as_deref().unwrap_or("application/octet-stream");
    let source = MediaSource::DiscordAttachment {
        chat,
        message_id,
        attachment_id: snowflake::signed(attachment.id.get()),
        url: attachment.url.clone(),
    };
    let hidden = attachment.filename.strip_prefix(SPOILER_PREFIX).filter(|name| !name.is_empty());
    let name = hidden.unwrap_or(&attachment.filename).to_owned();
    Media {
        spoiler: hidden.is_some(),
        width: attachment.width,
        height: attachment.height,
        duration_seconds: attachment.duration_secs.and_then(whole_seconds),
        ..Media::new(kind_of(mime, voice), name, mime.to_owned(), u64::from(attachment.size), source)
    }
}

/// A sticker by its lasting address. Of the vector format, which neither platform takes as a file, the name will stand.
pub(super) fn sticker(sticker: &StickerItem) -> Option<Media> {
    let (host, extension, mime) = match sticker.format_type {
        StickerFormatType::Png => ("cdn.discordapp.com", "png", "image/png"),
        StickerFormatType::Apng => ("cdn.discordapp.com", "png", "image/apng"),
        StickerFormatType::Gif => ("media.discordapp.net", "gif", "image/gif"),
        StickerFormatType::Lottie => ("cdn.discordapp.com", "json", "application/json"),
        _ => return None,
    };
    let source = MediaSource::PublicUrl { url: format!("https://{host}/stickers/{}.{extension}", sticker.id) };
    let name = match sticker.format_type {
        StickerFormatType::Lottie => sticker.name.clone(),
        _ => format!("{}.{extension}", sticker.name),
    };
    // Discord does not say how large a sticker is; none is larger than 512 KiB.
    Some(Media::new(MediaKind::Sticker, name, mime.to_owned(), 0, source))
}

/// Images that a chat shows are photos, moving ones animations; other images travel as files.
fn kind_of(mime: &str, voice: bool) -> MediaKind {
    let mime = mime.split(';').next().unwrap_or_default().trim();
    match mime.split_once('/') {
        Some(("image", "png" | "jpeg" | "webp")) => MediaKind::Photo,
        Some(("image", "gif")) => MediaKind::Animation,
        Some(("video", "mp4" | "webm" | "quicktime")) => MediaKind::Video,
        Some(("audio", _)) if voice => MediaKind::Voice,
        Some(("audio", _)) => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

fn whole_seconds(seconds: f64) -> Option<u32> {
    let seconds = std::time::Duration::try_from_secs_f64(seconds.round()).ok()?.as_secs();
    u32::try_from(seconds).ok()
}
