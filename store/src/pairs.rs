//! Forwarding pairs.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, ChatId, ChatKind, CopyMode, PairId, PairStatus, Platform, UserId,
    gate::Way,
    pair::Endpoint,
    render::{Limits, Pings},
    rules::{PairOptions, SourceChat},
};
use serde::Deserialize as _;
use sqlx::PgConnection;

use crate::StoreError;

mod change;
mod list;
mod workflow;

pub use change::{PairChange, delete, restart, set_blocked, set_paused, update};
pub use list::{ListedPair, list};
pub use workflow::{Route, route, set_workflow_started};

/// One pair, with the platforms of its ends.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Which pair.
    pub id: PairId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's name for it.
    pub name: String,
    /// Reads.
    pub source_account_id: AccountId,
    /// Where the source is.
    pub source_platform: Platform,
    /// What is read.
    pub source_chat_id: ChatId,
    /// Only this Telegram topic is read; `None`: the whole chat.
    pub source_topic_id: Option<i64>,
    /// Writes.
    pub destination_account_id: AccountId,
    /// Where the destination is.
    pub destination_platform: Platform,
    /// What is written to.
    pub destination_chat_id: ChatId,
    /// Everything goes to this Telegram topic; `None`: see [`crate::threads`].
    pub destination_topic_id: Option<i64>,
    /// What the destination is, as the account last saw it.
    pub destination_kind: Option<ChatKind>,
    /// Copy or forward.
    pub mode: CopyMode,
    /// Seconds between receipt and delivery.
    pub delay_seconds: i32,
    /// No notification sound.
    pub silent: bool,
    /// What it is told about the messages that it carries, as it was written: see [`Self::options`].
    pub options_json: serde_json::Value,
    /// The source chat's title, where it is known.
    pub source_title: Option<String>,
    /// The Discord guild that the source is in.
    pub source_guild_id: Option<String>,
    /// The source's public name on Telegram.
    pub source_username: Option<String>,
    /// The Discord guild that the destination is in.
    pub destination_guild_id: Option<String>,
    /// The largest file that the destination takes, in bytes, where it is more than the platform takes everywhere.
    pub destination_file_bytes_max: Option<i64>,
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

impl Pair {
    /// What it is told about the messages that it carries. What a newer version has written and this one cannot read is
    /// an error, because a filter that is ignored would let everything through.
    pub fn options(&self) -> Result<PairOptions, StoreError> {
        Ok(PairOptions::deserialize(&self.options_json)?)
    }

    /// Its two ends.
    #[must_use]
    pub const fn way(&self) -> Way {
        Way {
            source: Endpoint {
                account: self.source_account_id,
                platform: self.source_platform,
                chat: self.source_chat_id,
                topic: self.source_topic_id,
            },
            destination: Endpoint {
                account: self.destination_account_id,
                platform: self.destination_platform,
                chat: self.destination_chat_id,
                topic: self.destination_topic_id,
            },
        }
    }

    /// What is known of the source chat, for links.
    #[must_use]
    pub fn source_chat(&self) -> SourceChat {
        SourceChat { guild_id: self.source_guild_id.clone(), username: self.source_username.clone() }
    }

    /// What the destination takes in one message.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits::of(self.destination_platform).with_files_of(self.destination_file_bytes_max)
    }

    /// Whom the pair's messages ping with these options. Roles are those of one Discord server.
    #[must_use]
    pub fn pings(&self, options: &PairOptions) -> Option<Pings> {
        let roles = self.source_guild_id.is_some() && self.source_guild_id == self.destination_guild_id;
        options.ping_mentions.then_some(Pings { roles })
    }

    /// Telegram forwards by itself: see [`CopyMode::is_native`].
    #[must_use]
    pub fn forwards_natively(&self) -> bool {
        self.mode.is_native(self.source_account_id, self.destination_account_id, self.destination_platform)
    }
}

/// What a new pair is made of.
#[derive(Clone, Debug)]
pub struct NewPair<'a> {
    /// Its id.
    pub id: PairId,
    /// The user's name for it.
    pub name: &'a str,
    /// Reads.
    pub source_account: AccountId,
    /// What is read.
    pub source_chat: ChatId,
    /// Only this Telegram topic is read.
    pub source_topic: Option<i64>,
    /// Only messages above this id are carried.
    pub source_start_id: i64,
    /// Writes.
    pub destination_account: AccountId,
    /// What is written to.
    pub destination_chat: ChatId,
    /// Only this Telegram topic is written to.
    pub destination_topic: Option<i64>,
    /// Copy or forward.
    pub mode: CopyMode,
    /// Seconds between receipt and delivery.
    pub delay_seconds: i32,
    /// No notification sound.
    pub silent: bool,
    /// What it is told about the messages that it carries; nothing unless given.
    pub options: Option<&'a serde_json::Value>,
}

/// Adds an active pair. [`StoreError::Conflict`] `pairs_route_key` when the tenant has this route already.
pub async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    pair: &NewPair<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO pairs (id, user_id, name, source_account_id, source_chat_id, source_start_id,
                            destination_account_id, destination_chat_id, mode, delay_seconds, silent, status,
                            created_at, updated_at, source_topic_id, destination_topic_id, options)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, $12, $13, $14,
                 coalesce($15, '{}'::jsonb))",
        pair.id as PairId,
        user as UserId,
        pair.name,
        pair.source_account as AccountId,
        pair.source_chat as ChatId,
        pair.source_start_id,
        pair.destination_account as AccountId,
        pair.destination_chat as ChatId,
        pair.mode as CopyMode,
        pair.delay_seconds,
        pair.silent,
        now,
        pair.source_topic,
        pair.destination_topic,
        pair.options
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tenant's pair.
pub async fn find(connection: &mut PgConnection, user: UserId, id: PairId) -> Result<Option<Pair>, StoreError> {
    Ok(load(connection, id).await?.filter(|pair| pair.user_id == user))
}

/// The pair, for the machinery. `None` when it is deleted.
pub async fn load(connection: &mut PgConnection, id: PairId) -> Result<Option<Pair>, StoreError> {
    let pair = sqlx::query_as!(
        Pair,
        r#"SELECT p.id, p.user_id, p.name,
                p.source_account_id, s.platform AS source_platform, p.source_chat_id,
                p.source_topic_id, p.destination_account_id, d.platform AS destination_platform, p.destination_chat_id,
                p.destination_topic_id, c.kind AS "destination_kind?", p.mode, p.delay_seconds, p.silent,
                p.options AS options_json, o.title AS "source_title?", o.guild_id AS source_guild_id,
                o.username AS source_username, c.guild_id AS destination_guild_id,
                c.file_bytes_max AS destination_file_bytes_max,
                p.status, p.reason_code, p.reason, p.created_at, p.updated_at
         FROM pairs p JOIN accounts s ON s.id = p.source_account_id JOIN accounts d ON d.id = p.destination_account_id
         LEFT JOIN chats c ON c.account_id = p.destination_account_id AND c.chat_id = p.destination_chat_id
         LEFT JOIN chats o ON o.account_id = p.source_account_id AND o.chat_id = p.source_chat_id
         WHERE p.id = $1 AND p.deleted_at IS NULL"#,
        id as PairId
    )
    .fetch_optional(connection)
    .await?;
    Ok(pair)
}

/// How many pairs read or write through an account: it cannot be logged out under them.
pub async fn count_of_account(connection: &mut PgConnection, account: AccountId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM pairs
           WHERE (source_account_id = $1 OR destination_account_id = $1) AND deleted_at IS NULL"#,
        account as AccountId
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}
