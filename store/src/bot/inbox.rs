//! Messages to the bot. The row of a message is made in the transaction that carries it out, so that it is carried out
//! once; its answer waits in the row until Telegram has taken it.

use chrono::{DateTime, Utc};
use domain::RichText;
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use super::links::Recipient;
use crate::{StoreError, seal::Sealer};

/// Whether a message is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// It is new.
    New,
    /// It was carried out before.
    Known,
    /// The person writes faster than the bot answers: it is on record and gets no answer.
    Flood,
}

/// An answer that waits.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The message that it answers.
    pub message_id: i64,
    /// To whom.
    pub to: Recipient,
    /// What it says; `None` when it cannot be opened with the keys that are set.
    pub text: Option<RichText>,
    /// Attempts so far.
    pub attempts: i32,
}

fn place(bot: i64, message: i64) -> String {
    format!("bot_messages/{bot}/{message}/answer")
}

/// Records a message to the bot. Of a person for whom `waiting_max` answers wait already, nothing is carried out.
pub async fn receive(
    connection: &mut PgConnection,
    bot: i64,
    message_id: i64,
    from: Recipient,
    waiting_max: i64,
    now: DateTime<Utc>,
) -> Result<Incoming, StoreError> {
    let made = sqlx::query!(
        "INSERT INTO bot_messages (bot_id, message_id, telegram_user_id, access_hash, due_at, received_at)
         VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT ON CONSTRAINT bot_messages_pkey DO NOTHING",
        bot,
        message_id,
        from.telegram_user_id,
        from.access_hash,
        now
    )
    .execute(&mut *connection)
    .await?;
    if made.rows_affected() == 0 {
        return Ok(Incoming::Known);
    }
    let waiting = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM bot_messages
           WHERE bot_id = $1 AND telegram_user_id = $2 AND answer IS NOT NULL"#,
        bot,
        from.telegram_user_id
    )
    .fetch_one(connection)
    .await?;
    Ok(if waiting < waiting_max { Incoming::New } else { Incoming::Flood })
}

/// Seals and stores the answer to a message that was received.
pub async fn give_answer(
    connection: &mut PgConnection,
    sealer: &Sealer,
    bot: i64,
    message_id: i64,
    text: &RichText,
) -> Result<(), StoreError> {
    let sealed = sealer.seal(&place(bot, message_id), &serde_json::to_string(text)?.into())?;
    sqlx::query!("UPDATE bot_messages SET answer = $3 WHERE bot_id = $1 AND message_id = $2", bot, message_id, sealed)
        .execute(connection)
        .await?;
    Ok(())
}

/// Answers that are due, at most `limit` and one of each person, so that nobody's questions hold up another's: of each the
/// first one, which the others wait for.
pub async fn due_answers(
    connection: &mut PgConnection,
    sealer: &Sealer,
    bot: i64,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Answer>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT message_id, telegram_user_id, access_hash, answer AS "answer!", attempts
           FROM (SELECT DISTINCT ON (telegram_user_id) * FROM bot_messages
                 WHERE bot_id = $1 AND answer IS NOT NULL ORDER BY telegram_user_id, message_id) first
           WHERE due_at <= $2 ORDER BY message_id LIMIT $3"#,
        bot,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Answer {
            message_id: row.message_id,
            to: Recipient { telegram_user_id: row.telegram_user_id, access_hash: row.access_hash },
            text: open(sealer, &place(bot, row.message_id), &row.answer),
            attempts: row.attempts,
        })
        .collect())
}

fn open(sealer: &Sealer, place: &str, sealed: &[u8]) -> Option<RichText> {
    let plain = sealer.open(place, sealed).ok()?;
    serde_json::from_str(plain.expose_secret()).ok()
}

/// When the next of the answers is due that [`due_answers`] would give; `None` when none waits.
pub async fn next_answer_due(connection: &mut PgConnection, bot: i64) -> Result<Option<DateTime<Utc>>, StoreError> {
    let due = sqlx::query_scalar!(
        "SELECT min(due_at) FROM (SELECT DISTINCT ON (telegram_user_id) due_at FROM bot_messages
                                  WHERE bot_id = $1 AND answer IS NOT NULL ORDER BY telegram_user_id, message_id) first",
        bot
    )
    .fetch_one(connection)
    .await?;
    Ok(due)
}

/// Telegram has taken the answer, or never will: it is forgotten.
pub async fn answered(connection: &mut PgConnection, bot: i64, message_id: i64) -> Result<(), StoreError> {
    sqlx::query!("UPDATE bot_messages SET answer = NULL WHERE bot_id = $1 AND message_id = $2", bot, message_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// The answer is tried again at `due_at`.
pub async fn postpone_answer(
    connection: &mut PgConnection,
    bot: i64,
    message_id: i64,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE bot_messages SET due_at = $3, attempts = attempts + 1 WHERE bot_id = $1 AND message_id = $2",
        bot,
        message_id,
        due_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets messages that came before `before`, answered or not, at most `limit`: a command is recognised for so long.
pub async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM bot_messages WHERE (bot_id, message_id) IN (
             SELECT bot_id, message_id FROM bot_messages WHERE received_at < $1 LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
