//! The catalogue of plans: what there is, what it allows, and how many are on it.

use domain::{Plan, PlanId, plan::validate_sale};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{StoreError, plans::PLAN_CODE, prices::Terms};

use super::{
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::Staff,
    body::JsonBody,
    error::{ApiError, Thing},
    routes::{
        Created,
        plans::{PlanFeatures, PlanLimits, PriceTerms},
    },
    state::AppState,
};

/// What there is to say of a plan.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanTerms {
    /// Its name for people, 1 to 100 characters.
    name: String,
    /// Its place in the list of plans, the lowest first. A refusal names the first one that lifts it.
    position: i32,
    /// Anybody may see it; others are given by admins only.
    is_public: bool,
    /// How much it allows.
    limits: PlanLimits,
    /// What it allows.
    features: PlanFeatures,
    /// Temporal priority of its tenants' tasks: 1 is first, 5 is last.
    priority: u32,
    /// A tenant's share of what is scarce, relative to others of the same priority: 0.001 to 1000.
    fairness_weight: f32,
    /// What a period costs whoever subscribes from now on: at most one price for each interval, all in one currency; none
    /// for a plan that is only given. Absent or null: as it is.
    #[serde(default)]
    prices: Option<Vec<PriceTerms>>,
    /// For so many days whoever has never subscribed may try it out: 0 to 365. Absent or null: as it is.
    #[serde(default)]
    #[salvo(schema(minimum = 0, maximum = 365))]
    trial_days: Option<u16>,
}

impl PlanTerms {
    fn of(plan: &Plan, sale: &Terms) -> Self {
        Self {
            name: plan.name.clone(),
            position: plan.position,
            is_public: plan.is_public,
            limits: plan.limits.into(),
            features: plan.features.into(),
            priority: plan.priority_key,
            fairness_weight: plan.fairness_weight,
            prices: Some(sale.prices.iter().map(PriceTerms::of).collect()),
            trial_days: Some(sale.trial_days),
        }
    }

    /// How the plan is to be sold, which was sold like `before`.
    fn sale(&self, plan: PlanId, before: &Terms) -> Result<Terms, ApiError> {
        let prices = match &self.prices {
            None => before.prices.clone(),
            Some(prices) => prices.iter().map(|price| price.read(plan)).collect::<Result<_, _>>()?,
        };
        let sale = Terms { prices, trial_days: self.trial_days.unwrap_or(before.trial_days) };
        validate_sale(plan, &sale.prices, sale.trial_days)?;
        Ok(sale)
    }

    fn plan(self, id: PlanId, code: String) -> Plan {
        Plan {
            id,
            code,
            name: self.name,
            position: self.position,
            is_public: self.is_public,
            limits: self.limits.into(),
            features: self.features.into(),
            priority_key: self.priority,
            fairness_weight: self.fairness_weight,
        }
    }
}

/// A new plan.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NewPlan))]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlanIn {
    /// Its name for programs, which it keeps: a letter, then lower-case letters, digits, dashes and underscores, at most 32.
    code: String,
    /// What there is to say of it.
    terms: PlanTerms,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Another word on a plan.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = PlanTermsChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsIn {
    /// What holds from now on, all of it.
    terms: PlanTerms,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// A plan, as staff see it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffPlan))]
pub(crate) struct StaffPlanOut {
    /// Its name for programs.
    code: String,
    /// What there is to say of it.
    terms: PlanTerms,
    /// Users who are on it.
    users: i64,
}

/// Every plan.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffPlans))]
pub(crate) struct StaffPlansOut {
    /// The lowest first.
    plans: Vec<StaffPlanOut>,
}

/// Lists all plans, also those that users do not see.
#[endpoint(operation_id = "admin_list_plans", tags("admin"))]
pub(crate) async fn list(_staff: Staff, app: AppState) -> Result<Json<StaffPlansOut>, ApiError> {
    let mut database = app.database().await?;
    let plans = store::plans::census(&mut database).await?.into_iter();
    let mut sales = store::prices::all(&mut database).await?;
    let out = plans.map(|(plan, users)| {
        let sale = sales.remove(&plan.id).unwrap_or_default();
        StaffPlanOut { terms: PlanTerms::of(&plan, &sale), code: plan.code, users }
    });
    Ok(Json(StaffPlansOut { plans: out.collect() }))
}

/// Adds a plan. `409 plan_exists` when there is one with this code.
#[endpoint(operation_id = "admin_create_plan", tags("admin"))]
pub(crate) async fn create(
    acting: Acting,
    app: AppState,
    body: JsonBody<NewPlanIn>,
) -> Result<Created<StaffPlanOut>, ApiError> {
    let NewPlanIn { code, terms, reason } = body.0;
    let (reason, id, now) = (page::reason(&reason)?, PlanId::new(app.clock.as_ref()), app.clock.now());
    let sale = terms.sale(id, &Terms::default())?;
    let plan = terms.plan(id, code);
    plan.validate()?;
    let mut act = acting.begin(&app).await?;
    store::plans::insert(&mut act, &plan, now).await.map_err(|error| match error {
        StoreError::Conflict { constraint } if constraint == PLAN_CODE => ApiError::PlanExists,
        error => error.into(),
    })?;
    store::prices::set(&mut act, id, &sale, now).await?;
    act.commit(deed("plan.create", (&plan, &sale), None, reason)).await?;
    app.forget_plans();
    Ok(Created(StaffPlanOut { terms: PlanTerms::of(&plan, &sale), code: plan.code, users: 0 }))
}

/// Changes what a plan allows. What is about to happen is judged by it within a minute; then the newest surplus of those
/// who are on it is paused, and what has room again is resumed.
#[endpoint(
    operation_id = "admin_change_plan",
    tags("admin"),
    parameters(("code" = String, Path, description = "The plan's code."))
)]
pub(crate) async fn change(
    acting: Acting,
    app: AppState,
    req: &mut Request,
    body: JsonBody<TermsIn>,
) -> Result<Json<StaffPlanOut>, ApiError> {
    let TermsIn { terms, reason } = body.0;
    let (reason, code) = (page::reason(&reason)?, req.param::<String>("code").unwrap_or_default());
    let mut act = acting.begin(&app).await?;
    let mut census = store::plans::census(&mut act).await?.into_iter();
    let found = census.find(|(plan, _)| plan.code == code);
    let (before, users) = found.ok_or(ApiError::NotFound(Thing::Plan))?;
    let (former, now) = (store::prices::of(&mut act, before.id).await?, app.clock.now());
    let sale = terms.sale(before.id, &former)?;
    let plan = terms.plan(before.id, code);
    plan.validate()?;
    store::plans::update(&mut act, &plan, now).await?;
    store::prices::set(&mut act, plan.id, &sale, now).await?;
    let before = json!(PlanTerms::of(&before, &former));
    act.commit(deed("plan.change", (&plan, &sale), Some(before), reason)).await?;
    app.forget_plans();
    Ok(Json(StaffPlanOut { terms: PlanTerms::of(&plan, &sale), code: plan.code, users }))
}

fn deed<'a>(action: &'a str, (plan, sale): (&Plan, &Terms), before: Option<Value>, reason: &'a str) -> Deed<'a> {
    let after = Some(json!(PlanTerms::of(plan, sale)));
    Deed { action, subject: plan.code.clone(), user: None, before, after, reason: Some(reason) }
}
