//! One delivery: what it has to show is composed, and the destination is brought to show it, once.

use std::borrow::Cow;

use chrono::TimeDelta;
use domain::{IdempotencyKey, Message, Operation};
use store::{
    StoreError,
    deliveries::{self, Claimed, Counterpart, SentDelivery, SentPart, Settlement},
    media::{MediaState, StoredMedia},
    pairs::Pair,
};
use workflows::forwarding::Next;

use crate::{
    compose::{self, Composed},
    context::Context,
    drain::MEDIA_RETRY_MS,
    hosting::reason,
    hosts::Hosted,
    platform::{PlatformError, SendBody, SendRequest, Sent},
    settler::Settler,
};

mod boost;
mod change;
mod converge;
mod outgoing;
mod portrait;
mod recall;
mod rules;
mod target;

use outgoing::Outgoing;
use recall::Recall;
use rules::Ruled;
use target::Target;

/// For so long a platform is trusted to recognise a key that it has seen; after it, the destination is read back before
/// anything is sent again. Discord keeps nonces for "a few minutes".
const PLATFORM_MEMORY: TimeDelta = TimeDelta::seconds(60);
/// The platform's clock and ours may differ by this much when a send is looked for.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

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

/// What a message became.
struct Draft {
    /// The message: of an album, all items in one.
    message: Message,
    /// Where the message that it answers stands at the destination.
    answered: Option<Counterpart>,
    /// The sends, in order.
    parts: Vec<Outgoing>,
}

/// One claimed delivery on its way.
pub(crate) struct Delivery<'a> {
    /// The worker.
    pub context: &'a Context,
    /// Along this pair.
    pub pair: &'a Pair,
    /// Through this account.
    pub hosted: &'a Hosted,
    /// The record of what is sent.
    pub settler: &'a Settler,
    /// What was claimed.
    pub row: Claimed,
}

/// What a delivery has to show.
enum Content {
    /// A message.
    Draft(Box<Draft>),
    /// Nothing, by a rule: its code and its words.
    Nothing(&'static str, Cow<'static, str>),
    /// An attachment is not here yet.
    Waiting,
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

