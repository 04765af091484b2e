//! What payment providers tell us by webhooks: kept as it came, once for each event, before anybody answers; passed on to
//! the payment that it belongs to afterwards.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{FixedClock, PaymentEventId, PaymentId, payment::EventState};
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

mod staff;

pub use staff::{Asked, Event, attach, backlog, body, dismiss, find, forget_bodies, list};

/// The PostgreSQL channel that says that there are new events.
pub const WAKE_CHANNEL: &str = "payment_events";
/// The longest key, kind or id that is kept, in characters.
pub const TEXT_CHARS_MAX: usize = 300;
/// The most ids of one event that are kept.
pub const EXTERNALS_MAX: usize = 20;
/// An event that fits no payment is looked at again after this time, and then each time after twice as long: its payment
/// may not be on record yet.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// After this time nobody expects its payment any more: staff decides.
const MATCH_PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// One event, proved genuine.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// From which provider.
    pub provider: String,
    /// The same key is the same event.
    pub key: String,
    /// The provider's name for what has happened.
    pub kind: String,
    /// The payment that it names.
    pub payment: Option<PaymentId>,
    /// Ids of the provider that may belong to a payment.
    pub externals: Vec<String>,
    /// Nobody has to look at it when it fits nothing.
    pub ignorable: bool,
    /// When it happened.
    pub happened_at: Option<DateTime<Utc>>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

/// Keeps events, those that are known already left out, with one statement, and says so to the workers when the
/// transaction commits. Returns how many were new.
pub async fn insert(
    connection: &mut PgConnection,
    sealer: &Sealer,
    events: &[NewEvent],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let clock = FixedClock::at(now);
    let ids: Vec<PaymentEventId> = events.iter().map(|_| PaymentEventId::new(&clock)).collect();
    let places: Vec<String> = ids.iter().map(|id| place(*id)).collect();
    let plain: Vec<(&str, &[u8])> =
        places.iter().zip(events).map(|(place, event)| (place.as_str(), event.body.as_slice())).collect();
    let bodies = sealer.seal_all(&plain)?;
    let ids: Vec<_> = ids.iter().map(PaymentEventId::as_uuid).collect();
    // PostgreSQL knows no arrays of arrays of different lengths: ids have no line break.
    let externals: Vec<String> = events.iter().map(|event| event.externals.join("\n")).collect();
    let column = |read: fn(&NewEvent) -> &str| events.iter().map(read).map(str::to_owned).collect::<Vec<_>>();
    let inserted = sqlx::query!(
        r#"WITH new AS (
             INSERT INTO payment_events (id, provider, key, kind, state, names_payment, externals, ignorable, body,
                                         happened_at, received_at, due_at)
             SELECT e.id, e.provider, e.key, e.kind, 'new', e.names_payment,
                    array_remove(string_to_array(e.externals, E'\n'), ''), e.ignorable, e.body, e.happened_at, $10, $10
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::boolean[], $8::bytea[],
                         $9::timestamptz[])
                 AS e (id, provider, key, kind, names_payment, externals, ignorable, body, happened_at)
             -- In one order, so that writers who have the same do not wait for each other.
             ORDER BY e.provider, e.key
             ON CONFLICT ON CONSTRAINT payment_events_key DO NOTHING RETURNING id)
           SELECT count(*) AS "count!", pg_notify($11, '')::text AS notified FROM new"#,
        &ids,
        &column(|event| &event.provider),
        &column(|event| &event.key),
        &column(|event| &event.kind),
        &events.iter().map(|event| event.payment.map(|id| id.as_uuid())).collect::<Vec<_>>() as &[Option<uuid::Uuid>],
        &externals,
        &events.iter().map(|event| event.ignorable).collect::<Vec<_>>(),
        &bodies,
        &events.iter().map(|event| event.happened_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        now,
        WAKE_CHANNEL
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(inserted.count).unwrap_or(0))
}

/// What a pass over new events has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Events that were looked at.
    pub events: usize,
    /// Payments whose workflows are to be woken after the commit, each once.
    pub payments: Vec<PaymentId>,
    /// Events that belong to nothing that is known here, and wait for staff from now on.
    pub unmatched: usize,
}

