//! From a source message to the sends that it becomes at the destination: the plan is `domain::render`'s, the bytes are
//! the store's.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    MediaId, Message, Platform,
    render::{Held, Link, Missing, PartPlan, Pings, Target, at_destination, render_held},
};
use store::{
    media::{MediaState, StoredMedia},
    pairs::Pair,
};

use crate::{
    attachments::{Kept, TOO_LARGE},
    context::Context,
    platform::{ByteSource, SendBody, Upload},
};

/// What a message becomes.
pub(crate) enum Composed {
    /// Sends, in order.
    Parts(Vec<Part>),
    /// Nothing, by a rule.
    Nothing {
        /// Stable code of the rule.
        code: &'static str,
        /// For people.
        text: &'static str,
    },
}

/// One send.
pub(crate) struct Part {
    /// What is sent.
    pub body: SendBody,
    /// Attachments of it whose bytes were dropped once they had been sent.
    pub forgotten: Vec<MediaId>,
}

/// Composes the sends of `message` for the pair's destination. `pings`: whom they ping.
pub(crate) fn compose(
    context: &Context,
    pair: &Pair,
    message: &Message,
    stored: &[StoredMedia],
    pings: Option<Pings>,
) -> Composed {
    let destination = pair.destination_platform;
    let target =
        Target { destination, mode: pair.mode, native_forward: pair.forwards_natively(), pings, limits: pair.limits() };
    let held: Vec<Held> = (0..message.media.len()).map(|place| held(context, message, stored, place)).collect();
    let desk = Desk { context, message, stored, destination };
    let plans = render_held(message, &held, &target);
    let parts: Vec<Part> = plans.into_iter().map(|plan| desk.part(plan)).collect();
    if parts.is_empty() {
        return Composed::Nothing { code: "empty", text: "the message has no content that could be carried" };
    }
    Composed::Parts(parts)
}

/// What is here of the attachment at `place`.
fn held(context: &Context, message: &Message, stored: &[StoredMedia], place: usize) -> Held {
    let Some(found) = stored.get(place) else { return Held::Missing(Missing::Unfetched) };
    let Some(size_bytes) = size_if_fetched(found) else {
        let too_large = found.reason.as_deref() == Some(TOO_LARGE);
        return Held::Missing(if too_large { Missing::TooLarge } else { Missing::Unfetched });
    };
    let named = message.media.get(place).map_or("", |media| media.file_name.as_str());
    let links = context.media.links.as_ref().zip(found.link_until.filter(|until| *until > context.clock.now()));
    let link = links.map(|(links, until)| Link { url: links.url(found.id, named, until), until });
    Held::Here { size_bytes, link }
}

/// How many bytes the attachment has, if it was fetched. They may be forgotten again: then it stands at the destination,
/// and an edit of the text does not need them.
fn size_if_fetched(stored: &StoredMedia) -> Option<u64> {
    stored.size_bytes.filter(|_| stored.state == MediaState::Ready).and_then(|size| u64::try_from(size).ok())
}

/// What a message's sends are made from.
struct Desk<'a> {
    context: &'a Context,
    message: &'a Message,
    stored: &'a [StoredMedia],
    destination: Platform,
}

impl Desk<'_> {
    fn part(&self, plan: PartPlan) -> Part {
        let mut forgotten = Vec::new();
        let body = match plan {
            PartPlan::Text(text) | PartPlan::Notice(text) => SendBody::Text(text),
            PartPlan::Media { indices, caption } => {
                let uploads = indices.into_iter().filter_map(|place| self.upload(place, &mut forgotten)).collect();
                SendBody::Media { caption, uploads }
            }
            PartPlan::Forward => {
                SendBody::Forward { from: self.message.chat, message_ids: vec![self.message.message_id] }
            }
        };
        Part { body, forgotten }
    }

    fn upload(&self, place: usize, forgotten: &mut Vec<MediaId>) -> Option<Upload> {
        let (media, stored) = (self.message.media.get(place)?, self.stored.get(place)?);
        let size_bytes = size_if_fetched(stored)?;
        let media = at_destination(media, size_bytes, self.destination);
        let kept = u64::try_from(stored.stored_bytes).is_ok_and(|kept| kept == size_bytes);
        let content: Arc<dyn ByteSource> = if kept {
            {
                let (pool, sealer) = (self.context.pool.clone(), self.context.sealer.clone());
                Arc::new(Kept { pool, sealer, media: stored.id, size_bytes })
            }
        } else {
            forgotten.push(stored.id);
            Arc::new(Bytes::new())
        };
        Some(Upload { media, content })
    }
}
