//! Photos and documents as message media.

use grammers_tl_types::{Deserializable as _, enums, types};

use crate::telegram::world::model::{File, FileKind};

/// The data centre that every file names: the only one there is, so that clients never look for another.
pub(crate) const DC_ID: i32 = 2;

/// The file as message media; a spoiler hides it until it is tapped.
pub(crate) fn media(file: &File, spoiler: bool) -> enums::MessageMedia {
    match file.kind {
        FileKind::Photo => types::MessageMediaPhoto {
            spoiler,
            live_photo: false,
            photo: Some(photo(file)),
            ttl_seconds: None,
            video: None,
        }
        .into(),
        FileKind::Document => {
            let attributes = attributes(file);
            let has = |test: fn(&enums::DocumentAttribute) -> bool| attributes.iter().any(test);
            types::MessageMediaDocument {
                nopremium: false,
                spoiler,
                video: has(|a| matches!(a, enums::DocumentAttribute::Video(_))),
                round: has(|a| matches!(a, enums::DocumentAttribute::Video(v) if v.round_message)),
                voice: has(|a| matches!(a, enums::DocumentAttribute::Audio(v) if v.voice)),
                document: Some(document(file, attributes)),
                alt_documents: None,
                video_cover: None,
                video_timestamp: None,
                ttl_seconds: None,
            }
            .into()
        }
    }
}

/// The reference that a download has to present.
pub(crate) fn reference(file: &File) -> Vec<u8> {
    file.access_hash.rotate_left(17).to_le_bytes().to_vec()
}

/// The stored picture as a photo with its sizes.
pub(crate) fn photo(file: &File) -> enums::Photo {
    let size = |name: &str, edge: i32| {
        // The bytes are kept as they came, so every size is the same picture; only the stated dimensions shrink.
        let longest = file.width.max(file.height).max(1);
        let scale = f64::from(edge.min(longest)) / f64::from(longest);
        types::PhotoSize {
            r#type: name.into(),
            w: (f64::from(file.width) * scale) as i32,
            h: (f64::from(file.height) * scale) as i32,
            size: i32::try_from(file.size).unwrap_or(i32::MAX),
        }
        .into()
    };
    types::Photo {
        has_stickers: false,
        id: file.id,
        access_hash: file.access_hash,
        file_reference: reference(file),
        date: file.date,
        sizes: vec![size("m", 320), size("x", 800), size("y", 1280)],
        video_sizes: None,
        dc_id: DC_ID,
    }
    .into()
}

fn document(file: &File, attributes: Vec<enums::DocumentAttribute>) -> enums::Document {
    types::Document {
        id: file.id,
        access_hash: file.access_hash,
        file_reference: reference(file),
        date: file.date,
        mime_type: file.mime.clone(),
        size: file.size,
        thumbs: None,
        video_thumbs: None,
        dc_id: DC_ID,
        attributes,
    }
    .into()
}

/// What the document says about itself.
pub(crate) fn attributes(file: &File) -> Vec<enums::DocumentAttribute> {
    Vec::<enums::DocumentAttribute>::from_bytes(&file.attributes)
        .unwrap_or_else(|_| vec![types::DocumentAttributeFilename { file_name: file.name.clone() }.into()])
}
