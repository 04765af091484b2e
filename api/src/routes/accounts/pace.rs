//! How fast an account may write, what was learned about it, and what its user wants.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, ChatId,
    pace::{Limits, Scope, Snapshot},
    plan::{Allowance, Usage},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};

use super::{AccountOut, find};
use crate::{
    auth::{Actor, PathId},
    body::JsonBody,
    error::{ApiError, Thing},
    state::AppState,
};

/// The longest interval between two messages that a user may ask for: an hour.
const SEND_INTERVAL_MS_MAX: u32 = 3_600_000;

/// What to change of an account; what is absent or null stays.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AccountChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// At least so many milliseconds between two messages that the account writes, over all its pairs; at most an hour.
    /// Takes effect within a few seconds.
    send_interval_ms: Option<u32>,
}

/// Changes an account.
#[endpoint(operation_id = "change_account", tags("accounts"))]
pub(crate) async fn update(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
    body: JsonBody<ChangeIn>,
) -> Result<Json<AccountOut>, ApiError> {
    find(&app, actor, id.0).await?;
    if let Some(ms) = body.0.send_interval_ms {
        let ms = i32::try_from(ms).ok().filter(|_| ms <= SEND_INTERVAL_MS_MAX).ok_or(ApiError::IntervalTooLong)?;
        let mut database = app.database().await?;
        let changed = store::pace::set_send_interval(&mut database, actor.user, id.0, ms, app.clock.now()).await?;
        if !changed {
            return Err(ApiError::NotFound(Thing::Account));
        }
    }
    Ok(Json(find(&app, actor, id.0).await?.into()))
}

/// One budget.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Budget))]
pub(crate) struct BudgetOut {
    /// `account` (all messages), `global` (all requests) or `chat`.
    #[salvo(schema(value_type = crate::wire::PaceScopeDoc))]
    scope: Scope,
    /// The platform's id of the chat.
    #[salvo(schema(value_type = Option<String>))]
    chat: Option<ChatId>,
    /// Messages per second, as learned.
    rate: f64,
    /// The rate up to which growth is quick: where the platform last refused.
    ceiling: f64,
    /// Messages that may be written at once, counted until now; negative when turns are promised ahead.
    tokens: f64,
    /// Nothing is written before: the platform asked for silence, or said that nothing is left.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    closed_until: Option<DateTime<Utc>>,
    /// How often the platform has asked for silence.
    waits: i64,
    /// When it last did.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    last_wait_at: Option<DateTime<Utc>>,
    /// For how long, in milliseconds.
    last_wait_ms: Option<i64>,
}

impl BudgetOut {
    fn new(snapshot: Snapshot, limits: &Limits, now: DateTime<Utc>) -> Self {
        let Snapshot { scope, chat, budget } = snapshot;
        Self {
            scope,
            chat,
            rate: budget.rate,
            ceiling: budget.ceiling,
            tokens: budget.tokens_at(limits, now),
            closed_until: budget.closed(now),
            waits: budget.waits,
            last_wait_at: budget.last_wait.map(|wait| wait.at),
            last_wait_ms: budget.last_wait.map(|wait| wait.ms),
        }
    }
}

/// What the plan allows and how much of it is used, over all of the tenant's accounts.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PlanUse))]
pub(crate) struct PlanUseOut {
    /// Messages in this minute.
    minute_used: i64,
    /// At most; null where nothing is limited.
    minute_limit: Option<u32>,
    /// Messages on this UTC day.
    day_used: i64,
    /// At most; null where nothing is limited.
    day_limit: Option<u32>,
}

/// An account's pace.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Pace))]
pub(crate) struct PaceOut {
    /// The user's own interval between two messages of the account, in milliseconds.
    send_interval_ms: i32,
    /// Budgets that were used; chats last. What was written in the last few seconds may be missing.
    budgets: Vec<BudgetOut>,
    /// The tenant's use of the plan.
    plan: PlanUseOut,
}

/// Shows how fast an account may write: its budgets, what its platform last asked for, and what its plan allows.
#[endpoint(operation_id = "read_account_pace", tags("accounts"))]
pub(crate) async fn read_pace(actor: Actor, app: AppState, id: PathId<AccountId>) -> Result<Json<PaceOut>, ApiError> {
    let account = find(&app, actor, id.0).await?;
    let now = app.clock.now();
    let mut database = app.database().await?;
    let budgets = store::pace::load(&mut database, id.0).await?;
    let used = store::pace::usage(&mut database, actor.user).await?;
    let (used, limits): (Usage, Allowance) = match used {
        Some(used) => used,
        None => {
            let tenancy = store::plans::tenancy(&mut database, actor.user).await?.ok_or(ApiError::Unauthorized)?;
            (Usage::none(now), tenancy.allowance(app.pace))
        }
    };
    let used = used.at(now);
    let budgets = budgets.into_iter().map(|snapshot| {
        let limits = Limits::of(app.pace, account.platform, snapshot.scope);
        BudgetOut::new(snapshot, &limits, now)
    });
    Ok(Json(PaceOut {
        send_interval_ms: account.send_interval_ms,
        budgets: budgets.collect(),
        plan: PlanUseOut {
            minute_used: used.minute_used,
            minute_limit: limits.per_minute,
            day_used: used.day_used,
            day_limit: limits.per_day,
        },
    }))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::{
        Platform,
        pace::{Budget, Mode},
    };

    use super::*;

    #[test]
    fn a_budget_that_rests_is_shown_refilled_up_to_its_burst() {
        let limits = Limits::of(Mode::Standard, Platform::Telegram, Scope::Account);
        let stored_at = DateTime::UNIX_EPOCH;
        let mut budget = Budget::new(&limits, stored_at);
        budget.take(&limits, limits.burst + 5.0, stored_at);
        let shown = |seconds| {
            let snapshot = Snapshot { scope: Scope::Account, chat: None, budget: budget.clone() };
            BudgetOut::new(snapshot, &limits, stored_at + TimeDelta::seconds(seconds)).tokens
        };
        assert_eq!([shown(0), shown(5), shown(3_600)], [-5.0, 0.0, limits.burst]);
    }
}
