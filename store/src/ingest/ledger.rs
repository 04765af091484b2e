//! Rows of a batch, written with one statement for each table.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, Clock, DeliveryState, Lineage, MediaId, Message, Operation, PairId, SourceMessageId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Ingested, Wake};
use crate::StoreError;

/// Why a message is not carried.
#[derive(Clone, Debug)]
pub(super) struct Skip {
    /// Stable code.
    pub code: Cow<'static, str>,
    /// For people.
    pub text: Cow<'static, str>,
}

impl Skip {
    pub fn new(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

/// A revision of a message to be recorded.
pub(super) struct Revision<'a> {
    pub id: SourceMessageId,
    pub message: Cow<'a, Message>,
    pub deleted: bool,
    pub media_from: Option<SourceMessageId>,
    pub lineage: Lineage,
}

/// The delivery that a new one belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// It stands for itself.
    Own,
    /// A delivery that is there already.
    Seq(i64),
    /// One of the same batch, by its place in it.
    Batch(usize),
}

/// A delivery to be added at the end of its pair's order.
pub(super) struct NewDelivery {
    pub pair: PairId,
    pub message: SourceMessageId,
    pub operation: Operation,
    pub skip: Option<Skip>,
    /// Why it is due later than it could be, where there is a reason beside the delay.
    pub waits: Option<Skip>,
    pub root: Root,
    pub album: Option<i64>,
    pub has_media: bool,
    pub due_at: DateTime<Utc>,
    /// The drain may run on another worker, which hears of it through the database.
    pub elsewhere: bool,
}

/// Adds the revisions that are not there yet; returns the ids of those that were added.
pub(super) async fn insert_revisions(
    connection: &mut PgConnection,
    account: AccountId,
    revisions: &[Revision<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<SourceMessageId>, StoreError> {
    let mut contents = Vec::with_capacity(revisions.len());
    let mut lineages: Vec<Option<String>> = Vec::with_capacity(revisions.len());
    for revision in revisions {
        contents.push(serde_json::to_string(revision.message.as_ref())?);
        let lineage = (!revision.lineage.is_empty()).then(|| serde_json::to_string(&revision.lineage));
        lineages.push(lineage.transpose()?);
    }
    let media_from: Vec<Option<Uuid>> =
        revisions.iter().map(|revision| revision.media_from.map(|id| id.as_uuid())).collect();
    let added = sqlx::query_scalar!(
        "INSERT INTO source_messages (id, account_id, chat_id, message_id, revision, content, sent_at, received_at,
                                      deleted, media_from, lineage)
         SELECT r.id, $1, r.chat, r.message, r.revision, r.content::jsonb, r.sent_at, $2, r.deleted, r.media_from,
                r.lineage::jsonb
         FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::integer[], $7::text[], $8::timestamptz[],
                     $9::boolean[], $10::uuid[], $11::text[])
              AS r(id, chat, message, revision, content, sent_at, deleted, media_from, lineage)
         ON CONFLICT ON CONSTRAINT source_messages_identity_key DO NOTHING RETURNING id",
        account as AccountId,
        now,
        &revisions.iter().map(|revision| revision.id.as_uuid()).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.chat.get()).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.message_id).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.revision).collect::<Vec<_>>(),
        &contents,
        &revisions.iter().map(|revision| revision.message.sent_at).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.deleted).collect::<Vec<_>>(),
        &media_from as &[Option<Uuid>],
        &lineages as &[Option<String>]
    )
    .fetch_all(connection)
    .await?;
    Ok(added)
}

