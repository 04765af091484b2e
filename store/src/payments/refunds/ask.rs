//! Asking for money to be given back: how much can be, and what is written down and set aside for it.

use chrono::TimeDelta;
use domain::{
    FixedClock, HoldId, Money, PaymentId, ReceiptId, RefundId, UserId,
    billing::PaymentState,
    ledger::{Account, EntryKind},
    payment::{ReceiptState, RefundState},
};
use sqlx::PgConnection;

use super::{Refund, find, finish, of_payment};
use crate::{
    StoreError,
    ledger::{self, LedgerError, NewHold},
    payments::{Books, Effects, Payment, bookings::Bookings, receipts, reversals, unbooked},
    subscriptions::GoneBack,
};

/// What of the balance is set aside for a refund is free again after this time, should nothing become of it.
const HOLD_FOR: TimeDelta = TimeDelta::days(366);

/// What staff wants to give back.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// How much; `None`: all that is left.
    pub amount: Option<Money>,
    /// What the payer is told, 1 to 500 characters.
    pub note: &'a str,
    /// Who wants it; `None`: the operator.
    pub by: Option<UserId>,
    /// The provider gives nothing back by itself: staff does.
    pub by_hand: bool,
    /// Under this key: the same again is what was asked for the first time.
    pub key: Option<&'a str>,
}

/// Why nothing is given back. Nothing has happened.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// Nothing was accounted for, or all of it is gone.
    #[error("there is nothing to be given back")]
    NothingLeft,
    /// Less is left than was asked for.
    #[error("at most {0} are left to be given back")]
    TooMuch(Money),
    /// The amount is of another currency.
    #[error("the payment was made in another currency")]
    OtherCurrency,
    /// The money is on the tenant's balance, who has spent it.
    #[error("the tenant has spent it: the balance does not suffice")]
    Spent,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RefundError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What was asked for under the same key.
async fn replayed(
    connection: &mut PgConnection,
    payment: &Payment,
    wanted: &Wanted<'_>,
) -> Result<Vec<RefundId>, StoreError> {
    let Some(key) = wanted.key else { return Ok(Vec::new()) };
    let known = sqlx::query_scalar!(
        "SELECT id FROM refunds WHERE payment_id = $1 AND request_key = $2 ORDER BY id",
        payment.id as PaymentId,
        key
    )
    .fetch_all(connection)
    .await?;
    Ok(known)
}

/// A part of a payment that can be given back.
struct Part {
    /// `None`: to the balance.
    receipt: Option<ReceiptId>,
    left: i64,
}

/// Asks for money to be given back; the payment's workflow does it. What the balance had paid goes back to it at once.
/// Returns what was asked for. To be called within a transaction; the payment is locked with [`lock`].
///
/// # Errors
/// [`RefundError`].
pub async fn ask(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    wanted: &Wanted<'_>,
    effects: &mut Effects,
) -> Result<Vec<RefundId>, RefundError> {
    let known = replayed(connection, payment, wanted).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    let parts = parts(connection, payment).await?;
    let left: i64 = parts.iter().map(|part| part.left).sum();
    let currency = payment.currency();
    let mut rest = match wanted.amount {
        _ if left <= 0 => return Err(RefundError::NothingLeft),
        Some(amount) if amount.currency != currency => return Err(RefundError::OtherCurrency),
        Some(amount) if amount.minor > left || amount.minor <= 0 => {
            return Err(RefundError::TooMuch(Money::new(left, currency)));
        }
        Some(amount) => amount.minor,
        None => left,
    };
    let whole = rest == left;
    let mut asked = Vec::new();
    for part in parts {
        let amount = Money::new(part.left.min(rest), currency);
        if amount.minor <= 0 {
            continue;
        }
        rest -= amount.minor;
        let new = New { receipt: part.receipt, amount, whole };
        asked.push(insert(connection, books, payment, &new, wanted).await?);
    }
    for id in &asked {
        place(connection, books, payment, *id, effects).await?;
    }
    effects.wake(payment.id);
    Ok(asked)
}

