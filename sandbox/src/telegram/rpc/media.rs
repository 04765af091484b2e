//! Attachments of messages: from uploaded parts, or by naming a file that is stored already.

use grammers_tl_types::{Serializable as _, enums, types};

use super::Call;
use super::failure::Failure;
use crate::telegram::files::{self, NewFile};
use crate::telegram::wire::file::reference;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::FileKind;

/// The largest photo; a bigger picture has to go as a document.
const PHOTO_MAX_BYTES: usize = 10 << 20;
/// Width and height of a photo together.
const PHOTO_SIDES_MAX: i32 = 10_000;

/// The file that the media means; uploads are stored on the way.
pub(super) fn take(call: &mut Call<'_>, media: &enums::InputMedia) -> Result<i64, Failure> {
    match media {
        enums::InputMedia::UploadedPhoto(photo) => uploaded_photo(call, &photo.file),
        enums::InputMedia::UploadedDocument(document) => uploaded_document(call, document),
        _ => stored(call, media),
    }
}

/// The file that the media names; it must have been stored before.
pub(super) fn stored(call: &Call<'_>, media: &enums::InputMedia) -> Result<i64, Failure> {
    let (id, hash, file_reference) = match media {
        enums::InputMedia::Photo(types::InputMediaPhoto { id: enums::InputPhoto::Photo(photo), .. }) => {
            (photo.id, photo.access_hash, &photo.file_reference)
        }
        enums::InputMedia::Document(types::InputMediaDocument { id: enums::InputDocument::Document(d), .. }) => {
            (d.id, d.access_hash, &d.file_reference)
        }
        enums::InputMedia::Empty => return Err(Failure::bad("MEDIA_EMPTY")),
        _ => return Err(Failure::bad("MEDIA_INVALID")),
    };
    let file = call.state.world.files.get(&id).filter(|file| file.access_hash == hash);
    let file = file.ok_or_else(|| Failure::bad("MEDIA_EMPTY"))?;
    if *file_reference != reference(file) {
        return Err(Failure::bad("FILE_REFERENCE_EXPIRED"));
    }
    Ok(id)
}

fn uploaded_photo(call: &mut Call<'_>, file: &enums::InputFile) -> Result<i64, Failure> {
    let upload = Upload::of(file)?;
    let bytes = upload.join(call)?;
    if bytes.len() > PHOTO_MAX_BYTES {
        return Err(Failure::bad("PHOTO_SAVE_FILE_INVALID"));
    }
    let (width, height) = files::dimensions(&bytes).ok_or_else(|| Failure::bad("IMAGE_PROCESS_FAILED"))?;
    if width < 1 || height < 1 || width + height > PHOTO_SIDES_MAX {
        return Err(Failure::bad("PHOTO_INVALID_DIMENSIONS"));
    }
    let mime = match bytes.first() {
        Some(0x89) => "image/png",
        Some(b'G') => "image/gif",
        Some(b'R') => "image/webp",
        _ => "image/jpeg",
    };
    let new = NewFile { kind: FileKind::Photo, name: upload.name.clone(), mime: mime.into(), attributes: Vec::new() };
    upload.store(call, new, &bytes)
}

fn uploaded_document(call: &mut Call<'_>, media: &types::InputMediaUploadedDocument) -> Result<i64, Failure> {
    let upload = Upload::of(&media.file)?;
    let bytes = upload.join(call)?;
    let stated = media.attributes.iter().find_map(|attribute| match attribute {
        enums::DocumentAttribute::Filename(name) => Some(name.file_name.clone()),
        _ => None,
    });
    let mut attributes = media.attributes.clone();
    let name = stated.unwrap_or_else(|| {
        attributes.push(types::DocumentAttributeFilename { file_name: upload.name.clone() }.into());
        upload.name.clone()
    });
    let mime = Some(media.mime_type.clone()).filter(|mime| !mime.is_empty());
    let new = NewFile {
        kind: FileKind::Document,
        name,
        mime: mime.unwrap_or_else(|| "application/octet-stream".into()),
        attributes: attributes.to_bytes(),
    };
    upload.store(call, new, &bytes)
}

/// The parts that a client has sent before.
struct Upload {
    file_id: i64,
    parts: i32,
    name: String,
}

impl Upload {
    fn of(file: &enums::InputFile) -> Result<Self, Failure> {
        let (file_id, parts, name) = match file {
            enums::InputFile::File(file) => (file.id, file.parts, file.name.clone()),
            enums::InputFile::Big(file) => (file.id, file.parts, file.name.clone()),
            enums::InputFile::StoryDocument(_) => return Err(Failure::bad("MEDIA_INVALID")),
        };
        if parts < 1 {
            return Err(Failure::bad("FILE_PARTS_INVALID"));
        }
        Ok(Self { file_id, parts, name })
    }

    fn join(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        files::join_parts(&call.server.folder, call.me, self.file_id, self.parts)
            .map_err(|part| Failure::bad(&format!("FILE_PART_{part}_MISSING")))
    }

    fn store(&self, call: &mut Call<'_>, new: NewFile, bytes: &[u8]) -> Result<i64, Failure> {
        let file = files::store(&call.server.folder, call.state.world.next_id(), new, bytes)?;
        let id = file.id;
        call.commit(vec![Event::FileSaved { file }])?;
        files::drop_parts(&call.server.folder, call.me, self.file_id);
        Ok(id)
    }
}
