//! One page of a source's history beside what the ledger has of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Message, ReconciliationId, Update, message::Deletion};
use store::{
    StoreError,
    reconcile::{Known, Lack, Missing, Tally, Thread, Work},
};
use temporalio_client::Client;

use crate::{
    context::Context,
    hosts::Hosted,
    ingest::{Source, ingest},
    platform::PlatformError,
};

/// Messages above the source's cursor that are younger may still be on their way through the stream.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(60);
/// What seems to be missing is looked for once more after this: the stream may have been bringing it.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// One look at one chat of a reconciliation.
pub(super) struct Comparison<'a> {
    pub context: &'a Arc<Context>,
    pub client: &'a Client,
    pub id: ReconciliationId,
    pub work: &'a Work,
    pub hosted: &'a Hosted,
}

/// Something that the source has and the ledger has not.
enum Found {
    Message(Message),
    Edit(Message),
    Deletion { message_id: i64, sent_at: DateTime<Utc> },
}

impl Found {
    fn missing(&self) -> Missing {
        let (kind, message_id, sent_at) = match self {
            Self::Message(message) => (Lack::Message, message.message_id, message.sent_at),
            Self::Edit(message) => (Lack::Edit, message.message_id, message.sent_at),
            Self::Deletion { message_id, sent_at } => (Lack::Deletion, *message_id, *sent_at),
        };
        Missing { kind, message_id, sent_at }
    }
}

impl Comparison<'_> {
    /// The newest message of the chat up to which everything is in the ledger.
    pub async fn durable(&self) -> Result<i64, StoreError> {
        store::reconcile::durable_up_to(&mut *self.context.database().await?, self.work).await
    }

    /// The threads that have to be compared when the source itself has been.
    pub async fn threads(&self) -> Result<Vec<Thread>, PlatformError> {
        let below = self.hosted.connection.threads(self.work.source, self.work.since).await?;
        Ok(below.into_iter().map(|thread| Thread { chat: thread.chat, after: thread.after }).collect())
    }

    /// Compares `page`, the messages that follow the cursor, with the ledger and records what was found; `durable` is
    /// from before it was read. True when there is nothing more to compare in this chat.
    pub async fn compare(&self, page: Vec<Message>, durable: i64) -> Result<bool, StoreError> {
        let (read, now) = (page.len(), self.context.clock.now());
        let is_settled = |message: &Message| message.message_id <= durable || message.sent_at < now - ON_ITS_WAY;
        let page: Vec<Message> = page.into_iter().take_while(is_settled).collect();
        let ended = read == 0 || page.len() < read;
        let cursor = match page.last() {
            Some(last) => last.message_id,
            // After the last message that stands there may be some that were deleted.
            None if read == 0 => durable.max(self.work.cursor),
            None => return Ok(true),
        };
        let found = self.found(&page, cursor).await?;
        let compared = page.iter().filter(|message| message.is_in_topic(self.work.topic));
        let checked = i64::try_from(compared.count()).unwrap_or(i64::MAX);
        let missing: Vec<Missing> = found.iter().map(Found::missing).collect();
        let tally = Tally { cursor, checked, missing };
        let mut database = self.context.database().await?;
        if !store::reconcile::advance(&mut database, (self.id, self.work), &tally).await? {
            // Somebody else has moved it on: the next look at the row tells what is left.
            return Ok(false);
        }
        drop(database);
        self.count("checked", usize::try_from(checked).unwrap_or(0));
        for (kind, outcome) in
            [(Lack::Message, "missing"), (Lack::Edit, "missing_edits"), (Lack::Deletion, "missing_deletions")]
        {
            self.count(outcome, tally.missing.iter().filter(|missing| missing.kind == kind).count());
        }
        if !found.is_empty() {
            tracing::warn!(pair.id = %self.work.pair, messages = found.len(), "The ledger lacks what the source has.");
            if self.work.repair {
                self.repair(found, &page, cursor).await?;
            }
        }
        Ok(ended)
    }

    /// What the ledger lacks up to `cursor`, at two looks some seconds apart.
    async fn found(&self, page: &[Message], cursor: i64) -> Result<Vec<Found>, StoreError> {
        let first: HashSet<(Lack, i64)> = self.look(page, cursor).await?.iter().map(name).collect();
        if first.is_empty() {
            return Ok(Vec::new());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        let mut found = self.look(page, cursor).await?;
        found.retain(|one| first.contains(&name(one)));
        Ok(found)
    }

    async fn look(&self, page: &[Message], cursor: i64) -> Result<Vec<Found>, StoreError> {
        let mut database = self.context.database().await?;
        let known = store::reconcile::known(&mut database, &self.context.sealer, self.work, cursor).await?;
        Ok(lacking(page, &known, |message| message.is_in_topic(self.work.topic)))
    }

    /// Ingests what was found as if the stream had brought it now, and counts what the ledger has afterwards.
    async fn repair(&self, found: Vec<Found>, page: &[Message], cursor: i64) -> Result<(), StoreError> {
        let wanted: HashSet<(Lack, i64)> = found.iter().map(name).collect();
        let ids: Vec<i64> = found.iter().map(|one| one.missing().message_id).collect();
        store::reconcile::forget_undelivered(&mut *self.context.database().await?, self.work, &ids).await?;
        let source = Source { account: self.work.account, platform: self.work.platform };
        let (mut updates, mut deleted) = (Vec::new(), Vec::new());
        for one in found {
            match one {
                Found::Message(message) => updates.push(Update::Posted(message)),
                Found::Edit(message) => updates.push(Update::Edited(message)),
                Found::Deletion { message_id, .. } => deleted.push(message_id),
            }
        }
        if !deleted.is_empty() {
            updates.push(Update::Deleted(Deletion { chat: Some(self.work.chat), message_ids: deleted }));
        }
        if ingest(self.context, self.client, source, &updates).await? > 0 {
            self.hosted.media.notify_one();
        }
        let left = self.look(page, cursor).await?.iter().filter(|one| wanted.contains(&name(one))).count();
        let repaired = wanted.len().saturating_sub(left);
        self.count("repaired", repaired);
        let mut database = self.context.database().await?;
        store::reconcile::repaired(&mut database, self.id, i64::try_from(repaired).unwrap_or(i64::MAX)).await
    }

    fn count(&self, outcome: &str, messages: usize) {
        let counter = self.context.metrics.reconciled.with_label_values(&[outcome]);
        counter.inc_by(u64::try_from(messages).unwrap_or(0));
    }
}

