//! What staff do with payments, so that it happens once however often it is asked for; and what they have done.

use chrono::{DateTime, Utc};
use domain::{
    PaymentEventId, PaymentId, RefundId, Role, UserId,
    payment::{Decision, ReceiptState, RefundState},
};
use sqlx::PgConnection;

use super::{
    Books, Effects, Payment, receipts,
    refunds::{self, Refund, Wanted},
    touch,
};
use crate::{StoreError, audit::Entry, payment_events};

/// What is known of a request for a refund.
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing: it is a new one.
    Nothing,
    /// The same was asked for before: these refunds, as they stand now.
    Same(Vec<Refund>),
    /// Something else was asked for under its key.
    Other,
}

/// What was asked for under the key of `wanted`, of the payment, which is locked with [`super::lock`].
pub async fn known_refunds(
    connection: &mut PgConnection,
    payment: PaymentId,
    wanted: &Wanted<'_>,
) -> Result<Known, StoreError> {
    let Some(key) = wanted.key else { return Ok(Known::Nothing) };
    let ids = sqlx::query_scalar!(
        "SELECT id FROM refunds WHERE payment_id = $1 AND request_key = $2",
        payment as PaymentId,
        key
    )
    .fetch_all(&mut *connection)
    .await?;
    if ids.is_empty() {
        return Ok(Known::Nothing);
    }
    let mut refunds = refunds::of_payment(connection, payment).await?;
    refunds.retain(|refund| ids.contains(&refund.id));
    let sum: i64 = refunds.iter().map(|refund| refund.amount.minor).sum();
    let is_as_much = match wanted.amount {
        None => refunds.iter().all(|refund| refund.whole),
        Some(amount) => sum == amount.minor && refunds.iter().all(|refund| refund.amount.currency == amount.currency),
    };
    let is_same = is_as_much && refunds.iter().all(|refund| refund.note == wanted.note);
    Ok(if is_same { Known::Same(refunds) } else { Known::Other })
}

/// What became of the word that a refund was made by hand.
#[derive(Clone, Debug)]
pub enum ByHand {
    /// It is on record now.
    Done(Refund),
    /// It was on record, under the same reference.
    Known(Refund),
    /// The refund does not wait for it.
    Refused(RefundState),
    /// Another movement of money has this reference. The transaction is to be rolled back.
    ReferenceTaken,
}

/// Puts on record that staff has made a refund by hand, which the provider or the bank calls `external`. `None` when there
/// is no such refund. Its payment is locked with [`super::lock`].
pub async fn made_by_hand(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (id, external): (RefundId, &str),
    effects: &mut Effects,
) -> Result<Option<ByHand>, StoreError> {
    let Some(refund) = refunds::find(connection, id).await? else { return Ok(None) };
    if refund.is_done() && refund.external.as_deref() == Some(external) {
        return Ok(Some(ByHand::Known(refund)));
    }
    if !refunds::done_by_hand(connection, books, id, external, effects).await? {
        return Ok(Some(ByHand::Refused(refund.state)));
    }
    // Of a reference that is known nothing is accounted for: the refund would be done without its money.
    let is_accounted = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM payment_reversals WHERE refund_id = $1) AS "accounted!""#,
        id as RefundId
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_accounted {
        return Ok(Some(ByHand::ReferenceTaken));
    }
    Ok(refunds::find(connection, id).await?.map(ByHand::Done))
}

/// True when nothing of the payment waits for a decision, and the last one came to the same.
pub async fn is_decided(
    connection: &mut PgConnection,
    payment: PaymentId,
    decision: Decision,
) -> Result<bool, StoreError> {
    let so = match decision {
        Decision::Grant => ReceiptState::Granted,
        Decision::Refund => ReceiptState::Returned,
        Decision::Dismiss => ReceiptState::Credited,
    };
    let receipts = receipts::of_payment(connection, payment).await?;
    if receipts.iter().any(|receipt| receipt.state == ReceiptState::Undecided) {
        return Ok(false);
    }
    let last = receipts.iter().filter_map(|receipt| receipt.decided_at).max();
    Ok(receipts.iter().any(|receipt| receipt.decided_at == last && receipt.state == so))
}

/// Gives an event to a payment as [`payment_events::attach`] does. Returns the payments that are asked about now, and whose
/// workflows are to be woken: of a payment that an agreement has made also the one that this began with, which looks after
/// it. The payment is locked with [`super::lock`].
pub async fn attach(
    connection: &mut PgConnection,
    event: PaymentEventId,
    payment: &Payment,
    now: DateTime<Utc>,
) -> Result<Vec<PaymentId>, StoreError> {
    payment_events::attach(connection, event, payment.id, now).await?;
    let mut asked = vec![payment.id];
    let first = sqlx::query_scalar!(
        "SELECT a.payment_id FROM payments p JOIN agreements a ON a.id = p.agreement_id
         WHERE p.id = $1 AND a.payment_id <> p.id",
        payment.id as PaymentId
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(first) = first {
        touch(connection, first, now).await?;
        asked.push(first);
    }
    Ok(asked)
}

/// What was done to a payment and to these events, newest first.
pub async fn history(
    connection: &mut PgConnection,
    payment: PaymentId,
    events: &[PaymentEventId],
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut subjects = vec![payment.to_string()];
    subjects.extend(events.iter().map(PaymentEventId::to_string));
    let entries = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, actor_id AS "actor_id: UserId", actor_role AS "actor_role: Role", action, subject,
                  user_id AS "user_id: UserId", before, after, reason, address, request_id
           FROM audit_log WHERE subject = ANY($1) ORDER BY id DESC LIMIT $2"#,
        &subjects,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(entries)
}
