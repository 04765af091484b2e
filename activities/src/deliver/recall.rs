//! Attachments that have to be sent again although their bytes were dropped: they are fetched from the source once more.

use domain::{Message, Operation, SourceMessageId};
use store::{
    StoreError,
    media::{self, MediaState, StoredMedia},
};
use workflows::forwarding::Next;

use super::{Delivery, outgoing::Outgoing};
use crate::platform::PlatformError;

/// Whether a send has its bytes.
pub(super) enum Recall {
    /// It has.
    Here,
    /// They are being fetched again, and the delivery is back in the queue.
    Asked(Next),
    /// The source does not give them any more: what stands at the destination is left as it is.
    Gone(PlatformError),
}

impl Delivery<'_> {
    /// Sees to it that `outgoing` has its bytes.
    pub(super) async fn recall(&self, outgoing: &Outgoing) -> Result<Recall, StoreError> {
        if outgoing.forgotten.is_empty() {
            return Ok(Recall::Here);
        }
        let asked = {
            let mut database = self.context.database().await?;
            media::fetch_again(&mut database, &outgoing.forgotten, self.context.clock.now()).await?
        };
        if asked < outgoing.forgotten.len() {
            let detail = "an attachment that has to be sent again cannot be fetched any more".into();
            return Ok(Recall::Gone(PlatformError::Message { code: "media_expired".into(), detail }));
        }
        self.wake_fetcher();
        self.media_awaited().await.map(Recall::Asked)
    }

    /// The attachments of `message`, which are recorded with `owner`. A pair that forwarded by itself when the message came,
    /// and copies now, is the first that needs them.
    pub(super) async fn stored(
        &self,
        owner: SourceMessageId,
        message: &Message,
    ) -> Result<Vec<StoredMedia>, StoreError> {
        let mut database = self.context.database().await?;
        let stored = media::of_message(&mut database, owner).await?;
        if !stored.is_empty() || self.pair.forwards_natively() {
            return Ok(stored);
        }
        media::fetch_first(&mut database, self.context.clock.as_ref(), owner, message.media.len()).await?;
        self.wake_fetcher();
        media::of_message(&mut database, owner).await
    }

    /// Tells the source's fetcher that there is something to fetch, if the source is hosted here; else its host looks by
    /// itself.
    pub(super) fn wake_fetcher(&self) {
        if let Some(source) = self.context.hosts.get(self.pair.source_account_id) {
            source.media.notify_one();
        }
    }

    /// What was here once stands at the destination already, whatever came of fetching it again: a change takes it as
    /// carried. A first send has a notice instead of what cannot be had.
    pub(super) fn count_what_stands(&self, stored: &mut [StoredMedia]) {
        if self.row.operation == Operation::Post {
            return;
        }
        for one in stored.iter_mut().filter(|one| one.size_bytes.is_some()) {
            one.state = MediaState::Ready;
        }
    }
}
