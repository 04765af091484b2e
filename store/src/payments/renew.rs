//! Payments for the next period that nobody has to ask for: by an agreement, or from the balance.

use chrono::TimeDelta;
use domain::{
    AgreementId, Money, PaymentId, PlanId, UserId,
    billing::{Interval, PaymentPurpose, Price},
    ledger::Account,
    payment::standing::Receipt,
};
use sqlx::{Connection as _, PgConnection};

use super::{
    Books, Effects,
    agreements::Agreement,
    begin::{CheckoutError, NewCheckout, begin},
    hear::new_payment_id,
};
use crate::{StoreError, coupons, ledger};

/// Makes the payment that an agreement has made by itself, for the period that follows. What it buys is decided with its
/// money: it stands as one that was asked for on the agreement's terms.
pub(super) async fn by_agreement(
    connection: &mut PgConnection,
    books: &Books<'_>,
    agreement: &Agreement,
    new: &Receipt,
) -> Result<PaymentId, StoreError> {
    let id = new_payment_id(books.now);
    let list = agreement.price.amount;
    let amount = due(connection, agreement).await?;
    let discount = Money::new(list.minor - amount.minor, list.currency);
    // Its money is decided about at once, in this transaction; the tenant may be paying for a period of their own meanwhile.
    // Its workflow has nothing to do: the agreement's asks for it.
    sqlx::query!(
        "INSERT INTO payments (id, user_id, state, purpose, plan_id, period, currency, price, list, credit, discount,
                               from_balance, amount, provider, agreement_id, expires_at, created_at, updated_at)
         VALUES ($1, $2, 'review', $3, $4, $5, $6, $7, $7, 0, $12, 0, $13, $8, $9, $10, $11, $11)",
        id as PaymentId,
        agreement.user as Option<UserId>,
        PaymentPurpose::Renew as PaymentPurpose,
        agreement.price.plan as PlanId,
        agreement.price.interval as Interval,
        amount.currency.code(),
        list.minor,
        agreement.provider,
        agreement.id as AgreementId,
        new.at + TimeDelta::days(1),
        books.now,
        discount.minor,
        amount.minor
    )
    .execute(&mut *connection)
    .await?;
    if discount.minor > 0 && agreement.user.is_some() {
        coupons::follow(connection, (agreement.payment, id), list, discount, books.now).await?;
    }
    Ok(id)
}

/// What the next payment of an agreement costs, by what was agreed on.
async fn due(connection: &mut PgConnection, agreement: &Agreement) -> Result<Money, StoreError> {
    let Some(reduced) = agreement.reduced else { return Ok(agreement.price.amount) };
    let made = sqlx::query_scalar!(
        r#"SELECT count(*) AS "made!" FROM payments WHERE agreement_id = $1 AND id <> $2"#,
        agreement.id as AgreementId,
        agreement.payment as PaymentId
    )
    .fetch_one(connection)
    .await?;
    let holds = reduced.holds_after(u64::try_from(made).unwrap_or(0));
    Ok(if holds { reduced.amount } else { agreement.price.amount })
}

/// A period that the balance has paid.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// With which payment.
    pub payment: PaymentId,
    /// What was taken from the balance.
    pub from_balance: Money,
    /// What is to be done after the commit.
    pub effects: Effects,
}

/// Pays the next period of a tenant's subscription from the balance, with what coupons take off. `None` when the balance does
/// not suffice, when there is nothing to be paid, or when the tenant is paying by themselves just now; then nothing has
/// happened. To be called within a transaction that has locked nothing but the tenant.
pub async fn renew_from_balance(
    connection: &mut PgConnection,
    books: &Books<'_>,
    user: UserId,
    price: Price,
) -> Result<Option<Renewed>, StoreError> {
    let balance = ledger::balance(connection, &Account::User(user), price.amount.currency).await?;
    if balance.available().minor <= 0 {
        return Ok(None);
    }
    let new = NewCheckout {
        id: new_payment_id(books.now),
        user,
        price,
        provider: None,
        pay_currency: None,
        recurring: false,
        coupons: &[],
        use_balance: true,
        key: None,
        expires_at: books.now,
    };
    let mut inner = connection.begin().await?;
    match begin(&mut inner, books, &new).await {
        Ok(begun) if begun.payment.purpose == PaymentPurpose::Renew && begun.payment.settled_at.is_some() => {
            inner.commit().await?;
            let payment = begun.payment;
            let (payment, from_balance) = (payment.id, payment.from_balance);
            Ok(Some(Renewed { payment, from_balance, effects: begun.effects }))
        }
        Ok(_)
        | Err(
            CheckoutError::Refused(_)
            | CheckoutError::Coupon(_)
            | CheckoutError::Open(_)
            | CheckoutError::KeyReused
            | CheckoutError::ProviderMissing(_)
            | CheckoutError::NothingToAgreeOn
            | CheckoutError::NoSuchUser,
        ) => {
            inner.rollback().await?;
            Ok(None)
        }
        Err(CheckoutError::Store(error)) => Err(error),
    }
}
