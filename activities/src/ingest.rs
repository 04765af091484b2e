//! From the platform's messages to rows and wakes: durable first, then told.

use domain::{AccountId, Message, Platform};
use store::{StoreError, ingest::Reader};
use temporalio_client::Client;

use crate::{context::Context, wake};

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The account.
    pub account: AccountId,
    /// Where it lives.
    pub platform: Platform,
}

/// Records messages and wakes the pairs that have to carry them. When it returns, the messages are durable. Returns
/// how many attachments are to be fetched.
pub(crate) async fn ingest(
    context: &Context,
    client: &Client,
    source: Source,
    messages: &[Message],
) -> Result<usize, StoreError> {
    let mut chats: Vec<_> = messages.iter().map(|message| message.chat).collect();
    chats.sort_unstable();
    chats.dedup();
    for chat in chats {
        // What we are writing into this chat just now must be on record before its echo is looked at.
        context.gates.settled(chat).await;
    }
    let reader = Reader { account: source.account, platform: source.platform, host: &context.worker };
    let mut transaction = context.pool.begin().await?;
    let ingested = store::ingest::ingest(&mut transaction, context.clock.as_ref(), reader, messages).await?;
    transaction.commit().await?;
    context.metrics.ingested.inc_by(u64::try_from(ingested.messages).unwrap_or(0));
    for wake in ingested.wakes {
        context.wakeups.wake(wake.pair);
        if wake.signal {
            context.metrics.wakes.with_label_values(&["signal"]).inc();
            let client = client.clone();
            // Not awaited: Temporal's answer must not hold up the next message.
            tokio::spawn(async move { wake::signal_pair(&client, wake.pair, wake.user).await });
        } else {
            context.metrics.wakes.with_label_values(&["local"]).inc();
        }
    }
    Ok(ingested.media)
}
