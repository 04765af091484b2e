//! Pictures of Telegram authors: fetched once for each photo, shown beside what is written under their names.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, ChatId, MediaId};
use sqlx::PgConnection;

use crate::{StoreError, content, media::MediaState, seal::Sealer};

/// That a picture is needed is noted so often, and one that could not be had is tried again then.
const NOTED_EVERY: TimeDelta = TimeDelta::days(1);

/// A picture, and what it takes to fetch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portrait {
    /// Telegram's id of the photo.
    pub photo_id: i64,
    /// Whose it is.
    pub person: i64,
    /// Where they have written.
    pub chat: ChatId,
    /// What they have written there.
    pub message_id: i64,
}

/// A picture as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The row; links name it.
    pub id: MediaId,
    /// Whether the bytes are here.
    pub state: MediaState,
    /// When it was needed first.
    pub created_at: DateTime<Utc>,
}

/// The picture as `account` keeps it. One that is not known is noted, under the id `new`, to be fetched.
pub async fn want(
    connection: &mut PgConnection,
    account: AccountId,
    portrait: Portrait,
    new: MediaId,
    now: DateTime<Utc>,
) -> Result<Kept, StoreError> {
    let known = sqlx::query!(
        "SELECT id, state, created_at, wanted_at FROM avatars WHERE account_id = $1 AND photo_id = $2",
        account as AccountId,
        portrait.photo_id
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(known) = known.filter(|known| known.wanted_at > now - NOTED_EVERY) {
        return Ok(Kept { id: known.id, state: known.state, created_at: known.created_at });
    }
    let noted = sqlx::query!(
        "INSERT INTO avatars (id, account_id, photo_id, person_id, chat_id, message_id, state, fetch_after, created_at,
                              wanted_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7, $7)
         ON CONFLICT ON CONSTRAINT avatars_photo_key DO UPDATE SET
             wanted_at = $7, chat_id = $5, message_id = $6, fetch_after = $7, attempts = 0,
             state = CASE avatars.state WHEN 'failed' THEN 'pending' ELSE avatars.state END,
             created_at = CASE avatars.state WHEN 'ready' THEN avatars.created_at ELSE $7 END
         RETURNING id, state, created_at",
        new as MediaId,
        account as AccountId,
        portrait.photo_id,
        portrait.person,
        portrait.chat as ChatId,
        portrait.message_id,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(Kept { id: noted.id, state: noted.state, created_at: noted.created_at })
}

/// A picture to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// The row.
    pub id: MediaId,
    /// What it is.
    pub portrait: Portrait,
    /// Tries so far.
    pub attempts: i32,
}

/// Pictures that an account is due to fetch, but for the `busy` ones.
pub async fn pending(
    connection: &mut PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
    busy: &[MediaId],
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, photo_id, person_id, chat_id, message_id, attempts FROM avatars
         WHERE account_id = $1 AND state = 'pending' AND fetch_after <= $2 AND NOT id = ANY($3)
         ORDER BY fetch_after LIMIT $4",
        account as AccountId,
        now,
        &busy.iter().map(MediaId::as_uuid).collect::<Vec<_>>(),
        limit
    )
    .fetch_all(connection)
    .await?;
    let pending = rows.into_iter().map(|row| Pending {
        id: row.id,
        portrait: Portrait {
            photo_id: row.photo_id,
            person: row.person_id,
            chat: row.chat_id,
            message_id: row.message_id,
        },
        attempts: row.attempts,
    });
    Ok(pending.collect())
}

/// The picture is here.
pub async fn complete(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: MediaId,
    bytes: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE avatars SET state = 'ready', bytes = $2, sealed = true WHERE id = $1 AND state = 'pending'",
        id as MediaId,
        sealer.seal_bytes(&content::avatar_place(id), bytes)?
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// It cannot be had for now.
pub async fn fail(connection: &mut PgConnection, id: MediaId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE avatars SET state = 'failed' WHERE id = $1 AND state = 'pending'", id as MediaId)
        .execute(connection)
        .await?;
    Ok(())
}

/// Tries again later.
pub async fn postpone(
    connection: &mut PgConnection,
    id: MediaId,
    fetch_after: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE avatars SET attempts = attempts + 1, fetch_after = $2 WHERE id = $1 AND state = 'pending'",
        id as MediaId,
        fetch_after
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The bytes behind a link whose signature was found good: it stands for the tenant, so none is asked.
pub async fn read(connection: &mut PgConnection, sealer: &Sealer, id: MediaId) -> Result<Option<Vec<u8>>, StoreError> {
    let kept = sqlx::query!(
        r#"SELECT bytes AS "bytes!", sealed FROM avatars WHERE id = $1 AND state = 'ready' AND bytes IS NOT NULL"#,
        id as MediaId
    )
    .fetch_optional(connection)
    .await?;
    match kept {
        Some(kept) if kept.sealed => Ok(Some(sealer.open_bytes(&content::avatar_place(id), &kept.bytes)?)),
        kept => Ok(kept.map(|kept| kept.bytes)),
    }
}

/// Forgets pictures that no message has needed since `before`, at most `limit`. Returns how many.
pub async fn forget_unneeded(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM avatars WHERE id IN (SELECT id FROM avatars WHERE wanted_at < $1 LIMIT $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
