//! Edits and deletions: what was written is brought to what the source says now. Doing it twice is the same as once.

use domain::{DeliveryState, Operation};
use store::{
    StoreError,
    deliveries::{self, Settlement, Standing},
};

use workflows::forwarding::Next;

use super::{Delivered, Delivery, content::Content, converge, outgoing::Outgoing, recall::Recall, target::Target};
use crate::platform::{DeleteRequest, EditRequest, PlatformError, SendBody};

/// Telegram deletes at most so many messages at once; Discord's adapter deletes them as it can.
const DELETED_AT_ONCE: usize = 100;

/// Why a change is not done yet.
enum Halt {
    /// The platform refused.
    Refused(PlatformError),
    /// Its turn comes later; the delivery is back in the queue.
    Later(Next),
}

impl Delivery<'_> {
    pub(super) async fn change(&self) -> Result<Delivered, StoreError> {
        if let Some((code, text)) = self.switched_off() {
            return self.skip(code, text).await;
        }
        let (standing, root) = {
            let mut database = self.context.database().await?;
            let standing = self.standing(&mut database, self.row.root_seq).await?;
            (standing, deliveries::state(&mut database, self.pair.id, self.row.root_seq).await?)
        };
        let Some(first) = standing.first() else { return self.nothing_stands(root).await };
        // A part that has to be sent anew goes where the others stand.
        let target = Target::thread(first.part.thread);
        let parts = match self.content().await? {
            Content::Waiting => return self.wait_for_media().await,
            Content::Draft(draft) => draft.parts,
            // The message is gone, and with an album its last item.
            Content::Nothing("deleted_at_source", _) => Vec::new(),
            Content::Nothing(code, text) => return self.skip(code, &text).await,
        };
        if parts.iter().any(|part| matches!(part.body, SendBody::Forward { .. })) {
            return self.change_forward(standing, &parts).await;
        }
        match self.converge(standing, &parts, target).await? {
            Ok(true) => self.changed().await,
            Ok(false) => self.skip("message_gone", "the message is not at the destination any more").await,
            Err(halt) => self.halted(halt).await,
        }
    }

    async fn halted(&self, halt: Halt) -> Result<Delivered, StoreError> {
        match halt {
            Halt::Refused(error) => self.failed(error).await,
            Halt::Later(next) => Ok(Delivered::Stop(next)),
        }
    }

    async fn changed(&self) -> Result<Delivered, StoreError> {
        let step = if self.row.operation == Operation::Delete { "deleted" } else { "edited" };
        self.settle(Settlement::Changed { step }).await?;
        self.observe_latency();
        Ok(Delivered::Sent)
    }

    /// Nothing of the message is at the destination: it never was, or it was deleted since.
    async fn nothing_stands(&self, root: Option<DeliveryState>) -> Result<Delivered, StoreError> {
        match (root, self.row.operation) {
            (Some(DeliveryState::Sent), Operation::Delete) => self.changed().await,
            (Some(DeliveryState::Sent), Operation::Edit | Operation::Post) => {
                self.skip("message_gone", "the message is not at the destination any more").await
            }
            _ => self.skip("original_not_sent", "the message itself was not carried").await,
        }
    }

    /// A native forward cannot be edited; of an album, what is gone at the source is deleted.
    async fn change_forward(&self, standing: Vec<Standing>, parts: &[Outgoing]) -> Result<Delivered, StoreError> {
        if self.row.operation != Operation::Delete {
            return self.skip("native_forward", "a native forward keeps the text that it had").await;
        }
        let kept =
            |one: &Standing| parts.iter().flat_map(|part| &part.shows).any(|shown| shown.carries == one.part.carries);
        let gone: Vec<Standing> = standing.into_iter().filter(|one| !kept(one)).collect();
        match self.delete(gone).await? {
            Ok(()) => self.changed().await,
            Err(halt) => self.halted(halt).await,
        }
    }

    /// False when a message that was to be edited has vanished.
    async fn converge(
        &self,
        standing: Vec<Standing>,
        wanted: &[Outgoing],
        target: Target,
    ) -> Result<Result<bool, Halt>, StoreError> {
        let plan = converge::plan(standing, wanted);
        let mut complete = true;
        for edit in plan.edits {
            let Some(outgoing) = wanted.get(edit.send) else { continue };
            if let Err(next) = self.turn(1.0).await? {
                return Ok(Err(Halt::Later(next)));
            }
            match self.edit(&edit, outgoing).await {
                Ok(()) => {
                    let mut database = self.context.database().await?;
                    let shown = outgoing.shown(i32::try_from(edit.item).unwrap_or_default());
                    let mut now = edit.message;
                    now.part.carries = shown.carries;
                    now.part.text_digest = Some(shown.text);
                    now.part.media_digest = shown.media;
                    deliveries::record_shown(&mut database, &self.context.sealer, self.pair.id, &now).await?;
                }
                Err(PlatformError::Message { code, .. }) if code == "message_gone" => {
                    complete = false;
                    let mut database = self.context.database().await?;
                    let now = self.context.clock.now();
                    deliveries::record_gone(&mut database, self.pair.id, &[edit.message], now).await?;
                }
                Err(error) => return Ok(Err(Halt::Refused(error))),
            }
        }
        for index in plan.sends {
            let Some(outgoing) = wanted.get(index).filter(|_| complete) else { continue };
            match self.recall(outgoing).await? {
                Recall::Here => (),
                Recall::Asked(next) => return Ok(Err(Halt::Later(next))),
                Recall::Gone(error) => return Ok(Err(Halt::Refused(error))),
            }
            if let Err(halt) = self.send_anew(outgoing, index, &target).await? {
                return Ok(Err(halt));
            }
        }
        Ok(self.delete(plan.deletes).await?.map(|()| complete))
    }

    async fn edit(&self, edit: &converge::Edit, outgoing: &Outgoing) -> Result<(), PlatformError> {
        let one = &edit.message;
        let request = EditRequest {
            chat: self.pair.destination_chat_id,
            thread: one.part.thread,
            message_id: one.part.message_id,
            text: outgoing.text(edit.item, self.pair.destination_platform),
            by_webhook: one.part.by_webhook,
            mentions: outgoing.voice.mentions(),
            link_previews: outgoing.voice.link_previews,
            keep: edit.keep.clone(),
        };
        self.hosted.connection.edit(&request).await
    }

    async fn send_anew(
        &self,
        outgoing: &Outgoing,
        index: usize,
        target: &Target,
    ) -> Result<Result<(), Halt>, StoreError> {
        let part = i32::try_from(index).unwrap_or(i32::MAX);
        let request = self.request(outgoing, part, target, None);
        if let Err(next) = self.turn(self.cost(&request.body)).await? {
            return Ok(Err(Halt::Later(next)));
        }
        let gate = self.context.gates.open(self.pair.destination_chat_id);
        let _sending = gate.enter(outgoing.reads()).await;
        let sent = match self.send_once(&request).await {
            Ok(sent) => self.sent_parts(outgoing, part, target, &sent),
            Err(error) => return Ok(Err(Halt::Refused(error))),
        };
        let mut database = self.context.database().await?;
        self.record(&mut database, &sent).await?;
        Ok(Ok(()))
    }

    async fn delete(&self, gone: Vec<Standing>) -> Result<Result<(), Halt>, StoreError> {
        let alike = |one: &Standing, two: &Standing| {
            (one.part.thread, one.part.by_webhook) == (two.part.thread, two.part.by_webhook)
        };
        for group in gone.chunk_by(alike).flat_map(|group| group.chunks(DELETED_AT_ONCE)) {
            let Some(first) = group.first() else { continue };
            let request = DeleteRequest {
                chat: self.pair.destination_chat_id,
                thread: first.part.thread,
                message_ids: group.iter().map(|one| one.part.message_id).collect(),
                by_webhook: first.part.by_webhook,
            };
            if let Err(next) = self.turn(1.0).await? {
                return Ok(Err(Halt::Later(next)));
            }
            if let Err(error) = self.hosted.connection.delete(&request).await {
                return Ok(Err(Halt::Refused(error)));
            }
            let mut database = self.context.database().await?;
            deliveries::record_gone(&mut database, self.pair.id, group, self.context.clock.now()).await?;
        }
        Ok(Ok(()))
    }
}
