//! The way to Temporal: connects late and again, and bounds every wait.

use std::time::Duration;

use domain::{AccountId, AnnouncementId, BulkActId, PairId, PaymentId, UserId};
use store::{accounts::Account, reconcile::Begun};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, RetryOptions, WorkflowExecuteUpdateOptions,
    WorkflowGetResultOptions, WorkflowIdConflictPolicy, WorkflowQueryOptions, WorkflowSignalOptions,
    WorkflowStartOptions, grpc::WorkflowService, tonic::IntoRequest as _,
};
use temporalio_common::{
    HasWorkflowDefinition as HasRun, SignalDefinition,
    data_converters::DataConverter,
    protos::temporal::api::{enums::v1::TaskQueueType, taskqueue::v1::TaskQueue, workflowservice::v1 as service},
    search_attributes::SearchAttributes,
};
use tokio::sync::OnceCell;
use workflows::{
    account::{AccountInput, AccountSession, AccountView, ChatReply, LoginReply, LoginStep},
    announcement::{AnnouncementInput, AnnouncementWorkflow},
    bulk_act::{BulkActInput, BulkActWorkflow, BulkProgress},
    chats::{AskChatsInput, AskChatsWorkflow},
    contract::{
        BILLING_QUEUE, CONTROL_QUEUE, HOSTS_QUEUE, PLAN, PLATFORM, STATE, USER_ID, account_workflow_id,
        announcement_workflow_id, ask_chats_workflow_id, bulk_act_workflow_id, delete_user_workflow_id,
        pair_workflow_id, payment_workflow_id, reconcile_workflow_id, subscription_workflow_id,
    },
    erasure::{DeleteUserInput, DeleteUserWorkflow},
    forwarding::{PairForwarding, PairInput, PairView, Totals},
    payment::{PaymentInput, PaymentWorkflow},
    reconcile::{ReconcileInput, ReconcileWorkflow},
    subscription::{SubscriptionInput, SubscriptionWorkflow},
};

mod failure;

pub(crate) use failure::TemporalError;

/// One call that Temporal answers by itself.
const CALL_MAX: Duration = Duration::from_secs(5);
/// One question to a workflow, which needs a worker; what it tells is a courtesy.
const QUERY_MAX: Duration = Duration::from_secs(2);
/// One question to a platform through a workflow: above the activity's own time limit.
const PLATFORM_MAX: Duration = Duration::from_secs(50);
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Between tries to connect in the background.
const RECONNECT_EVERY: Duration = Duration::from_secs(2);

/// Temporal, whether it is there or not.
pub(crate) struct Temporal {
    address: url::Url,
    namespace: String,
    converter: DataConverter,
    /// Empty until the first connection; from then on the channel reconnects by itself.
    client: OnceCell<Client>,
}

impl Temporal {
    pub(crate) fn new(address: url::Url, namespace: String, converter: DataConverter) -> Self {
        Self { address, namespace, converter, client: OnceCell::new() }
    }

    /// Tries until it is connected.
    pub(crate) async fn connect_in_background(&self) {
        while self.client().await.is_err() {
            tokio::time::sleep(RECONNECT_EVERY).await;
        }
    }

