//! Coupons that are good for more payments than one, in agreements: what they take off the payments that follow the first
//! is promised with it, and reserved when such a payment comes.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, Money, PaymentId,
    coupon::{Candidates, Coupon, Run, choose, run},
};
use sqlx::PgConnection;

use super::{
    catalogue,
    choose::Chosen,
    reserve::{insert_discount, take_from},
};
use crate::StoreError;

/// A redemption that has taken something off a payment, and has payments left.
struct Lasting {
    redemption: i64,
    /// How many; `None`: all that follow.
    left: Option<u32>,
    coupon: Coupon,
}

/// What the coupons of a payment go on taking off those that follow it, each of `list`. To be called when the payment's own
/// discount is reserved.
pub async fn lasting(
    connection: &mut PgConnection,
    payment: PaymentId,
    list: Money,
) -> Result<Option<Run>, StoreError> {
    let lasting = lasting_of(connection, payment).await?;
    let coupons: Vec<_> = lasting.into_iter().map(|one| (one.coupon, one.left)).collect();
    Ok(run(list, &coupons))
}

/// Reserves for `payment`, which follows `first`, what was promised with it: `discount` of `list`. Where the coupons have
/// less left than that, because they were used elsewhere meanwhile, nothing is counted, and the promise holds all the same.
/// To be called with the tenant locked.
pub async fn follow(
    connection: &mut PgConnection,
    (first, payment): (PaymentId, PaymentId),
    list: Money,
    discount: Money,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let lasting = lasting_of(connection, first).await?;
    let coupons: Vec<Coupon> = lasting.iter().map(|one| one.coupon.clone()).collect();
    let cuts = choose(list, Candidates { named: &coupons, standing: &[] }).unwrap_or_default();
    if cuts.iter().map(|cut| cut.amount.minor).sum::<i64>() != discount.minor {
        return Ok(());
    }
    for cut in cuts {
        let Some(one) = lasting.iter().find(|one| one.coupon.id == cut.coupon.id) else { continue };
        if take_from(connection, one.redemption, true).await?.is_some() {
            let (coupon, redemption) = (one.coupon.clone(), Some(one.redemption));
            let chosen = Chosen { coupon, amount: cut.amount, redemption, counts: true };
            insert_discount(connection, payment, one.redemption, &chosen, now).await?;
        }
    }
    Ok(())
}

async fn lasting_of(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Lasting>, StoreError> {
    let rows = sqlx::query!(
        "SELECT r.id, r.coupon_id, r.periods_max - r.periods_taken AS periods_left
         FROM coupon_discounts d JOIN coupon_redemptions r ON r.id = d.redemption_id
         WHERE d.payment_id = $1 AND d.state <> 'released' AND (r.periods_max IS NULL OR r.periods_taken < r.periods_max)
         ORDER BY d.id",
        payment as PaymentId
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<CouponId> = rows.iter().map(|row| row.coupon_id).collect();
    let coupons = catalogue::listed(connection, &ids).await?.into_iter().map(|listed| listed.coupon);
    let lasting = |coupon: Coupon| {
        let row = rows.iter().find(|row| row.coupon_id == coupon.id)?;
        let left = row.periods_left.map(|left| u32::try_from(left).unwrap_or(0));
        Some(Lasting { redemption: row.id, left, coupon })
    };
    Ok(coupons.filter_map(lasting).collect())
}
