//! Deliveries, at the end of their pairs' orders.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{DeliveryState, Operation, PairId, SourceMessageId};
use sqlx::PgConnection;

use crate::{
    StoreError,
    ingest::{Ingested, Wake},
};

/// The reason of an album's item that travels with another delivery.
pub const ALBUM: &str = "album";

/// Why a message is not carried.
#[derive(Clone, Debug)]
pub struct Skip {
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

/// The delivery that a new one belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// It stands for itself.
    Own,
    /// A delivery that is there already.
    Seq(i64),
    /// One of the same batch, by its place in it.
    Batch(usize),
}

/// A delivery to be added at the end of its pair's order.
pub struct NewDelivery {
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

/// A pair whose order grows or whose waiting head was withdrawn.
struct Asked {
    pair: PairId,
    rows: i64,
    wakes: bool,
    elsewhere: bool,
}

/// Adds deliveries in the order given and notes which pairs have to be woken: theirs, and `roused`.
pub async fn append(
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