/// What can still be given back of a payment: receipts first, the balance last.
async fn parts(connection: &mut PgConnection, payment: &Payment) -> Result<Vec<Part>, StoreError> {
    let receipts = receipts::of_payment(connection, payment.id).await?;
    let refunds = of_payment(connection, payment.id).await?;
    let reversals = reversals::of_payment(connection, payment.id).await?;
    let mut parts = Vec::new();
    // Of what was granted no more than was to be paid: the rest is on the balance.
    let mut granted_left = payment.amount.minor;
    for receipt in receipts {
        let planned = refunds.iter().filter(|refund| refund.receipt == Some(receipt.id) && refund.state.is_open());
        let gone = reversals.iter().filter(|reversal| reversal.receipt == receipt.id);
        let taken = planned.map(|refund| refund.amount.minor).chain(gone.map(|gone| gone.amount.minor)).sum::<i64>();
        let mut left = receipt.amount.minor - taken;
        match receipt.state {
            ReceiptState::Granted => {
                left = left.min(granted_left - taken);
                granted_left -= left.max(0) + taken;
            }
            ReceiptState::Credited => (),
            ReceiptState::Undecided | ReceiptState::Returned => continue,
        }
        if left > 0 && receipt.amount.currency == payment.currency() {
            parts.push(Part { receipt: Some(receipt.id), left });
        }
    }
    if payment.period.is_some() {
        let back = refunds.iter().filter(|refund| refund.receipt.is_none() && refund.state != RefundState::Failed);
        let left = payment.from_balance.minor - back.map(|refund| refund.amount.minor).sum::<i64>();
        parts.push(Part { receipt: None, left });
    }
    Ok(parts)
}

/// A refund to be written down.
pub(in crate::payments) struct New {
    pub receipt: Option<ReceiptId>,
    pub amount: Money,
    pub whole: bool,
}

/// Writes a refund down, for the workflow to do.
pub(in crate::payments) async fn insert(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    new: &New,
    wanted: &Wanted<'_>,
) -> Result<RefundId, StoreError> {
    let id = RefundId::new(&FixedClock::at(books.now));
    let by_hand = wanted.by_hand && new.receipt.is_some();
    let state = if by_hand { RefundState::ByHand } else { RefundState::Asked };
    sqlx::query!(
        "INSERT INTO refunds (id, payment_id, receipt_id, state, currency, amount, whole, note, asked_by, due_at, created_at,
                              request_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        id as RefundId,
        payment.id as PaymentId,
        new.receipt as Option<ReceiptId>,
        state as RefundState,
        new.amount.currency.code(),
        new.amount.minor,
        new.whole,
        wanted.note,
        wanted.by as Option<UserId>,
        (!by_hand).then_some(books.now),
        books.now,
        wanted.key
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE payments SET due_at = $2 WHERE id = $1", payment.id as PaymentId, books.now)
        .execute(connection)
        .await?;
    Ok(id)
}

/// What a refund needs at once: that to the balance is done, and money on the balance is set aside for one that takes it
/// from there.
async fn place(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    id: RefundId,
    effects: &mut Effects,
) -> Result<(), RefundError> {
    let Some(refund) = find(connection, id).await? else { return Ok(()) };
    let Some(user) = payment.user else { return Ok(()) };
    let Some(receipt) = refund.receipt else {
        return Ok(to_balance(connection, books, payment, (user, &refund), effects).await?);
    };
    let receipts = receipts::of_payment(connection, payment.id).await?;
    let credited = receipts.iter().any(|one| one.id == receipt && one.state == ReceiptState::Credited);
    if !credited {
        return Ok(());
    }
    let new = NewHold {
        key: &format!("refund/{id}"),
        user,
        amount: refund.amount,
        reference: Some(id.as_uuid()),
        expires_at: books.now + HOLD_FOR,
    };
    let held = match ledger::hold(connection, &new, books.now).await {
        Err(LedgerError::Insufficient) => return Err(RefundError::Spent),
        held => held.map_err(unbooked)?,
    };
    sqlx::query!("UPDATE refunds SET hold_id = $2 WHERE id = $1", id as RefundId, held.id as HoldId)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives back to the balance what the balance had paid.
async fn to_balance(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, refund): (UserId, &Refund),
    effects: &mut Effects,
) -> Result<(), StoreError> {
    finish(connection, refund.id, None, books.now).await?;
    let state = reversals::count(connection, payment.id, refund.amount, false, books.now).await?;
    let how = if state == PaymentState::Refunded { GoneBack::Refunded } else { GoneBack::Partly(refund.amount) };
    reversals::take_back(connection, books, payment, how, effects).await?;
    let mut entry = Bookings::default();
    entry.add(Account::Refunds, Account::User(user), refund.amount);
    let what = format!("refund/{}", refund.id);
    entry.post(connection, books, (payment.id, EntryKind::Refund, &what), "given back to the balance").await?;
    effects.is_news = true;
    reversals::credit_note(connection, books, payment, (refund.amount, "Refund"), &what).await
}
