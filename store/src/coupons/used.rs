//! What a tenant has redeemed, and what that leaves to redeem.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, PaymentId, UserId,
    coupon::{Coupon, Purchase, Refusal, Usage},
};
use sqlx::PgConnection;

use super::catalogue;
use crate::StoreError;

/// A tenant's redemption that has payments left.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    /// Its row.
    pub(super) redemption: i64,
    /// A payment had something taken off by it; else it is kept.
    pub(super) is_running: bool,
    /// Of which coupon.
    pub(super) coupon: Coupon,
}

impl Holding {
    /// Whether it may take something off this purchase.
    pub(super) fn check(&self, purchase: &Purchase, has_paid: bool) -> Result<(), Refusal> {
        if self.is_running { self.coupon.check_running(purchase) } else { self.coupon.check_kept(purchase, has_paid) }
    }
}

/// What the tenant has redeemed and has payments left: each coupon once, and rather the redemption that runs.
pub(super) async fn standing(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Holding>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (coupon_id) id, coupon_id, state = 'used' AS "is_running!" FROM coupon_redemptions
           WHERE user_id = $1 AND (periods_max IS NULL OR periods_taken < periods_max)
             AND (state = 'used' OR state = 'kept' AND kept_until > $2)
           ORDER BY coupon_id, state = 'used' DESC, id"#,
        user as UserId,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<CouponId> = rows.iter().map(|row| row.coupon_id).collect();
    let coupons = catalogue::listed(connection, &ids).await?.into_iter().map(|listed| listed.coupon);
    let holding = |coupon: Coupon| {
        let row = rows.iter().find(|row| row.coupon_id == coupon.id)?;
        Some(Holding { redemption: row.id, is_running: row.is_running, coupon })
    };
    Ok(coupons.filter_map(holding).collect())
}

/// Whether the tenant has paid before, or is about to: with another payment than `payment` and a coupon that is for a first
/// purchase only.
pub(super) async fn has_paid(
    connection: &mut PgConnection,
    user: UserId,
    payment: Option<PaymentId>,
) -> Result<bool, StoreError> {
    let has_paid = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM payments WHERE user_id = $1 AND settled_at IS NOT NULL AND id IS DISTINCT FROM $2)
               OR EXISTS (SELECT FROM coupon_redemptions WHERE user_id = $1 AND state = 'used')
               OR EXISTS (SELECT FROM coupon_discounts d JOIN coupon_redemptions r ON r.id = d.redemption_id
                                                         JOIN coupons c ON c.id = r.coupon_id
                          WHERE r.user_id = $1 AND d.state = 'reserved' AND c.first_purchase
                            AND d.payment_id IS DISTINCT FROM $2) AS "has_paid!""#,
        user as UserId,
        payment as Option<PaymentId>
    )
    .fetch_one(connection)
    .await?;
    Ok(has_paid)
}

/// How often the coupon is redeemed. What was kept for too long does not count.
pub(super) async fn usage(
    connection: &mut PgConnection,
    user: UserId,
    coupon: CouponId,
    has_paid: bool,
    now: DateTime<Utc>,
) -> Result<Usage, StoreError> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM coupon_redemptions r
                   WHERE r.coupon_id = c.id AND r.user_id = $2 AND r.state <> 'released'
                     AND NOT (r.state = 'kept' AND r.kept_until <= $3 AND r.periods_taken = 0)) AS "by_user!",
                  c.taken - (SELECT count(*) FROM coupon_redemptions r
                             WHERE r.coupon_id = c.id AND r.state = 'kept' AND r.kept_until <= $3
                               AND r.periods_taken = 0) AS "by_all!"
           FROM coupons c WHERE c.id = $1"#,
        coupon as CouponId,
        user as UserId,
        now
    )
    .fetch_one(connection)
    .await?;
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(Usage { has_paid, by_user: count(row.by_user), by_all: count(row.by_all) })
}
