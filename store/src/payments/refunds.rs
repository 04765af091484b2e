//! Refunds: money that staff gives back, in part or whole, to where it came from.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    FixedClock, HoldId, Money, PaymentId, ReceiptId, RefundId, UserId,
    billing::PaymentState,
    ledger::{Account, EntryKind},
    payment::{ReceiptState, RefundState, backoff},
};
use sqlx::PgConnection;

use super::{
    Books, Effects, NewReversal, Payment,
    bookings::Bookings,
    clipped, currency, lock,
    receipts::{self, Receipt},
    reversals::{self, Gone},
    unbooked,
};
use crate::{
    StoreError,
    ledger::{self, LedgerError, NewHold},
    subscriptions::GoneBack,
};

/// A refund that the provider is at is looked at again after this time.
const PENDING_EVERY: TimeDelta = TimeDelta::minutes(10);
/// What of the balance is set aside for a refund is free again after this time, should nothing become of it.
const HOLD_FOR: TimeDelta = TimeDelta::days(366);

/// One refund.
#[derive(Clone, Debug, PartialEq)]
pub struct Refund {
    /// Which.
    pub id: RefundId,
    /// Of which payment.
    pub payment: PaymentId,
    /// The receipt that is given back; `None`: what the balance had paid, to the balance.
    pub receipt: Option<ReceiptId>,
    /// Where it stands.
    pub state: RefundState,
    /// How much.
    pub amount: Money,
    /// Everything of the payment is given back with it.
    pub whole: bool,
    /// The provider's id.
    pub external: Option<String>,
    /// What of the tenant's balance is set aside for it.
    pub hold: Option<HoldId>,
    /// What the payer is told.
    pub note: String,
    /// Who asked; `None`: the operator.
    pub asked_by: Option<UserId>,
    /// Why it stands where it does.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the money was back.
    pub done_at: Option<DateTime<Utc>>,
}

impl Refund {
    /// True when the money is back.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == RefundState::Done
    }
}

struct Row {
    id: RefundId,
    payment_id: PaymentId,
    receipt_id: Option<ReceiptId>,
    state: RefundState,
    currency: String,
    amount: i64,
    whole: bool,
    external_id: Option<String>,
    hold_id: Option<HoldId>,
    note: String,
    asked_by: Option<UserId>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    done_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Refund {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            payment: row.payment_id,
            receipt: row.receipt_id,
            state: row.state,
            amount: Money::new(row.amount, currency(&row.currency)?),
            whole: row.whole,
            external: row.external_id,
            hold: row.hold_id,
            note: row.note,
            asked_by: row.asked_by,
            reason: row.reason,
            created_at: row.created_at,
            done_at: row.done_at,
        })
    }
}

macro_rules! select {
    ($tail:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, payment_id, receipt_id, state, currency, amount, whole, external_id, hold_id, note, asked_by, reason,
                      created_at, done_at
               FROM refunds "# + $tail,
            $($argument),*
        )
    };
}

/// The payment's refunds, oldest first.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Refund>, StoreError> {
    let rows = select!("WHERE payment_id = $1 ORDER BY id", payment as PaymentId).fetch_all(connection).await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// The refund.
pub async fn find(connection: &mut PgConnection, id: RefundId) -> Result<Option<Refund>, StoreError> {
    let row = select!("WHERE id = $1", id as RefundId).fetch_optional(connection).await?;
    row.map(Refund::try_from).transpose()
}

/// Refunds in this state, or in any, older than `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    state: Option<RefundState>,
    before: Option<RefundId>,
    limit: i64,
) -> Result<Vec<Refund>, StoreError> {
    let rows = select!(
        "WHERE ($1::refund_state IS NULL OR state = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        state as Option<RefundState>,
        before.map(|id| id.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

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
pub(super) struct New {
    pub receipt: Option<ReceiptId>,
    pub amount: Money,
    pub whole: bool,
}

/// Writes a refund down, for the workflow to do.
pub(super) async fn insert(
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
    let how = if state == PaymentState::Refunded { GoneBack::Refunded } else { GoneBack::Partly };
    reversals::take_back(connection, books, payment, how, effects).await?;
    let mut entry = Bookings::default();
    entry.add(Account::Refunds, Account::User(user), refund.amount);
    let what = format!("refund/{}", refund.id);
    entry.post(connection, books, (payment.id, EntryKind::Refund, &what), "given back to the balance").await?;
    effects.is_news = true;
    reversals::credit_note(connection, books, payment, (refund.amount, "Refund"), &what).await
}

/// The refund that the provider tells of: the one that it names, the one that it had made, or one of ours of this amount
/// whose answer was lost. `None`: somebody has made it at the provider.
pub(super) async fn behind(
    connection: &mut PgConnection,
    receipt: &Receipt,
    new: &NewReversal,
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
pub(super) async fn done(
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

async fn finish(
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
