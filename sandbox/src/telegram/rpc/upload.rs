//! Moving bytes: parts in, ranges out.

use grammers_tl_types::{enums, functions, types};

use super::Call;
use super::failure::Failure;
use crate::telegram::files;
use crate::telegram::wire::file::reference;
use crate::telegram::world::model::{File, FileKind};
use crate::telegram::world::peer::Peer;

/// The largest part.
const PART_MAX_BYTES: usize = 512 << 10;
/// The largest range of one download request.
const RANGE_MAX_BYTES: i32 = 1 << 20;
/// The most parts of one file.
const PARTS_MAX: i32 = 8000;

pub(super) fn save_file_part(call: &mut Call<'_>, request: functions::upload::SaveFilePart) -> Result<bool, Failure> {
    save(call, request.file_id, request.file_part, &request.bytes)
}

pub(super) fn save_big_file_part(
    call: &mut Call<'_>,
    request: functions::upload::SaveBigFilePart,
) -> Result<bool, Failure> {
    save(call, request.file_id, request.file_part, &request.bytes)
}

fn save(call: &Call<'_>, file_id: i64, part: i32, bytes: &[u8]) -> Result<bool, Failure> {
    if !(0..PARTS_MAX).contains(&part) {
        return Err(Failure::bad("FILE_PART_INVALID"));
    }
    if bytes.is_empty() {
        return Err(Failure::bad("FILE_PART_EMPTY"));
    }
    if bytes.len() > PART_MAX_BYTES {
        return Err(Failure::bad("FILE_PART_TOO_BIG"));
    }
    files::save_part(&call.server.folder, call.me, file_id, part, bytes)?;
    Ok(true)
}

pub(super) fn get_file(
    call: &mut Call<'_>,
    request: functions::upload::GetFile,
) -> Result<enums::upload::File, Failure> {
    let file = located(call, &request.location)?;
    let offset = u64::try_from(request.offset).map_err(|_| Failure::bad("OFFSET_INVALID"))?;
    if !(1..=RANGE_MAX_BYTES).contains(&request.limit) {
        return Err(Failure::bad("LIMIT_INVALID"));
    }
    let bytes = files::read(&call.server.folder, &file.sha256, offset, request.limit as u64)?;
    let r#type = match file.mime.as_str() {
        "image/jpeg" => enums::storage::FileType::FileJpeg,
        "image/png" => enums::storage::FileType::FilePng,
        "image/gif" => enums::storage::FileType::FileGif,
        "image/webp" => enums::storage::FileType::FileWebp,
        "application/pdf" => enums::storage::FileType::FilePdf,
        _ => enums::storage::FileType::FileUnknown,
    };
    Ok(types::upload::File { r#type, mtime: file.date, bytes }.into())
}

fn located<'a>(call: &'a Call<'_>, location: &enums::InputFileLocation) -> Result<&'a File, Failure> {
    let (kind, id, hash, file_reference) = match location {
        enums::InputFileLocation::InputDocumentFileLocation(l) => {
            (FileKind::Document, l.id, l.access_hash, &l.file_reference)
        }
        enums::InputFileLocation::InputPhotoFileLocation(l) => {
            (FileKind::Photo, l.id, l.access_hash, &l.file_reference)
        }
        enums::InputFileLocation::InputPeerPhotoFileLocation(l) => return portrait(call, &l.peer, l.photo_id),
        _ => return Err(Failure::bad("LOCATION_INVALID")),
    };
    let file = call.state.world.files.get(&id).filter(|file| file.kind == kind && file.access_hash == hash);
    let file = file.ok_or_else(|| Failure::bad("FILE_ID_INVALID"))?;
    if *file_reference != reference(file) {
        return Err(Failure::bad("FILE_REFERENCE_EXPIRED"));
    }
    Ok(file)
}

/// A profile picture; only the one that is worn now, by somebody whom the caller knows.
fn portrait<'a>(call: &'a Call<'_>, peer: &enums::InputPeer, photo_id: i64) -> Result<&'a File, Failure> {
    let Peer::User(user) = call.readable(peer)? else { return Err(Failure::bad("PHOTO_INVALID")) };
    let world = &call.state.world;
    let worn = world.users.get(&user).and_then(|user| user.photo).filter(|id| *id == photo_id);
    worn.and_then(|id| world.files.get(&id)).ok_or_else(|| Failure::bad("PHOTO_INVALID"))
}
