//! Attachments: what a Telegram message carries besides text, and where its bytes are.

use domain::{ChatId, Media, MediaKind, message::MediaSource};
use grammers_tl_types::{
    enums::{DocumentAttribute, InputFileLocation, MessageMedia, PhotoSize},
    types,
};

/// What a message carries besides its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing, or a link preview, which the destination makes for itself.
    Nothing,
    /// One photo or file.
    File(Media),
    /// Something that is not carried yet, by name.
    Unsupported(&'static str),
}

/// Reads the media of message `message_id` of `chat`.
pub(super) fn content(media: Option<&MessageMedia>, chat: ChatId, message_id: i64) -> Content {
    let Some(media) = media else { return Content::Nothing };
    let source = MediaSource::TelegramMessage { chat, message_id };
    match media {
        MessageMedia::Empty | MessageMedia::WebPage(_) => Content::Nothing,
        MessageMedia::Photo(media) => match photo_of(media) {
            Some(photo) => Content::File(Media::new(
                MediaKind::Photo,
                format!("photo_{message_id}.jpg"),
                "image/jpeg".to_owned(),
                largest_size(photo).map_or(0, |(_, bytes)| bytes),
                source,
            )),
            None => Content::Unsupported("expired_media"),
        },
        MessageMedia::Document(media) => match document_of(media) {
            Some(document) if is_sticker(document) => Content::Unsupported("sticker"),
            Some(document) => Content::File(file(document, message_id, source)),
            None => Content::Unsupported("expired_media"),
        },
        MessageMedia::Geo(_) | MessageMedia::GeoLive(_) | MessageMedia::Venue(_) => Content::Unsupported("location"),
        MessageMedia::Contact(_) => Content::Unsupported("contact"),
        MessageMedia::Game(_) => Content::Unsupported("game"),
        MessageMedia::Invoice(_) => Content::Unsupported("invoice"),
        MessageMedia::Poll(_) => Content::Unsupported("poll"),
        MessageMedia::Dice(_) => Content::Unsupported("dice"),
        MessageMedia::Story(_) => Content::Unsupported("story"),
        MessageMedia::Giveaway(_) | MessageMedia::GiveawayResults(_) => Content::Unsupported("giveaway"),
        MessageMedia::PaidMedia(_) => Content::Unsupported("paid_media"),
        MessageMedia::ToDo(_) => Content::Unsupported("checklist"),
        MessageMedia::VideoStream(_) => Content::Unsupported("video_stream"),
        MessageMedia::Unsupported => Content::Unsupported("unknown"),
    }
}

/// Where the bytes of a message's file are: the location and the data centre that holds it.
pub(super) fn location(media: Option<&MessageMedia>) -> Option<(InputFileLocation, i32)> {
    match media? {
        MessageMedia::Photo(media) => {
            let photo = photo_of(media)?;
            let (thumb_size, _) = largest_size(photo)?;
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

/// The name and byte count of a photo's largest size.
fn largest_size(photo: &types::Photo) -> Option<(String, u64)> {
    let sizes = photo.sizes.iter().filter_map(|size| match size {
        PhotoSize::Size(size) => Some((size.r#type.clone(), u64::try_from(size.size).ok()?)),
        PhotoSize::Progressive(size) => {
            Some((size.r#type.clone(), size.sizes.iter().max().and_then(|bytes| u64::try_from(*bytes).ok())?))
        }
        PhotoSize::Empty(_)
        | PhotoSize::PhotoCachedSize(_)
        | PhotoSize::PhotoStrippedSize(_)
        | PhotoSize::PhotoPathSize(_) => None,
    });
    sizes.max_by_key(|(_, bytes)| *bytes)
}

fn is_sticker(document: &types::Document) -> bool {
    document.attributes.iter().any(|attribute| matches!(attribute, DocumentAttribute::Sticker(_)))
}

fn file(document: &types::Document, message_id: i64, source: MediaSource) -> Media {
    let named = document.attributes.iter().find_map(|attribute| match attribute {
        DocumentAttribute::Filename(name) if !name.file_name.is_empty() => Some(name.file_name.clone()),
        _ => None,
    });
    let mime = if document.mime_type.is_empty() { "application/octet-stream" } else { &document.mime_type };
    Media::new(
        MediaKind::Document,
        named.unwrap_or_else(|| format!("file_{message_id}{}", extension(mime))),
        mime.to_owned(),
        u64::try_from(document.size).unwrap_or(0),
        source,
    )
}

/// The ending for a file that came without a name: voice notes, round videos and animations do.
fn extension(mime: &str) -> &'static str {
    match mime {
        "audio/ogg" => ".ogg",
        "audio/mpeg" => ".mp3",
        "image/gif" => ".gif",
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/webp" => ".webp",
        "video/mp4" => ".mp4",
        "video/quicktime" => ".mov",
        "application/pdf" => ".pdf",
        "text/plain" => ".txt",
        _ => "",
    }
}
