//! Looking at accounts, stopping, starting and ending them.

use domain::AccountId;
use salvo::prelude::*;
use store::accounts::Account;
use temporalio_common::{HasWorkflowDefinition, SignalDefinition};
use workflows::account::AccountSession;

use super::{AccountOut, AccountsOut, DetailOut, find};
use crate::{
    auth::{Actor, PathId},
    error::ApiError,
    routes::Accepted,
    state::AppState,
};

/// Lists the tenant's accounts.
#[endpoint(operation_id = "list_accounts", tags("accounts"))]
pub(crate) async fn list(actor: Actor, app: AppState) -> Result<Json<AccountsOut>, ApiError> {
    let accounts = store::accounts::list(&mut *app.database().await?, actor.user).await?;
    Ok(Json(AccountsOut { accounts: accounts.into_iter().map(AccountOut::from).collect() }))
}

/// Reads one account, with what its workflow says of itself.
#[endpoint(operation_id = "read_account", tags("accounts"))]
pub(crate) async fn read(actor: Actor, app: AppState, id: PathId<AccountId>) -> Result<Json<DetailOut>, ApiError> {
    let account = find(&app, actor, id.0).await?;
    let view = app.temporal.account_view(id.0).await;
    let (live, live_reason) = match view {
        Ok(view) => (Some(view.into()), None),
        Err(error) => (None, Some(error.as_reason())),
    };
    Ok(Json(DetailOut { account: account.into(), live, live_reason }))
}

/// Connects anew, also after the account was paused or its session was revoked.
#[endpoint(operation_id = "reconnect_account", tags("accounts"))]
pub(crate) async fn reconnect(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    signal(&app, actor, id.0, AccountSession::reconnect).await
}

/// Stops hosting the account until it is resumed. Messages that come meanwhile are fetched afterwards.
#[endpoint(operation_id = "pause_account", tags("accounts"))]
pub(crate) async fn pause(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    signal(&app, actor, id.0, AccountSession::pause).await
}

/// Hosts the account again after a pause.
#[endpoint(operation_id = "resume_account", tags("accounts"))]
pub(crate) async fn resume(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    signal(&app, actor, id.0, AccountSession::resume).await
}

/// Ends the session at the platform and forgets the account's secrets.
#[endpoint(operation_id = "log_out_account", tags("accounts"))]
pub(crate) async fn log_out(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    let account = find(&app, actor, id.0).await?;
    if store::pairs::count_of_account(&mut *app.database().await?, account.id).await? > 0 {
        return Err(ApiError::AccountInUse);
    }
    stop_hosting(&app, account.id).await?;
    app.temporal.signal_account(&account, actor.plan, AccountSession::log_out).await?;
    Ok(Accepted(account.into()))
}

/// Signals the workflow of an account that has signed in at least once.
async fn signal<S>(app: &AppState, actor: Actor, id: AccountId, signal: S) -> Result<Accepted<AccountOut>, ApiError>
where
    S: SignalDefinition<Workflow = <AccountSession as HasWorkflowDefinition>::Run, Input = ()>,
{
    let account: Account = find(app, actor, id).await?;
    if !account.status.is_linked() {
        return Err(ApiError::WrongState(account.status));
    }
    stop_hosting(app, account.id).await?;
    app.temporal.signal_account(&account, actor.plan, signal).await?;
    Ok(Accepted(account.into()))
}

/// Takes the account from its host, which sees it within seconds; Temporal's own word for it comes with the answer to a
/// heartbeat, and these are few. The workflow decides what comes after: without its signal the account is hosted anew.
async fn stop_hosting(app: &AppState, account: AccountId) -> Result<(), ApiError> {
    Ok(store::leases::revoke(&mut *app.database().await?, account).await?)
}