/// Finds out to which payments events belong, and has these asked about. Several workers may do it at once. To be called
/// within a transaction of its own.
pub async fn pass(connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<Passed, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, provider, names_payment, externals, ignorable, received_at FROM payment_events
         WHERE state = 'new' AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut passed = Passed { events: rows.len(), ..Passed::default() };
    if rows.is_empty() {
        return Ok(passed);
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id.as_uuid()).collect();
    let found = belongings(connection, &ids).await?;
    let (mut matched, mut of) = (Vec::new(), Vec::new());
    let (mut others, mut states, mut dues) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        if let Some((_, payment)) = found.iter().find(|(event, _)| *event == row.id) {
            matched.push(row.id.as_uuid());
            of.push(payment.as_uuid());
            continue;
        }
        let (state, due) = unfit(row.ignorable, row.received_at, now);
        passed.unmatched += usize::from(state == EventState::Unmatched);
        others.push(row.id.as_uuid());
        states.push(state.as_str());
        dues.push(due);
    }
    settle_unfit(connection, (&others, &states, &dues), now).await?;
    sqlx::query!(
        "UPDATE payment_events e SET state = 'matched', payment_id = m.payment, due_at = NULL, decided_at = $3
         FROM unnest($1::uuid[], $2::uuid[]) AS m (event, payment) WHERE e.id = m.event",
        &matched,
        &of,
        now
    )
    .execute(&mut *connection)
    .await?;
    passed.payments = wake(connection, &of, now).await?;
    Ok(passed)
}

/// What becomes of an event that fits no payment.
fn unfit(ignorable: bool, received_at: DateTime<Utc>, now: DateTime<Utc>) -> (EventState, Option<DateTime<Utc>>) {
    if ignorable {
        (EventState::Ignored, None)
    } else if received_at + MATCH_PATIENCE > now {
        (EventState::New, Some(now + (now - received_at).max(AGAIN_AFTER)))
    } else {
        (EventState::Unmatched, None)
    }
}

/// When an event is looked at again, if at all.
type Due = Option<DateTime<Utc>>;

async fn settle_unfit(
    connection: &mut PgConnection,
    (ids, states, dues): (&[uuid::Uuid], &[&str], &[Due]),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE payment_events e SET state = m.state::payment_event_state, due_at = m.due_at,
                decided_at = CASE WHEN m.state = 'ignored' THEN $4::timestamptz END
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS m (event, state, due_at) WHERE e.id = m.event",
        ids,
        states as &[&str],
        dues as &[Option<DateTime<Utc>>],
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The payments that events belong to: the one that they name, or one with an id that they have.
async fn belongings(
    connection: &mut PgConnection,
    events: &[uuid::Uuid],
) -> Result<Vec<(PaymentEventId, PaymentId)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (f.event) f.event AS "event!: PaymentEventId", f.payment AS "payment!: PaymentId" FROM (
               SELECT e.id AS event, p.id AS payment, 1 AS rank FROM payment_events e
                   JOIN payments p ON p.id = e.names_payment AND p.provider = e.provider WHERE e.id = ANY($1)
               UNION ALL
               SELECT e.id, p.id, 2 FROM payment_events e
                   JOIN payments p ON p.provider = e.provider AND p.external_id = ANY(e.externals) WHERE e.id = ANY($1)
               UNION ALL
               SELECT e.id, r.payment_id, 3 FROM payment_events e
                   JOIN payment_receipts r ON r.provider = e.provider AND r.external_id = ANY(e.externals)
                   WHERE e.id = ANY($1)
               UNION ALL
               SELECT e.id, a.payment_id, 4 FROM payment_events e
                   JOIN agreements a ON a.provider = e.provider AND a.external_id = ANY(e.externals) WHERE e.id = ANY($1)
               UNION ALL
               SELECT e.id, v.payment_id, 5 FROM payment_events e
                   JOIN payment_reversals v ON v.provider = e.provider AND v.external_id = ANY(e.externals)
                   WHERE e.id = ANY($1)) f
           ORDER BY f.event, f.rank"#,
        events
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.event, row.payment)).collect())
}

/// Has the payments asked about; those that an agreement has made through the one that it began with. Returns whose
/// workflows are to be woken.
async fn wake(
    connection: &mut PgConnection,
    payments: &[uuid::Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<PaymentId>, StoreError> {
    // In the order of their ids, as everywhere where several are locked.
    let ids = sqlx::query_scalar!(
        r#"WITH wanted AS (
               SELECT DISTINCT coalesce(a.payment_id, p.id) AS id FROM payments p LEFT JOIN agreements a ON a.id = p.agreement_id
               WHERE p.id = ANY($1)),
             locked AS (SELECT p.id FROM payments p JOIN wanted w ON w.id = p.id ORDER BY p.id FOR NO KEY UPDATE OF p)
           UPDATE payments p SET due_at = $2, ask_at = CASE WHEN p.external_id IS NULL THEN p.ask_at ELSE $2 END
           FROM locked WHERE p.id = locked.id RETURNING p.id"#,
        payments,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Gives a payment the events that came before its provider's id was on record. They are passed on with the next pass.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    (payment, provider): (PaymentId, &str),
    external: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE payment_events SET state = 'new', due_at = $4, names_payment = coalesce(names_payment, $1)
         WHERE provider = $2 AND externals @> ARRAY[$3] AND state IN ('new', 'unmatched')",
        payment as PaymentId,
        provider,
        external,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a sealed body is bound to.
pub(crate) fn place(id: PaymentEventId) -> String {
    format!("payment_events/{id}/body")
}
