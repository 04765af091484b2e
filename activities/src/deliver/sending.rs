//! One send, exactly once: under its key, and after a look at what an earlier attempt has left.

use chrono::TimeDelta;
use domain::IdempotencyKey;
use store::deliveries::{self, SentPart};

use super::{Delivery, outgoing::Outgoing, target::Target};
use crate::platform::{PlatformError, SendRequest, Sent};

/// For so long a platform is trusted to recognise a key that it has seen; after it, the destination is read back before
/// anything is sent again. Discord keeps nonces for "a few minutes".
const PLATFORM_MEMORY: TimeDelta = TimeDelta::seconds(60);
/// The platform's clock and ours may differ by this much when a send is looked for.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

impl Delivery<'_> {
    pub(super) fn request(
        &self,
        outgoing: &Outgoing,
        part: i32,
        target: &Target,
        reply_to: Option<i64>,
    ) -> SendRequest {
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
    pub(super) fn sent_parts(&self, outgoing: &Outgoing, part: i32, target: &Target, sent: &Sent) -> Vec<SentPart> {
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
    pub(super) async fn send_once(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
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
}

/// An answer that names at least one message.
fn named(sent: Sent) -> Result<Sent, PlatformError> {
    if sent.message_ids.is_empty() {
        let detail = "the platform's answer names no message".into();
        return Err(PlatformError::Retryable { code: "unreadable_answer".into(), detail });
    }
    Ok(sent)
}
