//! Events as staff see them, and what staff decides about those that fit nothing.

use chrono::{DateTime, Utc};
use domain::{PaymentEventId, PaymentId, payment::EventState};
use sqlx::PgConnection;

use super::place;
use crate::{
    StoreError, payments,
    seal::{SealError, Sealer},
};

/// One event, without its body.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which.
    pub id: PaymentEventId,
    /// From which provider.
    pub provider: String,
    /// The provider's name for what has happened.
    pub kind: String,
    /// What became of it.
    pub state: EventState,
    /// The payment that it names.
    pub names_payment: Option<PaymentId>,
    /// Ids of the provider that may belong to a payment.
    pub externals: Vec<String>,
    /// The payment that it was passed on to.
    pub payment: Option<PaymentId>,
    /// Its body is still kept.
    pub has_body: bool,
    /// When it happened.
    pub happened_at: Option<DateTime<Utc>>,
    /// When it was received first.
    pub received_at: DateTime<Utc>,
    /// When it was decided about.
    pub decided_at: Option<DateTime<Utc>>,
}

macro_rules! select {
    ($tail:tt, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Event,
            r#"SELECT id, provider, kind, state, names_payment, externals, payment_id AS payment,
                      body IS NOT NULL AS "has_body!", happened_at, received_at, decided_at
               FROM payment_events "# + $tail,
            $($argument),*
        )
    };
}

/// What staff look for; everything that is `None` is any.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// From this provider.
    pub provider: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
    /// Passed on to this payment.
    pub payment: Option<PaymentId>,
    /// Older than this one.
    pub before: Option<PaymentEventId>,
}

/// The events that staff look for, newest first.
pub async fn list(connection: &mut PgConnection, asked: &Asked, limit: i64) -> Result<Vec<Event>, StoreError> {
    let events = select!(
        "WHERE ($1::text IS NULL OR provider = $1) AND ($2::payment_event_state IS NULL OR state = $2)
           AND ($3::uuid IS NULL OR payment_id = $3) AND ($4::uuid IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
        asked.provider,
        asked.state as Option<EventState>,
        asked.payment.map(|id| id.as_uuid()),
        asked.before.map(|id| id.as_uuid()),
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(events)
}

/// The event.
pub async fn find(connection: &mut PgConnection, id: PaymentEventId) -> Result<Option<Event>, StoreError> {
    Ok(select!("WHERE id = $1", id as PaymentEventId).fetch_optional(connection).await?)
}

/// The event's body as it came, if it is still kept.
pub async fn body(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: PaymentEventId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = sqlx::query_scalar!("SELECT body FROM payment_events WHERE id = $1", id as PaymentEventId)
        .fetch_optional(connection)
        .await?;
    let opened: Option<Result<_, SealError>> = sealed.flatten().map(|sealed| sealer.open_bytes(&place(id), &sealed));
    Ok(opened.transpose()?)
}

/// Staff has found out to which payment an event belongs, which is asked about now. False when there is no such event. The
/// payment's workflow is to be woken after the commit; twice is as once.
pub async fn attach(
    connection: &mut PgConnection,
    id: PaymentEventId,
    payment: PaymentId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE payment_events SET state = 'matched', payment_id = $2, due_at = NULL, decided_at = $3 WHERE id = $1",
        id as PaymentEventId,
        payment as PaymentId,
        now
    )
    .execute(&mut *connection)
    .await?;
    payments::touch(connection, payment, now).await?;
    Ok(done.rows_affected() == 1)
}

/// Staff has decided that an event is none of our business. False when there is no such event, or it was passed on.
pub async fn dismiss(
    connection: &mut PgConnection,
    id: PaymentEventId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE payment_events SET state = 'dismissed', due_at = NULL, decided_at = coalesce(decided_at, $2)
         WHERE id = $1 AND state <> 'matched'",
        id as PaymentEventId,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many events wait for staff, and how many for being passed on since before `late_before`.
pub async fn backlog(connection: &mut PgConnection, late_before: DateTime<Utc>) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'unmatched') AS "unmatched!",
                  count(*) FILTER (WHERE state = 'new' AND due_at < $1) AS "late!"
           FROM payment_events WHERE state IN ('new', 'unmatched')"#,
        late_before
    )
    .fetch_one(connection)
    .await?;
    Ok((row.unmatched, row.late))
}

/// Forgets the bodies of events that were received before then, and that wait for nobody. Returns how many.
pub async fn forget_bodies(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE payment_events SET body = NULL WHERE id = ANY(ARRAY(
             SELECT id FROM payment_events
             WHERE received_at < $1 AND body IS NOT NULL AND state NOT IN ('new', 'unmatched') LIMIT $2))",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
