//! Coupons: made, changed, switched off, and what they have brought and cost.

use chrono::{DateTime, Utc};
use domain::{
    CouponId, PlanId, UserId,
    coupon::{Code, NOTE_CHARS_MAX, TermsError},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{
    PgConnection,
    coupons::{COUPON_CODE, CouponFilter, Listed, Written},
};

use super::{
    ReasonIn,
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{Created, Gone, coupons::wire::CouponTerms},
    state::AppState,
};

pub(crate) mod statistics;

/// What staff say of a coupon.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = WrittenCoupon))]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenIn {
    /// What is typed: 3 to 40 letters, digits, dashes and underscores. It is kept in capitals.
    code: String,
    /// For staff, at most 500 characters.
    #[serde(default)]
    note: String,
    /// What it is good for, all of it.
    terms: CouponTerms,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

impl WrittenIn {
    async fn read(&self, database: &mut PgConnection) -> Result<Written, ApiError> {
        let code = Code::parse(&self.code).ok_or(TermsError::Code)?;
        let note = self.note.trim().to_owned();
        if note.chars().count() > NOTE_CHARS_MAX {
            return Err(TermsError::Note.into());
        }
        let plans = plans(database, self.terms.plans()).await?;
        Ok(Written { code, note, terms: self.terms.read(plans)? })
    }
}

/// A coupon, as staff see it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffCoupon))]
pub(crate) struct StaffCouponOut {
    /// `cpn_…`.
    #[salvo(schema(value_type = String))]
    id: CouponId,
    /// What is typed, in capitals.
    code: String,
    /// For staff.
    note: String,
    /// What it is good for.
    terms: CouponTerms,
    /// Staff have not switched it off.
    active: bool,
    /// Since when they have.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    inactive_since: Option<DateTime<Utc>>,
    /// How often it is redeemed: kept, reserved by a checkout, or used.
    redemptions: u64,
    /// `user_…`: who made it.
    #[salvo(schema(value_type = Option<String>))]
    created_by: Option<UserId>,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When it was changed last.
    #[salvo(schema(value_type = String, format = DateTime))]
    updated_at: DateTime<Utc>,
}

impl From<Listed> for StaffCouponOut {
    fn from(listed: Listed) -> Self {
        let coupon = listed.coupon;
        Self {
            id: coupon.id,
            code: coupon.code.as_str().to_owned(),
            note: listed.note,
            terms: CouponTerms::of(&coupon.terms, listed.plan_codes),
            active: coupon.is_active,
            inactive_since: listed.inactive_since,
            redemptions: listed.taken,
            created_by: listed.created_by,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
        }
    }
}

/// A page of coupons.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffCoupons))]
pub(crate) struct StaffCouponsOut {
    /// The newest first.
    coupons: Vec<StaffCouponOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<CouponId>,
}

/// Lists coupons, the newest first.
#[endpoint(
    operation_id = "admin_list_coupons",
    tags("admin"),
    parameters(
        ("q" = Option<String>, Query, description = "A part of the code."),
        ("active" = Option<bool>, Query, description = "Only those that are switched on, or off."),
        ("limit" = Option<i64>, Query, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "Only those below this `id`.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<StaffCouponsOut>, ApiError> {
    let limit = page::limit(req)?;
    let searched = page::text(req, "q")?.map(|text| text.to_ascii_uppercase());
    let filter = CouponFilter {
        code_part: searched.as_deref(),
        is_active: page::flag(req, "active")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    };
    let rows = store::coupons::list(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |listed| listed.coupon.id);
    Ok(Json(StaffCouponsOut { coupons: rows.into_iter().map(StaffCouponOut::from).collect(), next }))
}

/// Adds a coupon. `409 coupon_exists` when there is one with this code.
#[endpoint(operation_id = "admin_create_coupon", tags("admin"))]
pub(crate) async fn create(
    acting: Acting,
    app: AppState,
    body: JsonBody<WrittenIn>,
) -> Result<Created<StaffCouponOut>, ApiError> {
    let (id, now) = (CouponId::new(app.clock.as_ref()), app.clock.now());
    let reason = page::reason(&body.0.reason)?;
    let mut act = acting.begin(&app).await?;
    let written = body.0.read(&mut act).await?;
    store::coupons::insert(&mut act, id, &written, acting.actor(), now).await.map_err(taken)?;
    let made = found(store::coupons::find(&mut act, id).await?)?;
    act.commit(deed("coupon.create", &made, None, reason)).await?;
    Ok(Created(made.into()))
}

/// Shows a coupon.
#[endpoint(operation_id = "admin_read_coupon", tags("admin"))]
pub(crate) async fn read(_staff: Staff, app: AppState, id: PathId<CouponId>) -> Result<Json<StaffCouponOut>, ApiError> {
    let coupon = store::coupons::find(&mut *app.database().await?, id.0).await?;
    Ok(Json(found(coupon)?.into()))
}

/// Changes a coupon. What it takes off, for how many payments and in which currency stays once somebody has redeemed it:
/// `409 coupon_in_use`.
#[endpoint(operation_id = "admin_change_coupon", tags("admin"))]
pub(crate) async fn change(
    acting: Acting,
    app: AppState,
    id: PathId<CouponId>,
    body: JsonBody<WrittenIn>,
) -> Result<Json<StaffCouponOut>, ApiError> {
    let reason = page::reason(&body.0.reason)?;
    let mut act = acting.begin(&app).await?;
    let before = found(store::coupons::lock(&mut act, id.0).await?)?;
    let written = body.0.read(&mut act).await?;
    if before.taken > 0 && !before.coupon.terms.promises_the_same(&written.terms) {
        return Err(ApiError::CouponInUse("somebody has redeemed it: what it takes off and for how long stays"));
    }
    store::coupons::update(&mut act, id.0, &written, app.clock.now()).await.map_err(taken)?;
    let after = found(store::coupons::find(&mut act, id.0).await?)?;
    act.commit(deed("coupon.change", &after, Some(summary(&before)), reason)).await?;
    Ok(Json(after.into()))
}

/// Switches a coupon off: nobody redeems it any more, and nobody uses it for the first time. Checkouts that are open keep
/// it, and so do users with payments left.
#[endpoint(operation_id = "admin_deactivate_coupon", tags("admin"))]
pub(crate) async fn deactivate(
    acting: Acting,
    app: AppState,
    id: PathId<CouponId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<StaffCouponOut>, ApiError> {
    switch(&acting, &app, id.0, false, &body.0.reason).await
}

/// Switches a coupon on again.
#[endpoint(operation_id = "admin_activate_coupon", tags("admin"))]
pub(crate) async fn activate(
    acting: Acting,
    app: AppState,
    id: PathId<CouponId>,
    body: JsonBody<ReasonIn>,
) -> Result<Json<StaffCouponOut>, ApiError> {
    switch(&acting, &app, id.0, true, &body.0.reason).await
}

async fn switch(
    acting: &Acting,
    app: &AppState,
    id: CouponId,
    active: bool,
    reason: &str,
) -> Result<Json<StaffCouponOut>, ApiError> {
    let reason = page::reason(reason)?;
    let mut act = acting.begin(app).await?;
    let before = found(store::coupons::lock(&mut act, id).await?)?;
    if before.coupon.is_active == active {
        return Ok(Json(before.into()));
    }
    store::coupons::set_active(&mut act, id, active, app.clock.now()).await?;
    let after = found(store::coupons::find(&mut act, id).await?)?;
    let action = if active { "coupon.activate" } else { "coupon.deactivate" };
    act.commit(deed(action, &after, Some(summary(&before)), reason)).await?;
    Ok(Json(after.into()))
}

/// Deletes a coupon that nobody has ever redeemed. Others are switched off: `409 coupon_in_use`.
#[endpoint(operation_id = "admin_delete_coupon", tags("admin"))]
pub(crate) async fn delete(
    acting: Acting,
    app: AppState,
    id: PathId<CouponId>,
    body: JsonBody<ReasonIn>,
) -> Result<Gone, ApiError> {
    let reason = page::reason(&body.0.reason)?;
    let mut act = acting.begin(&app).await?;
    let before = found(store::coupons::lock(&mut act, id.0).await?)?;
    if !store::coupons::remove(&mut act, id.0).await? {
        return Err(ApiError::CouponInUse("somebody has redeemed it; deactivate it"));
    }
    let deed = Deed { before: Some(summary(&before)), after: None, ..deed("coupon.delete", &before, None, reason) };
    act.commit(deed).await?;
    Ok(Gone)
}

/// The ids of the plans with these codes.
async fn plans(database: &mut PgConnection, codes: &[String]) -> Result<Vec<PlanId>, ApiError> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let catalogue = store::plans::catalogue(database).await?;
    let find = |code: &String| catalogue.iter().find(|plan| plan.code == *code).map(|plan| plan.id);
    codes.iter().map(|code| find(code).ok_or(ApiError::NotFound(Thing::Plan))).collect()
}

fn found(coupon: Option<Listed>) -> Result<Listed, ApiError> {
    coupon.ok_or(ApiError::NotFound(Thing::Coupon))
}

fn taken(error: store::StoreError) -> ApiError {
    ApiError::on_conflict(error, COUPON_CODE, ApiError::CouponExists)
}

/// What of it the audit log keeps.
fn summary(listed: &Listed) -> Value {
    let terms = CouponTerms::of(&listed.coupon.terms, listed.plan_codes.clone());
    json!({ "code": listed.coupon.code.as_str(), "note": listed.note, "terms": terms, "active": listed.coupon.is_active })
}

fn deed<'a>(action: &'a str, coupon: &Listed, before: Option<Value>, reason: &'a str) -> Deed<'a> {
    let (subject, after) = (coupon.coupon.id.to_string(), Some(summary(coupon)));
    Deed { action, subject, user: None, before, after, reason: Some(reason) }
}
