//! Forwarding pairs.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, AccountStatus, ChatId, ChatKind, CopyMode, PairId, PairStatus, Plan, Platform, UserId,
    render::{Limits, Pings},
    rules::{PairOptions, SourceChat},
};
use serde::Deserialize as _;
use sqlx::PgConnection;

use crate::StoreError;

/// One pair, with the platforms of its ends.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Which pair.
    pub id: PairId,
    /// Whose it is.
    pub user_id: UserId,
    /// What they pay for now.
    pub plan: Plan,
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
        r#"SELECT p.id, p.user_id, (SELECT u.plan FROM users u WHERE u.id = p.user_id) AS "plan!: Plan", p.name,
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

/// The tenant's pairs, oldest first.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<Pair>, StoreError> {
    let pairs = sqlx::query_as!(
        Pair,
        r#"SELECT p.id, p.user_id, (SELECT u.plan FROM users u WHERE u.id = p.user_id) AS "plan!: Plan", p.name,
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
         WHERE p.user_id = $1 AND p.deleted_at IS NULL ORDER BY p.created_at, p.id"#,
        user as UserId
    )
    .fetch_all(connection)
    .await?;
    Ok(pairs)
}

/// What a user may change of a pair; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct PairChange<'a> {
    /// The user's name for it.
    pub name: Option<&'a str>,
    /// Copy or forward.
    pub mode: Option<CopyMode>,
    /// Seconds between receipt and delivery; for messages that come from now on.
    pub delay_seconds: Option<i32>,
    /// No notification sound.
    pub silent: Option<bool>,
    /// All of its options.
    pub options: Option<&'a serde_json::Value>,
}

/// Changes the tenant's pair. False when there is none. A drain that knows other options claims
/// nothing any more.
pub async fn update(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    change: &PairChange<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET name = coalesce($3, name), mode = coalesce($4, mode),
                delay_seconds = coalesce($5, delay_seconds), silent = coalesce($6, silent),
                options = coalesce($7, options), drain_fence = drain_fence + CASE WHEN $7::jsonb IS NULL THEN 0 ELSE 1 END,
                updated_at = $8
         WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        change.name,
        change.mode as Option<CopyMode>,
        change.delay_seconds,
        change.silent,
        change.options,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Pauses or resumes the tenant's pair; twice is the same as once. False when there is none.
pub async fn set_paused(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    paused: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let status = if paused { PairStatus::Paused } else { PairStatus::Active };
    let done = sqlx::query!(
        "UPDATE pairs SET status = $3, reason_code = NULL, reason = NULL, updated_at = $4
         WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        status as PairStatus,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records that the destination refuses us (`Some`) or takes messages again (`None`). A paused pair stays paused.
pub async fn set_blocked(
    connection: &mut PgConnection,
    id: PairId,
    reason: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (status, code, text) = match reason {
        Some((code, text)) => (PairStatus::Blocked, Some(code), Some(text)),
        None => (PairStatus::Active, None, None),
    };
    sqlx::query!(
        "UPDATE pairs SET status = $2, reason_code = $3, reason = $4, updated_at = $5
         WHERE id = $1 AND deleted_at IS NULL AND status <> 'paused' AND (status <> $2 OR reason_code IS DISTINCT FROM $3)",
        id as PairId,
        status as PairStatus,
        code,
        text,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the tenant's pair; its history stays. False when there is none.
pub async fn delete(
    connection: &mut PgConnection,
    user: UserId,
    id: PairId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET deleted_at = $3, updated_at = $3 WHERE id = $2 AND user_id = $1 AND deleted_at IS NULL",
        user as UserId,
        id as PairId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
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

/// Where a pair's drain has to run.
#[derive(Clone, Debug)]
pub struct Route {
    /// The destination account's host, if it has one.
    pub host: Option<String>,
    /// The destination account's state.
    pub account_status: AccountStatus,
    /// Whose pair it is: the fairness key.
    pub user_id: UserId,
    /// What they pay for: priority and weight.
    pub plan: Plan,
    /// The pair's state.
    pub status: PairStatus,
}

/// Where the pair's drain has to run; `None` when the pair is deleted.
pub async fn route(connection: &mut PgConnection, id: PairId) -> Result<Option<Route>, StoreError> {
    let route = sqlx::query_as!(
        Route,
        "SELECT a.host, a.status AS account_status, p.user_id, u.plan, p.status
         FROM pairs p JOIN accounts a ON a.id = p.destination_account_id JOIN users u ON u.id = p.user_id
         WHERE p.id = $1 AND p.deleted_at IS NULL",
        id as PairId
    )
    .fetch_optional(connection)
    .await?;
    Ok(route)
}

/// Remembers that the pair's workflow was started (or, for a deleted pair, ended).
pub async fn set_workflow_started(connection: &mut PgConnection, id: PairId, started: bool) -> Result<(), StoreError> {
    sqlx::query!("UPDATE pairs SET workflow_started = $2 WHERE id = $1", id as PairId, started)
        .execute(connection)
        .await?;
    Ok(())
}
