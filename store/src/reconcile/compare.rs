//! One reconciliation at work: where it is, what the ledger has there, and what it has found.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, Message, PairId, Platform, ReconciliationId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{LISTED_MAX, Lack, Missing, WINDOW};
use crate::{StoreError, content, seal::Sealer};

/// A thread that is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Which one.
    pub chat: ChatId,
    /// Messages above this id.
    pub after: i64,
}

/// A reconciliation that runs: what its activity has to know.
#[derive(Clone, Debug)]
pub struct Work {
    /// The pair.
    pub pair: PairId,
    /// The account that reads the source.
    pub account: AccountId,
    /// Where it lives.
    pub platform: Platform,
    /// It is connected and has caught up.
    pub online: bool,
    /// The source.
    pub source: ChatId,
    /// The only Telegram topic of it that the pair reads.
    pub topic: Option<i64>,
    /// What is compared now: the source, or a thread below it.
    pub chat: ChatId,
    /// Compared up to this message.
    pub cursor: i64,
    /// Nothing older is compared.
    pub since: DateTime<Utc>,
    /// The threads that are left; `None` while the source itself is compared.
    pub threads: Option<Vec<Thread>>,
    /// What is missing is ingested.
    pub repair: bool,
    /// Messages compared so far.
    pub checked: i64,
    /// What was missing and is listed so far.
    pub listed: i64,
}

/// What is to be done; `None` when it has ended or its pair is deleted.
pub async fn work(connection: &mut PgConnection, id: ReconciliationId) -> Result<Option<Work>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT r.pair_id AS pair, p.source_account_id AS account, a.platform, a.status = 'online' AS "online!",
                  p.source_chat_id AS source, p.source_topic_id AS topic, r.chat_id AS chat, r.cursor, r.started_at,
                  p.created_at, r.threads, r.repair, r.checked, jsonb_array_length(r.listed)::bigint AS "listed!"
           FROM reconciliations r JOIN pairs p ON p.id = r.pair_id JOIN accounts a ON a.id = p.source_account_id
           WHERE r.id = $1 AND r.state = 'running' AND p.deleted_at IS NULL"#,
        id as ReconciliationId
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Work {
        pair: row.pair,
        account: row.account,
        platform: row.platform,
        online: row.online,
        source: row.source,
        topic: row.topic,
        chat: row.chat,
        cursor: row.cursor,
        since: row.created_at.max(row.started_at - WINDOW),
        threads: row.threads.map(serde_json::from_value).transpose()?,
        repair: row.repair,
        checked: row.checked,
        listed: row.listed,
    }))
}

/// The newest message of the chat that is compared up to which everything is in the ledger; 0 when it knows nothing of
/// the chat. Beyond it the stream may still be on its way.
pub async fn durable_up_to(connection: &mut PgConnection, work: &Work) -> Result<i64, StoreError> {
    let cursor = sqlx::query_scalar!(
        "SELECT cursor FROM chats WHERE account_id = $1 AND chat_id = $2",
        work.account as AccountId,
        work.chat as ChatId
    )
    .fetch_optional(connection)
    .await?;
    Ok(cursor.unwrap_or(0))
}

/// What the ledger has of a message.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id at the source.
    pub message_id: i64,
    /// When it was written.
    pub sent_at: DateTime<Utc>,
    /// As the ledger has it; `None`: it was deleted.
    pub standing: Option<Message>,
    /// The pair has a delivery of it, in whatever state.
    pub delivered: bool,
}

