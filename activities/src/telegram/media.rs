//! Attachments: what a Telegram message carries besides text, and where its bytes are.

use domain::{
    ChatId, Media, MediaKind,
    message::{Extra, MediaSource},
};
use grammers_tl_types::{
    enums::{DocumentAttribute, InputFileLocation, MessageMedia, PhotoSize},
    types,
};

use super::extras::extra;

/// What a message carries besides its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing.
    Nothing,
    /// One photo or file.
    File(Media),
    /// Something that is neither text nor a file.
    Extra(Extra),
    /// Something that is not carried yet, by name.
    Unsupported(&'static str),
}

/// Reads the media of message `message_id` of `chat`.
pub(super) fn content(media: Option<&MessageMedia>, chat: ChatId, message_id: i64) -> Content {
    let Some(media) = media else { return Content::Nothing };
    let source = MediaSource::TelegramMessage { chat, message_id };
    match media {
        MessageMedia::Photo(media) => match photo_of(media) {
            Some(photo) => Content::File(Media { spoiler: media.spoiler, ..image(photo, message_id, source) }),
            None => Content::Unsupported("expired_media"),
        },
        MessageMedia::Document(media) => match document_of(media) {
            Some(document) => Content::File(Media { spoiler: media.spoiler, ..file(document, message_id, source) }),
            None => Content::Unsupported("expired_media"),
        },
        other => match extra(other) {
            Some(extra) => Content::Extra(extra),
            None => nothing_or_unsupported(other),
        },
    }
}

/// Media that is neither a file nor an [`Extra`].
const fn nothing_or_unsupported(media: &MessageMedia) -> Content {
    match media {
        MessageMedia::Geo(_) | MessageMedia::GeoLive(_) | MessageMedia::Venue(_) => Content::Unsupported("location"),
        MessageMedia::Game(_) => Content::Unsupported("game"),
        MessageMedia::Invoice(_) => Content::Unsupported("invoice"),
        MessageMedia::Story(_) => Content::Unsupported("story"),
        MessageMedia::Giveaway(_) | MessageMedia::GiveawayResults(_) => Content::Unsupported("giveaway"),
        MessageMedia::PaidMedia(_) => Content::Unsupported("paid_media"),
        MessageMedia::ToDo(_) => Content::Unsupported("checklist"),
        MessageMedia::VideoStream(_) => Content::Unsupported("video_stream"),
        MessageMedia::Unsupported => Content::Unsupported("unknown"),
        // A preview that Telegram is still making comes with an edit of the message.
        _ => Content::Nothing,
    }
}

/// Where the bytes of a message's file are: the location and the data centre that holds it.
pub(super) fn location(media: Option<&MessageMedia>) -> Option<(InputFileLocation, i32)> {
    match media? {
        MessageMedia::Photo(media) => {
            let photo = photo_of(media)?;
            let thumb_size = largest_size(photo)?.name;
            let location = types::InputPhotoFileLocation {
                id: photo.id,
                access_hash: photo.access_hash,
                file_reference: photo.file_reference.clone(),
                thumb_size,
            };
            Some((location.into(), photo.dc_id))
        }
        MessageMedia::Document(media) => {
            let document = document_of(media)?;
            let location = types::InputDocumentFileLocation {
                id: document.id,
                access_hash: document.access_hash,
                file_reference: document.file_reference.clone(),
                thumb_size: String::new(),
            };
            Some((location.into(), document.dc_id))
        }
        _ => None,
    }
}

fn photo_of(media: &types::MessageMediaPhoto) -> Option<&types::Photo> {
    match media.photo.as_ref()? {
        grammers_tl_types::enums::Photo::Photo(photo) => Some(photo),
        grammers_tl_types::enums::Photo::Empty(_) => None,
    }
}

fn document_of(media: &types::MessageMediaDocument) -> Option<&types::Document> {
    match media.document.as_ref()? {
        grammers_tl_types::enums::Document::Document(document) => Some(document),
        grammers_tl_types::enums::Document::Empty(_) => None,
    }
}

/// A photo's largest size.
struct LargestSize {
    name: String,
    bytes: u64,
    width: i32,
    height: i32,
}