/// Asks for the attachments of these messages.
pub(super) async fn insert_media(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    account: AccountId,
    messages: &[(SourceMessageId, usize)],
) -> Result<usize, StoreError> {
    let (mut ids, mut owners, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for (message, count) in messages {
        for position in 0..i32::try_from(*count).unwrap_or(i32::MAX) {
            ids.push(MediaId::new(clock).as_uuid());
            owners.push(message.as_uuid());
            positions.push(position);
        }
    }
    if ids.is_empty() {
        return Ok(0);
    }
    sqlx::query!(
        "INSERT INTO media (id, source_message_id, account_id, position, state, fetch_after)
         SELECT m.id, m.owner, $1, m.position, 'pending', $2
         FROM unnest($3::uuid[], $4::uuid[], $5::integer[]) AS m(id, owner, position)",
        account as AccountId,
        clock.now(),
        &ids,
        &owners,
        &positions
    )
    .execute(connection)
    .await?;
    Ok(ids.len())
}

/// A pair whose order grows or whose waiting head was withdrawn.
struct Asked {
    pair: PairId,
    rows: i64,
    wakes: bool,
    elsewhere: bool,
}

/// Adds deliveries in the order given and notes which pairs have to be woken: theirs, and `roused`.
pub(super) async fn append(
    connection: &mut PgConnection,
    new: &[NewDelivery],
    roused: &[(PairId, bool)],
    now: DateTime<Utc>,
    ingested: &mut Ingested,
) -> Result<(), StoreError> {
    let mut asked: Vec<Asked> = Vec::new();
    let wanted = new.iter().map(|row| (row.pair, 1, row.skip.is_none(), row.elsewhere));
    for (pair, rows, wakes, elsewhere) in wanted.chain(roused.iter().map(|(pair, there)| (*pair, 0, true, *there))) {
        match asked.iter_mut().find(|known| known.pair == pair) {
            Some(known) => {
                known.rows += rows;
                known.wakes |= wakes;
            }
            None => asked.push(Asked { pair, rows, wakes, elsewhere }),
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let mut next = number(connection, &asked, ingested).await?;
    let mut seqs = Vec::with_capacity(new.len());
    for row in new {
        let seq = next.iter_mut().find(|(pair, _)| *pair == row.pair).map_or(0, |(_, seq)| {
            *seq += 1;
            *seq - 1
        });
        seqs.push(seq);
    }
    insert_deliveries(connection, new, &seqs, now).await?;
    ingested.deliveries += new.iter().filter(|row| row.skip.is_none()).count();
    Ok(())
}

/// Takes numbers for the rows of each pair, sets its wake flag, and returns the first number of each.
async fn number(
    connection: &mut PgConnection,
    asked: &[Asked],
    ingested: &mut Ingested,
) -> Result<Vec<(PairId, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH old AS (
             SELECT p.id, p.user_id, p.next_seq, p.wake_pending, a.rows, a.wakes, a.elsewhere
             FROM pairs p
             JOIN unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::boolean[]) AS a(pair, rows, wakes, elsewhere)
               ON a.pair = p.id
             ORDER BY p.id FOR UPDATE OF p),
           bump AS (
             UPDATE pairs p SET next_seq = old.next_seq + old.rows, wake_pending = old.wake_pending OR old.wakes
             FROM old WHERE p.id = old.id)
           SELECT id AS "pair: PairId", user_id AS "user: domain::UserId", next_seq, wakes AS "wakes!",
                  NOT wake_pending AS "signal!",
                  CASE WHEN wakes AND wake_pending AND elsewhere THEN pg_notify('pair_wake', id::text)::text END
                    AS notified
           FROM old"#,
        &asked.iter().map(|pair| pair.pair.as_uuid()).collect::<Vec<_>>(),
        &asked.iter().map(|pair| pair.rows).collect::<Vec<_>>(),
        &asked.iter().map(|pair| pair.wakes).collect::<Vec<_>>(),
        &asked.iter().map(|pair| pair.elsewhere).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    for row in rows.iter().filter(|row| row.wakes) {
        match ingested.wakes.iter_mut().find(|known| known.pair == row.pair) {
            Some(known) => known.signal |= row.signal,
            None => ingested.wakes.push(Wake { pair: row.pair, user: row.user, signal: row.signal }),
        }
    }
    Ok(rows.into_iter().map(|row| (row.pair, row.next_seq)).collect())
}

async fn insert_deliveries(
    connection: &mut PgConnection,
    new: &[NewDelivery],
    seqs: &[i64],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let (mut states, mut codes, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kinds, mut roots) = (Vec::new(), Vec::<Option<i64>>::new());
    for row in new {
        let root = match row.root {
            Root::Own => None,
            Root::Seq(seq) => Some(seq),
            Root::Batch(index) => seqs.get(index).copied(),
        };
        let (state, code, text) = match &row.skip {
            None => {
                let waits = row.waits.as_ref();
                (DeliveryState::Pending, waits.map(|waits| waits.code.clone()), waits.map(|waits| waits.text.clone()))
            }
            Some(skip) => (DeliveryState::Skipped, Some(skip.code.clone()), Some(skip.text.clone())),
        };
        let text = text.map(|text| root.map_or(text.to_string(), |seq| text.replace("{seq}", &seq.to_string())));
        kinds.push(match (&row.skip, row.operation) {
            (Some(skip), _) if skip.code == ALBUM => "joined",
            (Some(_), _) => "skipped",
            (None, Operation::Post) => "received",
            (None, Operation::Edit) => "edit_received",
            (None, Operation::Delete) => "delete_received",
        });
        states.push(state);
        codes.push(code.map(|code| code.to_string()));
        texts.push(text);
        roots.push(root);
    }
    sqlx::query!(
        "WITH new AS (
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::delivery_state[], $5::text[], $6::text[],
                                $7::timestamptz[], $8::delivery_operation[], $9::bigint[], $10::bigint[],
                                $11::boolean[], $12::text[])
             AS n(pair, seq, message, state, code, reason, due_at, operation, root, album, has_media, kind)),
         delivery AS (
           INSERT INTO deliveries (pair_id, seq, source_message_id, state, reason_code, reason, due_at, created_at,
                                   settled_at, operation, root_seq, album, has_media)
           SELECT pair, seq, message, state, code, reason, due_at, $13,
                  CASE WHEN state = 'pending' THEN NULL ELSE $13::timestamptz END, operation, root, album, has_media
           FROM new)
         INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
         SELECT pair, seq, $13, kind, reason FROM new",
        &new.iter().map(|row| row.pair.as_uuid()).collect::<Vec<_>>(),
        seqs,
        &new.iter().map(|row| row.message.as_uuid()).collect::<Vec<_>>(),
        &states as &[DeliveryState],
        &codes as &[Option<String>],
        &texts as &[Option<String>],
        &new.iter().map(|row| row.due_at).collect::<Vec<_>>(),
        &new.iter().map(|row| row.operation).collect::<Vec<_>>() as &[Operation],
        &roots as &[Option<i64>],
        &new.iter().map(|row| row.album).collect::<Vec<_>>() as &[Option<i64>],
        &new.iter().map(|row| row.has_media).collect::<Vec<_>>(),
        &kinds as &[&str],
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The reason of an album's item that travels with another delivery.
pub(super) const ALBUM: &str = "album";

/// Moves the cursors of the chats of `messages` to the newest of them; a thread gets its row with its first message.
pub(super) async fn advance_cursors(
    connection: &mut PgConnection,
    account: AccountId,
    messages: impl Iterator<Item = &Message>,
    is_read: impl Fn(&Message) -> bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut newest: Vec<&Message> = Vec::new();
    for message in messages {
        match newest.iter_mut().find(|known| known.chat == message.chat) {
            Some(known) if known.message_id < message.message_id => *known = message,
            Some(_) => (),
            None => newest.push(message),
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    newest.sort_by_key(|message| message.chat);
    sqlx::query!(
        "UPDATE chats c SET cursor = n.cursor FROM unnest($2::bigint[], $3::bigint[]) AS n(chat, cursor)
         WHERE c.account_id = $1 AND c.chat_id = n.chat AND c.cursor < n.cursor",
        account as AccountId,
        &newest.iter().map(|message| message.chat.get()).collect::<Vec<_>>(),
        &newest.iter().map(|message| message.message_id).collect::<Vec<_>>()
    )
    .execute(&mut *connection)
    .await?;
    for message in newest.iter().filter(|message| message.parent.is_some() && is_read(message)) {
        sqlx::query!(
            "INSERT INTO chats (account_id, chat_id, kind, title, can_read, can_write, cursor, seen_at, parent_id)
             VALUES ($1, $2, 'thread', $3, true, true, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT chats_pkey DO UPDATE SET parent_id = excluded.parent_id
             WHERE chats.parent_id IS DISTINCT FROM excluded.parent_id",
            account as AccountId,
            message.chat as ChatId,
            message.thread_title.as_deref().unwrap_or("thread"),
            message.message_id,
            now,
            message.parent as Option<ChatId>
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
