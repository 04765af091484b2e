//! Claims: the next due deliveries of a pair, in order, for the one drain that may have them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{AccountId, Message, Operation, PairId, SourceMessageId};
use sqlx::PgConnection;

use super::Fence;
use crate::{StoreError, content, seal::Sealer};

/// Claims that find nothing, although the drain has every right to them, are tried again so often: what it looked at
/// was withdrawn meanwhile.
const TRIES: usize = 5;

/// A delivery that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its place in the pair's order.
    pub seq: i64,
    /// What it does at the destination.
    pub operation: Operation,
    /// The delivery that posted the message: this one, or the one that it changes.
    pub root_seq: i64,
    /// It is one of an album, or changes one: what stands for it is made of all items.
    pub album: bool,
    /// The source message.
    pub source_message_id: SourceMessageId,
    /// Whose rows in `media` hold its attachments: the message itself, or an earlier revision with the same ones.
    pub media_message_id: SourceMessageId,
    /// Its content.
    pub message: Message,
    /// When it could be sent at the earliest.
    pub ready_at: DateTime<Utc>,
    /// When a send may first have happened, if this is not the first claim.
    pub first_attempt_at: Option<DateTime<Utc>>,
    /// Claims so far, this one included.
    pub attempts: i32,
    /// Parts that stand at the destination already: (part, message id).
    pub sent_parts: Vec<(i32, i64)>,
}

impl Claimed {
    /// True when it only says something new: it looks at nothing that was sent before.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let message = &self.message;
        self.operation == Operation::Post && !self.album && message.media.is_empty() && message.reply_to.is_none()
    }
}

/// What a claim found.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Deliveries to send, in order.
    Rows(Vec<Claimed>),
    /// Nothing open.
    Empty,
    /// The head is due later, and its successors wait for it.
    NotDue(DateTime<Utc>),
    /// The head waits for its attachments.
    WaitingForMedia,
    /// Another drain has begun, the account has moved, or the pair was paused or deleted: stop.
    Lost,
}

/// Claims the next due deliveries of the pair above `after`, in order, without overtaking. `after` is 0, or the last
/// delivery that the same drain has sent while its record is still being written.
pub async fn claim(
    connection: &mut PgConnection,
    sealer: &Sealer,
    fence: Fence,
    now: DateTime<Utc>,
    after: i64,
    limit: i64,
) -> Result<Claim, StoreError> {
    for _ in 0..TRIES {
        let open = sqlx::query!(
            r#"SELECT d.seq, d.due_at, d.has_media AND EXISTS (
                      SELECT FROM deliveries i JOIN source_messages s ON s.id = i.source_message_id
                      JOIN media m ON m.source_message_id = coalesce(s.media_from, s.id)
                      WHERE i.pair_id = d.pair_id AND m.state = 'pending'
                        AND (i.seq = d.seq OR (i.root_seq = d.seq AND i.reason_code = 'album'))) AS "waiting!"
               FROM deliveries d WHERE d.pair_id = $1 AND d.state IN ('pending', 'sending') AND d.seq > $3
               ORDER BY d.seq LIMIT $2"#,
            fence.pair as PairId,
            limit,
            after
        )
        .fetch_all(&mut *connection)
        .await?;
        match open.first() {
            None => return Ok(Claim::Empty),
            Some(head) if head.due_at > now => return Ok(Claim::NotDue(head.due_at)),
            Some(head) if head.waiting => return Ok(Claim::WaitingForMedia),
            Some(_) => (),
        }
        let ready: Vec<i64> =
            open.iter().take_while(|row| row.due_at <= now && !row.waiting).map(|row| row.seq).collect();
        let mut rows = claim_rows(connection, sealer, fence, &ready, now).await?;
        if !rows.is_empty() {
            rows.sort_by_key(|row| row.seq);
            attach_sent_parts(connection, fence.pair, &mut rows).await?;
            return Ok(Claim::Rows(rows));
        }
        if !may_claim(connection, fence).await? {
            return Ok(Claim::Lost);
        }
    }
    Ok(Claim::NotDue(now))
}

/// True while the drain and the lease behind it are the newest and the pair is to be carried.
async fn may_claim(connection: &mut PgConnection, fence: Fence) -> Result<bool, StoreError> {
    let may = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pairs p WHERE p.id = $1 AND p.drain_fence = $2 AND p.status <> 'paused'
                                                AND p.deleted_at IS NULL)
              AND EXISTS (SELECT FROM accounts a WHERE a.id = $3 AND a.lease_epoch = $4) AS "may!""#,
        fence.pair as PairId,
        fence.drain,
        fence.account as AccountId,
        fence.epoch
    )
    .fetch_one(connection)
    .await?;
    Ok(may)
}

/// Marks the rows before their contents are read: from then on a change at the source is a delivery of its own, so what
/// is read is what has to be sent.
async fn claim_rows(
    connection: &mut PgConnection,
    sealer: &Sealer,
    fence: Fence,
    seqs: &[i64],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE deliveries d SET state = 'sending', attempts = d.attempts + 1,
                  first_attempt_at = coalesce(d.first_attempt_at, $6)
           WHERE d.pair_id = $1 AND d.seq = ANY($2) AND d.state IN ('pending', 'sending')
             AND EXISTS (SELECT FROM pairs p WHERE p.id = $1 AND p.drain_fence = $3 AND p.status <> 'paused'
                                               AND p.deleted_at IS NULL)
             AND EXISTS (SELECT FROM accounts a WHERE a.id = $4 AND a.lease_epoch = $5)
           RETURNING d.seq, d.operation, d.root_seq, d.album, d.source_message_id, d.due_at, d.first_attempt_at,
                     d.attempts"#,
        fence.pair as PairId,
        seqs,
        fence.drain,
        fence.account as AccountId,
        fence.epoch,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.source_message_id.as_uuid()).collect();
    let contents = sqlx::query!(
        r#"SELECT id, content, sealed_content, coalesce(media_from, id) AS "media!: SourceMessageId"
           FROM source_messages WHERE id = ANY($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut contents: HashMap<SourceMessageId, _> =
        contents.into_iter().map(|row| (row.id, (row.sealed_content, row.content, row.media))).collect();
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let Some((sealed, clear, media_message_id)) = contents.remove(&row.source_message_id) else { continue };
        claimed.push(Claimed {
            seq: row.seq,
            operation: row.operation,
            root_seq: row.root_seq.unwrap_or(row.seq),
            album: row.album.is_some(),
            source_message_id: row.source_message_id,
            media_message_id,
            message: content::message(sealer, row.source_message_id, sealed.as_deref(), clear)?,
            ready_at: row.due_at,
            first_attempt_at: row.first_attempt_at,
            attempts: row.attempts,
            sent_parts: Vec::new(),
        });
    }
    Ok(claimed)
}

async fn attach_sent_parts(
    connection: &mut PgConnection,
    pair: PairId,
    rows: &mut [Claimed],
) -> Result<(), StoreError> {
    let retried: Vec<i64> = rows.iter().filter(|row| row.attempts > 1).map(|row| row.seq).collect();
    if retried.is_empty() {
        return Ok(());
    }
    let parts = sqlx::query!(
        "SELECT seq, part, message_id FROM destination_messages WHERE pair_id = $1 AND seq = ANY($2)
         ORDER BY seq, part, item",
        pair as PairId,
        &retried
    )
    .fetch_all(connection)
    .await?;
    for part in parts {
        if let Some(row) = rows.iter_mut().find(|row| row.seq == part.seq) {
            row.sent_parts.push((part.part, part.message_id));
        }
    }
    Ok(())
}
