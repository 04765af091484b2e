//! What stands at the destination: recorded with every send, found again by edits and deletions.

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, PairId};
use sqlx::PgConnection;

use super::shown::{self, Shown};
use crate::{StoreError, seal::Sealer};

/// One message that stands at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPart {
    /// The send that made it, by its number within the delivery.
    pub part: i32,
    /// Its number within the send: an album makes several.
    pub item: i32,
    /// The account that wrote it.
    pub account: AccountId,
    /// Where it is seen: the destination chat, or the Discord thread.
    pub chat: ChatId,
    /// Its id there.
    pub message_id: i64,
    /// The source platform's id of the message that it carries.
    pub carries: i64,
    /// The Telegram topic or Discord thread that it stands in.
    pub thread: Option<i64>,
    /// It was written through a webhook.
    pub by_webhook: bool,
    /// Its text, as a digest.
    pub text_digest: Option<String>,
    /// Its attachments, as a digest; `None` for text.
    pub media_digest: Option<String>,
}

impl SentPart {
    /// A message of which nothing but its place is known.
    #[must_use]
    pub const fn new(part: i32, account: AccountId, chat: ChatId, message_id: i64, carries: i64) -> Self {
        Self {
            part,
            item: 0,
            account,
            chat,
            message_id,
            carries,
            thread: None,
            by_webhook: false,
            text_digest: None,
            media_digest: None,
        }
    }
}

/// Records what a send left; the same twice is the same as once.
pub async fn record_parts(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    seq: i64,
    sent: &[SentPart],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let shown = shown::seal(sealer, pair, sent.iter().map(|part| (seq, part)))?;
    sqlx::query!(
        "INSERT INTO destination_messages (pair_id, seq, part, item, account_id, chat_id, message_id, sent_at, carries,
                                           thread, by_webhook, shown)
         SELECT $1, $2, s.part, s.item, s.account, s.chat, s.message, $3, s.carries, s.thread, s.by_webhook, s.shown
         FROM unnest($4::integer[], $5::integer[], $6::uuid[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
                     $11::boolean[], $12::bytea[])
              AS s(part, item, account, chat, message, carries, thread, by_webhook, shown)
         ON CONFLICT ON CONSTRAINT destination_messages_pkey DO NOTHING",
        pair as PairId,
        seq,
        now,
        &sent.iter().map(|part| part.part).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.item).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.account.as_uuid()).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.chat.get()).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.message_id).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.carries).collect::<Vec<_>>(),
        &sent.iter().map(|part| part.thread).collect::<Vec<_>>() as &[Option<i64>],
        &sent.iter().map(|part| part.by_webhook).collect::<Vec<_>>(),
        &shown as &[Option<Vec<u8>>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// True when a message at the destination is on record as a part of some delivery: it cannot be the one that is
/// looked for.
pub async fn is_recorded(
    connection: &mut PgConnection,
    account: AccountId,
    chat: ChatId,
    message_id: i64,
) -> Result<bool, StoreError> {
    let recorded = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM destination_messages
                          WHERE chat_id = $1 AND message_id = $2 AND account_id = $3) AS "recorded!""#,
        chat as ChatId,
        message_id,
        account as AccountId
    )
    .fetch_one(connection)
    .await?;
    Ok(recorded)
}

/// A message that stands at the destination, with the delivery that wrote it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// That delivery.
    pub seq: i64,
    /// The message.
    pub part: SentPart,
}

/// What the delivery `root_seq` and the changes of it have left at the destination and what is not deleted, in the
/// order in which it is read there.
pub async fn standing(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    root_seq: i64,
) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT m.seq, m.part, m.item, m.account_id, m.chat_id, m.message_id,
                  coalesce(m.carries, s.message_id) AS "carries!", m.thread, m.by_webhook, m.shown, m.text_digest,
                  m.media_digest
           FROM destination_messages m
           JOIN deliveries d ON d.pair_id = m.pair_id AND d.seq = m.seq
           JOIN source_messages s ON s.id = d.source_message_id
           WHERE m.pair_id = $1 AND (m.seq = $2 OR d.root_seq = $2) AND m.gone_at IS NULL
           ORDER BY m.message_id"#,
        pair as PairId,
        root_seq
    )
    .fetch_all(connection)
    .await?;
    let standing = rows.into_iter().map(|row| {
        let clear = Shown { text: row.text_digest, media: row.media_digest };
        let shown = Shown::open(sealer, (pair, row.seq, row.part, row.item), row.shown.as_deref(), clear)?;
        let part = SentPart {
            part: row.part,
            item: row.item,
            account: row.account_id,
            chat: row.chat_id,
            message_id: row.message_id,
            carries: row.carries,
            thread: row.thread,
            by_webhook: row.by_webhook,
            text_digest: shown.text,
            media_digest: shown.media,
        };
        Ok(Standing { seq: row.seq, part })
    });
    standing.collect()
}

/// Records that messages do not stand at the destination any more.
pub async fn record_gone(
    connection: &mut PgConnection,
    pair: PairId,
    gone: &[Standing],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE destination_messages m SET gone_at = $2
         FROM unnest($3::bigint[], $4::integer[], $5::integer[]) AS g(seq, part, item)
         WHERE m.pair_id = $1 AND m.seq = g.seq AND m.part = g.part AND m.item = g.item AND m.gone_at IS NULL",
        pair as PairId,
        now,
        &gone.iter().map(|one| one.seq).collect::<Vec<_>>(),
        &gone.iter().map(|one| one.part.part).collect::<Vec<_>>(),
        &gone.iter().map(|one| one.part.item).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records what a message at the destination shows now: its digests, and what it carries.
pub async fn record_shown(
    connection: &mut PgConnection,
    sealer: &Sealer,
    pair: PairId,
    edited: &Standing,
) -> Result<(), StoreError> {
    let shown = shown::seal(sealer, pair, std::iter::once((edited.seq, &edited.part)))?;
    sqlx::query!(
        "UPDATE destination_messages SET shown = $5, text_digest = NULL, media_digest = NULL, carries = $6
         WHERE pair_id = $1 AND seq = $2 AND part = $3 AND item = $4",
        pair as PairId,
        edited.seq,
        edited.part.part,
        edited.part.item,
        shown.into_iter().next().flatten(),
        edited.part.carries
    )
    .execute(connection)
    .await?;
    Ok(())
}
