//! A send and what it will show: digests by which a later edit knows what has changed.

use domain::{Media, MediaId, PartText, Platform, message::MediaSource};
use sha2::{Digest as _, Sha256};

use super::rules::Voice;
use crate::{
    compose::Part,
    platform::{SendBody, Upload},
};

/// Length of a digest in hexadecimal digits: 80 bits tell apart what one message ever showed.
const DIGEST_CHARS: usize = 20;
/// Stands between the digests of one message's attachments.
pub(super) const DIGESTS_APART: char = ',';

/// One send, and the messages that it makes.
pub(super) struct Outgoing {
    /// What is sent.
    pub body: SendBody,
    /// What each of its messages shows; never empty.
    pub shows: Vec<Shown>,
    /// Under whose name, and whom it pings.
    pub voice: Voice,
    /// Its attachments whose bytes were dropped once they had been sent.
    pub forgotten: Vec<MediaId>,
}

/// What one message at the destination shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The source platform's id of the message that it carries.
    pub carries: i64,
    /// Digest of its text or caption.
    pub text: String,
    /// Digests of its attachments, [apart](DIGESTS_APART); `None` for text only.
    pub media: Option<String>,
}

impl Outgoing {
    /// `message_ids`: the source messages that the delivery carries, the first one first; `media`: their attachments.
    pub fn new(part: Part, destination: Platform, message_ids: &[i64], media: &[Media]) -> Self {
        let Part { body, forgotten } = part;
        let first = message_ids.first().copied().unwrap_or_default();
        let body = match body {
            SendBody::Forward { from, .. } => SendBody::Forward { from, message_ids: message_ids.to_vec() },
            other @ (SendBody::Text(_) | SendBody::Media { .. }) => other,
        };
        let shows = match &body {
            SendBody::Text(text) => vec![Shown { carries: first, text: text.digest(), media: None }],
            SendBody::Forward { message_ids, .. } => {
                let shown = |id: &i64| Shown { carries: *id, text: String::new(), media: Some("forward".into()) };
                message_ids.iter().map(shown).collect()
            }
            SendBody::Media { caption, uploads } => match destination {
                Platform::Discord => vec![Shown {
                    carries: uploads.first().map_or(first, |upload| owner(upload, first)),
                    text: caption.digest(),
                    media: Some(media_digest(uploads, media)),
                }],
                Platform::Telegram => {
                    let empty = PartText::empty(destination);
                    let each = uploads.iter().enumerate().map(|(index, upload)| Shown {
                        carries: owner(upload, first),
                        text: if index == 0 { caption } else { &empty }.digest(),
                        media: Some(media_digest(std::slice::from_ref(upload), media)),
                    });
                    each.collect()
                }
            },
        };
        Self { body, shows, voice: Voice::default(), forgotten }
    }

    /// What message `item` of the send shows.
    pub fn shown(&self, item: i32) -> Shown {
        let item = usize::try_from(item).unwrap_or_default();
        let shown = self.shows.get(item).or(self.shows.first()).cloned();
        shown.unwrap_or(Shown { carries: 0, text: String::new(), media: None })
    }

    /// What it reads: its text or caption, without formatting where the platform keeps that apart.
    pub fn reads(&self) -> &str {
        match &self.body {
            SendBody::Text(text) | SendBody::Media { caption: text, .. } => text.as_str(),
            SendBody::Forward { .. } => "",
        }
    }

    /// The text of the send's message `item`: the caption belongs to the first one.
    pub fn text(&self, item: usize, destination: Platform) -> PartText {
        match &self.body {
            SendBody::Text(text) => text.clone(),
            SendBody::Media { caption, .. } if item == 0 => caption.clone(),
            SendBody::Media { .. } | SendBody::Forward { .. } => PartText::empty(destination),
        }
    }
}

/// The source message that an attachment belongs to.
fn owner(upload: &Upload, first: i64) -> i64 {
    match &upload.media.source {
        MediaSource::TelegramMessage { message_id, .. } | MediaSource::DiscordAttachment { message_id, .. } => {
            *message_id
        }
        MediaSource::PublicUrl { .. } => first,
    }
}

/// What is uploaded may have another name or size than at the source, so the source's own attachment is looked at.
fn media_digest(uploads: &[Upload], media: &[Media]) -> String {
    let original = |upload: &Upload| media.iter().find(|one| one.source == upload.media.source).map(Media::identity);
    let identity = |upload: &Upload| original(upload).unwrap_or_else(|| upload.media.identity());
    let all: Vec<String> = uploads.iter().map(|upload| digest(identity(upload).as_bytes())).collect();
    all.join(DIGESTS_APART.encode_utf8(&mut [0; 4]))
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut hex = Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    });
    hex.truncate(DIGEST_CHARS);
    hex
}
