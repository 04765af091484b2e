//! How an upload is shown on Telegram: the way that fits its kind, where Telegram takes it.

use domain::{Media, MediaKind};
use grammers_tl_types::{
    enums::{self, DocumentAttribute},
    types,
};

use crate::platform::Upload;

/// The largest image that Telegram takes as a photo; anything above goes as a file.
const PHOTO_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// The largest stickers by format; anything above goes as a file.
const STATIC_STICKER_BYTES_MAX: u64 = 512 * 1024;
const ANIMATED_STICKER_BYTES_MAX: u64 = 64 * 1024;
const VIDEO_STICKER_BYTES_MAX: u64 = 256 * 1024;

/// How an upload is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As an image in the chat.
    Photo,
    /// With its picture in the chat.
    Video,
    /// Round.
    VideoNote,
    /// Playing by itself, without sound.
    Animation,
    /// As music.
    Audio,
    /// As a spoken message.
    Voice,
    /// Without a frame.
    Sticker,
    /// As a file.
    File,
}

/// What may stand together in an album.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Visual,
    Music,
    Files,
}

impl Shown {
    /// The best way that Telegram takes for an upload that stands alone. Stickers and round videos have no place for a
    /// caption, so with one they go another way.
    pub(super) fn of(upload: &Upload, has_caption: bool) -> Self {
        let (mime, size) = (upload.media.mime.as_str(), upload.content.size_bytes());
        match upload.media.kind {
            MediaKind::Photo | MediaKind::Animation if mime == "image/gif" => Self::Animation,
            MediaKind::Photo if size <= PHOTO_BYTES_MAX => Self::Photo,
            MediaKind::VideoNote if is_video(mime) && !has_caption => Self::VideoNote,
            MediaKind::Video | MediaKind::VideoNote if is_video(mime) => Self::Video,
            MediaKind::Animation if is_video(mime) => Self::Animation,
            MediaKind::Voice if is_voice(mime) => Self::Voice,
            MediaKind::Audio | MediaKind::Voice if mime.starts_with("audio/") => Self::Audio,
            MediaKind::Sticker if is_sticker(mime, size) && !has_caption => Self::Sticker,
            MediaKind::Sticker if mime == "image/gif" => Self::Animation,
            _ => Self::File,
        }
    }

    /// The ways for the items of an album, which must be of one family: else all of them go as files.
    pub(super) fn in_album(uploads: &[Upload]) -> Vec<Self> {
        let shown: Vec<Self> = uploads.iter().map(Self::of_item).collect();
        match shown.first() {
            Some(first) if shown.iter().all(|item| item.family() == first.family()) => shown,
            _ => vec![Self::File; uploads.len()],
        }
    }

    /// Round videos and animations stand alone; as ordinary videos they may join an album.
    fn of_item(upload: &Upload) -> Self {
        match Self::of(upload, true) {
            Self::VideoNote | Self::Animation if is_video(&upload.media.mime) => Self::Video,
            Self::Photo => Self::Photo,
            Self::Video => Self::Video,
            Self::Audio => Self::Audio,
            _ => Self::File,
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::Photo | Self::Video | Self::VideoNote | Self::Animation => Family::Visual,
            Self::Audio => Family::Music,
            Self::Voice | Self::Sticker | Self::File => Family::Files,
        }
    }

    /// What Telegram is told about a document that is to be shown so.
    pub(super) fn attributes(self, media: &Media) -> Vec<DocumentAttribute> {
        let mut attributes: Vec<DocumentAttribute> =
            vec![types::DocumentAttributeFilename { file_name: media.file_name.clone() }.into()];
        match self {
            Self::Photo | Self::File => {}
            Self::Video => attributes.push(video(media, false, false)),
            Self::VideoNote => attributes.push(video(media, true, false)),
            Self::Animation => {
                if is_video(&media.mime) {
                    attributes.push(video(media, false, true));
                }
                attributes.push(DocumentAttribute::Animated);
            }
            Self::Audio => attributes.push(audio(media, false)),
            Self::Voice => attributes.push(audio(media, true)),
            Self::Sticker => {
                attributes.push(match media.mime.as_str() {
                    "video/webm" => video(media, false, true),
                    _ => {
                        let (w, h) = (pixels(media.width, STICKER_SIDE), pixels(media.height, STICKER_SIDE));
                        types::DocumentAttributeImageSize { w, h }.into()
                    }
                });
                attributes.push(sticker(media));
            }
        }
        attributes
    }
}

/// The side of a sticker of which the size is not known.
const STICKER_SIDE: i32 = 512;

/// What Telegram's apps play in the chat.
fn is_video(mime: &str) -> bool {
    matches!(mime, "video/mp4" | "video/quicktime")
}

fn is_voice(mime: &str) -> bool {
    matches!(mime, "audio/ogg" | "audio/opus" | "audio/mpeg" | "audio/mp4" | "audio/x-m4a")
}