/// Everything that the ledger has of the chat above `work.cursor`, up to `up_to`.
pub async fn known(
    connection: &mut PgConnection,
    sealer: &Sealer,
    work: &Work,
    up_to: i64,
) -> Result<Vec<Known>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (s.message_id) s.message_id, s.sent_at, s.id, s.deleted, s.content,
                  s.sealed_content,
                  EXISTS (SELECT FROM source_messages o JOIN deliveries d ON d.source_message_id = o.id
                          WHERE o.account_id = s.account_id AND o.chat_id = s.chat_id AND o.message_id = s.message_id
                            AND d.pair_id = $5) AS "delivered!"
           FROM source_messages s
           WHERE s.account_id = $1 AND s.chat_id = $2 AND s.message_id > $3 AND s.message_id <= $4
           ORDER BY s.message_id, s.revision DESC"#,
        work.account as AccountId,
        work.chat as ChatId,
        work.cursor,
        up_to,
        work.pair as PairId
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let content = || content::message(sealer, row.id, row.sealed_content.as_deref(), row.content);
            let standing = (!row.deleted).then(content).transpose()?;
            Ok(Known { message_id: row.message_id, sent_at: row.sent_at, standing, delivered: row.delivered })
        })
        .collect()
}

/// Removes these messages from the ledger where they have no delivery at all, so that an ingest takes them for new.
pub async fn forget_undelivered(
    connection: &mut PgConnection,
    work: &Work,
    message_ids: &[i64],
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM source_messages s
         WHERE s.account_id = $1 AND s.chat_id = $2 AND s.message_id = ANY($3) AND NOT EXISTS (
           SELECT FROM source_messages o JOIN deliveries d ON d.source_message_id = o.id
           WHERE o.account_id = s.account_id AND o.chat_id = s.chat_id AND o.message_id = s.message_id)",
        work.account as AccountId,
        work.chat as ChatId,
        message_ids
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a page has shown.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The newest message of it, or where it ended.
    pub cursor: i64,
    /// Messages compared.
    pub checked: i64,
    /// What the ledger lacks.
    pub missing: Vec<Missing>,
}

/// Records what a page has shown. False, and nothing is changed, when the reconciliation has moved on or ended
/// meanwhile.
pub async fn advance(
    connection: &mut PgConnection,
    (id, work): (ReconciliationId, &Work),
    tally: &Tally,
) -> Result<bool, StoreError> {
    let room = LISTED_MAX.saturating_sub(usize::try_from(work.listed).unwrap_or(LISTED_MAX));
    let listed = serde_json::to_value(tally.missing.get(..room.min(tally.missing.len())).unwrap_or_default())?;
    let count =
        |kind| i64::try_from(tally.missing.iter().filter(|missing| missing.kind == kind).count()).unwrap_or(i64::MAX);
    let done = sqlx::query!(
        "UPDATE reconciliations SET cursor = $4, checked = checked + $5, missing = missing + $6,
                missing_edits = missing_edits + $7, missing_deletions = missing_deletions + $8, listed = listed || $9
         WHERE id = $1 AND chat_id = $2 AND cursor = $3 AND state = 'running'",
        id as ReconciliationId,
        work.chat as ChatId,
        work.cursor,
        tally.cursor,
        tally.checked,
        count(Lack::Message),
        count(Lack::Edit),
        count(Lack::Deletion),
        listed
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Goes on with `thread`, after which `left` are left. Nothing is changed when somebody else has done it.
pub async fn enter(
    connection: &mut PgConnection,
    (id, work): (ReconciliationId, &Work),
    thread: Thread,
    left: &[Thread],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE reconciliations SET chat_id = $3, cursor = $4, threads = $5
         WHERE id = $1 AND chat_id = $2 AND state = 'running'",
        id as ReconciliationId,
        work.chat as ChatId,
        thread.chat as ChatId,
        thread.after,
        serde_json::to_value(left)?
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that so much of what was missing is in the ledger now.
pub async fn repaired(connection: &mut PgConnection, id: ReconciliationId, messages: i64) -> Result<(), StoreError> {
    sqlx::query!("UPDATE reconciliations SET repaired = repaired + $2 WHERE id = $1", id as ReconciliationId, messages)
        .execute(connection)
        .await?;
    Ok(())
}
