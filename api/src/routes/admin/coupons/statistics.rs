//! What a coupon has brought and cost: redemptions over time, users, and what it took off.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::{CouponId, UserId, coupon::RedemptionState};
use salvo::prelude::*;
use serde::Serialize;
use store::coupons::{Given, RedemptionRow, Statistics};

use super::{found, page};
use crate::{
    auth::{PathId, Staff},
    error::ApiError,
    money::MoneyOut,
    state::AppState,
};

/// Days that are shown unless asked for otherwise.
const DAYS_DEFAULT: i64 = 30;
/// The longest time that is shown by days.
const DAYS_MAX: i64 = 366;

/// What was taken off payments of one currency.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = CouponDiscount))]
pub(crate) struct GivenOut {
    /// Payments that were settled.
    payments: i64,
    /// All that was taken off.
    amount: MoneyOut,
}

impl From<Given> for GivenOut {
    fn from(given: Given) -> Self {
        Self { payments: given.payments, amount: given.amount.into() }
    }
}

/// What happened on a day.
#[derive(Default, Serialize, ToSchema)]
#[salvo(schema(name = CouponDay))]
pub(crate) struct DayOut {
    /// The day, in UTC.
    #[salvo(schema(value_type = String, format = Date))]
    day: NaiveDate,
    /// Redemptions that were used for the first time.
    redemptions: i64,
    /// What was taken off, by currency.
    discounts: Vec<GivenOut>,
}

/// What a coupon has brought and cost.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = CouponStatistics))]
pub(crate) struct StatisticsOut {
    /// Redemptions that users keep and have not used yet.
    kept: i64,
    /// Redemptions that came with a checkout that is not paid yet.
    reserved: i64,
    /// Redemptions that were used.
    used: i64,
    /// Redemptions that were given back.
    released: i64,
    /// Users who have used it; those who have left do not count.
    users: i64,
    /// What it took off so far, by currency.
    discounts: Vec<GivenOut>,
    /// The days of the time that is asked for on which something happened, the first one first.
    days: Vec<DayOut>,
}

impl From<Statistics> for StatisticsOut {
    fn from(found: Statistics) -> Self {
        let mut days: BTreeMap<NaiveDate, DayOut> = BTreeMap::new();
        for one in found.days {
            days.entry(one.day).or_default().redemptions = one.redemptions;
        }
        for one in found.day_discounts {
            days.entry(one.day).or_default().discounts.push(one.given.into());
        }
        Self {
            kept: found.kept,
            reserved: found.reserved,
            used: found.used,
            released: found.released,
            users: found.users,
            discounts: found.given.into_iter().map(GivenOut::from).collect(),
            days: days.into_iter().map(|(day, out)| DayOut { day, ..out }).collect(),
        }
    }
}

/// Shows what a coupon has brought and cost.
#[endpoint(
    operation_id = "admin_read_coupon_statistics",
    tags("admin"),
    parameters(
        ("from" = Option<String>, Query, description = "The days since this time; the last 30 days unless given."),
        ("until" = Option<String>, Query, description = "The days before this time, at most 366 after `from`; now unless given.")
    )
)]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<CouponId>,
    req: &mut Request,
) -> Result<Json<StatisticsOut>, ApiError> {
    let (from, until) = span(page::time(req, "from")?, page::time(req, "until")?, app.clock.now())?;
    let mut database = app.database().await?;
    let coupon = found(store::coupons::find(&mut database, id.0).await?)?.coupon.id;
    Ok(Json(store::coupons::statistics(&mut database, coupon, from, until).await?.into()))
}

/// The time that is asked for.
fn span(
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), ApiError> {
    let wrong = ApiError::Query { field: "from", detail: "`from` is before `until`, and at most 366 days" };
    let until = until.unwrap_or(now);
    let days_before = |days| until.checked_sub_signed(TimeDelta::days(days));
    let (Some(usual), Some(first)) = (days_before(DAYS_DEFAULT), days_before(DAYS_MAX)) else { return Err(wrong) };
    let from = from.unwrap_or(usual);
    if (first..until).contains(&from) && from >= DateTime::UNIX_EPOCH { Ok((from, until)) } else { Err(wrong) }
}

/// A redemption, as staff see it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffRedemption))]
pub(crate) struct RedemptionOut {
    /// `user_…`; null: they have left.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// Where it stands.
    #[salvo(schema(value_type = crate::wire::RedemptionStateDoc))]
    state: RedemptionState,
    /// Payments that it may take something off; null: all that follow.
    periods: Option<i32>,
    /// Those of them that are paid, or reserved by a checkout.
    periods_taken: i32,
    /// When it was redeemed.
    #[salvo(schema(value_type = String, format = DateTime))]
    redeemed_at: DateTime<Utc>,
    /// When it first took something off.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    used_at: Option<DateTime<Utc>>,
    /// When it was given back.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    released_at: Option<DateTime<Utc>>,
}

impl From<RedemptionRow> for RedemptionOut {
    fn from(row: RedemptionRow) -> Self {
        Self {
            user: row.user,
            state: row.state,
            periods: row.periods_max,
            periods_taken: row.periods_taken,
            redeemed_at: row.created_at,
            used_at: row.used_at,
            released_at: row.released_at,
        }
    }
}

/// A page of redemptions.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffRedemptions))]
pub(crate) struct RedemptionsOut {
    /// The newest first.
    redemptions: Vec<RedemptionOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists who has redeemed a coupon, the newest first.
#[endpoint(
    operation_id = "admin_list_coupon_redemptions",
    tags("admin"),
    parameters(
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn redemptions(
    _staff: Staff,
    app: AppState,
    id: PathId<CouponId>,
    req: &mut Request,
) -> Result<Json<RedemptionsOut>, ApiError> {
    let limit = page::limit(req)?;
    let before = page::parsed(req, "before", "`before` is the `next` of the page before")?;
    let mut database = app.database().await?;
    let coupon = found(store::coupons::find(&mut database, id.0).await?)?.coupon.id;
    let rows = store::coupons::redemptions(&mut database, coupon, before, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.id);
    Ok(Json(RedemptionsOut { redemptions: rows.into_iter().map(RedemptionOut::from).collect(), next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_last_month_or_what_is_asked_for() {
        let now = DateTime::<Utc>::from_timestamp(1_790_000_000, 0).unwrap();
        let day = TimeDelta::days(1);
        assert_eq!(span(None, None, now).unwrap(), (now - day * 30, now));
        assert_eq!(span(Some(now - day), None, now).unwrap(), (now - day, now));
        assert_eq!(span(None, Some(now - day), now).unwrap(), (now - day * 31, now - day));
        for (from, until) in [(now, now), (now + day, now), (now - day * 367, now)] {
            assert!(span(Some(from), Some(until), now).is_err());
        }
        assert!(span(None, Some(DateTime::<Utc>::MIN_UTC), now).is_err());
        assert!(span(Some(DateTime::<Utc>::MIN_UTC), None, now).is_err());
    }
}
