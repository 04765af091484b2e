//! From a source message to the sends that it becomes at the destination: the plan is `domain::render`'s, the bytes are
//! the store's.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    CopyMode, Media, Message, PartText, Platform, RichText,
    render::{Limits, PartPlan, render},
    text::{discord, telegram},
};
use store::{
    media::{MediaState, StoredMedia},
    pairs::Pair,
};

use crate::platform::{SendBody, Upload};

/// What a message becomes.
pub(crate) enum Composed {
    /// Sends, in order.
    Parts(Vec<SendBody>),
    /// Nothing, by a rule.
    Nothing {
        /// Stable code of the rule.
        code: &'static str,
        /// For people.
        text: &'static str,
    },
}

/// Composes the sends of `message` for the pair's destination.
pub(crate) fn compose(pair: &Pair, message: &Message, stored: Vec<StoredMedia>) -> Composed {
    let (message, bytes, missing) = with_media(message, stored);
    let destination = pair.destination_platform;
    let limits = Limits::of(destination);
    let plans = if missing.is_some() && message.is_empty() {
        Vec::new()
    } else {
        render(&message, destination, pair.mode, native_forward(pair), limits)
    };
    let mut parts: Vec<SendBody> = plans.into_iter().map(|plan| body(plan, &message, &bytes)).collect();
    if let Some(missing) = missing.filter(|_| !native_forward(pair)) {
        parts.extend(texts(&missing, destination, limits.text_utf16_max).into_iter().map(SendBody::Text));
    }
    if parts.is_empty() {
        return Composed::Nothing { code: "empty", text: "the message has no content that could be carried" };
    }
    Composed::Parts(parts)
}

/// Telegram forwards by itself where the account that writes is the one that reads.
fn native_forward(pair: &Pair) -> bool {
    pair.mode == CopyMode::Forward
        && pair.destination_platform == Platform::Telegram
        && pair.source_account_id == pair.destination_account_id
}

/// The message with the attachments that are here, their bytes in the same order, and a notice of the others.
fn with_media(message: &Message, stored: Vec<StoredMedia>) -> (Message, Vec<Bytes>, Option<RichText>) {
    let (mut media, mut bytes, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut stored = stored.into_iter();
    for attachment in &message.media {
        match stored.next() {
            Some(StoredMedia { state: MediaState::Ready, bytes: Some(found), .. }) => {
                let size_bytes = u64::try_from(found.len()).unwrap_or(u64::MAX);
                media.push(Media { size_bytes, ..attachment.clone() });
                bytes.push(Bytes::from(found));
            }
            Some(StoredMedia { reason, .. }) => missing.push(notice(attachment, reason.as_deref())),
            None => missing.push(notice(attachment, None)),
        }
    }
    let missing = (!missing.is_empty()).then(|| RichText::plain(missing.join("\n")));
    (Message { media, ..message.clone() }, bytes, missing)
}

fn notice(attachment: &Media, reason: Option<&str>) -> String {
    let why = match reason {
        Some("media_too_large") => "too large to carry",
        Some(_) | None => "could not be fetched",
    };
    format!("[{}: {why}]", attachment.file_name)
}

fn texts(text: &RichText, destination: Platform, utf16_max: usize) -> Vec<PartText> {
    match destination {
        Platform::Telegram => telegram::split(text, utf16_max).into_iter().map(PartText::Telegram).collect(),
        Platform::Discord => discord::split(text, utf16_max).into_iter().map(PartText::Discord).collect(),
    }
}

fn body(plan: PartPlan, message: &Message, bytes: &[Bytes]) -> SendBody {
    match plan {
        PartPlan::Text(text) | PartPlan::Notice(text) => SendBody::Text(text),
        PartPlan::Media { indices, caption } => {
            let uploads = indices
                .into_iter()
                .filter_map(|index| {
                    let (media, bytes) = (message.media.get(index)?, bytes.get(index)?);
                    Some(Upload { media: media.clone(), content: Arc::new(bytes.clone()) })
                })
                .collect();
            SendBody::Media { caption, uploads }
        }
        PartPlan::Forward => SendBody::Forward { from: message.chat, message_ids: vec![message.message_id] },
    }
}
