//! Checkouts: what is asked for, counted and set aside in one transaction.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Money, PaymentId, PlanId, UserId,
    billing::{Interval, PaymentPurpose, PaymentState, Price},
    coupon::Purchase,
    ledger::Account,
    payment::Reduced,
    subscription::Refusal,
};
use sqlx::PgConnection;

use super::{Books, Effects, Payment, find_any, reduced_payments, settle, unbooked};
use crate::{
    StoreError,
    coupons::{self, CouponError},
    ledger::{self, NewHold},
    plans, subscriptions,
};

/// What of the balance is set aside for a payment is let go with the payment; by itself after a year.
const HOLD_FOR: TimeDelta = TimeDelta::days(366);

/// What somebody wants to pay for, and how.
#[derive(Clone, Copy, Debug)]
pub struct NewCheckout<'a> {
    /// Which payment it is going to be.
    pub id: PaymentId,
    /// For whom.
    pub user: UserId,
    /// The plan, the interval and what a period costs whoever comes today.
    pub price: Price,
    /// The provider's code; it may be missing when nothing is left to be paid.
    pub provider: Option<&'a str>,
    /// The ticker of what the payer wants to pay with.
    pub pay_currency: Option<&'a str>,
    /// The payer agrees to the payments of the following periods.
    pub recurring: bool,
    /// The codes of coupons.
    pub coupons: &'a [String],
    /// The balance pays what it can.
    pub use_balance: bool,
    /// Under this key, with what was asked for: the same again is the same payment.
    pub key: Option<(&'a str, &'a str)>,
    /// Unpaid until then, it is given up.
    pub expires_at: DateTime<Utc>,
}

/// A checkout that stands.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The payment.
    pub payment: Payment,
    /// It was asked for before under the same key.
    pub is_replayed: bool,
    /// What is to be done after the commit.
    pub effects: Effects,
}

/// Why there is no checkout. The transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// There is nothing to buy, or not so.
    #[error("{0}")]
    Refused(Refusal),
    /// A coupon does not hold.
    #[error("{0}")]
    Coupon(coupons::Refused),
    /// The same is being paid for already.
    #[error("this is being paid for already; cancel that payment first")]
    Open(PaymentId),
    /// The key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// Something is left to be paid, and no provider was named.
    #[error("name a payment provider: {0} are left to be paid")]
    ProviderMissing(Money),
    /// Nothing, or not a whole period, is to be paid: nobody can agree to the payments that follow.
    #[error("an agreement begins with the payment of a period")]
    NothingToAgreeOn,
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoSuchUser,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CheckoutError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<CouponError> for CheckoutError {
    fn from(error: CouponError) -> Self {
        match error {
            CouponError::Refused(refused) => Self::Coupon(refused),
            CouponError::Store(error) => Self::Store(error),
        }
    }
}

/// Makes a payment of what somebody wants: counts what it costs, reserves coupons, and sets aside what the balance pays.
/// One that is wholly covered is settled here and now. To be called within a transaction that has locked nothing.
///
/// # Errors
/// [`CheckoutError`].
pub async fn begin(
    connection: &mut PgConnection,
    books: &Books<'_>,
    new: &NewCheckout<'_>,
) -> Result<Begun, CheckoutError> {
    if !plans::lock_user(connection, new.user).await? {
        return Err(CheckoutError::NoSuchUser);
    }
    if let Some(payment) = replayed(connection, new).await? {
        return Ok(Begun { payment, is_replayed: true, effects: Effects::default() });
    }
    let quote = subscriptions::quote(connection, new.user, new.price, books.now).await?;
    let quote = quote.map_err(CheckoutError::Refused)?;
    if let Some(open) = open(connection, new.user, quote.purpose).await? {
        return Err(CheckoutError::Open(open));
    }
    let purchase =
        Purchase { plan: new.price.plan, interval: new.price.interval, purpose: quote.purpose, list: quote.due };
    let discount = coupons::reserve(connection, new.user, new.id, new.coupons, &purchase, books.now).await?;
    let currency = quote.due.currency;
    let rest = quote.due.minor - discount.amount.minor.min(quote.due.minor);
    let from_balance = if new.use_balance {
        let balance = ledger::balance(connection, &Account::User(new.user), currency).await?;
        balance.available().minor.clamp(0, rest)
    } else {
        0
    };
    let run = if new.recurring { coupons::lasting(connection, new.id, quote.price.amount).await? } else { None };
    let reduced = run.map(|run| {
        let amount = Money::new(quote.price.amount.minor - run.discount.minor, currency);
        Reduced { amount, payments: run.payments }
    });
    let terms = Terms {
        price: quote.price,
        purpose: quote.purpose,
        list: quote.list,
        credit: quote.credit,
        discount: Money::new(quote.due.minor - rest, currency),
        from_balance: Money::new(from_balance, currency),
        amount: Money::new(rest - from_balance, currency),
        reduced,
    };
    if terms.amount.minor > 0 && new.provider.is_none() {
        return Err(CheckoutError::ProviderMissing(terms.amount));
    }
    if new.recurring && (terms.amount.is_zero() || quote.purpose == PaymentPurpose::Upgrade) {
        return Err(CheckoutError::NothingToAgreeOn);
    }
    insert(connection, books, new, &terms).await?;
    Ok(placed(connection, books, new, &terms).await?)
}

