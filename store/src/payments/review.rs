//! Money that does not fit waits for staff: what was to be paid for is granted all the same, the money is given back, or it
//! is put on the tenant's balance.

use domain::{
    Money, PaymentId, UserId,
    billing::PaymentState,
    ledger::{Account, EntryKind},
    payment::{Decision, Grant, ReceiptState, is_accounted},
};
use sqlx::{Connection as _, PgConnection};

use super::{
    Books, Effects, Payment, bookings, clipped, close, letters,
    receipts::{self, Receipt},
    refunds::{self, New, Wanted},
    settle::{self, Granted},
};
use crate::{
    StoreError, coupons, ledger,
    subscriptions::{self, PaidOutcome},
};

/// Lets a payment wait for staff. Said again for the same reason, nothing changes.
pub(super) async fn hold(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (code, words): (&str, &str),
) -> Result<(), StoreError> {
    let known =
        payment.state == PaymentState::Review && payment.reason.as_ref().is_some_and(|(known, _)| known == code);
    if known {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE payments SET state = 'review', reason_code = $2, reason = $3, updated_at = $4 WHERE id = $1",
        payment.id as PaymentId,
        code,
        clipped(words),
        books.now
    )
    .execute(&mut *connection)
    .await?;
    letters::in_review(connection, books, payment, (code, words)).await
}

/// Why a decision cannot be carried out. The transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Nothing of the payment waits for a decision.
    #[error("nothing of this payment waits for a decision")]
    NothingToDecide,
    /// There is nothing left that could be granted.
    #[error("there is nothing to be granted for it any more: give the money back, or put it on the balance")]
    NothingToGrant,
    /// The tenant has left: the money can be given back only.
    #[error("the tenant has left: the money can only be given back")]
    TenantGone,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReviewError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Carries a decision out. The payment is locked with [`super::lock`].
///
/// # Errors
/// [`ReviewError`].
pub async fn decide(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (decision, wanted): (Decision, &Wanted<'_>),
    effects: &mut Effects,
) -> Result<(), ReviewError> {
    let undecided = receipts::undecided(connection, payment.id).await?;
    if undecided.is_empty() {
        return Err(ReviewError::NothingToDecide);
    }
    effects.wake(payment.id);
    match (decision, payment.user) {
        (Decision::Refund, _) => Ok(give_back(connection, books, payment, (&undecided, wanted)).await?),
        (Decision::Grant | Decision::Dismiss, None) => Err(ReviewError::TenantGone),
        (Decision::Grant, Some(_)) if is_accounted(payment.state) => Err(ReviewError::NothingToGrant),
        (Decision::Grant, Some(user)) => grant(connection, books, payment, (user, &undecided), effects).await,
        (Decision::Dismiss, Some(user)) if is_accounted(payment.state) => {
            Ok(settle::credit_more(connection, books, payment, (user, &undecided), effects).await?)
        }
        (Decision::Dismiss, Some(user)) => {
            Ok(settle::credit(connection, books, payment, (user, &undecided), effects).await?)
        }
    }
}

/// Grants what was to be paid for, whatever has come: what is missing is let off, what is too much goes to the balance.
async fn grant(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, undecided): (UserId, &[Receipt]),
    effects: &mut Effects,
) -> Result<(), ReviewError> {
    let currency = payment.currency();
    let fits = |receipt: &&Receipt| receipt.amount.currency == currency;
    let came: i64 = undecided.iter().filter(fits).map(|receipt| receipt.amount.minor).sum();
    // What was set aside of the balance may be gone.
    let hold = if payment.hold.is_some() { held(connection, payment, user).await? } else { 0 };
    let lacking = payment.from_balance.minor - hold;
    let short = (payment.amount.minor - came).max(0) + lacking;
    let money = |minor| Money::new(minor, currency);
    let grant = Grant {
        purpose: payment.purpose,
        list: payment.list,
        credit: payment.credit,
        discount: payment.discount,
        from_balance: money(hold),
        paid: money(payment.amount.minor + lacking),
        surplus: money((came - payment.amount.minor).max(0)),
        is_as_agreed: true,
    };
    let mut inner = connection.begin().await?;
    coupons::redeem(&mut inner, payment.id, books.now).await?;
    let paid = settle::paid(payment, user, payment.price, &grant);
    let outcome: PaidOutcome = subscriptions::paid(&mut inner, books.sealer, &paid, books.now).await?;
    if outcome.period.is_none() {
        inner.rollback().await?;
        return Err(ReviewError::NothingToGrant);
    }
    inner.commit().await?;
    let granted = Granted { grant, outcome, short: money(short) };
    Ok(settle::grant(connection, books, payment, (user, undecided, &granted), effects).await?)
}

/// What of the balance can be used for the payment: what is set aside for it, and what is free.
async fn held(connection: &mut PgConnection, payment: &Payment, user: UserId) -> Result<i64, StoreError> {
    let held = ledger::hold_for(connection, payment.id.as_uuid()).await?;
    let held = held.filter(|hold| hold.state == ledger::HoldState::Open).map_or(0, |hold| hold.amount.minor);
    let balance = ledger::balance(connection, &Account::User(user), payment.currency()).await?;
    Ok((held + balance.available().minor.max(0)).min(payment.from_balance.minor))
}

/// Gives back what has come; nothing is granted for it.
async fn give_back(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (undecided, wanted): (&[Receipt], &Wanted<'_>),
) -> Result<(), StoreError> {
    if !is_accounted(payment.state) {
        let why = ("returned", "what has come is given back");
        close::close(connection, payment, PaymentState::Failed, why, books.now).await?;
    }
    receipts::decide(connection, undecided, ReceiptState::Returned, books.now).await?;
    for receipt in undecided.iter().filter(|receipt| receipt.amount.minor > 0) {
        let new = New { receipt: Some(receipt.id), amount: receipt.amount, whole: false };
        refunds::insert(connection, books, payment, &new, wanted).await?;
    }
    for receipt in undecided {
        let entry = bookings::rejection(std::slice::from_ref(receipt));
        let what = format!("returned/{}", receipt.id);
        entry.post(connection, books, (payment.id, EntryKind::Adjustment, &what), "it is given back").await?;
    }
    Ok(())
}
