//! Waiting for the database and Temporal, and telling Temporal what it has to know.

use std::time::Duration;

use anyhow::Context as _;
use store::PgPool;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, NamespacedClient as _, RpcOptions, WorkflowStartOptions,
    errors::WorkflowStartError,
    schedules::{
        CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec, ScheduleUpdate,
    },
    tonic::{Code, IntoRequest as _},
};
use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType, operatorservice::v1::AddSearchAttributesRequest,
};
use workflows::{
    bot::{BotInput, NotificationBot},
    contract::{
        BILLING_QUEUE, BOT_WORKFLOW_ID, CONTROL_QUEUE, HEALTH_SCHEDULE_ID, LEDGER_CHECK_SCHEDULE_ID,
        PAYMENTS_SCHEDULE_ID, RECONCILE_SCHEDULE_ID, SEARCH_ATTRIBUTES, SWEEP_SCHEDULE_ID,
    },
    health::{HealthInput, HealthWorkflow},
    ledger::{LedgerCheckInput, LedgerCheckWorkflow},
    payment::{ReconcilePaymentsInput, ReconcilePaymentsWorkflow},
    reconcile::{ReconcileAllInput, ReconcileAllWorkflow},
    sweep::{SweepInput, SweepWorkflow},
};

use crate::config::Config;

/// First wait for something that is not there yet; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// Longest wait between tries.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// What a crash has left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// What is wrong is seen within this time.
const HEALTH_EVERY: Duration = Duration::from_secs(60);

/// Temporal is there.
pub struct Connected {
    /// For the workflow worker and everything else.
    pub client: Client,
}

/// Brings the schema up to date, however long the database takes to come up.
pub async fn database(pool: &PgPool) {
    retried("the database is not ready", || async { store::migrate(pool).await.map_err(anyhow::Error::from) }).await;
}

/// Connects to Temporal, however long it takes to come up.
pub async fn temporal(config: &Config) -> Connected {
    let client = retried("Temporal is not ready", || async {
        let client = connect(config).await?;
        register_search_attributes(&client).await?;
        schedule_sweep(&client).await?;
        schedule_health(&client).await?;
        schedule_reconciliation(&client, config.reconcile_every).await?;
        schedule_ledger_check(&client, config.ledger_check_every).await?;
        schedule_payments(&client, config.payment_settings.reconcile_every).await?;
        Ok(client)
    })
    .await;
    Connected { client }
}

/// A client of its own connection: two workers of one queue may not share one.
pub async fn connect(config: &Config) -> anyhow::Result<Client> {
    let options = ConnectionOptions::new(config.temporal_address.clone()).identity(config.worker_name.clone()).build();
    let connection = Connection::connect(options).await?;
    let options = ClientOptions::new(config.temporal_namespace.clone())
        .data_converter(config.codec.clone().data_converter())
        .build();
    Client::new(connection, options).context("the Temporal client could not be made")
}

/// Makes sure that the bot's workflow runs, however long that takes. One that has ended, because Telegram had refused the
/// token, is begun anew: it may be another token now.
pub async fn bot(client: Client) {
    retried("the bot's workflow could not be started", || async {
        let options = WorkflowStartOptions::new(CONTROL_QUEUE, BOT_WORKFLOW_ID).build();
        match client.start_workflow(NotificationBot::run, BotInput::default(), options).await {
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
    .await;
}

async fn register_search_attributes(client: &Client) -> anyhow::Result<()> {
    let request = AddSearchAttributesRequest {
        search_attributes: SEARCH_ATTRIBUTES
            .iter()
            .map(|name| ((*name).to_owned(), IndexedValueType::Keyword.into()))
            .collect(),
        namespace: client.namespace(),
    };
    match client.connection().operator_service().add_search_attributes(request.into_request()).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        Err(status) => Err(status).context("the search attributes could not be registered"),
    }
}

async fn schedule_sweep(client: &Client) -> anyhow::Result<()> {
    let action = ScheduleAction::start_workflow(SweepWorkflow::run, SweepInput {}, CONTROL_QUEUE, SWEEP_SCHEDULE_ID);
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(SWEEP_EVERY))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("wakes and starts what a crash left behind")
        .build();
    match client.create_schedule(SWEEP_SCHEDULE_ID, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => Ok(()),
        Err(error) => Err(error).context("the sweep could not be scheduled"),
    }
}

async fn schedule_health(client: &Client) -> anyhow::Result<()> {
    let id = HEALTH_SCHEDULE_ID;
    let action = ScheduleAction::start_workflow(HealthWorkflow::run, HealthInput {}, CONTROL_QUEUE, id);
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(HEALTH_EVERY))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("tells tenants and the operator what is wrong")
        .build();
    match client.create_schedule(id, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => Ok(()),
        Err(error) => Err(error).context("the look at what is wrong could not be scheduled"),
    }
}

async fn schedule_reconciliation(client: &Client, every: Duration) -> anyhow::Result<()> {
    let id = RECONCILE_SCHEDULE_ID;
    let action = ScheduleAction::start_workflow(ReconcileAllWorkflow::run, ReconcileAllInput {}, CONTROL_QUEUE, id);
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(every))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("compares the sources with the ledger")
        .build();
    match client.create_schedule(id, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => {
            set_interval(client, id, every).await.context("the reconciliation's schedule could not be changed")
        }
        Err(error) => Err(error).context("the reconciliation could not be scheduled"),
    }
}

async fn schedule_ledger_check(client: &Client, every: Duration) -> anyhow::Result<()> {
    let id = LEDGER_CHECK_SCHEDULE_ID;
    let action = ScheduleAction::start_workflow(LedgerCheckWorkflow::run, LedgerCheckInput {}, CONTROL_QUEUE, id);
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(every))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("computes the ledger's balances anew")
        .build();
    match client.create_schedule(id, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => {
            set_interval(client, id, every).await.context("the schedule of the ledger's check could not be changed")
        }
        Err(error) => Err(error).context("the ledger's check could not be scheduled"),
    }
}

async fn schedule_payments(client: &Client, every: Duration) -> anyhow::Result<()> {
    let (id, input) = (PAYMENTS_SCHEDULE_ID, ReconcilePaymentsInput {});
    let action = ScheduleAction::start_workflow(ReconcilePaymentsWorkflow::run, input, BILLING_QUEUE, id);
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(every))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("asks payment providers for what their webhooks did not tell")
        .build();
    match client.create_schedule(id, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => {
            set_interval(client, id, every).await.context("the schedule of payments could not be changed")
        }
        Err(error) => Err(error).context("the look at payments could not be scheduled"),
    }
}

/// Gives a schedule that is there its interval: the setting may be another one than when it was made.
async fn set_interval(client: &Client, id: &str, every: Duration) -> Result<(), ScheduleError> {
    let updater = move |schedule: &mut ScheduleUpdate| {
        schedule.set_spec(ScheduleSpec::from_interval(every));
    };
    client.get_schedule_handle(id).update(updater, RpcOptions::default()).await
}

async fn retried<T, F, Fut>(problem: &str, mut attempt: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    let mut wait = RETRY_FIRST;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "Waiting: {problem}.");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }
}
