//! From a source message to the sends that it becomes at the destination: the plan is `domain::render`'s, the bytes are
//! the store's.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    CopyMode, Message, PartText, Platform,
    render::{Held, Limits, Missing, PartPlan, Target, at_destination, render_held},
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

/// Composes the sends of `message` for the pair's destination. `reply_known`: they will answer the counterpart of the
/// message that it answers.
pub(crate) fn compose(pair: &Pair, message: &Message, stored: Vec<StoredMedia>, reply_known: bool) -> Composed {
    let destination = pair.destination_platform;
    let target = Target {
        destination,
        mode: pair.mode,
        native_forward: native_forward(pair),
        reply_known,
        limits: Limits::of(destination),
    };
    let (held, bytes) = held(message, stored);
    let plans = render_held(message, &held, &target);
    let parts: Vec<SendBody> = plans.into_iter().flat_map(|plan| bodies(plan, message, &bytes, destination)).collect();
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

/// What is here of each attachment, and the bytes, in the same order.
fn held(message: &Message, stored: Vec<StoredMedia>) -> (Vec<Held>, Vec<Bytes>) {
    let mut stored = stored.into_iter();
    let found = message.media.iter().map(|_| match stored.next() {
        Some(StoredMedia { state: MediaState::Ready, bytes: Some(found), .. }) => {
            let size_bytes = u64::try_from(found.len()).unwrap_or(u64::MAX);
            (Held::Here { size_bytes, link: None }, Bytes::from(found))
        }
        Some(StoredMedia { reason: Some(reason), .. }) if reason == "media_too_large" => {
            (Held::Missing(Missing::TooLarge), Bytes::new())
        }
        Some(_) | None => (Held::Missing(Missing::Unfetched), Bytes::new()),
    });
    found.unzip()
}

fn bodies(plan: PartPlan, message: &Message, bytes: &[Bytes], destination: Platform) -> Vec<SendBody> {
    match plan {
        PartPlan::Text(text) | PartPlan::Notice(text) => vec![SendBody::Text(text)],
        PartPlan::Media { indices, caption } => {
            let uploads = indices.into_iter().filter_map(|index| {
                let (media, bytes) = (message.media.get(index)?, bytes.get(index)?);
                let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let media = at_destination(media, size_bytes, destination);
                Some(Upload { media, content: Arc::new(bytes.clone()) })
            });
            match destination {
                Platform::Discord => vec![SendBody::Media { caption, uploads: uploads.collect() }],
                // One message for each: the adapter makes no albums.
                Platform::Telegram => {
                    let captions = std::iter::once(caption).chain(std::iter::repeat(PartText::empty(destination)));
                    let each = captions.zip(uploads);
                    each.map(|(caption, upload)| SendBody::Media { caption, uploads: vec![upload] }).collect()
                }
            }
        }
        PartPlan::Forward => {
            vec![SendBody::Forward { from: message.chat, message_ids: vec![message.message_id] }]
        }
    }
}
