//! Plans at the edge: the catalogue, read at most once a minute, the gate before what a request does, and the word to
//! workflows after a plan has paused or resumed something.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Plan, PlanId, UserId,
    gate::{self, Action, Bar},
};
use store::{
    PgConnection, StoreError,
    plans::{self, Applied},
    prices::{self, Terms},
};
use workflows::{account::AccountSession, forwarding::PairForwarding};

use crate::{
    error::ApiError,
    state::{AppState, Shared},
    temporal::TemporalError,
};

/// For so long a catalogue that was read is believed.
const KEPT_FOR: TimeDelta = TimeDelta::seconds(60);

/// The catalogue as it was last read.
#[derive(Default)]
pub(crate) struct Plans(RwLock<Option<Kept>>);

struct Kept {
    at: DateTime<Utc>,
    plans: Arc<[Plan]>,
    sales: Arc<HashMap<PlanId, Terms>>,
}

/// Every plan, the lowest first, and how each is sold.
type Catalogue = (Arc<[Plan]>, Arc<HashMap<PlanId, Terms>>);

impl Shared {
    /// Every plan, the lowest first; at most a minute old.
    async fn catalogue(&self, connection: &mut PgConnection) -> Result<Arc<[Plan]>, ApiError> {
        match self.kept_catalogue() {
            Some((plans, _)) => Ok(plans),
            None => Ok(self.read_catalogue(connection).await?.0),
        }
    }

    fn kept_catalogue(&self) -> Option<Catalogue> {
        let now = self.clock.now();
        let kept = self.plans.0.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.as_ref().filter(|kept| now < kept.at + KEPT_FOR);
        fresh.map(|kept| (Arc::clone(&kept.plans), Arc::clone(&kept.sales)))
    }

    async fn read_catalogue(&self, connection: &mut PgConnection) -> Result<Catalogue, ApiError> {
        let at = self.clock.now();
        let plans: Arc<[Plan]> = plans::catalogue(connection).await?.into();
        let sales = Arc::new(prices::all(connection).await?);
        let mut kept = self.plans.0.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Kept { at, plans: Arc::clone(&plans), sales: Arc::clone(&sales) });
        Ok((plans, sales))
    }

    /// Has the catalogue read anew: it was changed here.
    pub(crate) fn forget_plans(&self) {
        *self.plans.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The plans that anybody may choose, the lowest first, and how they are sold; at most a minute old.
    pub(crate) async fn offers(&self) -> Result<Vec<(Plan, Terms)>, ApiError> {
        let (plans, sales) = match self.kept_catalogue() {
            Some(kept) => kept,
            None => self.read_catalogue(&mut *self.database().await?).await?,
        };
        let sold = |plan: &Plan| sales.get(&plan.id).cloned().unwrap_or_default();
        Ok(offers(&plans).map(|plan| (plan.clone(), sold(plan))).collect())
    }

    /// The code of a tenant's plan.
    pub(crate) async fn plan_code(&self, id: PlanId) -> Result<String, ApiError> {
        let code = |plans: &[Plan]| plans.iter().find(|plan| plan.id == id).map(|plan| plan.code.clone());
        if let Some(code) = self.kept_catalogue().and_then(|(plans, _)| code(&plans)) {
            return Ok(code);
        }
        // It may be younger than what was kept.
        let (read, _) = self.read_catalogue(&mut *self.database().await?).await?;
        code(&read).ok_or_else(|| ApiError::internal("a tenant's plan is not in the catalogue"))
    }
}

/// Those that anybody may choose.
fn offers(plans: &[Plan]) -> impl Iterator<Item = &Plan> {
    plans.iter().filter(|plan| plan.is_public)
}

/// Asks the gate within a transaction: until that ends, nobody else counts for the tenant.
pub(crate) async fn pass(
    app: &AppState,
    transaction: &mut PgConnection,
    user: UserId,
    action: Action,
) -> Result<(), ApiError> {
    plans::lock_user(transaction, user).await?;
    judge(app, transaction, user, action).await
}

/// Asks the gate early, so that nobody else is asked for nothing. What is counted may change until [`pass`].
pub(crate) async fn may_pass(app: &AppState, user: UserId, action: Action) -> Result<(), ApiError> {
    judge(app, &mut *app.database().await?, user, action).await
}

async fn judge(app: &AppState, connection: &mut PgConnection, user: UserId, action: Action) -> Result<(), ApiError> {
    let tenancy = plans::tenancy(connection, user).await?.ok_or(ApiError::Unauthorized)?;
    let used = plans::used(connection, user, app.clock.now()).await?;
    // On this connection: whoever holds the tenant's lock must not wait for another one.
    let catalogue = app.catalogue(connection).await?;
    let offers: Vec<Plan> = offers(&catalogue).cloned().collect();
    gate::check(&tenancy, &used, action, &offers).map_err(|refusal| match refusal.bar {
        Bar::Suspended => ApiError::Suspended,
        Bar::Excess { .. } | Bar::Limit { .. } | Bar::Feature(_) => ApiError::PlanLimit(Box::new(refusal)),
    })
}

/// Tells workflows what the plan has done, after the commit. What cannot be told now, the sweep tells.
pub(crate) async fn tell(app: &AppState, applied: &Applied, since: DateTime<Utc>) {
    if let Err(error) = tell_all(app, applied, since).await {
        tracing::warn!(?error, "Workflows could not be told of a plan's doing yet; the sweep will do it.");
    }
}

/// Why somebody was not told.
#[derive(Debug)]
enum Untold {
    Temporal(#[expect(dead_code, reason = "for the log")] TemporalError),
    Database(#[expect(dead_code, reason = "for the log")] ApiError),
}

impl From<ApiError> for Untold {
    fn from(error: ApiError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Untold {
    fn from(error: StoreError) -> Self {
        Self::Database(error.into())
    }
}

/// A workflow that does not run yet is left to the sweep, which starts it.
fn heard(told: Result<(), TemporalError>) -> Result<bool, Untold> {
    match told {
        Ok(()) => Ok(true),
        Err(TemporalError::NotFound) => Ok(false),
        Err(error) => Err(Untold::Temporal(error)),
    }
}

async fn tell_all(app: &AppState, applied: &Applied, since: DateTime<Utc>) -> Result<(), Untold> {
    for pair in &applied.pairs_paused {
        if heard(app.temporal.signal_pair(*pair, PairForwarding::pause).await)? {
            plans::pair_told(&mut *app.database().await?, *pair, since).await?;
        }
    }
    for pair in &applied.pairs_resumed {
        if heard(app.temporal.signal_pair(*pair, PairForwarding::resume).await)? {
            plans::pair_told(&mut *app.database().await?, *pair, since).await?;
        }
    }
    for account in &applied.accounts_resumed {
        if heard(app.temporal.signal_running_account(*account, AccountSession::resume).await)? {
            plans::account_told(&mut *app.database().await?, *account, since).await?;
        }
    }
    Ok(())
}
