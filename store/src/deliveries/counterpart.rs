//! Where a message of a pair's source stands at its destination, for replies.

use domain::{AccountId, ChatId, PairId};
use sqlx::PgConnection;

use crate::{StoreError, pairs::Pair};

/// Where an answered message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counterpart {
    /// Where it is seen.
    pub chat: ChatId,
    /// The Telegram topic or Discord thread that it stands in.
    pub thread: Option<i64>,
    /// Its id.
    pub message_id: i64,
}

/// The message at the pair's destination that stands for a message of its source, for replies: what the pair has carried, or,
/// where another pair has carried it the other way, what was written there.
pub async fn counterpart(
    connection: &mut PgConnection,
    pair: &Pair,
    chat: ChatId,
    source_message_id: i64,
) -> Result<Option<Counterpart>, StoreError> {
    let carried = carried(&mut *connection, pair.id, chat, source_message_id).await?;
    match carried {
        Some(carried) => Ok(Some(carried)),
        None => origin(connection, pair, chat, source_message_id).await,
    }
}

/// What was written at the pair's destination and stands at its source as this message.
async fn origin(
    connection: &mut PgConnection,
    pair: &Pair,
    chat: ChatId,
    source_message_id: i64,
) -> Result<Option<Counterpart>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT s.chat_id, coalesce(m.carries, s.message_id) AS "message_id!",
                  coalesce(s.topic, (s.content ->> 'topic')::bigint) AS topic
           FROM destination_messages m
           JOIN deliveries d ON d.pair_id = m.pair_id AND d.seq = m.seq
           JOIN source_messages s ON s.id = d.source_message_id
           WHERE m.chat_id = $1 AND m.message_id = $2 AND m.gone_at IS NULL AND (m.account_id = $3 OR $4)
             AND (s.chat_id = $5 OR s.parent_id = $5 OR s.content ->> 'parent' = $5::bigint::text) AND (s.account_id = $6 OR $7)
           ORDER BY m.seq LIMIT 1"#,
        chat as ChatId,
        source_message_id,
        pair.source_account_id as AccountId,
        chat.message_ids_are_global(pair.source_platform),
        pair.destination_chat_id as ChatId,
        pair.destination_account_id as AccountId,
        pair.destination_chat_id.message_ids_are_global(pair.destination_platform)
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| {
        // A Discord thread is a chat of its own.
        let thread = (row.chat_id != pair.destination_chat_id).then(|| row.chat_id.get());
        Counterpart { chat: row.chat_id, thread: thread.or(row.topic), message_id: row.message_id }
    }))
}

/// The first message that carries it, else the first of the album that it travelled with.
async fn carried(
    connection: &mut PgConnection,
    pair: PairId,
    chat: ChatId,
    source_message_id: i64,
) -> Result<Option<Counterpart>, StoreError> {
    let found = sqlx::query!(
        "SELECT m.chat_id, m.thread, m.message_id FROM pairs p
         JOIN source_messages s ON s.account_id = p.source_account_id AND s.chat_id = $2 AND s.message_id = $3
         JOIN deliveries d ON d.pair_id = p.id AND d.source_message_id = s.id
         JOIN destination_messages m ON m.pair_id = d.pair_id AND m.seq IN (d.seq, d.root_seq) AND m.gone_at IS NULL
         WHERE p.id = $1 ORDER BY m.carries = $3 DESC NULLS LAST, m.message_id LIMIT 1",
        pair as PairId,
        chat as ChatId,
        source_message_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| Counterpart { chat: row.chat_id, thread: row.thread, message_id: row.message_id }))
}
