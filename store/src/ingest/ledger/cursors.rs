//! Up to where each chat has been read.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, Message};
use sqlx::PgConnection;

use crate::StoreError;

/// Moves the cursors of the chats of `messages` to the newest of them; a thread gets its row with its first message.
pub async fn advance_cursors(
    connection: &mut PgConnection,
    account: AccountId,
    messages: impl Iterator<Item = &Message>,
    is_read: impl Fn(&Message) -> bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut newest: Vec<&Message> = Vec::new();
    for message in messages {
        match newest.iter_mut().find(|known| known.chat == message.chat) {
            Some(known) if known.message_id < message.message_id => *known = message,
            Some(_) => (),
            None => newest.push(message),
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    newest.sort_by_key(|message| message.chat);
    sqlx::query!(
        "UPDATE chats c SET cursor = n.cursor FROM unnest($2::bigint[], $3::bigint[]) AS n(chat, cursor)
         WHERE c.account_id = $1 AND c.chat_id = n.chat AND c.cursor < n.cursor",
        account as AccountId,
        &newest.iter().map(|message| message.chat.get()).collect::<Vec<_>>(),
        &newest.iter().map(|message| message.message_id).collect::<Vec<_>>()
    )
    .execute(&mut *connection)
    .await?;
    for message in newest.iter().filter(|message| message.parent.is_some() && is_read(message)) {
        sqlx::query!(
            "INSERT INTO chats (account_id, chat_id, kind, title, can_read, can_write, cursor, seen_at, parent_id)
             VALUES ($1, $2, 'thread', $3, true, true, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT chats_pkey DO UPDATE SET parent_id = excluded.parent_id
             WHERE chats.parent_id IS DISTINCT FROM excluded.parent_id",
            account as AccountId,
            message.chat as ChatId,
            message.thread_title.as_deref().unwrap_or("thread"),
            message.message_id,
            now,
            message.parent as Option<ChatId>
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
