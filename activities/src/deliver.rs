//! One delivery: what it has to show is composed, and the destination is brought to show it, once.

use domain::{Operation, plan::Terms};
use store::{
    StoreError,
    deliveries::{Claimed, SentDelivery, Settlement},
    pairs::Pair,
};
use workflows::forwarding::Next;

use crate::{
    context::Context,
    hosts::Hosted,
    platform::{SendBody, SendRequest},
    settler::Settler,
};

mod boost;
mod change;
mod content;
mod converge;
mod failure;
mod outgoing;
mod portrait;
mod recall;
mod rules;
mod sending;
mod settle;
mod target;

use content::{Content, Draft};
use outgoing::Outgoing;
use recall::Recall;
use target::Target;

/// How a delivery went.
pub(crate) enum Delivered {
    /// The destination shows it.
    Sent,
    /// There was nothing to carry.
    Skipped,
    /// The destination refuses it for good.
    Dead,
    /// The drain must stop here, so that order is kept.
    Stop(Next),
}

/// One claimed delivery on its way.
pub(crate) struct Delivery<'a> {
    /// The worker.
    pub context: &'a Context,
    /// Along this pair.
    pub pair: &'a Pair,
    /// As its owner's plan allows.
    pub terms: &'a Terms,
    /// Through this account.
    pub hosted: &'a Hosted,
    /// The record of what is sent.
    pub settler: &'a Settler,
    /// What was claimed.
    pub row: Claimed,
}

impl Delivery<'_> {
    /// Brings the destination to what the delivery says, and settles.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails in the middle: the next claim goes on from what is on record.
    pub(crate) async fn carry(&self) -> Result<Delivered, StoreError> {
        match self.row.operation {
            Operation::Post => self.post().await,
            Operation::Edit | Operation::Delete => self.change().await,
        }
    }

    async fn post(&self) -> Result<Delivered, StoreError> {
        if let Some(next) = self.held_for_hours().await? {
            return Ok(Delivered::Stop(next));
        }
        match self.content().await? {
            Content::Nothing(code, text) => self.skip(code, &text).await,
            Content::Waiting => self.wait_for_media().await,
            Content::Draft(draft) => {
                let Draft { message, answered, parts } = *draft;
                let target = match self.target(&message, answered.as_ref()).await? {
                    Ok(target) => target,
                    Err(error) => return self.failed(error).await,
                };
                let reply_to = target.reply_to(answered);
                self.send_parts(parts, target, reply_to).await
            }
        }
    }

    async fn send_parts(
        &self,
        parts: Vec<Outgoing>,
        mut target: Target,
        reply_to: Option<i64>,
    ) -> Result<Delivered, StoreError> {
        let gate = self.context.gates.open(self.pair.destination_chat_id);
        let last = parts.len().saturating_sub(1);
        for (index, outgoing) in parts.into_iter().enumerate() {
            let part = i32::try_from(index).unwrap_or(i32::MAX);
            if self.row.sent_parts.iter().any(|(sent, _)| *sent == part) {
                continue;
            }
            match self.recall(&outgoing).await? {
                Recall::Here => (),
                Recall::Asked(next) => return Ok(Delivered::Stop(next)),
                Recall::Gone(error) => return self.failed(error).await,
            }
            // Only the first part answers: the others follow it.
            let request = self.request(&outgoing, part, &target, reply_to.filter(|_| index == 0));
            let permit = match self.permit(index == 0).await? {
                Ok(permit) => permit,
                Err(next) => return Ok(Delivered::Stop(next)),
            };
            if let Err(next) = self.turn(self.cost(&request.body)).await? {
                return Ok(Delivered::Stop(next));
            }
            let sending = gate.enter(outgoing.reads()).await;
            self.settler.outcome()?;
            let sent = match self.send_once(&request).await {
                Ok(sent) => sent,
                Err(error) if self.has_lost(&target, &error).await? => return self.begin_anew(&error).await,
                Err(error) => return self.failed(error).await,
            };
            permit.sent();
            self.opened(&mut target, &sent).await?;
            let sent = self.sent_parts(&outgoing, part, &target, &sent);
            if index == last && self.row.is_plain() && may_settle_later(&request) {
                let delivery = SentDelivery { seq: self.row.seq, at: self.context.clock.now(), parts: sent };
                self.settler.settle(delivery, gate.unrecorded(outgoing.reads())).await?;
            } else if index == last {
                self.settle(Settlement::Sent(&sent)).await?;
            } else {
                let mut database = self.context.database().await?;
                self.record(&mut database, &sent).await?;
            }
            drop(sending);
        }
        if self.row.sent_parts.iter().any(|(sent, _)| usize::try_from(*sent).is_ok_and(|sent| sent == last)) {
            // The last part was on record already; only the settlement was missing.
            self.settle(Settlement::Sent(&[])).await?;
        }
        self.observe_latency();
        Ok(Delivered::Sent)
    }
}

/// True for a send that is told from others by what it reads, should a crash leave it without a record. A forward reads
/// as it did at its source, and a forum's post stands for a thread.
const fn may_settle_later(request: &SendRequest) -> bool {
    matches!(request.body, SendBody::Text(_)) && request.thread_title.is_none()
}
