//! Discounts of payments: reserved at checkout, redeemed when the money is there, released when none comes.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, Currency, Money, PaymentId, UserId,
    coupon::{Coupon, DiscountState, Purchase, RedemptionState, Refusal},
};
use sqlx::PgConnection;

use super::{
    CouponError, Discount, catalogue, choose,
    choose::{Chosen, choose as choose_for},
    count_one, give_back, lapse, lock_codes, periods_column,
};
use crate::{StoreError, plans};

/// Sets aside what coupons take off a payment: those that are named, and those that the tenant has redeemed before. A
/// payment that has a discount already keeps it, whatever is named. To be called within a transaction that has locked
/// nothing of coupons; it locks the tenant.
///
/// # Errors
/// The first reason against the first code that does not hold. The transaction is to be rolled back then.
pub async fn reserve(
    connection: &mut PgConnection,
    user: UserId,
    payment: PaymentId,
    codes: &[String],
    purchase: &Purchase,
    now: DateTime<Utc>,
) -> Result<Discount, CouponError> {
    let codes = choose::fold(codes)?;
    plans::lock_user(connection, user).await?;
    if let Some(known) = known(connection, payment, purchase.list.currency).await? {
        return Ok(known);
    }
    lock_codes(connection, &codes, now).await?;
    let chosen = choose_for(connection, user, Some(payment), &codes, purchase, now).await?;
    for one in &chosen {
        let redemption = match one.redemption {
            Some(redemption) => take_from(connection, redemption, one.counts).await?,
            None => redeem_anew(connection, user, &one.coupon, now).await?,
        };
        let redemption = redemption.ok_or_else(|| CouponError::refused(&one.coupon.code, Refusal::Exhausted))?;
        insert_discount(connection, payment, redemption, one, now).await?;
    }
    Ok(choose::discount(purchase.list, &chosen))
}

/// The discount that the payment has, or had.
async fn known(
    connection: &mut PgConnection,
    payment: PaymentId,
    currency: Currency,
) -> Result<Option<Discount>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.coupon_id, d.amount, d.state FROM coupon_discounts d JOIN coupon_redemptions r ON r.id = d.redemption_id
         WHERE d.payment_id = $1 ORDER BY d.id",
        payment as PaymentId
    )
    .fetch_all(connection)
    .await?;
    let holds: Vec<_> = rows.iter().filter(|row| row.state != DiscountState::Released).collect();
    let amount = Money::new(holds.iter().map(|row| row.amount).sum(), currency);
    Ok((!rows.is_empty()).then(|| Discount { amount, coupons: holds.iter().map(|row| row.coupon_id).collect() }))
}

