//! Attachments of messages: from uploaded parts, or by naming a file that is stored already.

use grammers_tl_types::{Serializable as _, enums, types};

use super::Call;
use super::failure::Failure;
use crate::telegram::files::{self, NewFile};
use crate::telegram::net::crypto::random;
use crate::telegram::wire::file::{attributes, reference};
use crate::telegram::world::attached::{Contact, Location, Poll};
use crate::telegram::world::event::Event;
use crate::telegram::world::model::{Attached, Extra, File, FileKind};

/// How many options a poll has.
const POLL_OPTIONS: std::ops::RangeInclusive<usize> = 1..=12;

/// The largest photo; a bigger picture has to go as a document.
const PHOTO_MAX_BYTES: usize = 10 << 20;
/// Width and height of a photo together.
const PHOTO_SIDES_MAX: i32 = 10_000;

/// What the media means; uploads are stored on the way.
pub(super) fn take(call: &mut Call<'_>, media: &enums::InputMedia) -> Result<Attached, Failure> {
    match media {
        enums::InputMedia::UploadedPhoto(photo) => {
            let spoiler = photo.spoiler;
            Ok(Attached { spoiler, ..Attached::file(uploaded_photo(call, &photo.file)?) })
        }
        enums::InputMedia::UploadedDocument(document) => {
            let spoiler = document.spoiler;
            Ok(Attached { spoiler, ..Attached::file(uploaded_document(call, document)?) })
        }
        enums::InputMedia::Photo(_) | enums::InputMedia::Document(_) => stored(call, media),
        _ => extra(media).map(Attached::extra),
    }
}

/// The file that the media names; it must have been stored before.
pub(super) fn stored(call: &Call<'_>, media: &enums::InputMedia) -> Result<Attached, Failure> {
    let (id, hash, file_reference, spoiler) = match media {
        enums::InputMedia::Photo(types::InputMediaPhoto { id: enums::InputPhoto::Photo(photo), spoiler, .. }) => {
            (photo.id, photo.access_hash, &photo.file_reference, *spoiler)
        }
        enums::InputMedia::Document(types::InputMediaDocument {
            id: enums::InputDocument::Document(d),
            spoiler,
            ..
        }) => (d.id, d.access_hash, &d.file_reference, *spoiler),
        enums::InputMedia::Empty => return Err(Failure::bad("MEDIA_EMPTY")),
        _ => return Err(Failure::bad("MEDIA_INVALID")),
    };
    let file = call.state.world.files.get(&id).filter(|file| file.access_hash == hash);
    let file = file.ok_or_else(|| Failure::bad("MEDIA_EMPTY"))?;
    if *file_reference != reference(file) {
        return Err(Failure::bad("FILE_REFERENCE_EXPIRED"));
    }
    Ok(Attached { spoiler, ..Attached::file(id) })
}

/// Content that is not a file.
fn extra(media: &enums::InputMedia) -> Result<Extra, Failure> {
    let place = |point: &enums::InputGeoPoint| match point {
        enums::InputGeoPoint::Point(point) => {
            Ok(Location { latitude: point.lat, longitude: point.long, title: None, address: None, live: false })
        }
        enums::InputGeoPoint::Empty => Err(Failure::bad("GEO_POINT_INVALID")),
    };
    match media {
        enums::InputMedia::Poll(media) => poll(&media.poll),
        enums::InputMedia::GeoPoint(media) => place(&media.geo_point).map(Extra::Location),
        enums::InputMedia::GeoLive(media) => {
            place(&media.geo_point).map(|place| Extra::Location(Location { live: true, ..place }))
        }
        enums::InputMedia::Venue(media) => {
            let (title, address) = (Some(media.title.clone()), Some(media.address.clone()));
            place(&media.geo_point).map(|place| Extra::Location(Location { title, address, ..place }))
        }
        enums::InputMedia::Contact(media) => Ok(Extra::Contact(Contact {
            first_name: media.first_name.clone(),
            last_name: media.last_name.clone(),
            phone: media.phone_number.clone(),
        })),
        enums::InputMedia::Dice(media) => {
            let [roll] = random::<1>();
            Ok(Extra::Dice { emoji: media.emoticon.clone(), value: i32::from(roll % 6) + 1 })
        }
        enums::InputMedia::Empty => Err(Failure::bad("MEDIA_EMPTY")),
        _ => Err(Failure::bad("MEDIA_INVALID")),
    }
}

fn poll(poll: &enums::Poll) -> Result<Extra, Failure> {
    let enums::Poll::Poll(poll) = poll;
    let text = |text: &enums::TextWithEntities| {
        let enums::TextWithEntities::Entities(text) = text;
        text.text.clone()
    };
    let options: Vec<String> = poll
        .answers
        .iter()
        .map(|answer| match answer {
            enums::PollAnswer::Answer(answer) => text(&answer.text),
            enums::PollAnswer::InputPollAnswer(answer) => text(&answer.text),
        })
        .collect();
    if text(&poll.question).is_empty() || !POLL_OPTIONS.contains(&options.len()) {
        return Err(Failure::bad("POLL_ANSWERS_INVALID"));
    }
    Ok(Extra::Poll(Poll {
        id: i64::from_le_bytes(random()) & i64::MAX,
        question: text(&poll.question),
        options,
        multiple: poll.multiple_choice,
        quiz: poll.quiz,
        closed: poll.closed,
    }))
}

/// Which files may stand together in an album; None when a file stands alone.
pub(super) fn family(file: &File) -> Option<&'static str> {
    if file.kind == FileKind::Photo {
        return Some("visual");
    }
    let mut family = Some("document");
    for attribute in attributes(file) {
        match attribute {
            enums::DocumentAttribute::Animated | enums::DocumentAttribute::Sticker(_) => return None,
            enums::DocumentAttribute::Video(video) if video.round_message => return None,
            enums::DocumentAttribute::Audio(audio) if audio.voice => return None,
            enums::DocumentAttribute::Video(_) => family = Some("visual"),
            enums::DocumentAttribute::Audio(_) => family = Some("audio"),
            _ => {}
        }
    }
    family
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
    if media.force_file {
        // A plain file says nothing about how it could be shown.
        attributes.retain(|attribute| {
            matches!(attribute, enums::DocumentAttribute::Filename(_) | enums::DocumentAttribute::ImageSize(_))
        });
    }
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
