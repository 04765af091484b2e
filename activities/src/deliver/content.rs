//! What a delivery has to show: what its messages say now, under the pair's rules, as sends.

use std::borrow::Cow;

use domain::{
    Message, Operation,
    gate::{self, Action, Use},
};
use store::{
    StoreError,
    deliveries::{self, Counterpart},
    media::{MediaState, StoredMedia},
};
use workflows::forwarding::Next;

use super::{Delivered, Delivery, outgoing::Outgoing, rules::Ruled};
use crate::{
    attachments::TOO_LARGE,
    compose::{self, Composed},
    drain::MEDIA_RETRY_MS,
};

/// What a delivery has to show.
pub(super) enum Content {
    /// A message.
    Draft(Box<Draft>),
    /// Nothing, by a rule: its code and its words.
    Nothing(&'static str, Cow<'static, str>),
    /// An attachment is not here yet.
    Waiting,
}

/// What a message became.
pub(super) struct Draft {
    /// The message: of an album, all items in one.
    pub message: Message,
    /// Where the message that it answers stands at the destination.
    pub answered: Option<Counterpart>,
    /// The sends, in order.
    pub parts: Vec<Outgoing>,
}

impl Delivery<'_> {
    /// What the messages of the delivery say now.
    pub(super) async fn content(&self) -> Result<Content, StoreError> {
        let (message, message_ids, mut stored) = match self.gather().await? {
            Some(gathered) => gathered,
            None => {
                return Ok(Content::Nothing("deleted_at_source", "the message was deleted before it was sent".into()));
            }
        };
        if stored.iter().any(|stored| stored.state == MediaState::Pending) {
            return Ok(Content::Waiting);
        }
        self.count_what_stands(&mut stored);
        self.leave_out_what_the_plan_does(&mut stored);
        let ruled = match self.ruled(&message).await? {
            Ruled::Carried(ruled) => ruled,
            Ruled::Refused(code, text) => return Ok(Content::Nothing(code, text.into())),
        };
        let answered = self.answered(&message).await?;
        let by_webhook = ruled.voice.persona.is_some();
        let shown = self.answering_in_words(ruled.shown, answered.filter(|_| by_webhook));
        match compose::compose(self.context, self.pair, &shown, &stored, ruled.voice.pings) {
            Composed::Nothing { code, text } => Ok(Content::Nothing(code, text.into())),
            Composed::Parts(parts) => {
                let platform = self.pair.destination_platform;
                let made = |part| Outgoing::new(part, platform, &message_ids, &message.media);
                let outgoing = |part| ruled.voice.clone().lent(made(part));
                let parts = parts.into_iter().map(outgoing).collect();
                Ok(Content::Draft(Box::new(Draft { message, answered, parts })))
            }
        }
    }

    /// A file that was fetched under a better plan is left out of what is not sent yet, with a notice in its place.
    fn leave_out_what_the_plan_does(&self, stored: &mut [StoredMedia]) {
        if self.row.operation != Operation::Post {
            return;
        }
        for one in stored.iter_mut().filter(|one| one.state == MediaState::Ready) {
            let bytes = one.size_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
            if gate::permits(self.terms, &Use::default(), Action::SendFile { bytes }).is_err() {
                one.state = MediaState::Failed;
                one.reason = Some(TOO_LARGE.to_owned());
            }
        }
    }

    /// The message, or all items of its album in one, with the ids of all and the attachments of all.
    async fn gather(&self) -> Result<Option<(Message, Vec<i64>, Vec<StoredMedia>)>, StoreError> {
        let mut stored = Vec::new();
        if !self.row.album {
            let message = self.row.message.clone();
            if !message.media.is_empty() {
                stored = self.stored(self.row.media_message_id, &message).await?;
            }
            let message_ids = vec![message.message_id];
            return Ok(Some((message, message_ids, stored)).filter(|_| self.row.operation != Operation::Delete));
        }
        let items = {
            let mut database = self.context.database().await?;
            deliveries::items(&mut database, &self.context.sealer, self.pair.id, self.row.root_seq).await?
        };
        for item in items.iter().filter(|item| !item.message.media.is_empty()) {
            stored.extend(self.stored(item.media_message_id, &item.message).await?);
        }
        let message_ids = items.iter().map(|item| item.message.message_id).collect();
        let messages = items.into_iter().map(|item| item.message).collect();
        Ok(Message::together(messages).map(|message| (message, message_ids, stored)))
    }

    pub(super) async fn wait_for_media(&self) -> Result<Delivered, StoreError> {
        self.media_awaited().await.map(Delivered::Stop)
    }

    /// Puts the delivery back until an attachment has come.
    pub(super) async fn media_awaited(&self) -> Result<Next, StoreError> {
        let reason = "an attachment is being fetched";
        self.put_back(true, "media_pending", reason).await?;
        Ok(Next::In { ms: MEDIA_RETRY_MS, reason: reason.into() })
    }
}
