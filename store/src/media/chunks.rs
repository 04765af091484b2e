//! The bytes of attachments, piece by piece.

use chrono::{DateTime, Utc};
use domain::{AccountId, MediaId};
use sqlx::PgConnection;

use crate::{
    StoreError, content,
    seal::{OVERHEAD_BYTES, Sealer},
};

/// The size of every piece but the last, in bytes: what both platforms' files move in.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// Forgets what an interrupted fetch has left, so that it begins anew.
pub async fn clear(connection: &mut PgConnection, id: MediaId) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH cleared AS (UPDATE media SET stored_bytes = 0 WHERE id = $1 AND state = 'pending' AND stored_bytes > 0
                          RETURNING id)
         DELETE FROM media_chunks c USING cleared WHERE c.media_id = cleared.id",
        id as MediaId
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a piece, over an earlier one of the same place. `stored_bytes`: how many bytes are here with it. False when the
/// attachment is not waited for any more.
pub async fn write(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: MediaId,
    place: i32,
    bytes: &[u8],
    stored_bytes: i64,
) -> Result<bool, StoreError> {
    let sealed = sealer.seal_bytes(&content::chunk_place(id, place), bytes)?;
    let done = sqlx::query!(
        "WITH awaited AS (UPDATE media SET stored_bytes = $4 WHERE id = $1 AND state = 'pending' RETURNING id)
         INSERT INTO media_chunks (media_id, place, bytes, sealed) SELECT id, $2, $3, true FROM awaited
         ON CONFLICT ON CONSTRAINT media_chunks_pkey DO UPDATE SET bytes = EXCLUDED.bytes, sealed = true",
        id as MediaId,
        place,
        sealed,
        stored_bytes
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All pieces are here: deliveries may use them. `link_until`: until when a link to it is promised. False when pieces
/// are missing, because somebody else has begun anew; then nothing changes.
pub async fn complete(
    connection: &mut PgConnection,
    id: MediaId,
    size_bytes: i64,
    link_until: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    // A sealed piece is longer by what sealing adds, and by the id of its key, whose length is its first byte.
    let done = sqlx::query!(
        "UPDATE media SET state = 'ready', reason = NULL, size_bytes = $2, stored_bytes = $2, link_until = $3
         WHERE id = $1 AND state = 'pending'
           AND $2 = (SELECT coalesce(sum(length(bytes) - CASE
                         WHEN sealed THEN $4 + get_byte(substring(bytes FROM 1 FOR 1), 0) ELSE 0 END), 0)
                     FROM media_chunks WHERE media_id = $1)",
        id as MediaId,
        size_bytes,
        link_until,
        i32::try_from(OVERHEAD_BYTES).unwrap_or(i32::MAX)
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One piece; `None` past the end, or when the bytes are gone.
pub async fn read(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: MediaId,
    place: i32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let piece =
        sqlx::query!("SELECT bytes, sealed FROM media_chunks WHERE media_id = $1 AND place = $2", id as MediaId, place)
            .fetch_optional(connection)
            .await?;
    match piece {
        Some(piece) if piece.sealed => Ok(Some(sealer.open_bytes(&content::chunk_place(id, place), &piece.bytes)?)),
        piece => Ok(piece.map(|piece| piece.bytes)),
    }
}

/// How many bytes the tenant of `account` keeps.
pub async fn kept_by_tenant(connection: &mut PgConnection, account: AccountId) -> Result<i64, StoreError> {
    let kept = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(m.stored_bytes), 0)::bigint AS "kept!"
           FROM accounts own JOIN accounts a ON a.user_id = own.user_id JOIN media m ON m.account_id = a.id
           WHERE own.id = $1 AND m.stored_bytes > 0"#,
        account as AccountId
    )
    .fetch_one(connection)
    .await?;
    Ok(kept)
}
