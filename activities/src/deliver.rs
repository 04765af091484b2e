//! One delivery: compose its parts, send each once, settle it.

use chrono::TimeDelta;
use domain::IdempotencyKey;
use store::{
    StoreError,
    deliveries::{self, Claimed, SentPart, Settlement},
    pairs::Pair,
};
use workflows::forwarding::Next;

use crate::{
    compose::{self, Composed},
    context::Context,
    hosting::reason,
    hosts::Hosted,
    platform::{PlatformError, SendBody, SendRequest, Sent},
};

/// For so long a platform is trusted to recognise a key that it has seen; after it, the destination is read back before
/// anything is sent again. Discord keeps nonces for "a few minutes".
const PLATFORM_MEMORY: TimeDelta = TimeDelta::seconds(60);
/// The platform's clock and ours may differ by this much when a send is looked for.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

/// How a delivery went.
pub(crate) enum Delivered {
    /// Every part stands at the destination.
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
    /// Through this account.
    pub hosted: &'a Hosted,
    /// What was claimed.
    pub row: Claimed,
}

impl Delivery<'_> {
    /// Sends the parts that are not there yet, and settles.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails in the middle: the next claim goes on from what is on record.
    pub(crate) async fn carry(&self) -> Result<Delivered, StoreError> {
        let stored = if self.row.message.media.is_empty() {
            Vec::new()
        } else {
            let mut database = self.context.database().await?;
            store::media::of_message(&mut database, self.row.source_message_id).await?
        };
        let reply_to = self.reply_to().await?;
        match compose::compose(self.context, self.pair, &self.row.message, &stored, reply_to.is_some()) {
            Composed::Nothing { code, text } => {
                self.settle(Settlement::Skipped { code, text }).await?;
                Ok(Delivered::Skipped)
            }
            Composed::Parts(parts) => self.send_parts(parts, reply_to).await,
        }
    }

    async fn reply_to(&self) -> Result<Option<i64>, StoreError> {
        let Some(answered) = self.row.message.reply_to else { return Ok(None) };
        let mut database = self.context.database().await?;
        deliveries::counterpart(&mut database, self.pair.id, answered).await
    }

    async fn send_parts(&self, parts: Vec<SendBody>, reply_to: Option<i64>) -> Result<Delivered, StoreError> {
        let gate = self.context.gates.open(self.pair.destination_chat_id);
        let last = parts.len().saturating_sub(1);
        for (index, body) in parts.into_iter().enumerate() {
            let part = i32::try_from(index).unwrap_or(i32::MAX);
            if self.row.sent_parts.iter().any(|(sent, _)| *sent == part) {
                continue;
            }
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let key = IdempotencyKey::derive(self.pair.id, self.row.source_message_id, number);
            let request = SendRequest {
                // Only the first part answers: the others follow it.
                reply_to: reply_to.filter(|_| index == 0),
                silent: self.pair.silent,
                ..SendRequest::new(self.pair.destination_chat_id, key, body)
            };
            let sending = gate.lock().await;
            match self.send_once(&request).await {
                Ok(message_id) => {
                    let sent = SentPart {
                        part,
                        account: self.pair.destination_account_id,
                        chat: self.pair.destination_chat_id,
                        message_id,
                    };
                    if index == last {
                        self.settle(Settlement::Sent(Some(sent))).await?;
                    } else {
                        let mut database = self.context.database().await?;
                        let now = self.context.clock.now();
                        deliveries::record_part(&mut database, self.pair.id, self.row.seq, sent, now).await?;
                    }
                }
                Err(error) => return self.failed(error).await,
            }
            drop(sending);
        }
        if self.row.sent_parts.iter().any(|(sent, _)| usize::try_from(*sent).is_ok_and(|sent| sent == last)) {
            // The last part was on record already; only the settlement was missing.
            self.settle(Settlement::Sent(None)).await?;
        }
        self.observe_latency();
        Ok(Delivered::Sent)
    }

    /// Sends, unless an earlier attempt that we know nothing of has done it.
    async fn send_once(&self, request: &SendRequest) -> Result<i64, PlatformError> {
        if let Some(found) = self.earlier_send(request).await? {
            tracing::info!(pair.id = %self.pair.id, delivery.seq = self.row.seq, "An earlier attempt had been sent.");
            return Ok(found);
        }
        first(self.hosted.connection.send(request).await?)
    }

    /// What an attempt that the platform may have forgotten has left at the destination.
    async fn earlier_send(&self, request: &SendRequest) -> Result<Option<i64>, PlatformError> {
        let Some(since) = self.row.first_attempt_at.filter(|_| self.row.attempts > 1) else { return Ok(None) };
        if self.hosted.connection.remembers(request) && self.context.clock.now() - since <= PLATFORM_MEMORY {
            return Ok(None);
        }
        let Some(found) = self.hosted.connection.read_back(request, since - CLOCK_SKEW).await? else {
            return Ok(None);
        };
        let found = first(found)?;
        let recorded = async {
            let mut database = self.context.database().await?;
            let account = self.pair.destination_account_id;
            deliveries::is_recorded(&mut database, account, request.chat, found).await
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
        let stop = match error {
            PlatformError::Message { .. } | PlatformError::Input { .. } => {
                self.settle(Settlement::Dead { code: &code, text: &text }).await?;
                return Ok(Delivered::Dead);
            }
            PlatformError::Retryable { .. } => {
                self.put_back(false, &code, &text).await?;
                Next::Retry { reason: text }
            }
            PlatformError::Wait { wait, .. } => {
                self.put_back(true, &code, &text).await?;
                let mut database = self.context.database().await?;
                let until = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(1));
                store::accounts::cool_down(&mut database, self.pair.destination_account_id, until).await?;
                let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                Next::In { ms, reason: text }
            }
            PlatformError::Chat { .. } => {
                self.put_back(true, &code, &text).await?;
                let mut database = self.context.database().await?;
                store::pairs::set_blocked(&mut database, self.pair.id, Some((&code, &text)), now).await?;
                Next::Blocked { reason: text }
            }
            // The account's own host sees it too and says so; the pair waits for the account.
            PlatformError::Flooded { .. } | PlatformError::Revoked { .. } | PlatformError::Banned { .. } => {
                self.put_back(true, &code, &text).await?;
                Next::Retry { reason: text }
            }
        };
        Ok(Delivered::Stop(stop))
    }

    async fn put_back(&self, untouched: bool, code: &str, text: &str) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let now = self.context.clock.now();
        deliveries::put_back(&mut database, self.pair.id, self.row.seq, untouched, (code, text), now).await
    }

    async fn settle(&self, settlement: Settlement<'_>) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        deliveries::settle(&mut database, self.pair.id, self.row.seq, settlement, self.context.clock.now()).await?;
        if !self.row.message.media.is_empty() {
            store::media::forget_settled(&mut database, self.row.source_message_id).await?;
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

/// The message that a send of one message left.
fn first(sent: Sent) -> Result<i64, PlatformError> {
    sent.message_ids.first().copied().ok_or_else(|| PlatformError::Retryable {
        code: "unreadable_answer".into(),
        detail: "the platform's answer names no message".into(),
    })
}
