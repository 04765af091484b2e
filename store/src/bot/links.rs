//! Who gets a user's messages: links that are handed out once, followed once, and end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    UserId,
    bot::Followed,
    notification::{Channel, Kind, Preference},
};
use sqlx::PgConnection;

use crate::{StoreError, notifications};

/// For so long a link that has ended is told from one that never was.
const TOKENS_KEPT: TimeDelta = TimeDelta::days(1);
/// Links of a former bot that are ended with one statement.
const STRANGERS_AT_ONCE: i64 = 200;

/// Somebody on Telegram, as the bot sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Telegram's id; their private chat has the same.
    pub telegram_user_id: i64,
    /// How the bot addresses them.
    pub access_hash: i64,
    /// The name that people see.
    pub name: String,
}

/// A user's link to the bot.
#[derive(Clone, Debug)]
pub struct Link {
    /// The name that people see.
    pub name: String,
    /// Since when.
    pub linked_at: DateTime<Utc>,
    /// When the person was found to have blocked the bot: the link has ended.
    pub blocked_at: Option<DateTime<Utc>>,
}

/// Where the bot writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Telegram's id of the person.
    pub telegram_user_id: i64,
    /// How the bot addresses them.
    pub access_hash: i64,
}

/// Remembers that a link with the token of this hash was handed out. Those that the user was given before and has not
/// followed are void.
pub async fn issue_token(
    connection: &mut PgConnection,
    user: UserId,
    hash: &[u8; 32],
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM bot_link_tokens WHERE user_id = $1 AND used_at IS NULL", user as UserId)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO bot_link_tokens (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        &hash[..],
        user as UserId,
        now,
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Follows a link: within a transaction, because a link is followed once and as a whole. The person's link to another
/// user ends, and so does the user's link to another person.
pub async fn redeem(
    connection: &mut PgConnection,
    bot: i64,
    person: &Person,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Followed, StoreError> {
    let token = sqlx::query!(
        r#"SELECT user_id AS "user: UserId", expires_at, used_at FROM bot_link_tokens WHERE token_hash = $1 FOR UPDATE"#,
        &hash[..]
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(token) = token else { return Ok(Followed::Unknown) };
    if token.used_at.is_some() {
        return Ok(Followed::Used);
    }
    if token.expires_at <= now {
        return Ok(Followed::Expired);
    }
    sqlx::query!("UPDATE bot_link_tokens SET used_at = $2 WHERE token_hash = $1", &hash[..], now)
        .execute(&mut *connection)
        .await?;
    let former = sqlx::query_scalar!(
        r#"DELETE FROM bot_links WHERE telegram_user_id = $1 AND user_id <> $2 RETURNING user_id AS "user: UserId""#,
        person.telegram_user_id,
        token.user as UserId
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(former) = former {
        notifications::set_bot_linked(connection, former, false, now).await?;
    }
    sqlx::query!(
        "INSERT INTO bot_links (user_id, bot_id, telegram_user_id, access_hash, name, linked_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT bot_links_pkey DO UPDATE
         SET bot_id = excluded.bot_id, telegram_user_id = excluded.telegram_user_id,
             access_hash = excluded.access_hash, name = excluded.name, linked_at = excluded.linked_at,
             blocked_at = NULL",
        token.user as UserId,
        bot,
        person.telegram_user_id,
        person.access_hash,
        person.name,
        now
    )
    .execute(&mut *connection)
    .await?;
    notifications::set_bot_linked(connection, token.user, true, now).await?;
    Ok(Followed::Made)
}

/// The tenant's link, also one that has ended because the person blocked the bot.
pub async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Link>, StoreError> {
    let link =
        sqlx::query_as!(Link, "SELECT name, linked_at, blocked_at FROM bot_links WHERE user_id = $1", user as UserId)
            .fetch_optional(connection)
            .await?;
    Ok(link)
}

/// Where the bot writes to for this user; `None` when the user has not linked this bot.
pub async fn recipient(connection: &mut PgConnection, bot: i64, user: UserId) -> Result<Option<Recipient>, StoreError> {
    let recipient = sqlx::query_as!(
        Recipient,
        "SELECT telegram_user_id, access_hash FROM bot_links
         WHERE user_id = $2 AND bot_id = $1 AND blocked_at IS NULL",
        bot,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(recipient)
}

/// For whom the person may ask and act: nobody while the user is suspended, as at the API.
pub async fn linked_user(
    connection: &mut PgConnection,
    bot: i64,
    telegram_user_id: i64,
) -> Result<Option<UserId>, StoreError> {
    let user = sqlx::query_scalar!(
        r#"SELECT b.user_id AS "user: UserId" FROM bot_links b JOIN users u ON u.id = b.user_id
           WHERE b.telegram_user_id = $2 AND b.bot_id = $1 AND b.blocked_at IS NULL AND u.suspended_at IS NULL"#,
        bot,
        telegram_user_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// Remembers how a linked person is addressed and called now.
pub async fn seen(connection: &mut PgConnection, bot: i64, person: &Person) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bot_links SET access_hash = $3, name = $4
         WHERE telegram_user_id = $2 AND bot_id = $1 AND (access_hash <> $3 OR name <> $4)",
        bot,
        person.telegram_user_id,
        person.access_hash,
        person.name
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the tenant's link, in a transaction, and makes void what could make it anew. False when there was none.
pub async fn unlink(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    sqlx::query!("DELETE FROM bot_link_tokens WHERE user_id = $1 AND used_at IS NULL", user as UserId)
        .execute(&mut *connection)
        .await?;
    let done =
        sqlx::query!("DELETE FROM bot_links WHERE user_id = $1", user as UserId).execute(&mut *connection).await?;
    let was_linked = done.rows_affected() == 1;
    if was_linked {
        notifications::set_bot_linked(connection, user, false, now).await?;
    }
    Ok(was_linked)
}

/// Ends the tenant's link because the person has blocked the bot, in a transaction. What was still to go by the bot goes
/// by e-mail where the user takes e-mail of its kind, and does not already.
pub async fn blocked(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let ended = sqlx::query!(
        "UPDATE bot_links SET blocked_at = $2 WHERE user_id = $1 AND blocked_at IS NULL",
        user as UserId,
        now
    )
    .execute(&mut *connection)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    let by_email: Vec<Kind> = notifications::preferences(connection, user)
        .await?
        .into_iter()
        .filter(|(_, preference)| matches!(preference, Preference::Email | Preference::Both))
        .map(|(kind, _)| kind)
        .collect();
    let moved = sqlx::query!(
        "INSERT INTO notification_sends (notification_id, channel, state, priority, due_at, reason_code, reason)
         SELECT s.notification_id, 'email', 'pending', s.priority, $3, 'bot_blocked', 'the bot is blocked'
         FROM notifications n JOIN notification_sends s ON s.notification_id = n.id
         WHERE n.user_id = $1 AND n.kind = ANY($2::notification_kind[]) AND s.channel = 'bot'
           AND s.state IN ('pending', 'sending')
         ON CONFLICT ON CONSTRAINT notification_sends_pkey DO NOTHING",
        user as UserId,
        &by_email as &[Kind],
        now
    )
    .execute(&mut *connection)
    .await?;
    notifications::set_bot_linked(connection, user, false, now).await?;
    if moved.rows_affected() > 0 {
        sqlx::query!("SELECT pg_notify($1, $2)::text", notifications::WAKE_CHANNEL, Channel::Email.as_str())
            .fetch_one(connection)
            .await?;
    }
    Ok(())
}

/// Ends some links to other bots than this one, in a transaction: nobody has started this one. How many there were.
pub async fn unlink_strangers(
    connection: &mut PgConnection,
    bot: i64,
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let strangers = sqlx::query_scalar!(
        r#"SELECT user_id AS "user: UserId" FROM bot_links WHERE bot_id <> $1 ORDER BY user_id LIMIT $2"#,
        bot,
        STRANGERS_AT_ONCE
    )
    .fetch_all(&mut *connection)
    .await?;
    for user in &strangers {
        unlink(connection, *user, now).await?;
    }
    Ok(strangers.len())
}

/// Forgets links that have ended for long, at most `limit`.
pub async fn prune_tokens(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM bot_link_tokens WHERE token_hash IN (
             SELECT token_hash FROM bot_link_tokens WHERE expires_at < $1 LIMIT $2)",
        now - TOKENS_KEPT,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
