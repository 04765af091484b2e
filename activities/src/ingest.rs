//! From what the platform reports to rows and wakes: durable first, then told.

use std::{borrow::Cow, sync::Arc, time::Duration};

use domain::{AccountId, ChatId, Message, PairId, Platform, Update};
use store::{
    StoreError,
    ingest::{Ingested, Patience, Reader},
};
use temporalio_client::Client;
use tokio::time::Instant;

use crate::{context::Context, wake};

/// An ingest waits at most so long for sends whose outcome is not known: beyond it they are stuck, not slow.
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often it looks whether they are settled.
const SETTLE_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The account.
    pub account: AccountId,
    /// Where it lives.
    pub platform: Platform,
}

/// Records updates and wakes the pairs that have to carry them. When it returns, they are durable. Returns how many
/// attachments are to be fetched.
pub(crate) async fn ingest(
    context: &Arc<Context>,
    client: &Client,
    source: Source,
    updates: &[Update],
) -> Result<usize, StoreError> {
    let updates = &*of_read_chats(context, source.account, updates).await?;
    if updates.is_empty() {
        return Ok(0);
    }
    let mut chats: Vec<ChatId> = updates.iter().filter_map(posted).flat_map(places).collect();
    if source.platform == Platform::Telegram && chats.iter().any(|chat| chat.get() > 0) {
        // In a private chat the other side writes to us.
        let hosted = context.hosts.get(source.account);
        chats.extend(hosted.map(|hosted| ChatId::new(hosted.connection.identity().external_id)));
    }
    chats.sort_unstable();
    chats.dedup();
    for chat in chats {
        // What we are writing into this chat just now must be on record before its echo is looked at.
        context.gates.settled(chat).await;
    }
    let ingested = record(context, source, updates).await?;
    context.metrics.ingested.inc_by(u64::try_from(ingested.messages).unwrap_or(0));
    wake::wake_pairs(context, client, &ingested.wakes);
    Ok(ingested.media)
}

/// What of `updates` can concern a pair. An account sees many chats that no pair reads, and sees there what our pairs
/// write through it: that is neither recorded nor waited for.
async fn of_read_chats<'a>(
    context: &Context,
    account: AccountId,
    updates: &'a [Update],
) -> Result<Cow<'a, [Update]>, StoreError> {
    let mut chats: Vec<ChatId> = updates.iter().filter_map(content).flat_map(places).collect();
    chats.sort_unstable();
    chats.dedup();
    if chats.is_empty() {
        return Ok(Cow::Borrowed(updates));
    }
    let turn = context.bulk.ingest(updates.len()).await;
    let read = store::ingest::read_chats(&mut *context.database().await?, account, &chats).await?;
    drop(turn);
    // A deletion does not say under which channel its thread hangs.
    let is_read = |update: &Update| content(update).is_none_or(|it| places(it).any(|place| read.contains(&place)));
    if updates.iter().all(is_read) {
        return Ok(Cow::Borrowed(updates));
    }
    Ok(updates.iter().filter(|update| is_read(update)).cloned().collect())
}

const fn content(update: &Update) -> Option<&Message> {
    match update {
        Update::Posted(message) | Update::Edited(message) => Some(message),
        Update::Deleted(_) => None,
    }
}

const fn posted(update: &Update) -> Option<&Message> {
    match update {
        Update::Posted(message) => Some(message),
        Update::Edited(_) | Update::Deleted(_) => None,
    }
}

/// Where a message stands: its chat, and the channel above its thread.
fn places(message: &Message) -> impl Iterator<Item = ChatId> + use<> {
    [Some(message.chat), message.parent].into_iter().flatten()
}

/// Writes the batch in one transaction. Where a send of another worker, or of a process that has died, may have made
/// one of its messages, that send has to be settled first, or the message would be carried on as somebody's own.
async fn record(context: &Context, source: Source, updates: &[Update]) -> Result<Ingested, StoreError> {
    let gaps = context.hosts.get(source.account).map(|hosted| hosted.closed.all()).unwrap_or_default();
    let reader = Reader {
        account: source.account,
        platform: source.platform,
        host: &context.worker,
        rules: &context.rules,
        sealer: &context.sealer,
        gaps: &gaps,
    };
    let clock = context.clock.as_ref();
    let mut patience = Patience::Wait;
    loop {
        let turn = context.bulk.ingest(updates.len()).await;
        let mut transaction = context.pool.begin().await?;
        let ingested = store::ingest::ingest(&mut transaction, clock, reader, updates, patience).await?;
        if ingested.unsettled.is_empty() {
            transaction.commit().await?;
            return Ok(ingested);
        }
        transaction.rollback().await?;
        // What is waited for may need the turn.
        drop(turn);
        settled(context, ingested.unsettled).await?;
        patience = Patience::Over;
    }
}

async fn settled(context: &Context, mut waiting: Vec<(PairId, i64)>) -> Result<(), StoreError> {
    waiting.retain(|(pair, seq)| !context.gates.is_stuck(*pair, *seq));
    let until = Instant::now() + SETTLE_WAIT_MAX;
    while !waiting.is_empty() && Instant::now() < until {
        tokio::time::sleep(SETTLE_LOOK_EVERY).await;
        let mut database = context.database().await?;
        waiting = store::ingest::still_unsettled(&mut database, &waiting).await?;
    }
    for (pair, seq) in waiting {
        context.gates.set_stuck(pair, seq);
        tracing::warn!(pair.id = %pair, delivery.seq = seq, "A send is not settled after a long wait; what it may have written is ingested anyway.");
    }
    Ok(())
}
