//! Looking at accounts, stopping, starting and ending them.

use domain::{AccountId, AccountStatus, gate::Action};
use salvo::prelude::*;
use store::{StoreError, accounts::Account};
use temporalio_common::{HasWorkflowDefinition, SignalDefinition};
use workflows::account::AccountSession;

use super::{AccountOut, AccountsOut, DetailOut, find};
use crate::{
    auth::{Actor, PathId},
    error::ApiError,
    plans,
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

/// Connects anew, also after the account was paused or its session was revoked. `403 plan_limit` when it is paused and the
/// plan has no room for it.
#[endpoint(operation_id = "reconnect_account", tags("accounts"))]
pub(crate) async fn reconnect(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    run(&app, actor, id.0, AccountSession::reconnect).await
}

/// Stops hosting the account until it is resumed. Messages that come meanwhile are fetched afterwards. The room that it
/// leaves is given to the oldest one that the plan has paused, within a minute or two.
#[endpoint(operation_id = "pause_account", tags("accounts"))]
pub(crate) async fn pause(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    let account = linked(&app, actor, id.0).await?;
    // What the plan has paused is the user's own pause from now on.
    store::plans::end_hold(&mut *app.database().await?, actor.user, id.0, false, app.clock.now()).await?;
    signal(&app, actor, account, AccountSession::pause).await
}

/// Hosts the account again after a pause. `403 plan_limit` when the plan has no room for it.
#[endpoint(operation_id = "resume_account", tags("accounts"))]
pub(crate) async fn resume(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
) -> Result<Accepted<AccountOut>, ApiError> {
    run(&app, actor, id.0, AccountSession::resume).await
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
    app.temporal.signal_account(&account, &app.plan_code(actor.plan).await?, AccountSession::log_out).await?;
    Ok(Accepted(account.into()))
}

/// The tenant's account, which has signed in at least once.
async fn linked(app: &AppState, actor: Actor, id: AccountId) -> Result<Account, ApiError> {
    let account = find(app, actor, id).await?;
    if account.status.is_linked() { Ok(account) } else { Err(ApiError::WrongState(account.status)) }
}

/// Has the account hosted anew. One that is paused takes up room of the plan again, if there is some.
async fn run<S>(app: &AppState, actor: Actor, id: AccountId, sent: S) -> Result<Accepted<AccountOut>, ApiError>
where
    S: SignalDefinition<Workflow = <AccountSession as HasWorkflowDefinition>::Run, Input = ()>,
{
    let account = linked(app, actor, id).await?;
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    store::plans::lock_user(&mut transaction, actor.user).await?;
    let status = store::accounts::find(&mut transaction, actor.user, id).await?.map(|account| account.status);
    let held = store::plans::hostable(&mut transaction, id).await?.is_some_and(|account| account.held);
    if held || status == Some(AccountStatus::Paused) {
        plans::pass(app, &mut transaction, actor.user, Action::ResumeAccount(account.platform)).await?;
        store::plans::end_hold(&mut transaction, actor.user, id, true, now).await?;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    let accepted = signal(app, actor, account, sent).await?;
    store::plans::account_told(&mut *app.database().await?, id, now).await?;
    Ok(accepted)
}

/// Signals the account's workflow.
async fn signal<S>(app: &AppState, actor: Actor, account: Account, signal: S) -> Result<Accepted<AccountOut>, ApiError>
where
    S: SignalDefinition<Workflow = <AccountSession as HasWorkflowDefinition>::Run, Input = ()>,
{
    stop_hosting(app, account.id).await?;
    app.temporal.signal_account(&account, &app.plan_code(actor.plan).await?, signal).await?;
    Ok(Accepted(account.into()))
}

/// Takes the account from its host, which sees it within seconds; Temporal's own word for it comes with the answer to a
/// heartbeat, and these are few. The workflow decides what comes after: without its signal the account is hosted anew.
async fn stop_hosting(app: &AppState, account: AccountId) -> Result<(), ApiError> {
    Ok(store::leases::revoke(&mut *app.database().await?, account).await?)
}