/// What is set aside, and what is settled at once.
async fn placed(
    connection: &mut PgConnection,
    books: &Books<'_>,
    new: &NewCheckout<'_>,
    terms: &Terms,
) -> Result<Begun, StoreError> {
    if terms.from_balance.minor > 0 {
        let key = format!("payment/{}", new.id);
        let wanted = NewHold {
            key: &key,
            user: new.user,
            amount: terms.from_balance,
            reference: super::reference(new.id),
            expires_at: books.now + HOLD_FOR,
        };
        let held = ledger::hold(connection, &wanted, books.now).await.map_err(unbooked)?;
        sqlx::query!("UPDATE payments SET hold_id = $2 WHERE id = $1", new.id as PaymentId, held.id.as_uuid())
            .execute(&mut *connection)
            .await?;
    }
    let mut effects = Effects::default();
    let mut payment = read(connection, new.id).await?;
    if terms.amount.is_zero() {
        settle::settle(connection, books, &payment, &[], &mut effects).await?;
        payment = read(connection, new.id).await?;
    } else {
        effects.wake(new.id);
    }
    Ok(Begun { payment, is_replayed: false, effects })
}

async fn read(connection: &mut PgConnection, id: PaymentId) -> Result<Payment, StoreError> {
    find_any(connection, id).await?.ok_or_else(|| StoreError::Database(sqlx::Error::RowNotFound))
}

/// What is paid for, and by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub price: Price,
    pub purpose: PaymentPurpose,
    pub list: Money,
    pub credit: Money,
    pub discount: Money,
    pub from_balance: Money,
    pub amount: Money,
    /// What the payments that follow cost while coupons take something off them.
    pub reduced: Option<Reduced>,
}

/// The payment that was asked for under the same key before.
async fn replayed(connection: &mut PgConnection, new: &NewCheckout<'_>) -> Result<Option<Payment>, CheckoutError> {
    let Some((key, hash)) = new.key else { return Ok(None) };
    let known = sqlx::query!(
        "SELECT id, request_hash FROM payments WHERE user_id = $1 AND idempotency_key = $2",
        new.user as UserId,
        key
    )
    .fetch_optional(&mut *connection)
    .await?;
    match known {
        None => Ok(None),
        Some(known) if known.request_hash.as_deref() == Some(hash) => Ok(find_any(connection, known.id).await?),
        Some(_) => Err(CheckoutError::KeyReused),
    }
}

/// The payment by which the tenant pays for the same already.
async fn open(
    connection: &mut PgConnection,
    user: UserId,
    purpose: PaymentPurpose,
) -> Result<Option<PaymentId>, StoreError> {
    let open = sqlx::query_scalar!(
        "SELECT id FROM payments
         WHERE user_id = $1 AND purpose = $2 AND state IN ('created', 'pending', 'processing')",
        user as UserId,
        purpose as PaymentPurpose
    )
    .fetch_optional(connection)
    .await?;
    Ok(open)
}

async fn insert(
    connection: &mut PgConnection,
    books: &Books<'_>,
    new: &NewCheckout<'_>,
    terms: &Terms,
) -> Result<(), StoreError> {
    let provider = new.provider.filter(|_| terms.amount.minor > 0);
    sqlx::query!(
        "INSERT INTO payments (id, user_id, state, purpose, plan_id, period, currency, price, list, credit, discount,
                               from_balance, amount, coupons, provider, pay_currency, recurring, idempotency_key,
                               request_hash, expires_at, due_at, created_at, updated_at, reduced_amount, reduced_payments)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21, $21,
                 $22, $23)",
        new.id as PaymentId,
        new.user as UserId,
        PaymentState::Created as PaymentState,
        terms.purpose as PaymentPurpose,
        terms.price.plan as PlanId,
        terms.price.interval as Interval,
        terms.list.currency.code(),
        terms.price.amount.minor,
        terms.list.minor,
        terms.credit.minor,
        terms.discount.minor,
        terms.from_balance.minor,
        terms.amount.minor,
        new.coupons,
        provider,
        new.pay_currency.filter(|_| provider.is_some()),
        new.recurring,
        new.key.map(|(key, _)| key),
        new.key.map(|(_, hash)| hash),
        new.expires_at,
        books.now,
        terms.reduced.map(|reduced| reduced.amount.minor),
        reduced_payments(terms.reduced)
    )
    .execute(connection)
    .await?;
    Ok(())
}