    async fn client(&self) -> Result<Client, TemporalError> {
        let client = tokio::time::timeout(CONNECT_MAX, self.client.get_or_try_init(|| self.connect())).await;
        match client {
            Ok(Ok(client)) => Ok(client.clone()),
            Ok(Err(error)) => {
                tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "Temporal cannot be reached.");
                Err(TemporalError::Away)
            }
            Err(_) => Err(TemporalError::Away),
        }
    }

    async fn connect(&self) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
        let retries = RetryOptions::builder().max_retries(2).max_elapsed_time(Some(CALL_MAX)).build();
        let options = ConnectionOptions::new(self.address.clone())
            .identity("causeway-api")
            .connect_timeout(CONNECT_MAX)
            .retry_options(retries)
            .build();
        let connection = Connection::connect(options).await?;
        let options = ClientOptions::new(&self.namespace).data_converter(self.converter.clone()).build();
        Ok(Client::new(connection, options)?)
    }

    /// Makes sure that the account's workflow runs. `plan`: the code of its user's.
    pub(crate) async fn start_account(&self, account: &Account, plan: &str) -> Result<(), TemporalError> {
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, account_workflow_id(account.id))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(account_attributes(account, plan))
            .build();
        let client = self.client().await?;
        bounded(CALL_MAX, client.start_workflow(AccountSession::run, account_input(account), options)).await?;
        Ok(())
    }

    /// One step of a login, with its answer.
    pub(crate) async fn log_in(
        &self,
        account: &Account,
        plan: &str,
        step: LoginStep,
    ) -> Result<LoginReply, TemporalError> {
        self.start_account(account, plan).await?;
        let handle = self.client().await?.get_workflow_handle::<AccountSession>(account_workflow_id(account.id));
        let options = WorkflowExecuteUpdateOptions::builder().build();
        waited(PLATFORM_MAX, handle.execute_update(AccountSession::log_in, step, options)).await
    }

    /// What the platform says of a chat, or of all.
    pub(crate) async fn ask_chats(&self, input: AskChatsInput) -> Result<ChatReply, TemporalError> {
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, ask_chats_workflow_id(input.account, input.chat))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .execution_timeout(PLATFORM_MAX)
            .build();
        let client = self.client().await?;
        let asked = bounded(CALL_MAX, client.start_workflow(AskChatsWorkflow::run, input, options)).await?;
        waited(PLATFORM_MAX, asked.get_result(WorkflowGetResultOptions::default())).await
    }

    /// Signals the account's workflow, which is started if need be.
    pub(crate) async fn signal_account<S>(&self, account: &Account, plan: &str, signal: S) -> Result<(), TemporalError>
    where
        S: SignalDefinition<Workflow = <AccountSession as HasRun>::Run, Input = ()>,
    {
        self.start_account(account, plan).await?;
        let handle = self.client().await?.get_workflow_handle::<AccountSession>(account_workflow_id(account.id));
        bounded(CALL_MAX, handle.signal(signal, (), WorkflowSignalOptions::default())).await
    }

    /// Signals the account's workflow, if it runs.
    pub(crate) async fn signal_running_account<S>(&self, account: AccountId, signal: S) -> Result<(), TemporalError>
    where
        S: SignalDefinition<Workflow = <AccountSession as HasRun>::Run, Input = ()>,
    {
        let handle = self.client().await?.get_workflow_handle::<AccountSession>(account_workflow_id(account));
        bounded(CALL_MAX, handle.signal(signal, (), WorkflowSignalOptions::default())).await
    }

    /// What the account's workflow is doing.
    pub(crate) async fn account_view(&self, account: AccountId) -> Result<AccountView, TemporalError> {
        let handle = self.client().await?.get_workflow_handle::<AccountSession>(account_workflow_id(account));
        waited(QUERY_MAX, handle.query(AccountSession::view, (), WorkflowQueryOptions::default())).await
    }

    /// Makes sure that the pair's workflow runs. `plan`: the code of its user's.
    pub(crate) async fn start_pair(&self, user: UserId, plan: &str, pair: PairId) -> Result<(), TemporalError> {
        let input = PairInput { pair, user, woken: false, totals: Totals::default(), history_max: 0 };
        let attributes =
            [USER_ID.value_set(user.to_string()), PLAN.value_set(plan.to_owned()), STATE.value_set("idle".to_owned())];
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, pair_workflow_id(pair))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new(attributes))
            .build();
        let client = self.client().await?;
        bounded(CALL_MAX, client.start_workflow(PairForwarding::run, input, options)).await?;
        Ok(())
    }

    /// Signals the pair's workflow.
    pub(crate) async fn signal_pair<S>(&self, pair: PairId, signal: S) -> Result<(), TemporalError>
    where
        S: SignalDefinition<Workflow = <PairForwarding as HasRun>::Run, Input = ()>,
    {
        let handle = self.client().await?.get_workflow_handle::<PairForwarding>(pair_workflow_id(pair));
        bounded(CALL_MAX, handle.signal(signal, (), WorkflowSignalOptions::default())).await
    }

    /// Makes sure that the workflow of a reconciliation runs.
    pub(crate) async fn start_reconciliation(&self, begun: Begun) -> Result<(), TemporalError> {
        let input = ReconcileInput { reconciliation: begun.id, pair: begun.pair, account: begun.account };
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, reconcile_workflow_id(begun.id))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .build();
        let client = self.client().await?;
        bounded(CALL_MAX, client.start_workflow(ReconcileWorkflow::run, input, options)).await?;
        Ok(())
    }

    /// Makes sure that the workflow which deletes a user runs. It marks the user by itself, where the caller has not done
    /// so; `by` is who wants it, `None` for the operator.
    pub(crate) async fn start_delete_user(
        &self,
        user: UserId,
        by: Option<UserId>,
        reason: Option<&str>,
    ) -> Result<(), TemporalError> {
        let input = DeleteUserInput { user, by, reason: reason.map(str::to_owned), stopped: false, history_max: 0 };
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, delete_user_workflow_id(user))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new([USER_ID.value_set(user.to_string())]))
            .build();
        let client = self.client().await?;
        bounded(CALL_MAX, client.start_workflow(DeleteUserWorkflow::run, input, options)).await?;
        Ok(())
    }

    /// Signals an announcement's workflow, which is started if need be.
    pub(crate) async fn signal_announcement<S>(&self, id: AnnouncementId, signal: S) -> Result<(), TemporalError>
    where
        S: SignalDefinition<Workflow = <AnnouncementWorkflow as HasRun>::Run, Input = ()>,
    {
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, announcement_workflow_id(id)).build();
        let (client, input) = (self.client().await?, AnnouncementInput { announcement: id, history_max: 0 });
        let told = client.signal_with_start_workflow(AnnouncementWorkflow::run, input, signal, (), options);
        bounded(CALL_MAX, told).await?;
        Ok(())
    }

    /// Wakes the workflow of a tenant's subscription, which is started if need be.
    pub(crate) async fn wake_subscription(&self, user: UserId) -> Result<(), TemporalError> {
        let options = WorkflowStartOptions::new(BILLING_QUEUE, subscription_workflow_id(user))
            .search_attributes(SearchAttributes::new([USER_ID.value_set(user.to_string())]))
            .build();
        let (client, input) = (self.client().await?, SubscriptionInput { user, history_max: 0 });
        let (run, wake) = (SubscriptionWorkflow::run, SubscriptionWorkflow::wake);
        bounded(CALL_MAX, client.signal_with_start_workflow(run, input, wake, (), options)).await?;
        Ok(())
    }

    /// Wakes a payment's workflow, which is started if need be.
    pub(crate) async fn wake_payment(&self, payment: PaymentId) -> Result<(), TemporalError> {
        let options = WorkflowStartOptions::new(BILLING_QUEUE, payment_workflow_id(payment)).build();
        let (client, input) = (self.client().await?, PaymentInput { payment, history_max: 0 });
        let (run, wake) = (PaymentWorkflow::run, PaymentWorkflow::wake);
        bounded(CALL_MAX, client.signal_with_start_workflow(run, input, wake, (), options)).await?;
        Ok(())
    }

    /// Makes sure that the workflow of an act on many things runs.
    pub(crate) async fn start_bulk_act(&self, act: BulkActId) -> Result<(), TemporalError> {
        let input = BulkActInput { act, progress: BulkProgress::default(), history_max: 0 };
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, bulk_act_workflow_id(act))
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .build();
        let client = self.client().await?;
        bounded(CALL_MAX, client.start_workflow(BulkActWorkflow::run, input, options)).await?;
        Ok(())
    }

    /// What the pair's workflow is doing.
    pub(crate) async fn pair_view(&self, pair: PairId) -> Result<PairView, TemporalError> {
        let handle = self.client().await?.get_workflow_handle::<PairForwarding>(pair_workflow_id(pair));
        waited(QUERY_MAX, handle.query(PairForwarding::view, (), WorkflowQueryOptions::default())).await
    }

    /// How many workers ask for accounts to host. Proves that Temporal answers, too.
    pub(crate) async fn hosts(&self) -> Result<usize, TemporalError> {
        let request = service::DescribeTaskQueueRequest {
            namespace: self.namespace.clone(),
            task_queue: Some(TaskQueue { name: HOSTS_QUEUE.to_owned(), ..TaskQueue::default() }),
            task_queue_type: TaskQueueType::Activity.into(),
            ..service::DescribeTaskQueueRequest::default()
        };
        let mut client = self.client().await?;
        let call = WorkflowService::describe_task_queue(&mut client, request.into_request());
        Ok(bounded(QUERY_MAX, call).await?.into_inner().pollers.len())
    }
}

fn account_input(account: &Account) -> AccountInput {
    AccountInput {
        account: account.id,
        user: account.user_id,
        platform: account.platform,
        status: account.status,
        history_max: 0,
    }
}

fn account_attributes(account: &Account, plan: &str) -> SearchAttributes {
    SearchAttributes::new([
        USER_ID.value_set(account.user_id.to_string()),
        PLAN.value_set(plan.to_owned()),
        PLATFORM.value_set(account.platform.as_str().to_owned()),
        STATE.value_set("new".to_owned()),
    ])
}

/// A call that Temporal answers by itself: silence means that it is away.
async fn bounded<T, E: Into<TemporalError>>(
    max: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, TemporalError> {
    tokio::time::timeout(max, call).await.map_err(|_| TemporalError::Away)?.map_err(Into::into)
}

/// A call that a worker answers: silence means that there is none.
async fn waited<T, E: Into<TemporalError>>(
    max: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, TemporalError> {
    tokio::time::timeout(max, call).await.map_err(|_| TemporalError::NoWorker)?.map_err(Into::into)
}
