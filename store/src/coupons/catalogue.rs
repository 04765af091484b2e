//! The coupons that there are.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, Currency, Money, PlanId, UserId,
    billing::Interval,
    coupon::{Code, Coupon, Duration, Reduction, Terms},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::periods_column;
use crate::StoreError;

/// The constraint that a second coupon of the same code violates.
pub const COUPON_CODE: &str = "coupons_code_key";

/// What staff say of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What is typed.
    pub code: Code,
    /// For staff.
    pub note: String,
    /// What it is good for; it passes [`Terms::validate`].
    pub terms: Terms,
}

/// A coupon, as staff see it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is.
    pub coupon: Coupon,
    /// For staff.
    pub note: String,
    /// The codes of its plans, the lowest first.
    pub plan_codes: Vec<String>,
    /// Its redemptions that are not released.
    pub taken: u64,
    /// Since when staff have switched it off.
    pub inactive_since: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: CouponId,
    code: String,
    note: String,
    percent: Option<i16>,
    amount: Option<i64>,
    currency: Option<String>,
    periods: Option<i32>,
    minimum: Option<i64>,
    plan_ids: Vec<Uuid>,
    plan_codes: Vec<String>,
    plan_interval: Option<String>,
    first_purchase: bool,
    combinable: bool,
    per_user_max: Option<i32>,
    redemptions_max: Option<i64>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    inactive_since: Option<DateTime<Utc>>,
    taken: i64,
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A row that its own constraints do not allow, or that a later release has written.
fn strange(what: &str) -> StoreError {
    StoreError::Document(serde::de::Error::custom(format!("a coupon's {what} is not known here")))
}

/// The currency in a column.
pub(super) fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|_| strange("currency"))
}

impl Row {
    fn terms(&self) -> Result<Terms, StoreError> {
        let currency = self.currency.as_deref().map(currency).transpose()?;
        let money = |minor| currency.map(|currency| Money::new(minor, currency));
        let reduction = match (self.percent, self.amount.and_then(money)) {
            (Some(percent), None) => Reduction::Percent(u8::try_from(percent).map_err(|_| strange("percentage"))?),
            (None, Some(amount)) => Reduction::Fixed(amount),
            _ => return Err(strange("reduction")),
        };
        let interval = self.plan_interval.as_deref();
        Ok(Terms {
            reduction,
            duration: Duration::of(self.periods.and_then(|periods| u32::try_from(periods).ok())),
            currency,
            minimum: self.minimum.and_then(money),
            plans: self.plan_ids.iter().copied().map(PlanId::from_uuid).collect(),
            interval: interval.map(|name| Interval::parse(name).ok_or_else(|| strange("interval"))).transpose()?,
            first_purchase: self.first_purchase,
            combinable: self.combinable,
            per_user_max: self.per_user_max.and_then(|max| u32::try_from(max).ok()),
            redemptions_max: self.redemptions_max.and_then(|max| u64::try_from(max).ok()),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        })
    }
}

impl TryFrom<Row> for Listed {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let terms = row.terms()?;
        let code = Code::parse(&row.code).ok_or_else(|| strange("code"))?;
        Ok(Self {
            coupon: Coupon { id: row.id, code, terms, is_active: row.inactive_since.is_none() },
            note: row.note,
            plan_codes: row.plan_codes,
            taken: u64::try_from(row.taken).unwrap_or(0),
            inactive_since: row.inactive_since,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

macro_rules! select {
    ($tail:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT c.id, c.code, c.note, c.percent, c.amount, c.currency, c.periods, c.minimum, c.plan_ids,
                      c.plan_interval, c.first_purchase, c.combinable, c.per_user_max, c.redemptions_max, c.starts_at,
                      c.ends_at, c.inactive_since, c.taken, c.created_by, c.created_at, c.updated_at,
                      ARRAY(SELECT p.code FROM plans p WHERE p.id = ANY (c.plan_ids) ORDER BY p.position, p.code)
                          AS "plan_codes!: Vec<String>"
               FROM coupons c "# + $tail,
            $($argument),*
        )
    };
}

/// The coupon, if there is one.
pub async fn find(connection: &mut PgConnection, id: CouponId) -> Result<Option<Listed>, StoreError> {
    let row = select!("WHERE c.id = $1", id as CouponId).fetch_optional(connection).await?;
    row.map(Listed::try_from).transpose()
}

/// The same, and nobody redeems or changes it until the transaction ends.
pub async fn lock(connection: &mut PgConnection, id: CouponId) -> Result<Option<Listed>, StoreError> {
    let row = select!("WHERE c.id = $1 FOR NO KEY UPDATE", id as CouponId).fetch_optional(connection).await?;
    row.map(Listed::try_from).transpose()
}

/// The coupon that somebody means.
pub(super) async fn by_code(connection: &mut PgConnection, code: &Code) -> Result<Option<Coupon>, StoreError> {
    let row = select!("WHERE c.code = $1", code.as_str()).fetch_optional(connection).await?;
    Ok(row.map(Listed::try_from).transpose()?.map(|listed| listed.coupon))
}

/// The coupons of these ids.
pub(super) async fn listed(connection: &mut PgConnection, ids: &[CouponId]) -> Result<Vec<Listed>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(CouponId::as_uuid).collect();
    let rows = select!("WHERE c.id = ANY($1)", &ids).fetch_all(connection).await?;
    rows.into_iter().map(Listed::try_from).collect()
}

/// Which coupons; everything that is given must fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct CouponFilter<'a> {
    /// A part of the code, in capitals.
    pub code_part: Option<&'a str>,
    /// Switched on, or off.
    pub is_active: Option<bool>,
    /// Only those below this id.
    pub before: Option<CouponId>,
}