fn is_sticker(mime: &str, size: u64) -> bool {
    match mime {
        "image/webp" => size <= STATIC_STICKER_BYTES_MAX,
        "application/x-tgsticker" => size <= ANIMATED_STICKER_BYTES_MAX,
        "video/webm" => size <= VIDEO_STICKER_BYTES_MAX,
        _ => false,
    }
}

fn pixels(side: Option<u32>, otherwise: i32) -> i32 {
    side.and_then(|side| i32::try_from(side).ok()).unwrap_or(otherwise)
}

fn video(media: &Media, round_message: bool, nosound: bool) -> DocumentAttribute {
    types::DocumentAttributeVideo {
        round_message,
        supports_streaming: !round_message && !nosound,
        nosound,
        duration: media.duration_seconds.unwrap_or(0).into(),
        w: pixels(media.width, 0),
        h: pixels(media.height, 0),
        preload_prefix_size: None,
        video_start_ts: None,
        video_codec: None,
    }
    .into()
}

fn audio(media: &Media, voice: bool) -> DocumentAttribute {
    types::DocumentAttributeAudio {
        voice,
        duration: pixels(media.duration_seconds, 0),
        title: media.title.clone().filter(|_| !voice),
        performer: media.performer.clone().filter(|_| !voice),
        waveform: None,
    }
    .into()
}

fn sticker(media: &Media) -> DocumentAttribute {
    types::DocumentAttributeSticker {
        mask: false,
        alt: media.emoji.clone().unwrap_or_default(),
        stickerset: enums::InputStickerSet::Empty,
        mask_coords: None,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{ChatId, message::MediaSource};

    use super::*;

    fn upload(kind: MediaKind, mime: &str, size: u64) -> Upload {
        let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
        let content = bytes::Bytes::from(vec![0; usize::try_from(size).unwrap()]);
        Upload { media: Media::new(kind, "x".into(), mime.into(), size, source), content: Arc::new(content) }
    }

    #[test]
    fn every_kind_is_shown_as_what_it_is_when_telegram_takes_it() {
        use MediaKind as Kind;
        for (kind, mime, size, caption, shown) in [
            (Kind::Photo, "image/jpeg", PHOTO_BYTES_MAX, true, Shown::Photo),
            (Kind::Photo, "image/jpeg", PHOTO_BYTES_MAX + 1, true, Shown::File),
            (Kind::Photo, "image/gif", 10, false, Shown::Animation),
            (Kind::Document, "image/jpeg", 1, false, Shown::File),
            (Kind::Video, "video/mp4", 1, true, Shown::Video),
            (Kind::Video, "video/x-matroska", 1, true, Shown::File),
            (Kind::VideoNote, "video/mp4", 1, false, Shown::VideoNote),
            (Kind::VideoNote, "video/mp4", 1, true, Shown::Video),
            (Kind::Animation, "video/mp4", 1, false, Shown::Animation),
            (Kind::Audio, "audio/flac", 1, false, Shown::Audio),
            (Kind::Voice, "audio/ogg", 1, false, Shown::Voice),
            (Kind::Voice, "audio/wav", 1, false, Shown::Audio),
            (Kind::Sticker, "image/webp", STATIC_STICKER_BYTES_MAX, false, Shown::Sticker),
            (Kind::Sticker, "image/webp", STATIC_STICKER_BYTES_MAX + 1, false, Shown::File),
            (Kind::Sticker, "application/x-tgsticker", ANIMATED_STICKER_BYTES_MAX, false, Shown::Sticker),
            (Kind::Sticker, "video/webm", VIDEO_STICKER_BYTES_MAX, false, Shown::Sticker),
            (Kind::Sticker, "video/webm", 1, true, Shown::File),
            (Kind::Sticker, "image/png", 1, false, Shown::File),
            (Kind::Sticker, "image/gif", 1, false, Shown::Animation),
        ] {
            assert_eq!(Shown::of(&upload(kind, mime, size), caption), shown, "{kind:?} {mime} {size}");
        }
    }

    #[test]
    fn an_album_is_of_one_family() {
        let photo = || upload(MediaKind::Photo, "image/jpeg", 1);
        let clip = || upload(MediaKind::Video, "video/mp4", 1);
        let round = || upload(MediaKind::VideoNote, "video/mp4", 1);
        let song = || upload(MediaKind::Audio, "audio/mpeg", 1);
        let paper = || upload(MediaKind::Document, "application/pdf", 1);
        for (uploads, shown) in [
            (vec![photo(), clip(), round()], vec![Shown::Photo, Shown::Video, Shown::Video]),
            (vec![song(), song()], vec![Shown::Audio; 2]),
            (vec![paper(), paper()], vec![Shown::File; 2]),
            (vec![photo(), paper()], vec![Shown::File; 2]),
            (vec![song(), photo()], vec![Shown::File; 2]),
        ] {
            assert_eq!(Shown::in_album(&uploads), shown);
        }
    }
}
