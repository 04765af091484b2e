//! The plans, and what a tenant uses of theirs.

mod wire;

pub(crate) use wire::{FeaturesIn, LimitsIn, PlanFeatures, PlanLimits, PriceTerms};

use chrono::{DateTime, Utc};
use domain::{
    Plan, Platform, UserId,
    gate::{AccountUse, Use},
    plan::{Tenancy, Terms},
};
use salvo::prelude::*;
use serde::Serialize;
use store::prices::Terms as Sale;

use crate::{auth::Actor, error::ApiError, state::AppState};

/// A plan that anybody may choose.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Plan))]
pub(crate) struct PlanOut {
    /// Its stable name for programs, such as `pro`.
    code: String,
    /// Its name for people.
    name: String,
    /// How much it allows; null is no limit.
    limits: PlanLimits,
    /// What it allows.
    features: PlanFeatures,
    /// What a period costs whoever subscribes now; none for what costs nothing or is not sold.
    prices: Vec<PriceTerms>,
    /// For so many days whoever has never subscribed may try it out; 0: not at all.
    trial_days: u16,
}

impl From<(Plan, Sale)> for PlanOut {
    fn from((plan, sale): (Plan, Sale)) -> Self {
        Self {
            code: plan.code,
            name: plan.name,
            limits: plan.limits.into(),
            features: plan.features.into(),
            prices: sale.prices.iter().map(PriceTerms::of).collect(),
            trial_days: sale.trial_days,
        }
    }
}

/// All plans that anybody may choose.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Plans))]
pub(crate) struct PlansOut {
    /// The lowest first.
    plans: Vec<PlanOut>,
}

/// Lists the plans with their limits and features. A change is seen within a minute.
#[endpoint(operation_id = "list_plans", tags("plans"))]
pub(crate) async fn list(app: AppState) -> Result<Json<PlansOut>, ApiError> {
    let offers = app.offers().await?;
    Ok(Json(PlansOut { plans: offers.into_iter().map(PlanOut::from).collect() }))
}

/// A tenant's plan.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = OwnPlan))]
pub(crate) struct OwnPlanOut {
    /// Its code.
    code: String,
    /// Its name for people.
    name: String,
    /// When it ends and the plan is what is subscribed to again, or `free`; null: never by itself.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    expires_at: Option<DateTime<Utc>>,
    /// When the exceptions end that were made beside it; null: never by themselves, or there are none.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    exceptions_expire_at: Option<DateTime<Utc>>,
}

/// Use of a limit on things that there are.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = CountUse))]
pub(crate) struct CountOut {
    /// How many there are.
    used: u64,
    /// How many of them are not paused.
    running: u64,
    /// How many there may be; null is no limit.
    allowed: Option<u64>,
}

impl CountOut {
    const fn accounts(used: AccountUse, allowed: Option<u64>) -> Self {
        Self { used: used.linked, running: used.running, allowed }
    }
}

/// Use of a limit on what happens in a time.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = WindowUse))]
pub(crate) struct WindowOut {
    /// How many there were in the time that runs now. What happened in the last few seconds may be missing.
    used: u64,
    /// How many there may be; null is no limit.
    allowed: Option<u64>,
    /// When the time began.
    #[salvo(schema(value_type = String, format = DateTime))]
    since: DateTime<Utc>,
}

/// What a tenant uses of their plan, exceptions included.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Usage))]
pub(crate) struct UsageOut {
    /// The plan.
    plan: OwnPlanOut,
    /// Pairs.
    pairs: CountOut,
    /// Telegram accounts, unfinished log-ins included.
    telegram_accounts: CountOut,
    /// Discord bots.
    discord_accounts: CountOut,
    /// Messages written in this minute of the clock.
    messages_per_minute: WindowOut,
    /// Messages written on this UTC day.
    messages_per_day: WindowOut,
    /// Requests to the API in a minute; null is no limit.
    requests_per_minute: Option<u64>,
    /// Bytes of one attachment; null is no limit.
    media_bytes_max: Option<u64>,
    /// What the plan includes.
    features: PlanFeatures,
}

impl UsageOut {
    fn new(tenancy: Tenancy, terms: Terms, used: &Use) -> Self {
        let counted = |count: i64| u64::try_from(count).unwrap_or(0);
        Self {
            plan: OwnPlanOut {
                code: tenancy.plan.code,
                name: tenancy.plan.name,
                expires_at: tenancy.plan_expires_at,
                exceptions_expire_at: tenancy.exception_expires_at,
            },
            pairs: CountOut {
                used: used.pairs,
                running: used.pairs_running,
                allowed: terms.limits.pairs_max.map(u64::from),
            },
            telegram_accounts: CountOut::accounts(used.telegram_accounts, terms.accounts_max(Platform::Telegram)),
            discord_accounts: CountOut::accounts(used.discord_accounts, terms.accounts_max(Platform::Discord)),
            messages_per_minute: WindowOut {
                used: counted(used.messages.minute_used),
                allowed: terms.limits.messages_per_minute.map(u64::from),
                since: used.messages.minute,
            },
            messages_per_day: WindowOut {
                used: counted(used.messages.day_used),
                allowed: terms.limits.messages_per_day.map(u64::from),
                since: used.messages.day,
            },
            requests_per_minute: terms.limits.requests_per_minute.map(u64::from),
            media_bytes_max: terms.limits.media_bytes_max,
            features: terms.features.into(),
        }
    }
}

/// Shows what the tenant uses of each limit, and what their plan includes.
#[endpoint(operation_id = "read_usage", tags("plans"))]
pub(crate) async fn usage(actor: Actor, app: AppState) -> Result<Json<UsageOut>, ApiError> {
    usage_of(&app, actor.user).await?.map(Json).ok_or(ApiError::Unauthorized)
}

/// What a tenant uses of their plan; `None` when there is no such tenant.
pub(crate) async fn usage_of(app: &AppState, user: UserId) -> Result<Option<UsageOut>, ApiError> {
    let mut database = app.database().await?;
    let Some(tenancy) = store::plans::tenancy(&mut database, user).await? else { return Ok(None) };
    let used = store::plans::used(&mut database, user, app.clock.now()).await?;
    let terms = tenancy.sending_terms(app.pace);
    Ok(Some(UsageOut::new(tenancy, terms, &used)))
}
