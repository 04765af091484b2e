//! Coupons of a tenant: what one would take off, redeeming it for later, and what there is.
//!
//! A checkout names coupons itself. Every route that takes a code from a tenant does it within [`coupons::guarded`].

use chrono::{DateTime, Utc};
use domain::{
    Money, UserId,
    billing::{Interval, PaymentPurpose},
    coupon::{Code, Coupon, Purchase, RedemptionState},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::{
    PgConnection, StoreError,
    coupons::{GaveUp, Owned},
};

use crate::{
    auth::Actor,
    body::JsonBody,
    coupons,
    error::{ApiError, Thing},
    money::{CurrencyDoc, MoneyOut},
    routes::{Gone, page},
    state::AppState,
};

pub(crate) mod wire;

use wire::{CouponTerms, DurationName};

/// What a coupon is good for.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Coupon))]
pub(crate) struct CouponOut {
    /// What was typed, in capitals.
    code: String,
    /// Hundredths of the price that it takes off; null: it takes off `amount`.
    percent: Option<u8>,
    /// What it takes off, or the whole price if that is less; null: it takes off `percent`.
    amount: Option<MoneyOut>,
    /// For how many payments it is good.
    duration: DurationName,
    /// How many payments that is for a repeating one.
    periods: Option<u32>,
    /// Only prices in this currency; null: in any.
    #[salvo(schema(value_type = Option<CurrencyDoc>))]
    currency: Option<String>,
    /// Only prices from this on.
    minimum_amount: Option<MoneyOut>,
    /// Codes of the plans that it is for; none: every plan.
    plans: Vec<String>,
    /// Only periods of this length; null: of any.
    #[salvo(schema(value_type = Option<crate::wire::IntervalDoc>))]
    interval: Option<Interval>,
    /// Only for those who have not paid before.
    first_purchase_only: bool,
    /// It may be used beside others that may.
    combinable: bool,
}

impl CouponOut {
    fn of(coupon: &Coupon, plans: Vec<String>) -> Self {
        let terms = &coupon.terms;
        let shown = CouponTerms::of(terms, plans);
        let (percent, amount) = terms.reduction.parts();
        Self {
            code: coupon.code.as_str().to_owned(),
            percent,
            amount: amount.map(MoneyOut::from),
            duration: shown.duration,
            periods: shown.periods,
            currency: shown.currency,
            minimum_amount: terms.minimum.map(MoneyOut::from),
            plans: shown.plans,
            interval: terms.interval,
            first_purchase_only: terms.first_purchase,
            combinable: terms.combinable,
        }
    }
}

/// A purchase for which a coupon is looked at.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = CouponPurchase))]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateIn {
    /// What is typed, in any case.
    code: String,
    /// The code of the plan that is to be paid for.
    plan: String,
    /// How long its periods are.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
}

/// What a coupon takes off a purchase, with those that the user has redeemed before.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = CouponQuote))]
pub(crate) struct QuoteOut {
    /// The price that it is taken off: for an upgrade, what is left of it after the credit for what was paid before.
    price: MoneyOut,
    /// What is taken off, never more than the price.
    discount: MoneyOut,
    /// What is left to pay.
    total: MoneyOut,
}

impl QuoteOut {
    fn new(price: Money, discount: Money) -> Self {
        let total = Money::new(price.minor - discount.minor, price.currency);
        Self { price: price.into(), discount: discount.into(), total: total.into() }
    }
}

/// Says what a coupon would take off now. Nothing is set aside: a checkout does that.
#[endpoint(operation_id = "validate_coupon", tags("billing"))]
pub(crate) async fn validate(
    actor: Actor,
    app: AppState,
    req: &mut Request,
    body: JsonBody<ValidateIn>,
) -> Result<Json<QuoteOut>, ApiError> {
    let ValidateIn { code, plan, interval } = body.0;
    let quote = async {
        let mut database = app.database().await?;
        let now = app.clock.now();
        let purchase = purchase(&mut database, actor.user, &plan, interval, now).await?;
        let discount = store::coupons::quote(&mut database, actor.user, &[code], &purchase, now).await?;
        Ok(Json(QuoteOut::new(purchase.list, discount.amount)))
    };
    coupons::guarded(&app, actor.user, app.address(req), quote).await
}

/// A coupon to be kept.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = CouponCode))]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeemIn {
    /// What is typed, in any case.
    code: String,
}

