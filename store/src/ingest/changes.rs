//! Edits and deletions: a revision each, folded into the deliveries that still wait, or deliveries of their own.

use std::{borrow::Cow, collections::HashMap, collections::HashSet};

use domain::{
    ChatId, DeliveryState, Lineage, Message, Operation, PairId, SourceMessageId,
    change::{Change, Known, Reaction, react},
};
use sqlx::PgConnection;

use super::{
    Ingest,
    ledger::{self, NewDelivery, Revision, Root, Skip},
};
use crate::StoreError;

/// A message that was changed: with its new content, or gone.
#[derive(Clone, Copy)]
pub(super) struct Changed<'a> {
    pub chat: ChatId,
    pub message_id: i64,
    pub edited: Option<&'a Message>,
}

impl Changed<'_> {
    pub const fn key(&self) -> (ChatId, i64) {
        (self.chat, self.message_id)
    }
}

/// The newest revision that is on record.
struct Newest {
    id: SourceMessageId,
    revision: i32,
    message: Message,
    deleted: bool,
    media_from: Option<SourceMessageId>,
    lineage: Lineage,
}

/// One new revision and what it changes.
struct Next<'a> {
    revision: Revision<'a>,
    change: Change,
    new_media: bool,
}

/// Records `changed`, which are distinct messages. What is not on record, or says nothing new, changes nothing.
pub(super) async fn record(
    connection: &mut PgConnection,
    ingest: &mut Ingest<'_>,
    changed: &[Changed<'_>],
) -> Result<(), StoreError> {
    let newest = newest(connection, ingest, changed).await?;
    let next: Vec<Next<'_>> =
        changed.iter().filter_map(|changed| next(ingest, changed, newest.get(&changed.key())?)).collect();
    if next.is_empty() {
        return Ok(());
    }
    let (revisions, facts): (Vec<_>, Vec<_>) =
        next.into_iter().map(|next| (next.revision, (next.change, next.new_media))).unzip();
    let added = ledger::insert_revisions(connection, ingest.reader.account, &revisions, ingest.now).await?;
    let added: HashSet<SourceMessageId> = added.into_iter().collect();
    let kept: Vec<(&Revision<'_>, Change, bool)> = revisions
        .iter()
        .zip(facts)
        .filter(|(revision, _)| added.contains(&revision.id))
        .map(|(revision, (change, new_media))| (revision, change, new_media))
        .collect();
    ingest.done.messages += kept.len();
    let keys: Vec<(ChatId, i64)> =
        kept.iter().map(|(revision, ..)| (revision.message.chat, revision.message.message_id)).collect();
    let known = deliveries(connection, ingest, &keys).await?;
    apply(connection, ingest, &kept, &known).await
}

/// The revision that `changed` makes of the newest one; `None` when it says nothing new.
fn next<'a>(ingest: &Ingest<'_>, changed: &Changed<'a>, newest: &Newest) -> Option<Next<'a>> {
    if newest.deleted {
        return None;
    }
    let revision = newest.revision + 1;
    let (message, change) = match changed.edited {
        None => (Message { revision, ..newest.message.clone() }, Change::Delete),
        Some(message) => {
            if !message.is_news_to(&newest.message) {
                return None;
            }
            (Message { revision, ..message.clone() }, Change::Edit)
        }
    };
    let new_media = change == Change::Edit && !message.same_media(&newest.message);
    let media_from = (!new_media).then(|| newest.media_from.unwrap_or(newest.id));
    let revision = Revision {
        id: SourceMessageId::new(ingest.clock),
        message: Cow::Owned(message),
        deleted: change == Change::Delete,
        media_from,
        lineage: newest.lineage.clone(),
    };
    Some(Next { revision, change, new_media })
}

async fn newest(
    connection: &mut PgConnection,
    ingest: &Ingest<'_>,
    changed: &[Changed<'_>],
) -> Result<HashMap<(ChatId, i64), Newest>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (s.chat_id, s.message_id) s.id, s.revision, s.content, s.deleted,
                  s.media_from, s.lineage
           FROM unnest($2::bigint[], $3::bigint[]) AS asked(chat, message)
           JOIN source_messages s ON s.account_id = $1 AND s.chat_id = asked.chat AND s.message_id = asked.message
           ORDER BY s.chat_id, s.message_id, s.revision DESC"#,
        ingest.reader.account as domain::AccountId,
        &changed.iter().map(|changed| changed.chat.get()).collect::<Vec<_>>(),
        &changed.iter().map(|changed| changed.message_id).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    let mut newest = HashMap::with_capacity(rows.len());
    for row in rows {
        let message: Message = serde_json::from_value(row.content)?;
        let lineage = row.lineage.map(serde_json::from_value).transpose()?.unwrap_or_default();
        let key = (message.chat, message.message_id);
        let (revision, deleted, media_from) = (row.revision, row.deleted, row.media_from);
        newest.insert(key, Newest { id: row.id, revision, message, deleted, media_from, lineage });
    }
    Ok(newest)
}

/// A delivery of a changed message.
struct Row {
    pair: PairId,
    chat: ChatId,
    message_id: i64,
    known: Known,
    elsewhere: bool,
    album: Option<i64>,
    travels: bool,
    /// Telegram forwards by itself on the pair: no attachment is needed.
    native: bool,
}

/// The deliveries of these messages, locked together with those that they travel with: no drain claims them before the
/// change is in.
async fn deliveries(
    connection: &mut PgConnection,
    ingest: &Ingest<'_>,
    keys: &[(ChatId, i64)],
) -> Result<Vec<Row>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT d.pair_id AS pair, d.seq, s.chat_id AS chat, s.message_id,
                  d.operation, coalesce(d.root_seq, d.seq) AS "root_seq!", d.album,
                  coalesce(d.reason_code = 'album', false) AS "travels!", a.host, a.platform,
                  p.mode, p.destination_account_id AS writer
           FROM unnest($2::bigint[], $3::bigint[]) AS asked(chat, message)
           JOIN source_messages s ON s.account_id = $1 AND s.chat_id = asked.chat AND s.message_id = asked.message
           JOIN deliveries d ON d.source_message_id = s.id
           JOIN pairs p ON p.id = d.pair_id AND p.deleted_at IS NULL
           JOIN accounts a ON a.id = p.destination_account_id
           ORDER BY d.pair_id, d.seq"#,
        ingest.reader.account as domain::AccountId,
        &keys.iter().map(|(chat, _)| chat.get()).collect::<Vec<_>>(),
        &keys.iter().map(|(_, message)| *message).collect::<Vec<_>>()
    )
    .fetch_all(&mut *connection)
    .await?;
    let wanted = found.iter().flat_map(|row| [(row.pair, row.seq), (row.pair, row.root_seq)]);
    let (pairs, seqs): (Vec<_>, Vec<_>) = wanted.map(|(pair, seq)| (pair.as_uuid(), seq)).unzip();
    let locked = sqlx::query!(
        r#"SELECT d.pair_id AS pair, d.seq, d.state,
                  (d.state = 'dead' OR d.state = 'pending' AND d.first_attempt_at IS NULL)
                    AND NOT EXISTS (SELECT FROM destination_messages m WHERE m.pair_id = d.pair_id AND m.seq = d.seq)
                    AS "untouched!"
           FROM deliveries d WHERE (d.pair_id, d.seq) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))
           ORDER BY d.pair_id, d.seq FOR UPDATE"#,
        &pairs,
        &seqs
    )
    .fetch_all(connection)
    .await?;
    let states: HashMap<(PairId, i64), (DeliveryState, bool)> =
        locked.into_iter().map(|row| ((row.pair, row.seq), (row.state, row.untouched))).collect();
    let rows = found.into_iter().filter_map(|row| {
        // An item of an album is where the delivery is that it travels with.
        let carrier = if row.travels { row.root_seq } else { row.seq };
        let (state, untouched) = *states.get(&(row.pair, carrier))?;
        let known = Known {
            seq: row.seq,
            operation: row.operation,
            state,
            untouched,
            root_seq: row.root_seq,
            album: row.album.is_some(),
        };
        Some(Row {
            pair: row.pair,
            chat: row.chat,
            message_id: row.message_id,
            known,
            elsewhere: ingest.is_elsewhere(row.host.as_deref()),
            album: row.album,
            travels: row.travels,
            native: row.mode.is_native(ingest.reader.account, row.writer, row.platform),
        })
    });
    Ok(rows.collect())
}