    /// What the messages of the delivery say now.
    async fn content(&self) -> Result<Content, StoreError> {
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
            deliveries::items(&mut database, self.pair.id, self.row.root_seq).await?
        };
        for item in items.iter().filter(|item| !item.message.media.is_empty()) {
            stored.extend(self.stored(item.media_message_id, &item.message).await?);
        }
        let message_ids = items.iter().map(|item| item.message.message_id).collect();
        let messages = items.into_iter().map(|item| item.message).collect();
        Ok(Message::together(messages).map(|message| (message, message_ids, stored)))
    }

    async fn wait_for_media(&self) -> Result<Delivered, StoreError> {
        self.media_awaited().await.map(Delivered::Stop)
    }

    /// Puts the delivery back until an attachment has come.
    async fn media_awaited(&self) -> Result<Next, StoreError> {
        let reason = "an attachment is being fetched";
        self.put_back(true, "media_pending", reason).await?;
        Ok(Next::In { ms: MEDIA_RETRY_MS, reason: reason.into() })
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
                let now = self.context.clock.now();
                deliveries::record_parts(&mut database, self.pair.id, self.row.seq, &sent, now).await?;
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

    fn request(&self, outgoing: &Outgoing, part: i32, target: &Target, reply_to: Option<i64>) -> SendRequest {
        let number = u32::try_from(part).unwrap_or(u32::MAX);
        let key = IdempotencyKey::derive(self.pair.id, self.row.source_message_id, number);
        SendRequest {
            thread: target.thread,
            thread_title: target.title.clone().filter(|_| target.thread.is_none()),
            reply_to,
            silent: self.pair.silent,
            persona: outgoing.voice.persona.clone(),
            mentions: outgoing.voice.mentions(),
            link_previews: outgoing.voice.link_previews,
            ..SendRequest::new(self.pair.destination_chat_id, key, outgoing.body.clone())
        }
    }

    /// What a send left, message by message.
    fn sent_parts(&self, outgoing: &Outgoing, part: i32, target: &Target, sent: &Sent) -> Vec<SentPart> {
        let chat = target.seen_in(self.pair);
        let account = self.pair.destination_account_id;
        let ids = sent.message_ids.iter().zip(0_i32..);
        ids.map(|(message_id, item)| {
            let shown = outgoing.shown(item);
            SentPart {
                item,
                thread: target.thread,
                by_webhook: outgoing.voice.persona.is_some(),
                text_digest: Some(shown.text.clone()),
                media_digest: shown.media.clone(),
                ..SentPart::new(part, account, chat, *message_id, shown.carries)
            }
        })
        .collect()
    }

    /// Sends, unless an earlier attempt that we know nothing of has done it.
    async fn send_once(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        if let Some(found) = self.earlier_send(request).await? {
            tracing::info!(pair.id = %self.pair.id, delivery.seq = self.row.seq, "An earlier attempt had been sent.");
            return Ok(found);
        }
        named(self.hosted.connection.send(request).await?)
    }

    /// What an attempt that the platform may have forgotten has left at the destination.
    async fn earlier_send(&self, request: &SendRequest) -> Result<Option<Sent>, PlatformError> {
        let Some(since) = self.row.first_attempt_at.filter(|_| self.row.attempts > 1) else { return Ok(None) };
        if self.hosted.connection.remembers(request) && self.context.clock.now() - since <= PLATFORM_MEMORY {
            return Ok(None);
        }
        let Some(found) = self.hosted.connection.read_back(request, since - CLOCK_SKEW).await? else {
            return Ok(None);
        };
        let found = named(found)?;
        let recorded = async {
            let mut database = self.context.database().await?;
            let account = self.pair.destination_account_id;
            let chat = found.thread.or(request.thread).map_or(request.chat, |thread| self.thread_chat(thread));
            let first = found.message_ids.first().copied().unwrap_or_default();
            deliveries::is_recorded(&mut database, account, chat, first).await
        };
        match recorded.await {
            Ok(recorded) => Ok(Some(found).filter(|_| !recorded)),
            Err(error) => Err(PlatformError::Retryable { code: "database".into(), detail: crate::chain(&error) }),
        }
    }

    async fn failed(&self, error: PlatformError) -> Result<Delivered, StoreError> {
        let (code, text) = reason(&error);
        let now = self.context.clock.now();
        self.log_error(&error, &code, &text).await?;
        let stop = match &error {
            PlatformError::Message { code, .. } if code == "too_large" && self.expected_more() => {
                self.lower_limits().await?;
                self.put_back(true, code, &text).await?;
                Next::More
            }
            PlatformError::Message { .. } | PlatformError::Input { .. } => {
                self.settle(Settlement::Dead { code: &code, text: &text }).await?;
                self.release().await?;
                return Ok(Delivered::Dead);
            }
            PlatformError::Retryable { .. } => {
                self.put_back(false, &code, &text).await?;
                Next::Retry { reason: text }
            }
            PlatformError::Wait { wait, .. } => {
                self.put_back(true, &code, &text).await?;
                self.silenced(&code, *wait, text).await?
            }
            PlatformError::Chat { .. } => {
                self.put_back(true, &code, &text).await?;
                let mut database = self.context.database().await?;
                store::pairs::set_blocked(&mut database, self.pair.id, Some((&code, &text)), now).await?;
                Next::Blocked { reason: text }
            }
            // The account stops at once, on its host; the pair waits for it.
            PlatformError::Flooded { .. } | PlatformError::Revoked { .. } | PlatformError::Banned { .. } => {
                self.put_back(true, &code, &text).await?;
                self.account_stopped(error, text)
            }
        };
        Ok(Delivered::Stop(stop))
    }

    async fn put_back(&self, untouched: bool, code: &str, text: &str) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let now = self.context.clock.now();
        deliveries::put_back(&mut database, self.pair.id, self.row.seq, untouched, (code, text), now).await
    }

    async fn skip(&self, code: &str, text: &str) -> Result<Delivered, StoreError> {
        self.settle(Settlement::Skipped { code, text }).await?;
        Ok(Delivered::Skipped)
    }

    async fn settle(&self, settlement: Settlement<'_>) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        deliveries::settle(&mut database, self.pair.id, self.row.seq, settlement, self.context.clock.now()).await?;
        if self.row.album {
            for item in deliveries::items(&mut database, self.pair.id, self.row.root_seq).await? {
                store::media::forget_settled(&mut database, item.media_message_id).await?;
            }
        } else if !self.row.message.media.is_empty() {
            store::media::forget_settled(&mut database, self.row.media_message_id).await?;
        }
        Ok(())
    }

    /// For the user's list of errors and the operator's counters.
    async fn log_error(&self, error: &PlatformError, code: &str, text: &str) -> Result<(), StoreError> {
        if matches!(error, PlatformError::Wait { .. }) {
            let account = self.pair.destination_account_id.to_string();
            self.context.metrics.platform_waits.with_label_values(&[&account]).inc();
        }
        let mut database = self.context.database().await?;
        store::error_logs::record_pair(&mut database, self.pair.id, code, text, self.context.clock.now()).await
    }

    fn observe_latency(&self) {
        let waited = self.context.clock.now() - self.row.ready_at;
        if let Ok(waited) = waited.to_std() {
            self.context.metrics.latency.observe(waited.as_secs_f64());
        }
    }
}

/// True for a send that is told from others by what it reads, should a crash leave it without a record. A forward reads
/// as it did at its source, and a forum's post stands for a thread.
const fn may_settle_later(request: &SendRequest) -> bool {
    matches!(request.body, SendBody::Text(_)) && request.thread_title.is_none()
}

/// An answer that names at least one message.
fn named(sent: Sent) -> Result<Sent, PlatformError> {
    if sent.message_ids.is_empty() {
        let detail = "the platform's answer names no message".into();
        return Err(PlatformError::Retryable { code: "unreadable_answer".into(), detail });
    }
    Ok(sent)
}