/// One payment more of a redemption that the tenant has. `None` when it has none left.
pub(super) async fn take_from(
    connection: &mut PgConnection,
    redemption: i64,
    counts: bool,
) -> Result<Option<i64>, StoreError> {
    let id = sqlx::query_scalar!(
        "UPDATE coupon_redemptions SET periods_taken = periods_taken + $2::boolean::integer
         WHERE id = $1 AND state IN ('kept', 'used') AND (periods_max IS NULL OR periods_taken < periods_max)
         RETURNING id",
        redemption,
        counts
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

/// A redemption that comes with a payment. `None` when there may be no more of the coupon.
async fn redeem_anew(
    connection: &mut PgConnection,
    user: UserId,
    coupon: &Coupon,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    if !count_one(connection, coupon).await? {
        return Ok(None);
    }
    let id = sqlx::query_scalar!(
        "INSERT INTO coupon_redemptions (coupon_id, user_id, state, periods_max, periods_taken, created_at)
         VALUES ($1, $2, 'reserved', $3, 1, $4) RETURNING id",
        coupon.id as CouponId,
        user as UserId,
        periods_column(coupon.terms.duration.periods_max()),
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(Some(id))
}

pub(super) async fn insert_discount(
    connection: &mut PgConnection,
    payment: PaymentId,
    redemption: i64,
    chosen: &Chosen,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO coupon_discounts (payment_id, redemption_id, state, amount, currency, counts, reserved_at)
         VALUES ($1, $2, 'reserved', $3, $4, $5, $6)",
        payment as PaymentId,
        redemption,
        chosen.amount.minor,
        chosen.amount.currency.code(),
        chosen.counts,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of a payment's discount when its money came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The payment has no discount.
    Nothing,
    /// It counts from now on, or did already.
    Counted(Discount),
    /// It was released, and meanwhile others have redeemed the coupon as often as it may be, or the tenant has used what
    /// it is good for. Nothing counts: the payment lacks what the discount was, and is to be looked at as one of too little.
    Gone,
}

/// Lets the discount of a settled payment count. One that was released because the payment had expired is taken again, as
/// far as the limits allow. Twice is the same as once. To be called within the transaction that settles the payment, with
/// the tenant and the payment locked.
pub async fn redeem(
    connection: &mut PgConnection,
    payment: PaymentId,
    now: DateTime<Utc>,
) -> Result<Redeemed, StoreError> {
    let rows = sqlx::query_as!(
        DiscountRow,
        r#"SELECT d.redemption_id, r.coupon_id, r.state AS redemption_state, r.periods_max, r.periods_taken, d.state,
                  d.amount, d.currency, d.counts
           FROM coupon_discounts d JOIN coupon_redemptions r ON r.id = d.redemption_id
           WHERE d.payment_id = $1 ORDER BY d.id FOR UPDATE"#,
        payment as PaymentId
    )
    .fetch_all(&mut *connection)
    .await?;
    let Some(first) = rows.first() else { return Ok(Redeemed::Nothing) };
    let currency = catalogue::currency(&first.currency)?;
    let amount = Money::new(rows.iter().map(|row| row.amount).sum(), currency);
    let discount = Discount { amount, coupons: rows.iter().map(|row| row.coupon_id).collect() };
    let released: Vec<&DiscountRow> = rows.iter().filter(|row| row.state == DiscountState::Released).collect();
    if !released.is_empty() && !take_again(connection, &released, now).await? {
        return Ok(Redeemed::Gone);
    }
    sqlx::query!(
        "WITH counted AS (
           UPDATE coupon_discounts SET state = 'redeemed', settled_at = $2
           WHERE payment_id = $1 AND state <> 'redeemed' RETURNING redemption_id)
         UPDATE coupon_redemptions r SET state = 'used', used_at = coalesce(r.used_at, $2), released_at = NULL
         FROM counted WHERE r.id = counted.redemption_id",
        payment as PaymentId,
        now
    )
    .execute(connection)
    .await?;
    Ok(Redeemed::Counted(discount))
}

struct DiscountRow {
    redemption_id: i64,
    coupon_id: CouponId,
    redemption_state: RedemptionState,
    periods_max: Option<i32>,
    periods_taken: i32,
    state: DiscountState,
    amount: i64,
    currency: String,
    counts: bool,
}

impl DiscountRow {
    fn has_period(&self) -> bool {
        !self.counts || self.periods_max.is_none_or(|max| self.periods_taken < max)
    }
}

/// Takes once more what was released: all of it or, when that is not possible any more, nothing.
async fn take_again(
    connection: &mut PgConnection,
    released: &[&DiscountRow],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = released.iter().filter(|row| row.redemption_state == RedemptionState::Released);
    let coupons: Vec<CouponId> = ended.map(|row| row.coupon_id).collect();
    let ids: Vec<_> = coupons.iter().map(CouponId::as_uuid).collect();
    sqlx::query_scalar!("SELECT id FROM coupons WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", &ids)
        .fetch_all(&mut *connection)
        .await?;
    lapse(connection, &coupons, now).await?;
    let has_room = sqlx::query_scalar!(
        r#"SELECT coalesce(bool_and(redemptions_max IS NULL OR taken < redemptions_max), true) AS "has_room!"
           FROM coupons WHERE id = ANY($1)"#,
        &ids
    )
    .fetch_one(&mut *connection)
    .await?;
    if !has_room || !released.iter().all(|row| row.has_period()) {
        return Ok(false);
    }
    sqlx::query!("UPDATE coupons SET taken = taken + 1 WHERE id = ANY($1)", &ids).execute(&mut *connection).await?;
    let counting: Vec<i64> = released.iter().filter(|row| row.counts).map(|row| row.redemption_id).collect();
    sqlx::query!("UPDATE coupon_redemptions SET periods_taken = periods_taken + 1 WHERE id = ANY($1)", &counting)
        .execute(connection)
        .await?;
    Ok(true)
}

/// Gives back the discount of a payment that is not going to be paid. What was redeemed stays redeemed. Twice is the same as
/// once. To be called with the tenant and the payment locked.
pub async fn release(connection: &mut PgConnection, payment: PaymentId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let freed = sqlx::query_scalar!(
        r#"WITH ended AS (
             UPDATE coupon_discounts SET state = 'released', settled_at = $2
             WHERE payment_id = $1 AND state = 'reserved' RETURNING redemption_id, counts)
           UPDATE coupon_redemptions r
           SET periods_taken = r.periods_taken - ended.counts::integer,
               released_at = CASE WHEN r.state = 'reserved' THEN $2::timestamptz END,
               state = CASE WHEN r.state = 'reserved' THEN 'released' ELSE r.state END
           FROM ended WHERE r.id = ended.redemption_id
           RETURNING CASE WHEN r.state = 'released' THEN r.coupon_id END AS "coupon: CouponId""#,
        payment as PaymentId,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    let freed: Vec<CouponId> = freed.into_iter().flatten().collect();
    if freed.is_empty() { Ok(()) } else { give_back(connection, &freed).await }
}
