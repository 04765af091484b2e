//! Coupons: the catalogue, what tenants have redeemed, and what that takes off their payments.
//!
//! A *redemption* is a tenant's and is what limits count; a *discount* is what one redemption takes off one payment. Both
//! are reserved with the payment ([`reserve`]), count once it is settled ([`redeem`]) and are given back when nothing was
//! paid ([`release`]). Limits hold because whoever redeems locks the coupon first and adds to its `taken` only below its
//! limit.
//!
//! Locks: the tenant, then coupons by id, then redemptions. What other tenants have kept for too long is released on the way
//! ([`lapse`]), but never waited for.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, Money, PaymentId, UserId,
    coupon::{Code, Coupon, Purchase, Refusal},
};
use sqlx::PgConnection;

use crate::StoreError;

mod catalogue;
mod choose;
mod follow;
mod kept;
mod reserve;
mod statistics;
mod used;

pub use catalogue::{COUPON_CODE, CouponFilter, Listed, Written, find, insert, list, lock, remove, set_active, update};
pub use follow::{follow, lasting};
pub use kept::{GaveUp, KEPT_DAYS, Owned, give_up, keep, owned};
pub use reserve::{Redeemed, redeem, release, reserve};
pub use statistics::{Day, DayDiscount, Given, RedemptionRow, Statistics, redemptions, statistics};

/// What coupons take off one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// All of them together: at most the price.
    pub amount: Money,
    /// Those that take something off.
    pub coupons: Vec<CouponId>,
}

/// Why there is no discount.
#[derive(Debug, thiserror::Error)]
pub enum CouponError {
    /// A coupon does not hold.
    #[error("{0}")]
    Refused(Refused),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A coupon that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// What was typed, where it is one of several that is to blame.
    pub code: Option<String>,
    /// Why.
    pub reason: Refusal,
}

impl CouponError {
    fn refused(code: &Code, reason: Refusal) -> Self {
        Self::Refused(Refused { code: Some(code.as_str().to_owned()), reason })
    }
}

impl From<Refusal> for CouponError {
    fn from(reason: Refusal) -> Self {
        Self::Refused(Refused { code: None, reason })
    }
}

impl From<sqlx::Error> for CouponError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What these coupons, and those that the tenant has redeemed before, would take off a purchase now. Nothing is set aside.
///
/// # Errors
/// The first reason against the first code that does not hold.
pub async fn quote(
    connection: &mut PgConnection,
    user: UserId,
    codes: &[String],
    purchase: &Purchase,
    now: DateTime<Utc>,
) -> Result<Discount, CouponError> {
    let codes = choose::fold(codes)?;
    let chosen = choose::choose(connection, user, None, &codes, purchase, now).await?;
    Ok(choose::discount(purchase.list, &chosen))
}

/// What coupons that the tenant has redeemed before would take off a renewal now. [`reserve`] without codes sets it aside.
///
/// # Errors
/// When the database fails.
pub async fn for_renewal(
    connection: &mut PgConnection,
    user: UserId,
    purchase: &Purchase,
    now: DateTime<Utc>,
) -> Result<Discount, CouponError> {
    quote(connection, user, &[], purchase, now).await
}

/// What one coupon has taken off a payment, for its invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub coupon: CouponId,
    /// What was typed.
    pub code: String,
    /// How much.
    pub amount: Money,
}

/// What each coupon takes off a payment: reserved or redeemed, in the order in which they were taken.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Part>, StoreError> {
    let rows = sqlx::query!(
        "SELECT c.id, c.code, d.amount, d.currency
         FROM coupon_discounts d JOIN coupon_redemptions r ON r.id = d.redemption_id JOIN coupons c ON c.id = r.coupon_id
         WHERE d.payment_id = $1 AND d.state <> 'released' ORDER BY d.id",
        payment as PaymentId
    )
    .fetch_all(connection)
    .await?;
    let part = |amount, currency: &str| catalogue::currency(currency).map(|currency| Money::new(amount, currency));
    rows.into_iter()
        .map(|row| Ok(Part { coupon: row.id, code: row.code, amount: part(row.amount, &row.currency)? }))
        .collect()
}

/// Locks the coupons with these codes, the lowest id first, and releases what was kept of them for too long.
async fn lock_codes(connection: &mut PgConnection, codes: &[Code], now: DateTime<Utc>) -> Result<(), StoreError> {
    let codes: Vec<String> = codes.iter().map(|code| code.as_str().to_owned()).collect();
    let coupons =
        sqlx::query_scalar!("SELECT id FROM coupons WHERE code = ANY($1) ORDER BY id FOR NO KEY UPDATE", &codes)
            .fetch_all(&mut *connection)
            .await?;
    lapse(connection, &coupons, now).await
}

/// Gives back what tenants have kept of these coupons for too long. Call it with the coupons locked. Tenants who are at
/// theirs just now are left alone.
async fn lapse(connection: &mut PgConnection, coupons: &[CouponId], now: DateTime<Utc>) -> Result<(), StoreError> {
    let coupons: Vec<_> = coupons.iter().map(CouponId::as_uuid).collect();
    sqlx::query!(
        "WITH late AS (
           SELECT id FROM coupon_redemptions
           WHERE coupon_id = ANY($1) AND state = 'kept' AND kept_until <= $2 AND periods_taken = 0
           FOR UPDATE SKIP LOCKED),
         released AS (
           UPDATE coupon_redemptions r SET state = 'released', released_at = $2 FROM late WHERE r.id = late.id
           RETURNING r.coupon_id)
         UPDATE coupons c SET taken = c.taken - freed.count
         FROM (SELECT coupon_id, count(*) AS count FROM released GROUP BY coupon_id) freed WHERE c.id = freed.coupon_id",
        &coupons,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts one more redemption of a coupon. False when there may be no more.
async fn count_one(connection: &mut PgConnection, coupon: &Coupon) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE coupons SET taken = taken + 1
         WHERE id = $1 AND (redemptions_max IS NULL OR taken < redemptions_max)",
        coupon.id as CouponId
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts one redemption less of each of these coupons.
async fn give_back(connection: &mut PgConnection, coupons: &[CouponId]) -> Result<(), StoreError> {
    let coupons: Vec<_> = coupons.iter().map(CouponId::as_uuid).collect();
    sqlx::query!(
        "WITH known AS (SELECT id FROM coupons WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
         UPDATE coupons c SET taken = c.taken - 1 FROM known WHERE c.id = known.id",
        &coupons
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A number of payments for its column.
fn periods_column(periods: Option<u32>) -> Option<i32> {
    periods.map(|periods| i32::try_from(periods).unwrap_or(i32::MAX))
}
