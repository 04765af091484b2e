//! Why was a message not forwarded? What the ledger knows of one source message.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, ChatId, Message, PairId, PairStatus, SourceMessageId, UserId};
use sqlx::PgConnection;

use crate::{StoreError, content, seal::Sealer};

/// A pair that reads the chat of the message.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The pair.
    pub pair: PairId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: PairStatus,
    /// Only this Telegram topic is read; `None`: the whole chat.
    pub topic: Option<i64>,
    /// Only messages above this id are carried.
    pub start_id: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The deliveries that the message caused, by number: the first one and those of its edits and deletion.
    pub deliveries: Vec<i64>,
}

/// What is known of a chat's reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The state of the account that reads.
    pub status: AccountStatus,
    /// The newest message that is durable; `None` for a chat that the account does not know.
    pub cursor: Option<i64>,
    /// When the message was first received, if it was.
    pub received_at: Option<DateTime<Utc>>,
    /// The message as it was first recorded, if it was.
    pub message: Option<Message>,
}

/// How far the tenant's account has read the chat; `None` when the account is not the tenant's.
pub async fn reading(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    account: AccountId,
    chat: ChatId,
    message_id: i64,
) -> Result<Option<Reading>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT a.status, c.cursor AS "cursor?",
                  (SELECT min(s.received_at) FROM source_messages s
                   WHERE s.account_id = $2 AND s.chat_id = $3 AND s.message_id = $4) AS received_at,
                  m.id AS "message?: SourceMessageId", m.content, m.sealed_content
           FROM accounts a LEFT JOIN chats c ON c.account_id = a.id AND c.chat_id = $3
           LEFT JOIN LATERAL (SELECT s.id, s.content, s.sealed_content FROM source_messages s
                              WHERE s.account_id = $2 AND s.chat_id = $3 AND s.message_id = $4
                              ORDER BY s.revision LIMIT 1) m ON true
           WHERE a.id = $2 AND a.user_id = $1"#,
        user as UserId,
        account as AccountId,
        chat as ChatId,
        message_id
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let first = row.message.map(|id| content::message(sealer, id, row.sealed_content.as_deref(), row.content));
    let message = first.transpose()?;
    Ok(Some(Reading { status: row.status, cursor: row.cursor, received_at: row.received_at, message }))
}

/// The tenant's pairs that read the chat, or the channel above it where it is a known thread, or carried the message,
/// oldest first.
pub async fn readers(
    connection: &mut PgConnection,
    user: UserId,
    account: AccountId,
    chat: ChatId,
    message_id: i64,
) -> Result<Vec<Reader>, StoreError> {
    let readers = sqlx::query_as!(
        Reader,
        r#"WITH message AS (SELECT d.pair_id, array_agg(d.seq ORDER BY d.seq) AS seqs
                            FROM source_messages s JOIN deliveries d ON d.source_message_id = s.id
                            WHERE s.account_id = $2 AND s.chat_id = $3 AND s.message_id = $4 GROUP BY d.pair_id)
           SELECT p.id AS pair, p.name, p.status, p.source_topic_id AS topic, p.source_start_id AS start_id,
                  p.created_at, coalesce(m.seqs, '{}') AS "deliveries!"
           FROM pairs p LEFT JOIN message m ON m.pair_id = p.id
           WHERE p.user_id = $1 AND p.source_account_id = $2
             AND (m.pair_id IS NOT NULL OR p.deleted_at IS NULL AND (
                    p.source_chat_id = $3
                    OR p.source_chat_id = (SELECT c.parent_id FROM chats c WHERE c.account_id = $2 AND c.chat_id = $3)))
           ORDER BY p.created_at, p.id"#,
        user as UserId,
        account as AccountId,
        chat as ChatId,
        message_id
    )
    .fetch_all(connection)
    .await?;
    Ok(readers)
}
