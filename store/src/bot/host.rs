//! The bot's session and the lease of the worker that hosts it. What is written under an older epoch is refused.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

/// A bot whose host has been silent for longer is none that anybody could be sent to: long enough for a worker to be
/// replaced.
pub const PRESENT_FOR: TimeDelta = TimeDelta::minutes(10);
/// How often a host that is alive writes so.
const ALIVE_EVERY: TimeDelta = TimeDelta::seconds(30);

/// A lease that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotLease {
    /// Telegram's id of the bot.
    pub bot: i64,
    /// Valid as long as the row has this epoch.
    pub epoch: i64,
}

/// A bot without its secrets.
#[derive(Clone, Debug)]
pub struct BotRow {
    /// Telegram's id of it.
    pub id: i64,
    /// The name after the `@`, once it has signed in.
    pub username: Option<String>,
    /// Stable code of why Telegram refuses its token.
    pub refused_code: Option<String>,
    /// Telegram wants neither log-in nor message before this.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// The worker that hosts it.
    pub host: Option<String>,
}

fn place(bot: i64) -> String {
    format!("bots/{bot}/session")
}

/// Takes the lease, from whoever had it; the first time, the bot's row is made. `task_token` names the attempt, so that
/// the same worker, started anew, can report it as failed.
pub async fn take(
    connection: &mut PgConnection,
    bot: i64,
    host: &str,
    task_token: &[u8],
    now: DateTime<Utc>,
) -> Result<BotLease, StoreError> {
    let epoch = sqlx::query_scalar!(
        "INSERT INTO bots AS b (id, host, host_task_token, hosted_at, lease_epoch) VALUES ($1, $2, $3, $4, 1)
         ON CONFLICT ON CONSTRAINT bots_pkey DO UPDATE
         SET host = excluded.host, host_task_token = excluded.host_task_token, hosted_at = excluded.hosted_at,
             lease_epoch = b.lease_epoch + 1
         RETURNING lease_epoch",
        bot,
        host,
        task_token,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(BotLease { bot, epoch })
}

/// Gives the lease back, if it is still ours.
pub async fn release(connection: &mut PgConnection, lease: BotLease) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bots SET host = NULL, host_task_token = NULL WHERE id = $1 AND lease_epoch = $2",
        lease.bot,
        lease.epoch
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the lease is still ours, and nobody can take it before the transaction ends.
pub async fn held(connection: &mut PgConnection, lease: BotLease) -> Result<bool, StoreError> {
    let row =
        sqlx::query_scalar!("SELECT id FROM bots WHERE id = $1 AND lease_epoch = $2 FOR SHARE", lease.bot, lease.epoch)
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some())
}

/// Whether the lease is still ours; if it is and the bot is `online`, remembers that the bot is at work.
pub async fn keep_alive(
    connection: &mut PgConnection,
    lease: BotLease,
    online: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let row = sqlx::query!("SELECT alive_at FROM bots WHERE id = $1 AND lease_epoch = $2", lease.bot, lease.epoch)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(false) };
    if online && row.alive_at.is_none_or(|alive_at| now - alive_at >= ALIVE_EVERY) {
        sqlx::query!("UPDATE bots SET alive_at = $3 WHERE id = $1 AND lease_epoch = $2", lease.bot, lease.epoch, now)
            .execute(connection)
            .await?;
    }
    Ok(true)
}

/// The task tokens of the attempts that a former process of this worker left behind: at start, all of them are stale.
pub async fn left_by(connection: &mut PgConnection, host: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let tokens = sqlx::query_scalar!(
        r#"SELECT host_task_token AS "token!" FROM bots WHERE host = $1 AND host_task_token IS NOT NULL ORDER BY id"#,
        host
    )
    .fetch_all(connection)
    .await?;
    Ok(tokens)
}

/// The bot's row, once it was hosted.
pub async fn load(connection: &mut PgConnection, bot: i64) -> Result<Option<BotRow>, StoreError> {
    let row =
        sqlx::query_as!(BotRow, "SELECT id, username, refused_code, cooldown_until, host FROM bots WHERE id = $1", bot)
            .fetch_optional(connection)
            .await?;
    Ok(row)
}

/// The bot that people can be sent to: it has signed in, is not refused, and was at work within [`PRESENT_FOR`].
pub async fn present(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<BotRow>, StoreError> {
    let row = sqlx::query_as!(
        BotRow,
        "SELECT id, username, refused_code, cooldown_until, host FROM bots
         WHERE username IS NOT NULL AND refused_code IS NULL AND alive_at > $1 ORDER BY alive_at DESC, id LIMIT 1",
        now - PRESENT_FOR
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// Seals and stores the session. False when the lease is not ours any more: nothing was written.
pub async fn save_session(
    connection: &mut PgConnection,
    sealer: &Sealer,
    lease: BotLease,
    session: &SecretString,
) -> Result<bool, StoreError> {
    let sealed = sealer.seal(&place(lease.bot), session)?;
    let done =
        sqlx::query!("UPDATE bots SET session = $3 WHERE id = $1 AND lease_epoch = $2", lease.bot, lease.epoch, sealed)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Loads and opens the session.
pub async fn session(
    connection: &mut PgConnection,
    sealer: &Sealer,
    bot: i64,
) -> Result<Option<SecretString>, StoreError> {
    let sealed = sqlx::query_scalar!("SELECT session FROM bots WHERE id = $1", bot).fetch_optional(connection).await?;
    sealed.flatten().map(|sealed| sealer.open(&place(bot), &sealed).map_err(StoreError::from)).transpose()
}

/// Forgets a session that has ended at Telegram.
pub async fn forget_session(connection: &mut PgConnection, lease: BotLease) -> Result<(), StoreError> {
    sqlx::query!("UPDATE bots SET session = NULL WHERE id = $1 AND lease_epoch = $2", lease.bot, lease.epoch)
        .execute(connection)
        .await?;
    Ok(())
}

/// Remembers what Telegram calls the bot; a former refusal is over.
pub async fn signed_in(
    connection: &mut PgConnection,
    lease: BotLease,
    username: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bots SET username = $3, refused_code = NULL, refused_reason = NULL, alive_at = $4
         WHERE id = $1 AND lease_epoch = $2",
        lease.bot,
        lease.epoch,
        username,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers that Telegram refuses the token.
pub async fn refused(
    connection: &mut PgConnection,
    lease: BotLease,
    code: &str,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bots SET refused_code = $3, refused_reason = $4, session = NULL WHERE id = $1 AND lease_epoch = $2",
        lease.bot,
        lease.epoch,
        code,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers that Telegram wants silence; an earlier, longer one stays.
pub async fn cool_down(connection: &mut PgConnection, bot: i64, until: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bots SET cooldown_until = greatest(coalesce(cooldown_until, $2), $2) WHERE id = $1",
        bot,
        until
    )
    .execute(connection)
    .await?;
    Ok(())
}
