//! What coupons have brought and cost.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{CouponId, Money, UserId, coupon::RedemptionState};
use sqlx::PgConnection;

use super::catalogue::currency;
use crate::StoreError;

/// What was taken off settled payments of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Payments.
    pub payments: i64,
    /// All together.
    pub amount: Money,
}

/// Redemptions that were first used on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Of UTC.
    pub day: NaiveDate,
    /// How many.
    pub redemptions: i64,
}

/// What was taken off the payments of one currency that were settled on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayDiscount {
    /// Of UTC.
    pub day: NaiveDate,
    /// How much.
    pub given: Given,
}

/// What a coupon has brought and cost so far, and in a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Redemptions that are kept and not used yet.
    pub kept: i64,
    /// Redemptions that came with a checkout that is not paid yet.
    pub reserved: i64,
    /// Redemptions that were used.
    pub used: i64,
    /// Redemptions that were given back.
    pub released: i64,
    /// Tenants who have used it; those who have left do not count.
    pub users: i64,
    /// What it took off, by currency.
    pub given: Vec<Given>,
    /// The days of the time that had redemptions, the first one first.
    pub days: Vec<Day>,
    /// The days of the time that had discounts, the first one first.
    pub day_discounts: Vec<DayDiscount>,
}

/// What the coupon has brought and cost, with the days from `from` to before `until`.
pub async fn statistics(
    connection: &mut PgConnection,
    coupon: CouponId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Statistics, StoreError> {
    let counts = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'kept') AS "kept!", count(*) FILTER (WHERE state = 'reserved') AS "reserved!",
                  count(*) FILTER (WHERE state = 'used') AS "used!", count(*) FILTER (WHERE state = 'released') AS "released!",
                  count(DISTINCT user_id) FILTER (WHERE state = 'used') AS "users!"
           FROM coupon_redemptions WHERE coupon_id = $1"#,
        coupon as CouponId
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Statistics {
        kept: counts.kept,
        reserved: counts.reserved,
        used: counts.used,
        released: counts.released,
        users: counts.users,
        given: given(connection, coupon).await?,
        days: days(connection, coupon, from, until).await?,
        day_discounts: day_discounts(connection, coupon, from, until).await?,
    })
}

async fn given(connection: &mut PgConnection, coupon: CouponId) -> Result<Vec<Given>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT d.currency, count(*) AS "payments!", sum(d.amount)::bigint AS "amount!"
           FROM coupon_redemptions r JOIN coupon_discounts d ON d.redemption_id = r.id
           WHERE r.coupon_id = $1 AND d.state = 'redeemed' GROUP BY d.currency ORDER BY d.currency"#,
        coupon as CouponId
    )
    .fetch_all(connection)
    .await?;
    let given = |payments, amount, code: &str| {
        currency(code).map(|currency| Given { payments, amount: Money::new(amount, currency) })
    };
    rows.into_iter().map(|row| given(row.payments, row.amount, &row.currency)).collect()
}

async fn days(
    connection: &mut PgConnection,
    coupon: CouponId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Day>, StoreError> {
    let days = sqlx::query_as!(
        Day,
        r#"SELECT (used_at AT TIME ZONE 'UTC')::date AS "day!", count(*) AS "redemptions!" FROM coupon_redemptions
           WHERE coupon_id = $1 AND state = 'used' AND used_at >= $2 AND used_at < $3 GROUP BY 1 ORDER BY 1"#,
        coupon as CouponId,
        from,
        until
    )
    .fetch_all(connection)
    .await?;
    Ok(days)
}

async fn day_discounts(
    connection: &mut PgConnection,
    coupon: CouponId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<DayDiscount>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT (d.settled_at AT TIME ZONE 'UTC')::date AS "day!", d.currency, count(*) AS "payments!",
                  sum(d.amount)::bigint AS "amount!"
           FROM coupon_redemptions r JOIN coupon_discounts d ON d.redemption_id = r.id
           WHERE r.coupon_id = $1 AND d.state = 'redeemed' AND d.settled_at >= $2 AND d.settled_at < $3
           GROUP BY 1, 2 ORDER BY 1, 2"#,
        coupon as CouponId,
        from,
        until
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let amount = Money::new(row.amount, currency(&row.currency)?);
            Ok(DayDiscount { day: row.day, given: Given { payments: row.payments, amount } })
        })
        .collect()
}

/// A redemption, as staff see it.
#[derive(Clone, Debug)]
pub struct RedemptionRow {
    /// Its number; newer ones are higher.
    pub id: i64,
    /// Whose; `None`: they have left.
    pub user: Option<UserId>,
    /// Where it stands.
    pub state: RedemptionState,
    /// Payments that it may take something off; `None`: all.
    pub periods_max: Option<i32>,
    /// Those of them that are reserved or paid.
    pub periods_taken: i32,
    /// When it was redeemed.
    pub created_at: DateTime<Utc>,
    /// When it first took something off.
    pub used_at: Option<DateTime<Utc>>,
    /// When it was given back.
    pub released_at: Option<DateTime<Utc>>,
}

/// Redemptions of the coupon, the newest first.
pub async fn redemptions(
    connection: &mut PgConnection,
    coupon: CouponId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<RedemptionRow>, StoreError> {
    let rows = sqlx::query_as!(
        RedemptionRow,
        r#"SELECT id, user_id AS user, state, periods_max, periods_taken, created_at, used_at, released_at
           FROM coupon_redemptions WHERE coupon_id = $1 AND ($2::bigint IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3"#,
        coupon as CouponId,
        before,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