fn largest_size(photo: &types::Photo) -> Option<LargestSize> {
    let sizes = photo.sizes.iter().filter_map(|size| match size {
        PhotoSize::Size(size) => Some(LargestSize {
            name: size.r#type.clone(),
            bytes: u64::try_from(size.size).ok()?,
            width: size.w,
            height: size.h,
        }),
        PhotoSize::Progressive(size) => Some(LargestSize {
            name: size.r#type.clone(),
            bytes: size.sizes.iter().max().and_then(|bytes| u64::try_from(*bytes).ok())?,
            width: size.w,
            height: size.h,
        }),
        PhotoSize::Empty(_)
        | PhotoSize::PhotoCachedSize(_)
        | PhotoSize::PhotoStrippedSize(_)
        | PhotoSize::PhotoPathSize(_) => None,
    });
    // Where the bytes say nothing, the picture's area does.
    sizes.max_by_key(|size| (size.bytes, i64::from(size.width) * i64::from(size.height)))
}

fn image(photo: &types::Photo, message_id: i64, source: MediaSource) -> Media {
    let size = largest_size(photo);
    let bytes = size.as_ref().map_or(0, |size| size.bytes);
    let name = format!("photo_{message_id}.jpg");
    Media {
        width: size.as_ref().and_then(|size| positive(size.width)),
        height: size.as_ref().and_then(|size| positive(size.height)),
        ..Media::new(MediaKind::Photo, name, "image/jpeg".to_owned(), bytes, source)
    }
}

fn file(document: &types::Document, message_id: i64, source: MediaSource) -> Media {
    let mime = if document.mime_type.is_empty() { "application/octet-stream" } else { &document.mime_type };
    let size = u64::try_from(document.size).unwrap_or(0);
    let mut media = Media::new(MediaKind::Document, String::new(), mime.to_owned(), size, source);
    let mut music = None;
    for attribute in &document.attributes {
        match attribute {
            DocumentAttribute::Filename(name) => media.file_name.clone_from(&name.file_name),
            DocumentAttribute::Animated => media.kind = MediaKind::Animation,
            DocumentAttribute::Sticker(sticker) => {
                media.kind = MediaKind::Sticker;
                media.emoji = Some(sticker.alt.clone()).filter(|emoji| !emoji.is_empty());
            }
            DocumentAttribute::ImageSize(size) => (media.width, media.height) = (positive(size.w), positive(size.h)),
            DocumentAttribute::Video(video) => {
                (media.width, media.height) = (positive(video.w), positive(video.h));
                // Rounded up, so that a clip of half a second has a duration.
                media.duration_seconds = positive(video.duration.ceil() as i32);
                if media.kind == MediaKind::Document {
                    media.kind = if video.round_message { MediaKind::VideoNote } else { MediaKind::Video };
                }
            }
            DocumentAttribute::Audio(audio) => {
                media.duration_seconds = positive(audio.duration);
                media.kind = if audio.voice { MediaKind::Voice } else { MediaKind::Audio };
                let said = |words: &Option<String>| words.clone().filter(|words| !words.trim().is_empty());
                (media.title, media.performer) = (said(&audio.title), said(&audio.performer));
                music = track_name(audio);
            }
            _ => {}
        }
    }
    if media.file_name.is_empty() {
        let stem = music.unwrap_or_else(|| format!("{}_{message_id}", stem(media.kind)));
        media.file_name = format!("{stem}{}", extension(&media.mime));
    }
    media
}

/// Performer and title of a piece of music that came without a file name.
fn track_name(audio: &types::DocumentAttributeAudio) -> Option<String> {
    let parts = [audio.performer.as_deref(), audio.title.as_deref()];
    let name = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" - ");
    (!name.is_empty()).then_some(name)
}

const fn stem(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Photo => "photo",
        MediaKind::Video => "video",
        MediaKind::VideoNote => "video_note",
        MediaKind::Animation => "animation",
        MediaKind::Audio => "audio",
        MediaKind::Voice => "voice",
        MediaKind::Sticker => "sticker",
        MediaKind::Document => "file",
    }
}

fn positive(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

/// The ending for a file that came without a name: voice notes, round videos and animations do.
fn extension(mime: &str) -> &'static str {
    match mime {
        "application/x-tgsticker" => ".tgs",
        "audio/mp4" => ".m4a",
        "audio/ogg" => ".ogg",
        "audio/mpeg" => ".mp3",
        "image/gif" => ".gif",
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/webp" => ".webp",
        "video/mp4" => ".mp4",
        "video/quicktime" => ".mov",
        "video/webm" => ".webm",
        "application/pdf" => ".pdf",
        "text/plain" => ".txt",
        _ => "",
    }
}
