//! Files that the control API hangs on messages: bytes in base64, and what the platform would know of them.

use base64::Engine as _;
use grammers_tl_types::{Serializable as _, enums, types};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;
use crate::telegram::files::{self, NewFile};
use crate::telegram::state::{Server, State};
use crate::telegram::wire;
use crate::telegram::world::World;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::{Attached, Extra, File, FileKind};

/// A file to hang on a message.
#[derive(Deserialize)]
pub(super) struct Attachment {
    name: String,
    mime: String,
    base64: String,
    #[serde(flatten)]
    traits: Traits,
}

/// What is known of a file besides its bytes.
#[derive(Default, Deserialize)]
struct Traits {
    #[serde(default)]
    width: i32,
    #[serde(default)]
    height: i32,
    #[serde(default)]
    duration_s: f64,
    /// The emoji of a sticker.
    #[serde(default)]
    emoji: String,
    title: Option<String>,
    performer: Option<String>,
    #[serde(default)]
    spoiler: bool,
}

/// The attachment of a new message: at most one of these.
#[derive(Default, Deserialize)]
pub(super) struct Attachments {
    photo: Option<Attachment>,
    document: Option<Attachment>,
    video: Option<Attachment>,
    /// A round video message.
    round: Option<Attachment>,
    voice: Option<Attachment>,
    audio: Option<Attachment>,
    /// A GIF or a video without sound.
    animation: Option<Attachment>,
    sticker: Option<Attachment>,
    /// Content that is not a file.
    extra: Option<Extra>,
}

#[derive(Clone, Copy)]
enum Shown {
    Photo,
    Document,
    Video,
    Round,
    Voice,
    Audio,
    Animation,
    Sticker,
}

impl Attachments {
    /// Stores the file, if there is one. Err when there are several.
    pub(super) fn store(self, server: &Server, state: &mut State) -> Result<Attached, Refusal> {
        let files = [
            (Shown::Photo, self.photo),
            (Shown::Document, self.document),
            (Shown::Video, self.video),
            (Shown::Round, self.round),
            (Shown::Voice, self.voice),
            (Shown::Audio, self.audio),
            (Shown::Animation, self.animation),
            (Shown::Sticker, self.sticker),
        ];
        let mut files: Vec<_> = files.into_iter().filter_map(|(shown, file)| Some((shown, file?))).collect();
        match (files.pop(), self.extra) {
            (None, None) => Ok(Attached::default()),
            (None, Some(extra)) => Ok(Attached::extra(extra)),
            (Some((shown, file)), None) if files.is_empty() => {
                let spoiler = file.traits.spoiler;
                let kind = if matches!(shown, Shown::Photo) { FileKind::Photo } else { FileKind::Document };
                let attributes = attributes(shown, &file);
                let new = NewFile { kind, name: file.name, mime: file.mime, attributes };
                Ok(Attached { spoiler, ..Attached::file(keep(server, state, new, &file.base64)?) })
            }
            _ => Err(Refusal::bad("a message carries one attachment")),
        }
    }
}

/// Stores a profile picture.
pub(super) fn store_portrait(server: &Server, state: &mut State, base64: &str) -> Result<i64, Refusal> {
    let new = NewFile {
        kind: FileKind::Photo,
        name: "portrait.jpg".into(),
        mime: "image/jpeg".into(),
        attributes: Vec::new(),
    };
    keep(server, state, new, base64)
}

fn keep(server: &Server, state: &mut State, new: NewFile, base64: &str) -> Result<i64, Refusal> {
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(base64).map_err(|error| Refusal::bad(error.to_string()))?;
    let file = files::store(&server.folder, state.world.next_id(), new, &bytes)?;
    let id = file.id;
    state.commit(vec![Event::FileSaved { file }])?;
    Ok(id)
}

fn attributes(shown: Shown, file: &Attachment) -> Vec<u8> {
    let Traits { width: w, height: h, duration_s: duration, .. } = file.traits;
    let name = types::DocumentAttributeFilename { file_name: file.name.clone() }.into();
    let video = |round_message: bool, nosound: bool| -> enums::DocumentAttribute {
        types::DocumentAttributeVideo {
            round_message,
            supports_streaming: !round_message,
            nosound,
            duration,
            w,
            h,
            preload_prefix_size: None,
            video_start_ts: None,
            video_codec: None,
        }
        .into()
    };
    let audio = |voice: bool| -> enums::DocumentAttribute {
        types::DocumentAttributeAudio {
            voice,
            duration: duration as i32,
            title: file.traits.title.clone(),
            performer: file.traits.performer.clone(),
            waveform: None,
        }
        .into()
    };
    let list: Vec<enums::DocumentAttribute> = match shown {
        Shown::Photo => return Vec::new(),
        Shown::Document => vec![name],
        Shown::Video => vec![video(false, false), name],
        // Round videos and voice notes come without a name, as from the apps.
        Shown::Round => vec![video(true, false)],
        Shown::Voice => vec![audio(true)],
        Shown::Audio => vec![audio(false), name],
        Shown::Animation => vec![video(false, true), enums::DocumentAttribute::Animated, name],
        Shown::Sticker => {
            let size = match file.mime.starts_with("video/") {
                true => video(false, true),
                false => types::DocumentAttributeImageSize { w, h }.into(),
            };
            let sticker = types::DocumentAttributeSticker {
                mask: false,
                alt: file.traits.emoji.clone(),
                stickerset: enums::InputStickerSet::Empty,
                mask_coords: None,
            };
            vec![size, sticker.into(), name]
        }
    };
    list.to_bytes()
}

/// What a message carries, for people and tests.
pub(super) fn describe(world: &World, attached: &Attached) -> (Value, Value) {
    let file = attached.media.and_then(|id| world.files.get(&id));
    let media = file.map(|file| {
        let mut value = json!({
            "kind": file.kind,
            "shown": "photo",
            "name": file.name,
            "mime": file.mime,
            "size": file.size,
            "sha256": file.sha256,
            "spoiler": attached.spoiler,
            "width": file.width,
            "height": file.height,
        });
        if file.kind == FileKind::Document {
            describe_document(file, &mut value);
        }
        value
    });
    (json!(media), json!(attached.extra))
}

fn describe_document(file: &File, value: &mut Value) {
    let mut shown = "document";
    for attribute in wire::file::attributes(file) {
        match attribute {
            enums::DocumentAttribute::Animated => shown = "animation",
            enums::DocumentAttribute::Sticker(sticker) => {
                shown = "sticker";
                value["emoji"] = sticker.alt.into();
            }
            enums::DocumentAttribute::ImageSize(size) => {
                (value["width"], value["height"]) = (size.w.into(), size.h.into());
            }
            enums::DocumentAttribute::Video(video) => {
                (value["width"], value["height"]) = (video.w.into(), video.h.into());
                value["duration_s"] = video.duration.into();
                if shown == "document" {
                    shown = if video.round_message { "round" } else { "video" };
                }
            }
            enums::DocumentAttribute::Audio(audio) => {
                shown = if audio.voice { "voice" } else { "audio" };
                value["duration_s"] = audio.duration.into();
                (value["title"], value["performer"]) = (json!(audio.title), json!(audio.performer));
            }
            _ => {}
        }
    }
    value["shown"] = shown.into();
}
