//! Chats that an account knows, and how far each has been read.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatFacts, ChatId};
use sqlx::PgConnection;

use crate::StoreError;

/// Records what the platform says of chats. A cursor, once there, is left alone: it tells what is durable.
pub async fn upsert(
    connection: &mut PgConnection,
    account: AccountId,
    facts: &[ChatFacts],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for chat in facts {
        sqlx::query!(
            r#"INSERT INTO chats (account_id, chat_id, kind, title, guild_id, guild_name, can_read, can_write, cursor, seen_at,
                                  username, file_bytes_max)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT ON CONSTRAINT chats_pkey DO UPDATE SET
                   kind = excluded.kind, title = excluded.title, guild_id = excluded.guild_id,
                   guild_name = excluded.guild_name, can_read = excluded.can_read, can_write = excluded.can_write,
                   seen_at = excluded.seen_at, username = excluded.username, file_bytes_max = excluded.file_bytes_max"#,
            account as AccountId,
            chat.id as ChatId,
            chat.kind as domain::ChatKind,
            chat.title,
            chat.guild_id,
            chat.guild_name,
            chat.can_read,
            chat.can_write,
            chat.last_message_id,
            now,
            chat.username,
            chat.file_bytes_max.and_then(|bytes| i64::try_from(bytes).ok())
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The chat does not take larger files than its platform does everywhere, whatever was known of it.
pub async fn forget_file_max(
    connection: &mut PgConnection,
    account: AccountId,
    chat: ChatId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE chats SET file_bytes_max = NULL WHERE account_id = $1 AND chat_id = $2",
        account as AccountId,
        chat as ChatId
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Starts reading a chat that no pair has read so far: nothing older than `last_message_id` will be carried.
/// A chat that is a source already keeps its cursor.
pub async fn start_reading(
    connection: &mut PgConnection,
    account: AccountId,
    chat: ChatId,
    last_message_id: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE chats SET cursor = greatest(cursor, $3) WHERE account_id = $1 AND chat_id = $2
           AND NOT EXISTS (SELECT FROM pairs p WHERE p.source_account_id = $1 AND p.source_chat_id = $2
                                                AND p.deleted_at IS NULL)",
        account as AccountId,
        chat as ChatId,
        last_message_id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The chats of an account, by guild and title.
pub async fn list(connection: &mut PgConnection, account: AccountId) -> Result<Vec<ChatFacts>, StoreError> {
    let rows = sqlx::query!(
        "SELECT c.chat_id, c.kind, c.title, c.guild_id, c.guild_name, c.can_read, c.can_write, c.cursor, c.username,
                c.file_bytes_max, a.platform
         FROM chats c JOIN accounts a ON a.id = c.account_id WHERE c.account_id = $1
         ORDER BY c.guild_name NULLS FIRST, c.title, c.chat_id",
        account as AccountId
    )
    .fetch_all(connection)
    .await?;
    let facts = rows.into_iter().map(|row| ChatFacts {
        id: row.chat_id,
        platform: row.platform,
        kind: row.kind,
        title: row.title,
        guild_id: row.guild_id,
        guild_name: row.guild_name,
        username: row.username,
        file_bytes_max: row.file_bytes_max.and_then(|bytes| u64::try_from(bytes).ok()),
        can_read: row.can_read,
        can_write: row.can_write,
        last_message_id: row.cursor,
    });
    Ok(facts.collect())
}

/// A chat that a host has to read, and how far it got.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The chat.
    pub chat: ChatId,
    /// The newest message up to which everything is durable.
    pub cursor: i64,
    /// The newest message that is on record: above the cursor where a gap could not be read.
    pub newest: i64,
}

/// The chats of an account that are the source of a pair, and the known threads of these: after downtime, their history is fetched.
pub async fn sources(connection: &mut PgConnection, account: AccountId) -> Result<Vec<Source>, StoreError> {
    let sources = sqlx::query_as!(
        Source,
        r#"SELECT c.chat_id AS chat, c.cursor, greatest(c.cursor, (
                SELECT max(s.message_id) FROM source_messages s
                WHERE s.account_id = c.account_id AND s.chat_id = c.chat_id)) AS "newest!"
           FROM chats c WHERE c.account_id = $1 AND EXISTS (
               SELECT FROM pairs p WHERE p.source_account_id = c.account_id AND p.deleted_at IS NULL
                                     AND (p.source_chat_id = c.chat_id OR p.source_chat_id = c.parent_id))
           ORDER BY c.chat_id"#,
        account as AccountId
    )
    .fetch_all(connection)
    .await?;
    Ok(sources)
}

/// A source chat, and since when its threads have to be looked for.
#[derive(Clone, Copy, Debug)]
pub struct Above {
    /// The chat.
    pub chat: ChatId,
    /// Threads were looked for last, or the first of its pairs was made.
    pub since: DateTime<Utc>,
}

/// The chats of an account that are the source of a pair themselves: threads below them may be unknown.
pub async fn above_threads(connection: &mut PgConnection, account: AccountId) -> Result<Vec<Above>, StoreError> {
    let above = sqlx::query_as!(
        Above,
        r#"SELECT c.chat_id AS chat, greatest(c.threads_read_at, min(p.created_at)) AS "since!"
           FROM chats c JOIN pairs p ON p.source_account_id = c.account_id AND p.source_chat_id = c.chat_id
           WHERE c.account_id = $1 AND p.deleted_at IS NULL GROUP BY c.chat_id, c.threads_read_at ORDER BY c.chat_id"#,
        account as AccountId
    )
    .fetch_all(connection)
    .await?;
    Ok(above)
}

/// Everything that was written in threads below a chat before `at` is durable.
pub async fn set_threads_read(
    connection: &mut PgConnection,
    account: AccountId,
    chat: ChatId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE chats SET threads_read_at = $3 WHERE account_id = $1 AND chat_id = $2",
        account as AccountId,
        chat as ChatId,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The ids of the newest messages of a chat, not newer than `chat` says, that are on record, written after `since` and
/// not deleted, ascending: those of the newest `limit` that are there.
pub async fn newest_messages(
    connection: &mut PgConnection,
    account: AccountId,
    chat: Source,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"SELECT r.message_id AS "message_id!" FROM (
           SELECT DISTINCT ON (s.message_id) s.message_id, s.sent_at, s.deleted FROM source_messages s
           WHERE s.account_id = $1 AND s.chat_id = $2 AND s.message_id <= $3
           ORDER BY s.message_id DESC, s.revision DESC LIMIT $5) r
         WHERE NOT r.deleted AND r.sent_at > $4 ORDER BY r.message_id"#,
        account as AccountId,
        chat.chat as ChatId,
        chat.newest,
        since,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