/// A coupon that the user has redeemed.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = OwnCoupon))]
pub(crate) struct OwnedOut {
    /// What it is good for.
    coupon: CouponOut,
    /// Where it stands.
    #[salvo(schema(value_type = crate::wire::RedemptionStateDoc))]
    state: RedemptionState,
    /// Payments that it may still take something off; null: all that follow.
    periods_left: Option<u32>,
    /// Until when it may be used for the first time; null: it was, or came with a checkout.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    kept_until: Option<DateTime<Utc>>,
    /// When it was redeemed.
    #[salvo(schema(value_type = String, format = DateTime))]
    redeemed_at: DateTime<Utc>,
    /// When it first took something off.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    used_at: Option<DateTime<Utc>>,
}

impl From<Owned> for OwnedOut {
    fn from(owned: Owned) -> Self {
        Self {
            coupon: CouponOut::of(&owned.coupon, owned.plan_codes),
            state: owned.state,
            periods_left: owned.periods_left,
            kept_until: owned.kept_until,
            redeemed_at: owned.created_at,
            used_at: owned.used_at,
        }
    }
}

/// Redeems a coupon for the user's next payments, without naming it there. It is kept for 30 days, or until it ends. One
/// that is kept already is shown.
#[endpoint(operation_id = "redeem_coupon", tags("billing"))]
pub(crate) async fn redeem(
    actor: Actor,
    app: AppState,
    req: &mut Request,
    body: JsonBody<RedeemIn>,
) -> Result<Json<OwnedOut>, ApiError> {
    let keep = async {
        let mut transaction = app.transaction().await?;
        let kept = store::coupons::keep(&mut transaction, actor.user, &body.0.code, app.clock.now()).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(Json(kept.into()))
    };
    coupons::guarded(&app, actor.user, app.address(req), keep).await
}

/// The user's coupons.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = OwnCoupons))]
pub(crate) struct OwnedListOut {
    /// The newest first.
    coupons: Vec<OwnedOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists the coupons that the user has redeemed: those that are kept, came with an open checkout, or were used.
#[endpoint(
    operation_id = "list_coupons",
    tags("billing"),
    parameters(
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given.", minimum = 1, maximum = 200),
        ("before" = Option<i64>, Query, description = "Only those before this one: the `next` of the page before.")
    )
)]
pub(crate) async fn list(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<OwnedListOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let mut database = app.database().await?;
    let rows = store::coupons::owned(&mut database, actor.user, before, limit + 1, app.clock.now()).await?;
    let (rows, next) = page::cut(rows, limit, |owned| owned.id);
    Ok(Json(OwnedListOut { coupons: rows.into_iter().map(OwnedOut::from).collect(), next }))
}

/// Gives up a coupon that is kept. `409 coupon_in_use` while an open checkout wants it.
#[endpoint(
    operation_id = "give_up_coupon",
    tags("billing"),
    parameters(("code" = String, Path, description = "The coupon's code."))
)]
pub(crate) async fn give_up(actor: Actor, app: AppState, req: &mut Request) -> Result<Gone, ApiError> {
    let unknown = ApiError::NotFound(Thing::Coupon);
    let code = req.param::<String>("code").and_then(|text| Code::parse(&text));
    let Some(code) = code else { return Err(unknown) };
    let mut transaction = app.transaction().await?;
    match store::coupons::give_up(&mut transaction, actor.user, &code, app.clock.now()).await? {
        GaveUp::Done => transaction.commit().await.map_err(StoreError::from)?,
        GaveUp::Unknown => return Err(unknown),
        GaveUp::InUse => return Err(ApiError::CouponInUse("a checkout wants the coupon; cancel that first")),
    }
    Ok(Gone)
}

/// What the user would buy: for them where it can be bought now, else as anybody would.
async fn purchase(
    database: &mut PgConnection,
    user: UserId,
    plan: &str,
    interval: Interval,
    now: DateTime<Utc>,
) -> Result<Purchase, ApiError> {
    let offer = store::prices::offer(database, plan, interval).await?;
    let (_, price) = offer.ok_or(ApiError::NotFound(Thing::Plan))?;
    let quote = store::subscriptions::quote(database, user, price, now).await?;
    let (purpose, due) = quote.map_or((PaymentPurpose::Subscribe, price.amount), |quote| (quote.purpose, quote.due));
    Ok(Purchase { plan: price.plan, interval, purpose, list: due })
}
