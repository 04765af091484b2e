//! How the tenant's accounts and pairs are doing just now.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, AccountStatus, PairId, PairStatus, Platform};
use salvo::prelude::*;
use serde::Serialize;
use store::status::{AccountHealth, PairHealth};

use crate::{auth::Actor, error::ApiError, state::AppState};

/// One account's health.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AccountHealth))]
pub(crate) struct AccountHealthOut {
    /// `acc_…`.
    #[salvo(schema(value_type = String))]
    id: AccountId,
    /// `telegram` or `discord`.
    #[salvo(schema(value_type = crate::wire::PlatformDoc))]
    platform: Platform,
    /// The name on the platform.
    display_name: Option<String>,
    /// Its state, as in `GET /api/accounts/{id}`.
    #[salvo(schema(value_type = crate::wire::AccountStatusDoc))]
    status: AccountStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// The worker that hosts it.
    host: Option<String>,
    /// Since when.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    hosted_at: Option<DateTime<Utc>>,
    /// When the last health check passed.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    health_checked_at: Option<DateTime<Utc>>,
    /// The platform wants silence until then.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cooldown_until: Option<DateTime<Utc>>,
    /// When it last received a message for one of the pairs.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    last_received_at: Option<DateTime<Utc>>,
    /// Messages that wait to be sent by it.
    open: i64,
    /// For how long the oldest of them could have been sent, in seconds; 0 when none is due.
    lag_seconds: f64,
}

/// One pair's queue.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PairHealth))]
pub(crate) struct PairHealthOut {
    /// `pair_…`.
    #[salvo(schema(value_type = String))]
    id: PairId,
    /// Its name.
    name: String,
    /// `active`, `paused` or `blocked`.
    #[salvo(schema(value_type = crate::wire::PairStatusDoc))]
    status: PairStatus,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Messages that wait.
    open: i64,
    /// When the oldest of them was received.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    oldest_received_at: Option<DateTime<Utc>>,
    /// For how long the oldest of them could have been sent, in seconds; 0 when it is not due.
    lag_seconds: f64,
    /// Why the oldest of them waits, if something was in its way.
    waiting_for: Option<String>,
    /// When the newest message was sent.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    last_sent_at: Option<DateTime<Utc>>,
    /// Messages that the destination refused for good and nobody has decided about.
    dead: i64,
}

/// Everything of the tenant at a glance.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Status))]
pub(crate) struct StatusOut {
    /// Linked accounts, oldest first.
    accounts: Vec<AccountHealthOut>,
    /// Pairs, oldest first.
    pairs: Vec<PairHealthOut>,
}

/// Shows the health of all accounts and the queues of all pairs.
#[endpoint(operation_id = "read_status", tags("status"))]
pub(crate) async fn read(actor: Actor, app: AppState) -> Result<Json<StatusOut>, ApiError> {
    let mut database = app.database().await?;
    let accounts = store::status::accounts(&mut database, actor.user).await?;
    let pairs = store::status::pairs(&mut database, actor.user).await?;
    let now = app.clock.now();
    Ok(Json(StatusOut {
        accounts: accounts.into_iter().map(|account| account_out(account, now)).collect(),
        pairs: pairs.into_iter().map(|pair| pair_out(pair, now)).collect(),
    }))
}

fn account_out(health: AccountHealth, now: DateTime<Utc>) -> AccountHealthOut {
    AccountHealthOut {
        id: health.id,
        platform: health.platform,
        display_name: health.display_name,
        status: health.status,
        reason_code: health.reason_code,
        host: health.host,
        hosted_at: health.hosted_at,
        health_checked_at: health.health_checked_at,
        cooldown_until: health.cooldown_until.filter(|until| *until > now),
        last_received_at: health.last_received_at,
        open: health.open,
        lag_seconds: lag_seconds(health.oldest_due_at, now),
    }
}

fn pair_out(health: PairHealth, now: DateTime<Utc>) -> PairHealthOut {
    PairHealthOut {
        id: health.id,
        name: health.name,
        status: health.status,
        reason_code: health.reason_code,
        open: health.open,
        oldest_received_at: health.oldest_received_at,
        lag_seconds: lag_seconds(health.oldest_due_at, now),
        waiting_for: health.waiting_for,
        last_sent_at: health.last_sent_at,
        dead: health.dead,
    }
}

fn lag_seconds(due_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> f64 {
    due_at.map_or(TimeDelta::zero(), |due_at| (now - due_at).max(TimeDelta::zero())).as_seconds_f64()
}
