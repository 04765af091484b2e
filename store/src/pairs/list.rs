//! All pairs of a tenant, with what a list shows of them and nothing else: it is the most frequent read.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, CopyMode, PairId, PairStatus, Platform, UserId};
use sqlx::PgConnection;

use super::Pair;
use crate::StoreError;

/// One pair in a list.
#[derive(Clone, Debug)]
pub struct ListedPair {
    /// Which pair.
    pub id: PairId,
    /// The user's name for it.
    pub name: String,
    /// Reads.
    pub source_account_id: AccountId,
    /// Where the source is.
    pub source_platform: Platform,
    /// What is read.
    pub source_chat_id: ChatId,
    /// Only this Telegram topic is read.
    pub source_topic_id: Option<i64>,
    /// Writes.
    pub destination_account_id: AccountId,
    /// Where the destination is.
    pub destination_platform: Platform,
    /// What is written to.
    pub destination_chat_id: ChatId,
    /// Everything goes to this Telegram topic.
    pub destination_topic_id: Option<i64>,
    /// Copy or forward.
    pub mode: CopyMode,
    /// Seconds between receipt and delivery.
    pub delay_seconds: i32,
    /// No notification sound.
    pub silent: bool,
    /// What it is told about the messages that it carries, as it was written.
    pub options_json: serde_json::Value,
    /// Its state.
    pub status: PairStatus,
    /// Stable code of why.
    pub reason_code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Pair> for ListedPair {
    fn from(pair: Pair) -> Self {
        Self {
            id: pair.id,
            name: pair.name,
            source_account_id: pair.source_account_id,
            source_platform: pair.source_platform,
            source_chat_id: pair.source_chat_id,
            source_topic_id: pair.source_topic_id,
            destination_account_id: pair.destination_account_id,
            destination_platform: pair.destination_platform,
            destination_chat_id: pair.destination_chat_id,
            destination_topic_id: pair.destination_topic_id,
            mode: pair.mode,
            delay_seconds: pair.delay_seconds,
            silent: pair.silent,
            options_json: pair.options_json,
            status: pair.status,
            reason_code: pair.reason_code,
            reason: pair.reason,
            created_at: pair.created_at,
            updated_at: pair.updated_at,
        }
    }
}

/// The tenant's pairs, oldest first.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<ListedPair>, StoreError> {
    let pairs = sqlx::query_as!(
        ListedPair,
        "SELECT p.id, p.name, p.source_account_id, s.platform AS source_platform, p.source_chat_id, p.source_topic_id,
                p.destination_account_id, d.platform AS destination_platform, p.destination_chat_id,
                p.destination_topic_id, p.mode, p.delay_seconds, p.silent, p.options AS options_json, p.status,
                p.reason_code, p.reason, p.created_at, p.updated_at
         FROM pairs p JOIN accounts s ON s.id = p.source_account_id JOIN accounts d ON d.id = p.destination_account_id
         WHERE p.user_id = $1 AND p.deleted_at IS NULL ORDER BY p.created_at, p.id",
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}
