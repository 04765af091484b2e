//! Messages that were written: a row each, and one delivery on every pair that reads their chat.

use std::{borrow::Cow, collections::HashMap, collections::HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Lineage, Message, Operation, PairId, Place, Platform, SourceMessageId,
    rules::{Decision, Moment, Unreadable},
};
use sqlx::PgConnection;

use super::{
    Ingest,
    ledger::{self, ALBUM, NewDelivery, Revision, Root, Skip},
    routes::Route,
};
use crate::{StoreError, rules::OUTSIDE_HOURS};

/// The items of an album come one by one; its delivery waits so long after the last one.
const ALBUM_HOLD: TimeDelta = TimeDelta::milliseconds(700);
/// Both platforms show at most so many attachments together.
const ALBUM_ITEMS_MAX: i64 = 10;

/// An album's delivery that later items can join.
struct Head {
    root: Root,
    items: i64,
}

type Heads = HashMap<(PairId, i64), Head>;

/// Records `messages`, which are distinct, and their deliveries.
pub(super) async fn record(
    connection: &mut PgConnection,
    ingest: &mut Ingest<'_>,
    messages: &[&Message],
) -> Result<(), StoreError> {
    let read = messages.iter().filter(|message| ingest.routes.of(message).next().is_some());
    let revisions: Vec<Revision<'_>> = read
        .map(|message| Revision {
            id: SourceMessageId::new(ingest.clock),
            message: Cow::Borrowed(*message),
            deleted: false,
            media_from: None,
            lineage: ingest.echoes.lineage(message),
        })
        .collect();
    if revisions.is_empty() {
        return Ok(());
    }
    let added = ledger::insert_revisions(connection, ingest.reader, &revisions, ingest.now).await?;
    let added: HashSet<SourceMessageId> = added.into_iter().collect();
    let added: Vec<&Revision<'_>> = revisions.iter().filter(|revision| added.contains(&revision.id)).collect();
    ingest.done.messages += added.len();
    let mut heads = open_albums(connection, ingest, &added).await?;
    let (mut new, mut media, mut joined) = (Vec::new(), Vec::new(), Vec::new());
    for revision in &added {
        let first = new.len();
        for route in ingest.routes.of(&revision.message) {
            deliver(ingest, route, revision, &mut heads, &mut new, &mut joined);
        }
        if new.iter().skip(first).any(|row: &NewDelivery| row.has_media && is_carried(row)) {
            media.push((revision.id, revision.message.media.len()));
        }
    }
    ingest.done.media += ledger::insert_media(connection, ingest.clock, ingest.reader.account, &media).await?;
    extend_albums(connection, &joined).await?;
    ledger::append(connection, &new, &[], ingest.now, &mut ingest.done).await
}

fn is_carried(row: &NewDelivery) -> bool {
    row.skip.as_ref().is_none_or(|skip| skip.code == ALBUM)
}

/// When a message is due, and why not earlier; or why it is not carried.
type Verdict = Result<(DateTime<Utc>, Option<Skip>), Skip>;

/// Every decision about one message on one pair that needs no other message: what holds for all pairs, then its rules.
fn verdict(ingest: &Ingest<'_>, route: &Route, message: &Message, lineage: &Lineage) -> Verdict {
    if let Some(skip) = refused(ingest, route, message, lineage) {
        return Err(skip);
    }
    let due_at = ingest.now + TimeDelta::seconds(i64::from(route.delay_seconds));
    let moment = Moment { received_at: ingest.now, due_at };
    let rules = route.rules.as_ref().map_err(|error| Skip::new(Unreadable::CODE, error.to_string()))?;
    // An album is judged when it is together, before it is sent.
    let verdict =
        if message.album.is_some() { rules.decide_item(message, moment) } else { rules.decide(message, moment) };
    match verdict.decision {
        Decision::Carry { due_at } => Ok((due_at, None)),
        Decision::Hold { until } => {
            let text = verdict.trace.into_iter().next_back().map(|held| held.detail).unwrap_or_default();
            Ok((until, Some(Skip::new(OUTSIDE_HOURS, text))))
        }
        Decision::Skip { rule, code, text } => Err(Skip::new(code, format!("{rule}: {text}"))),
    }
}

/// Why no rules are asked about `message`.
fn refused(ingest: &Ingest<'_>, route: &Route, message: &Message, lineage: &Lineage) -> Option<Skip> {
    if let Some((code, text)) = message.skip_rule() {
        return Some(Skip::new(code, text));
    }
    let platform = ingest.reader.platform;
    if lineage.is_empty() && message.outgoing && platform == Platform::Discord {
        // A bot writes only what we send; this one is not on record, so where it came from is not known.
        return Some(Skip::new("own_message", "this message was written here by a forwarding pair"));
    }
    lineage.refuses(Place::of(message, platform), route.destination()).map(|text| Skip::new("loop_guard", text))
}