/// The newest coupons that fit.
pub async fn list(
    connection: &mut PgConnection,
    filter: &CouponFilter<'_>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = select!(
        "WHERE ($1::text IS NULL OR strpos(c.code, $1) > 0) AND ($2::boolean IS NULL OR (c.inactive_since IS NULL) = $2)
           AND ($3::uuid IS NULL OR c.id < $3)
         ORDER BY c.id DESC LIMIT $4",
        filter.code_part,
        filter.is_active,
        filter.before.map(|id| id.as_uuid()),
        limit
    );
    rows.fetch_all(connection).await?.into_iter().map(Listed::try_from).collect()
}

/// What the columns hold of a coupon's terms.
struct Columns {
    percent: Option<i16>,
    amount: Option<i64>,
    plan_ids: Vec<Uuid>,
}

impl Columns {
    fn of(terms: &Terms) -> Self {
        let (percent, amount) = terms.reduction.parts();
        let (percent, amount) = (percent.map(i16::from), amount.map(|amount| amount.minor));
        Self { percent, amount, plan_ids: terms.plans.iter().map(PlanId::as_uuid).collect() }
    }
}

/// Adds a coupon. [`StoreError::Conflict`] of [`COUPON_CODE`] when there is one with its code.
pub async fn insert(
    connection: &mut PgConnection,
    id: CouponId,
    written: &Written,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Written { code, note, terms } = written;
    let columns = Columns::of(terms);
    sqlx::query!(
        "INSERT INTO coupons (id, code, note, percent, amount, currency, periods, minimum, plan_ids, plan_interval,
                              first_purchase, combinable, per_user_max, redemptions_max, starts_at, ends_at, created_by,
                              created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)",
        id as CouponId,
        code.as_str(),
        note,
        columns.percent,
        columns.amount,
        terms.currency.as_ref().map(Currency::code),
        periods_column(terms.duration.periods_max()),
        terms.minimum.map(|minimum| minimum.minor),
        &columns.plan_ids,
        terms.interval.map(Interval::as_str),
        terms.first_purchase,
        terms.combinable,
        periods_column(terms.per_user_max),
        terms.redemptions_max.and_then(|max| i64::try_from(max).ok()),
        terms.starts_at,
        terms.ends_at,
        by as Option<UserId>,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes everything of a coupon but its id. Call it with the coupon locked.
pub async fn update(
    connection: &mut PgConnection,
    id: CouponId,
    written: &Written,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Written { code, note, terms } = written;
    let columns = Columns::of(terms);
    sqlx::query!(
        "UPDATE coupons SET code = $2, note = $3, percent = $4, amount = $5, currency = $6, periods = $7, minimum = $8,
                plan_ids = $9, plan_interval = $10, first_purchase = $11, combinable = $12, per_user_max = $13,
                redemptions_max = $14, starts_at = $15, ends_at = $16, updated_at = $17
         WHERE id = $1",
        id as CouponId,
        code.as_str(),
        note,
        columns.percent,
        columns.amount,
        terms.currency.as_ref().map(Currency::code),
        periods_column(terms.duration.periods_max()),
        terms.minimum.map(|minimum| minimum.minor),
        &columns.plan_ids,
        terms.interval.map(Interval::as_str),
        terms.first_purchase,
        terms.combinable,
        periods_column(terms.per_user_max),
        terms.redemptions_max.and_then(|max| i64::try_from(max).ok()),
        terms.starts_at,
        terms.ends_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Switches a coupon on or off. Twice is the same as once. Call it with the coupon locked.
pub async fn set_active(
    connection: &mut PgConnection,
    id: CouponId,
    is_active: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE coupons SET inactive_since = CASE WHEN $2 THEN NULL ELSE $3::timestamptz END, updated_at = $3
         WHERE id = $1 AND (inactive_since IS NULL) <> $2",
        id as CouponId,
        is_active,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a coupon that nobody has ever redeemed. False: somebody has. Call it with the coupon locked.
pub async fn remove(connection: &mut PgConnection, id: CouponId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM coupons c
         WHERE c.id = $1 AND NOT EXISTS (SELECT FROM coupon_redemptions r WHERE r.coupon_id = c.id)",
        id as CouponId
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
