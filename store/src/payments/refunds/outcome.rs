//! What becomes of refunds: what the provider answers, what it tells later, and what staff does by hand.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    RefundId,
    payment::{RefundState, backoff, standing::Reversal},
};
use sqlx::PgConnection;

use super::{Refund, find, of_payment};
use crate::{
    StoreError, ledger,
    payments::{
        Books, Effects, Payment, clipped, lock,
        receipts::{self, Receipt},
        reversals::{self, Gone},
        unbooked,
    },
};

/// A refund that the provider is at is looked at again after this time.
const PENDING_EVERY: TimeDelta = TimeDelta::minutes(10);

/// The refund that the provider tells of: the one that it names, the one that it had made, or one of ours of this amount
/// whose answer was lost. `None`: somebody has made it at the provider.
pub(in crate::payments) async fn behind(
    connection: &mut PgConnection,
    receipt: &Receipt,
    new: &Reversal,
) -> Result<Option<Refund>, StoreError> {
    let refunds = of_payment(connection, receipt.payment).await?;
    let mut own = refunds.into_iter().filter(|refund| refund.receipt == Some(receipt.id)).collect::<Vec<_>>();
    let named = own.iter().position(|refund| Some(refund.id) == new.refund);
    let made = || own.iter().position(|refund| refund.external.as_deref() == Some(new.external.as_str()));
    let lost = || {
        let fits = |refund: &Refund| {
            matches!(refund.state, RefundState::Asked | RefundState::ByHand)
                && refund.external.is_none()
                && refund.amount == new.amount
        };
        own.iter().position(fits)
    };
    Ok(named.or_else(made).or_else(lost).map(|index| own.swap_remove(index)))
}

/// A refund that is due, as the provider is asked for it.
#[derive(Clone, Debug)]
pub struct Due {
    /// The refund.
    pub refund: Refund,
    /// The provider's code.
    pub provider: String,
    /// The provider's id of the receipt.
    pub receipt: String,
}

/// What the provider is to be asked for. `None` when it is not due any more.
pub async fn due(connection: &mut PgConnection, id: RefundId) -> Result<Option<Due>, StoreError> {
    let Some(refund) = find(connection, id).await?.filter(|refund| refund.state.is_open()) else { return Ok(None) };
    let receipts = receipts::of_payment(connection, refund.payment).await?;
    let receipt = receipts.into_iter().find(|receipt| Some(receipt.id) == refund.receipt);
    Ok(receipt.map(|receipt| Due { refund, provider: receipt.provider, receipt: receipt.external }))
}

/// What became of a refund that the provider was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider is at it.
    Pending {
        /// The provider's id.
        external: String,
        /// Why it takes its time.
        reason: Option<String>,
    },
    /// The money is back.
    Done {
        /// The provider's id.
        external: String,
    },
    /// It will not happen.
    Failed {
        /// Why.
        reason: String,
    },
    /// The provider gives nothing back by itself.
    ByHand,
    /// The provider has not answered.
    Missed {
        /// Not before this time, if it said so.
        after: Option<Duration>,
    },
}

/// Takes in what became of a refund. To be called within a transaction that has locked nothing.
pub async fn settle(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: RefundId,
    outcome: &Outcome,
) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let Some(refund) = find(connection, id).await? else { return Ok(effects) };
    let Some(payment) = lock(connection, refund.payment).await? else { return Ok(effects) };
    let Some(refund) = find(connection, id).await?.filter(|refund| refund.state.is_open()) else { return Ok(effects) };
    match outcome {
        Outcome::Done { external } => {
            let receipts = receipts::of_payment(connection, payment.id).await?;
            let receipt = receipts.into_iter().find(|receipt| Some(receipt.id) == refund.receipt);
            if let Some(receipt) = receipt {
                done(connection, books, (&payment, &receipt, &refund), external, &mut effects).await?;
            }
        }
        Outcome::Pending { external, reason } => {
            sqlx::query!(
                "UPDATE refunds SET state = 'pending', external_id = $2, reason = $3, due_at = $4, tries = 0 WHERE id = $1",
                id as RefundId,
                external,
                reason.as_deref().map(clipped),
                books.now + PENDING_EVERY
            )
            .execute(&mut *connection)
            .await?;
        }
        Outcome::Failed { reason } => {
            sqlx::query!(
                "UPDATE refunds SET state = 'failed', reason = $2, due_at = NULL WHERE id = $1",
                id as RefundId,
                clipped(reason)
            )
            .execute(&mut *connection)
            .await?;
            ledger::release_for(connection, id.as_uuid(), books.now).await.map_err(unbooked)?;
        }
        Outcome::ByHand => {
            sqlx::query!("UPDATE refunds SET state = 'by_hand', due_at = NULL WHERE id = $1", id as RefundId)
                .execute(&mut *connection)
                .await?;
        }
        Outcome::Missed { after } => missed(connection, id, *after, books.now).await?,
    }
    Ok(effects)
}

async fn missed(
    connection: &mut PgConnection,
    id: RefundId,
    after: Option<Duration>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tries =
        sqlx::query_scalar!("UPDATE refunds SET tries = tries + 1 WHERE id = $1 RETURNING tries", id as RefundId)
            .fetch_one(&mut *connection)
            .await?;
    let wait = backoff(u32::try_from(tries).unwrap_or(1));
    let wait = after.and_then(|after| TimeDelta::from_std(after).ok()).map_or(wait, |after| after.max(wait));
    sqlx::query!("UPDATE refunds SET due_at = $2 WHERE id = $1", id as RefundId, now + wait)
        .execute(connection)
        .await?;
    Ok(())
}

/// The money is back. The payment is locked.
pub(in crate::payments) async fn done(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (payment, receipt, refund): (&Payment, &Receipt, &Refund),
    external: &str,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    finish(connection, refund.id, Some(external), books.now).await?;
    ledger::release_for(connection, refund.id.as_uuid(), books.now).await.map_err(unbooked)?;
    let gone = Gone {
        external,
        amount: refund.amount,
        chargeback: false,
        refund: Some(refund.id),
        at: books.now,
        words: "Refund",
    };
    reversals::take(connection, books, (payment, receipt), &gone, effects).await
}

pub(in crate::payments) async fn finish(
    connection: &mut PgConnection,
    id: RefundId,
    external: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE refunds SET state = 'done', external_id = coalesce($2, external_id), done_at = $3, due_at = NULL
         WHERE id = $1",
        id as RefundId,
        external,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Staff has given the money of a refund back by hand, and says how the provider or the bank calls that. False when the
/// refund does not wait for it. To be called within a transaction that has locked nothing.
pub async fn done_by_hand(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: RefundId,
    external: &str,
    effects: &mut Effects,
) -> Result<bool, StoreError> {
    let Some(refund) = find(connection, id).await? else { return Ok(false) };
    let Some(payment) = lock(connection, refund.payment).await? else { return Ok(false) };
    let refund = find(connection, id).await?.filter(|refund| refund.state == RefundState::ByHand);
    let Some(refund) = refund else { return Ok(false) };
    let receipts = receipts::of_payment(connection, payment.id).await?;
    let receipt = receipts.into_iter().find(|receipt| Some(receipt.id) == refund.receipt);
    let Some(receipt) = receipt else { return Ok(false) };
    done(connection, books, (&payment, &receipt, &refund), external, effects).await?;
    Ok(true)
}