/// Deliveries that take the new revision, by their pair and number.
#[derive(Default)]
struct Folds {
    pairs: Vec<uuid::Uuid>,
    seqs: Vec<i64>,
    messages: Vec<uuid::Uuid>,
    has_media: Vec<bool>,
    details: Vec<&'static str>,
    /// Deliveries that wait for new attachments of an item that travels with them.
    carriers: Vec<(uuid::Uuid, i64)>,
}

/// Deliveries that are not carried any more.
#[derive(Default)]
struct Withdrawals {
    pairs: Vec<uuid::Uuid>,
    seqs: Vec<i64>,
    codes: Vec<&'static str>,
    reasons: Vec<&'static str>,
}

async fn apply(
    connection: &mut PgConnection,
    ingest: &mut Ingest<'_>,
    changes: &[(&Revision<'_>, Change, bool)],
    rows: &[Row],
) -> Result<(), StoreError> {
    let (mut folds, mut withdrawals) = (Folds::default(), Withdrawals::default());
    let (mut new, mut roused, mut media) = (Vec::new(), Vec::new(), Vec::new());
    for (revision, change, new_media) in changes {
        let key = (revision.message.chat, revision.message.message_id);
        let own: Vec<&Row> = rows.iter().filter(|row| (row.chat, row.message_id) == key).collect();
        let mut wanted = false;
        for group in own.chunk_by(|one, two| one.pair == two.pair) {
            let known: Vec<Known> = group.iter().map(|row| row.known).collect();
            // A dead letter has its attachments fetched when it is tried again.
            let is_dead = |known: &Known| known.operation == Operation::Post && known.state == DeliveryState::Dead;
            let needs_media = *new_media && !group.iter().any(|row| row.native || is_dead(&row.known));
            for reaction in react(*change, &known) {
                wanted |= needs_media && !matches!(reaction, Reaction::Ignore { .. });
                match reaction {
                    Reaction::Fold { seq } => fold(&mut folds, group, seq, revision, *change, needs_media),
                    Reaction::Withdraw { seq } => {
                        withdraw(&mut withdrawals, group, seq);
                        roused.extend(group.first().map(|row| (row.pair, row.elsewhere)));
                    }
                    Reaction::Append { root_seq } => {
                        new.extend(appended(ingest, group, root_seq, (revision, *change, needs_media), None));
                    }
                    Reaction::Ignore { root_seq } => {
                        let skip = Skip::new("original_not_sent", "the message itself was not carried");
                        new.extend(appended(ingest, group, root_seq, (revision, *change, false), Some(skip)));
                    }
                }
            }
        }
        if wanted {
            media.push((revision.id, revision.message.media.len()));
        }
    }
    apply_folds(connection, &folds, ingest).await?;
    apply_withdrawals(connection, &withdrawals, ingest).await?;
    ingest.done.media += ledger::insert_media(connection, ingest.clock, ingest.reader.account, &media).await?;
    ledger::append(connection, &new, &roused, ingest.now, &mut ingest.done).await
}

fn fold(folds: &mut Folds, group: &[&Row], seq: i64, revision: &Revision<'_>, change: Change, new_media: bool) {
    let Some(row) = group.iter().find(|row| row.known.seq == seq) else { return };
    folds.pairs.push(row.pair.as_uuid());
    folds.seqs.push(seq);
    folds.messages.push(revision.id.as_uuid());
    folds.has_media.push(new_media && !revision.message.media.is_empty());
    folds.details.push(match change {
        Change::Edit => "the message was edited while it waited",
        Change::Delete => "the message was deleted while its album waited",
    });
    if row.travels && new_media {
        // The delivery that it travels with waits for the new attachments.
        folds.carriers.push((row.pair.as_uuid(), row.known.root_seq));
    }
}

fn withdraw(withdrawals: &mut Withdrawals, group: &[&Row], seq: i64) {
    let Some(row) = group.iter().find(|row| row.known.seq == seq) else { return };
    let (code, reason) = match row.known.operation {
        Operation::Post => ("deleted_at_source", "the message was deleted before it was sent"),
        Operation::Edit | Operation::Delete => {
            ("superseded", "the message was changed again or deleted before this edit was carried")
        }
    };
    withdrawals.pairs.push(row.pair.as_uuid());
    withdrawals.seqs.push(seq);
    withdrawals.codes.push(code);
    withdrawals.reasons.push(reason);
}

fn appended(
    ingest: &Ingest<'_>,
    group: &[&Row],
    root_seq: i64,
    (revision, change, new_media): (&Revision<'_>, Change, bool),
    skip: Option<Skip>,
) -> Option<NewDelivery> {
    let first = group.first()?;
    Some(NewDelivery {
        pair: first.pair,
        message: revision.id,
        operation: match change {
            Change::Edit => Operation::Edit,
            Change::Delete => Operation::Delete,
        },
        skip,
        waits: None,
        root: Root::Seq(root_seq),
        album: first.album,
        // Attachments that stand at the destination already are not needed again.
        has_media: new_media && !revision.message.media.is_empty(),
        due_at: ingest.now,
        elsewhere: first.elsewhere,
    })
}

async fn apply_folds(connection: &mut PgConnection, folds: &Folds, ingest: &Ingest<'_>) -> Result<(), StoreError> {
    if folds.pairs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH fold AS (
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::boolean[], $5::text[])
             AS f(pair, seq, message, has_media, detail)),
         folded AS (
           UPDATE deliveries d SET has_media = d.has_media OR f.has_media, source_message_id = f.message
           FROM fold f WHERE d.pair_id = f.pair AND d.seq = f.seq)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair, seq, $6, 'folded', detail FROM fold",
        &folds.pairs,
        &folds.seqs,
        &folds.messages,
        &folds.has_media,
        &folds.details as &[&str],
        ingest.now
    )
    .execute(&mut *connection)
    .await?;
    if folds.carriers.is_empty() {
        return Ok(());
    }
    let (pairs, seqs): (Vec<_>, Vec<_>) = folds.carriers.iter().copied().unzip();
    sqlx::query!(
        "UPDATE deliveries d SET has_media = true
         WHERE (d.pair_id, d.seq) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))",
        &pairs,
        &seqs
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn apply_withdrawals(
    connection: &mut PgConnection,
    withdrawals: &Withdrawals,
    ingest: &Ingest<'_>,
) -> Result<(), StoreError> {
    if withdrawals.pairs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH gone AS (
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS w(pair, seq, code, reason)),
         withdrawn AS (
           UPDATE deliveries d SET state = 'skipped', reason_code = w.code, reason = w.reason, settled_at = $5
           FROM gone w WHERE d.pair_id = w.pair AND d.seq = w.seq)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair, seq, $5, 'skipped', reason FROM gone",
        &withdrawals.pairs,
        &withdrawals.seqs,
        &withdrawals.codes as &[&str],
        &withdrawals.reasons as &[&str],
        ingest.now
    )
    .execute(connection)
    .await?;
    Ok(())
}