fn deliver(
    ingest: &Ingest<'_>,
    route: &Route,
    revision: &Revision<'_>,
    heads: &mut Heads,
    new: &mut Vec<NewDelivery>,
    joined: &mut Vec<Joined>,
) {
    let message = revision.message.as_ref();
    let (album, has_media) = (message.album, !message.media.is_empty() && !route.native);
    let (due_at, waits, skip) = match verdict(ingest, route, message, &revision.lineage) {
        Ok((due_at, waits)) => (due_at, waits, None),
        Err(skip) => (ingest.now, None, Some(skip)),
    };
    let mut row = NewDelivery {
        pair: route.pair,
        message: revision.id,
        operation: Operation::Post,
        skip,
        waits,
        root: Root::Own,
        album,
        has_media,
        due_at,
        elsewhere: ingest.is_elsewhere(route.destination_host.as_deref()),
    };
    let Some(album) = album.filter(|_| row.skip.is_none()) else { return new.push(row) };
    let held = ingest.now + ALBUM_HOLD;
    match heads.get_mut(&(route.pair, album)).filter(|head| head.items < ALBUM_ITEMS_MAX) {
        Some(head) => {
            head.items += 1;
            row.root = head.root;
            row.skip = Some(Skip::new(ALBUM, "it is part of an album and travels with delivery {seq}"));
            match head.root {
                Root::Seq(seq) => joined.push(Joined { pair: route.pair, seq, held, has_media }),
                Root::Batch(index) => {
                    if let Some(first) = new.get_mut(index) {
                        first.due_at = first.due_at.max(held);
                        first.has_media |= has_media;
                    }
                }
                Root::Own => (),
            }
        }
        None => {
            row.due_at = row.due_at.max(held);
            heads.insert((route.pair, album), Head { root: Root::Batch(new.len()), items: 1 });
        }
    }
    new.push(row);
}

/// The albums of `added` whose delivery still waits and has touched nothing; locked, so that no drain claims them
/// before their new items are there.
async fn open_albums(
    connection: &mut PgConnection,
    ingest: &Ingest<'_>,
    added: &[&Revision<'_>],
) -> Result<Heads, StoreError> {
    let (mut pairs, mut albums) = (Vec::new(), Vec::new());
    for revision in added {
        let Some(album) = revision.message.album else { continue };
        for route in ingest.routes.of(&revision.message) {
            pairs.push(route.pair.as_uuid());
            albums.push(album);
        }
    }
    if pairs.is_empty() {
        return Ok(Heads::new());
    }
    let rows = sqlx::query!(
        r#"SELECT d.pair_id AS pair, d.seq, d.album AS "album!",
                  1 + (SELECT count(*) FROM deliveries i WHERE i.pair_id = d.pair_id AND i.root_seq = d.seq) AS "items!"
           FROM deliveries d
           WHERE d.state = 'pending' AND d.operation = 'post' AND d.album = ANY($2) AND d.pair_id = ANY($1)
             AND d.first_attempt_at IS NULL
             AND NOT EXISTS (SELECT FROM destination_messages m WHERE m.pair_id = d.pair_id AND m.seq = d.seq)
           ORDER BY d.pair_id, d.seq FOR UPDATE OF d"#,
        &pairs,
        &albums
    )
    .fetch_all(connection)
    .await?;
    let heads =
        rows.into_iter().map(|row| ((row.pair, row.album), Head { root: Root::Seq(row.seq), items: row.items }));
    Ok(heads.collect())
}

/// An item that joins a delivery which is there already.
struct Joined {
    pair: PairId,
    seq: i64,
    held: DateTime<Utc>,
    has_media: bool,
}

async fn extend_albums(connection: &mut PgConnection, joined: &[Joined]) -> Result<(), StoreError> {
    if joined.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE deliveries d SET due_at = greatest(d.due_at, j.held), has_media = d.has_media OR j.has_media
         FROM (SELECT pair, seq, max(held) AS held, bool_or(has_media) AS has_media
               FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::boolean[])
                    AS u(pair, seq, held, has_media) GROUP BY pair, seq) j
         WHERE d.pair_id = j.pair AND d.seq = j.seq",
        &joined.iter().map(|item| item.pair.as_uuid()).collect::<Vec<_>>(),
        &joined.iter().map(|item| item.seq).collect::<Vec<_>>(),
        &joined.iter().map(|item| item.held).collect::<Vec<_>>(),
        &joined.iter().map(|item| item.has_media).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