fn name(found: &Found) -> (Lack, i64) {
    let missing = found.missing();
    (missing.kind, missing.message_id)
}

/// What stands on `page` and is not in the ledger, and what stands in the ledger and not on the page.
fn lacking(page: &[Message], known: &[Known], is_read: impl Fn(&Message) -> bool) -> Vec<Found> {
    let by_id: HashMap<i64, &Known> = known.iter().map(|known| (known.message_id, known)).collect();
    let standing: HashSet<i64> = page.iter().map(|message| message.message_id).collect();
    let written = page.iter().filter(|message| is_read(message)).filter_map(|message| {
        match by_id.get(&message.message_id).filter(|known| known.delivered) {
            None => Some(Found::Message(message.clone())),
            Some(known) => {
                let is_news = known.standing.as_ref().is_some_and(|standing| message.is_news_to(standing));
                is_news.then(|| Found::Edit(message.clone()))
            }
        }
    });
    let gone = known
        .iter()
        .filter(|known| known.delivered && known.standing.is_some() && !standing.contains(&known.message_id))
        .map(|known| Found::Deletion { message_id: known.message_id, sent_at: known.sent_at });
    written.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use domain::{ChatId, Clock as _, RichText, SystemClock};

    use super::*;

    fn message(id: i64, text: &str) -> Message {
        Message { text: RichText::plain(text), ..Message::new(ChatId::new(1), id, SystemClock.now()) }
    }

    fn known(id: i64, text: Option<&str>, delivered: bool) -> Known {
        let standing = text.map(|text| message(id, text));
        Known { message_id: id, sent_at: SystemClock.now(), standing, delivered }
    }

    #[test]
    fn what_the_ledger_lacks_is_named() {
        let page = [message(1, "a"), message(2, "b"), message(3, "new"), message(4, "d"), message(7, "other topic")];
        let ledger = [
            known(1, Some("a"), true),
            known(2, Some("b"), false),
            known(3, Some("old"), true),
            // Its deletion is on record while an older page still has it.
            known(4, None, true),
            known(5, Some("gone"), true),
            known(6, None, true),
        ];
        let found = lacking(&page, &ledger, |message| message.message_id != 7);
        let names: Vec<_> = found.iter().map(name).collect();
        assert_eq!(names, [(Lack::Message, 2), (Lack::Edit, 3), (Lack::Deletion, 5)]);
    }
}
