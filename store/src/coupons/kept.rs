//! Coupons that tenants redeem before they buy, and what they have redeemed.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    CouponId, UserId,
    coupon::{Code, Coupon, RedemptionState, Refusal},
};
use sqlx::PgConnection;

use super::{
    CouponError, catalogue, choose, count_one, give_back, lock_codes, periods_column,
    used::{has_paid, usage},
};
use crate::{StoreError, plans};

/// Days that a tenant may keep a coupon without using it, or less if it ends before: what is kept is one less for others.
pub const KEPT_DAYS: i64 = 30;

/// A coupon that a tenant has redeemed.
#[derive(Clone, Debug)]
pub struct Owned {
    /// Its number; newer ones are higher.
    pub id: i64,
    /// Which coupon.
    pub coupon: Coupon,
    /// The codes of its plans, the lowest first.
    pub plan_codes: Vec<String>,
    /// Where it stands.
    pub state: RedemptionState,
    /// Payments that it may still take something off; `None`: all that follow.
    pub periods_left: Option<u32>,
    /// Until when it may be kept without using it.
    pub kept_until: Option<DateTime<Utc>>,
    /// When it was redeemed.
    pub created_at: DateTime<Utc>,
    /// When it first took something off.
    pub used_at: Option<DateTime<Utc>>,
}

/// Redeems a coupon for the tenant's next payments. One that they keep already is answered as it is.
///
/// # Errors
/// Why the coupon does not hold. Whether it is for what the tenant buys is seen when they do.
pub async fn keep(
    connection: &mut PgConnection,
    user: UserId,
    code: &str,
    now: DateTime<Utc>,
) -> Result<Owned, CouponError> {
    let codes = choose::fold(&[code.to_owned()])?;
    let code = codes.first().ok_or(Refusal::NotFound)?;
    plans::lock_user(connection, user).await?;
    lock_codes(connection, &codes, now).await?;
    let refused = |reason| CouponError::refused(code, reason);
    let coupon = catalogue::by_code(connection, code).await?.ok_or_else(|| refused(Refusal::NotFound))?;
    let id = match kept(connection, user, coupon.id).await? {
        Some((id, _)) => id,
        None => {
            let has_paid = has_paid(connection, user, None).await?;
            let usage = usage(connection, user, coupon.id, has_paid, now).await?;
            coupon.check(None, usage, now).map_err(refused)?;
            if !count_one(connection, &coupon).await? {
                return Err(refused(Refusal::Exhausted));
            }
            insert(connection, user, &coupon, now).await?
        }
    };
    let owned = owned(connection, user, Some(id + 1), 1, now).await?;
    owned.into_iter().find(|one| one.id == id).ok_or_else(|| StoreError::from(sqlx::Error::RowNotFound).into())
}

async fn insert(
    connection: &mut PgConnection,
    user: UserId,
    coupon: &Coupon,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let until = now + TimeDelta::days(KEPT_DAYS);
    let until = coupon.terms.ends_at.map_or(until, |ends| ends.min(until));
    let id = sqlx::query_scalar!(
        "INSERT INTO coupon_redemptions (coupon_id, user_id, state, periods_max, periods_taken, kept_until, created_at)
         VALUES ($1, $2, 'kept', $3, 0, $4, $5) RETURNING id",
        coupon.id as CouponId,
        user as UserId,
        periods_column(coupon.terms.duration.periods_max()),
        until,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// The tenant's redemption that is kept, and how many payments it is reserved for.
async fn kept(connection: &mut PgConnection, user: UserId, coupon: CouponId) -> Result<Option<(i64, i32)>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, periods_taken FROM coupon_redemptions
         WHERE user_id = $1 AND coupon_id = $2 AND state = 'kept' FOR UPDATE",
        user as UserId,
        coupon as CouponId
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.id, row.periods_taken)))
}

/// What became of a coupon that a tenant wants to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// It is given up.
    Done,
    /// They keep no such coupon.
    Unknown,
    /// A payment that is not settled wants it.
    InUse,
}

/// Gives up a coupon that the tenant keeps: somebody else may redeem it.
pub async fn give_up(
    connection: &mut PgConnection,
    user: UserId,
    code: &Code,
    now: DateTime<Utc>,
) -> Result<GaveUp, StoreError> {
    plans::lock_user(connection, user).await?;
    lock_codes(connection, std::slice::from_ref(code), now).await?;
    let Some(coupon) = catalogue::by_code(connection, code).await? else { return Ok(GaveUp::Unknown) };
    let id = match kept(connection, user, coupon.id).await? {
        None => return Ok(GaveUp::Unknown),
        Some((id, 0)) => id,
        Some(_) => return Ok(GaveUp::InUse),
    };
    sqlx::query!("UPDATE coupon_redemptions SET state = 'released', released_at = $2 WHERE id = $1", id, now)
        .execute(&mut *connection)
        .await?;
    give_back(connection, &[coupon.id]).await?;
    Ok(GaveUp::Done)
}

/// What the tenant has redeemed, the newest first. What was released is not shown, nor what was kept for too long.
pub async fn owned(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<i64>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Owned>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, coupon_id, state, periods_max, periods_taken, kept_until, created_at, used_at FROM coupon_redemptions
         WHERE user_id = $1 AND state <> 'released' AND ($2::bigint IS NULL OR id < $2)
           AND NOT (state = 'kept' AND kept_until <= $3 AND periods_taken = 0)
         ORDER BY id DESC LIMIT $4",
        user as UserId,
        before,
        now,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<CouponId> = rows.iter().map(|row| row.coupon_id).collect();
    let coupons = catalogue::listed(connection, &ids).await?;
    let left = |max: Option<i32>, taken: i32| max.map(|max| u32::try_from(max - taken).unwrap_or(0));
    let owned = rows.into_iter().filter_map(|row| {
        let listed = coupons.iter().find(|listed| listed.coupon.id == row.coupon_id)?;
        Some(Owned {
            id: row.id,
            coupon: listed.coupon.clone(),
            plan_codes: listed.plan_codes.clone(),
            state: row.state,
            periods_left: left(row.periods_max, row.periods_taken),
            kept_until: row.kept_until.filter(|_| row.state == RedemptionState::Kept),
            created_at: row.created_at,
            used_at: row.used_at,
        })
    });
    Ok(owned.collect())
}
