//! A tenant, a worker that looks after subscriptions, and time that can be skipped.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use activities::{
    attachments::MediaSettings,
    bot::BotDesk,
    bulk::Bulk,
    context::Context,
    discord::{DiscordConfig, DiscordEndpoint},
    duty::Duty,
    gates::Gates,
    hosts::Hosts,
    metrics::Metrics,
    pace::{PaceConfig, Paces},
    payment::Payments,
    rhythm::Rhythms,
    subscription::Subscriptions,
    telegram::{TelegramConfig, TelegramEndpoint},
    wakeups::Wakeups,
};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use domain::{
    Clock as _, Currency, Email, FixedClock, Money, PaymentId, PlanId, SystemClock, UserId,
    billing::{Interval, Price, invoice::InvoiceSettings},
    ledger::{Account, EntryKind, Posting},
    pace::Mode,
    rules::RuleBook,
    subscription::{CancelWhen, EndReason, Schedule, Subscription},
};
use sandbox::scene::until;
use store::{
    PgPool,
    ledger::{self, NewEntry},
    plans::Made,
    subscriptions::{self, GoneBack, Paid, PaidOutcome, TakenBack},
};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, NamespacedClient as _, WorkflowStartOptions,
    grpc::TestService, tonic::IntoRequest as _,
};
use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType, operatorservice::v1::AddSearchAttributesRequest, testservice::v1::SleepRequest,
};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use workflows::{
    contract::{BILLING_QUEUE, SEARCH_ATTRIBUTES, subscription_workflow_id},
    payment::PaymentWorkflow,
    subscription::{SubscriptionInput, SubscriptionWorkflow},
};

use crate::{harness, histories, world::PATIENCE};

/// The server needs a moment to listen.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);

/// One tenant and time that can be skipped. A server of its own, because time is the same for all that is on one.
pub struct Years {
    pub pool: PgPool,
    pub client: Client,
    pub user: UserId,
    stop: Box<dyn Fn() + Send>,
    stopped: oneshot::Receiver<()>,
    /// Keeps the SDK's threads.
    _runtime: Runtime,
    _server: tokio::process::Child,
}

/// What the seeded plans cost.
pub fn price(plan: PlanId, interval: Interval) -> Price {
    let month = if plan == PlanId::ELITE { 3_000 } else { 1_000 };
    let months = if interval == Interval::Year { 10 } else { 1 };
    Price { plan, interval, amount: usd(month * months) }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

impl Years {
    pub async fn start() -> Self {
        let stack = harness::shared().await;
        let pool = harness::database(&stack).await;
        let (server, client) = server().await;
        let user = UserId::new(&SystemClock);
        let email = Email::parse(&email_of(user)).unwrap();
        let mut database = pool.acquire().await.unwrap();
        store::users::insert(&mut database, user, &email, "hash", SystemClock.now()).await.unwrap();
        drop(database);
        let runtime = Runtime::from_current_tokio(Default::default()).expect("the SDK has a runtime");
        let context = Arc::new(context(pool.clone()));
        let options = WorkerOptions::new(BILLING_QUEUE)
            .register_workflow::<SubscriptionWorkflow>()
            .unwrap()
            .register_workflow::<PaymentWorkflow>()
            .unwrap()
            .register_activities(Subscriptions(Arc::clone(&context)))
            .register_activities(Payments(context))
            .build();
        let mut worker = Worker::new(&runtime, client.clone(), options).expect("a worker can be made");
        let stop = Box::new(worker.shutdown_handle());
        let (ended, stopped) = oneshot::channel();
        let handle = tokio::runtime::Handle::current();
        // A worker's future stays on its thread.
        std::thread::spawn(move || {
            handle.block_on(worker.run()).expect("the worker ends in good order");
            drop(worker);
            ended.send(()).ok();
        });
        Self { pool, client, user, stop, stopped, _runtime: runtime, _server: server }
    }

    pub async fn stop(self) {
        (self.stop)();
        self.stopped.await.expect("the worker stops");
    }

    pub fn email(&self) -> String {
        email_of(self.user)
    }

    /// The server's time.
    pub async fn now(&self) -> DateTime<Utc> {
        let mut connection = self.client.connection().clone();
        let answer =
            TestService::get_current_time(&mut connection, ().into_request()).await.expect("the server has a time");
        let time = answer.into_inner().time.expect("the server tells it");
        DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap()).unwrap()
    }

    /// Lets time pass, and waits until what was due is done.
    pub async fn pass(&self, time: TimeDelta) {
        let duration = Some(time.to_std().unwrap().try_into().unwrap());
        let mut service = self.client.connection().test_service();
        service.unlock_time_skipping_with_sleep(SleepRequest { duration }.into_request()).await.expect("time passes");
        until("everything that is due is done", PATIENCE, async || {
            let now = self.now().await;
            let late = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM subscriptions WHERE due_at <= $1)");
            let late = late.bind(now).fetch_one(&self.pool).await?;
            Ok((!late).then_some(()))
        })
        .await
        .unwrap();
    }

    pub async fn pass_to(&self, at: DateTime<Utc>) {
        let now = self.now().await;
        self.pass(at - now).await;
    }

    /// Lets time pass until the next such day, noon.
    pub async fn pass_until_day(&self, month: u32, day: u32) {
        let now = self.now().await;
        let noon = |year| {
            let date = chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap();
            date.and_hms_opt(12, 0, 0).unwrap().and_utc()
        };
        let at = [noon(now.year()), noon(now.year() + 1)].into_iter().find(|at| *at > now).unwrap();
        self.pass(at - now).await;
    }

    /// Starts the workflow before anybody wakes it, to continue as new after so many events.
    pub async fn start_workflow(&self, history_max: u32) {
        let input = SubscriptionInput { user: self.user, history_max };
        let options = WorkflowStartOptions::new(BILLING_QUEUE, subscription_workflow_id(self.user)).build();
        self.client.start_workflow(SubscriptionWorkflow::run, input, options).await.expect("the workflow starts");
    }

    async fn wake(&self) {
        assert!(activities::subscription::wake(&self.client, self.user).await, "the workflow is woken");
    }

    /// Pays what is to be paid, and wakes the workflow.
    pub async fn pay(&self, price: Price) -> PaidOutcome {
        let outcome = self.buy(price).await;
        self.wake().await;
        outcome
    }

    /// Pays what is to be paid.
    pub async fn buy(&self, price: Price) -> PaidOutcome {
        let now = self.now().await;
        let mut transaction = self.pool.begin().await.unwrap();
        let quote = subscriptions::quote(&mut transaction, self.user, price, now).await.unwrap().expect("it is sold");
        let paid = Paid {
            user: self.user,
            payment: PaymentId::new(&FixedClock::at(now)),
            purpose: quote.purpose,
            price: quote.price,
            due: quote.due,
            net: quote.due,
            agreement: None,
        };
        let outcome = subscriptions::paid(&mut transaction, &harness::sealer(), &paid, now).await.unwrap();
        transaction.commit().await.unwrap();
        outcome
    }

    /// Puts money on the tenant's balance.
    pub async fn deposit(&self, minor: i64) {
        let now = self.now().await;
        let postings = [Posting::new(Account::Adjustments, Account::User(self.user), usd(minor))];
        let key = format!("test/{}", now.timestamp_micros());
        let entry =
            NewEntry { key: &key, kind: EntryKind::Adjustment, reference: None, postings: &postings, note: "a test" };
        let mut transaction = self.pool.begin().await.unwrap();
        ledger::post(&mut transaction, &entry, now).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub async fn balance(&self) -> i64 {
        let mut database = self.pool.acquire().await.unwrap();
        let account = Account::User(self.user);
        ledger::balance(&mut database, &account, Currency::USD).await.unwrap().available().minor
    }

    pub async fn start_trial(&self, plan: PlanId) {
        let now = self.now().await;
        let mut transaction = self.pool.begin().await.unwrap();
        let plans = store::plans::catalogue(&mut transaction).await.unwrap();
        let plan = plans.iter().find(|one| one.id == plan).unwrap();
        subscriptions::start_trial(&mut transaction, self.user, plan, now).await.unwrap().expect("it may be tried out");
        transaction.commit().await.unwrap();
        self.wake().await;
    }

    pub async fn change(&self, wanted: Price) {
        let now = self.now().await;
        let mut transaction = self.pool.begin().await.unwrap();
        let done = subscriptions::change(&mut transaction, &harness::sealer(), self.user, wanted, now).await.unwrap();
        assert!(done.expect("it runs").changed);
        transaction.commit().await.unwrap();
        self.wake().await;
    }

    pub async fn cancel(&self, when: CancelWhen) {
        let now = self.now().await;
        let wish = (when, EndReason::Requested);
        let mut transaction = self.pool.begin().await.unwrap();
        let done = subscriptions::cancel(&mut transaction, &harness::sealer(), self.user, wish, now).await.unwrap();
        assert!(done.expect("it runs").changed);
        transaction.commit().await.unwrap();
        self.wake().await;
    }

    pub async fn resume(&self) {
        let now = self.now().await;
        let mut transaction = self.pool.begin().await.unwrap();
        let done = subscriptions::resume(&mut transaction, self.user, now).await.unwrap();
        assert!(done.expect("it runs").changed);
        transaction.commit().await.unwrap();
        self.wake().await;
    }

    pub async fn taken_back(&self, payment: PaymentId, how: GoneBack) -> Option<TakenBack> {
        let now = self.now().await;
        let mut transaction = self.pool.begin().await.unwrap();
        let sealer = harness::sealer();
        let gone = subscriptions::taken_back(&mut transaction, &sealer, self.user, payment, how, now).await.unwrap();
        transaction.commit().await.unwrap();
        if gone.is_some() {
            self.wake().await;
        }
        gone
    }

    /// Staff gives a plan.
    pub async fn give(&self, plan: PlanId, until: DateTime<Utc>) {
        let made = Made { reason: "a gift", until: Some(until) };
        let mut transaction = self.pool.begin().await.unwrap();
        store::plans::set(&mut transaction, self.user, plan, made, self.now().await).await.unwrap().unwrap();
        transaction.commit().await.unwrap();
    }

    /// What the sweep does.
    pub async fn expire_plans(&self) {
        let mut database = self.pool.acquire().await.unwrap();
        assert_eq!(store::plans::expire(&mut database, self.now().await, 100).await.unwrap(), 1);
    }

    pub async fn subscription(&self) -> Subscription {
        let mut database = self.pool.acquire().await.unwrap();
        subscriptions::find(&mut database, self.user).await.unwrap().expect("there is one")
    }

    /// The code of the plan that holds.
    pub async fn plan(&self) -> String {
        let mut database = self.pool.acquire().await.unwrap();
        store::plans::tenancy(&mut database, self.user).await.unwrap().unwrap().plan.code
    }

    /// What happened, the oldest first.
    pub async fn events(&self) -> Vec<(String, DateTime<Utc>)> {
        let mut database = self.pool.acquire().await.unwrap();
        let mut events = subscriptions::history(&mut database, self.user, None, 1_000).await.unwrap();
        events.reverse();
        events.into_iter().map(|event| (event.kind, event.at)).collect()
    }

    /// The time that each payment bought, and what it was worth, the oldest first.
    pub async fn segments(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>, i64)> {
        sqlx::query_as(
            "SELECT covers_from, covers_to, value FROM subscription_payments WHERE user_id = $1 ORDER BY covers_from",
        )
        .bind(self.user.as_uuid())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    pub async fn last_payment(&self) -> PaymentId {
        let query = "SELECT payment_id FROM subscription_payments WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1";
        let id = sqlx::query_scalar(query).bind(self.user.as_uuid()).fetch_one(&self.pool).await.unwrap();
        PaymentId::from_uuid(id)
    }

    /// The keys of what the tenant was told about the subscription.
    pub async fn letters(&self) -> Vec<String> {
        let query = "SELECT key FROM notifications WHERE user_id = $1 AND key LIKE 'subscription/%' ORDER BY id";
        sqlx::query_scalar(query).bind(self.user.as_uuid()).fetch_all(&self.pool).await.unwrap()
    }
}

fn email_of(user: UserId) -> String {
    format!("{user}@example.org")
}

/// Temporal's test server, and a client of it.
async fn server() -> (tokio::process::Child, Client) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/venv/bin/temporal-test-server");
    assert!(tool.is_file(), "{} is missing: run scripts/setup", tool.display());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = tokio::process::Command::new(tool)
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the test server starts");
    let client =
        until("the test server listens", SERVER_PATIENCE, async || Ok(connect(port).await.ok())).await.unwrap();
    let attributes = SEARCH_ATTRIBUTES.iter().map(|name| ((*name).to_owned(), IndexedValueType::Keyword.into()));
    let request = AddSearchAttributesRequest { search_attributes: attributes.collect(), namespace: client.namespace() };
    client.connection().operator_service().add_search_attributes(request.into_request()).await.unwrap();
    (server, client)
}

async fn connect(port: u16) -> anyhow::Result<Client> {
    let url = format!("http://127.0.0.1:{port}").parse::<temporalio_client::Url>()?;
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await?;
    let options = ClientOptions::new("default").data_converter(histories::codec().data_converter()).build();
    Ok(Client::new(connection, options)?)
}

/// A worker that hosts nothing.
fn context(pool: PgPool) -> Context {
    let (clock, metrics) = (Arc::new(SystemClock), Metrics::new(&prometheus::Registry::new()).unwrap());
    let pace = PaceConfig { mode: Mode::default(), egress: "test".into() };
    Context {
        paces: Arc::new(Paces::new(&pace, pool.clone(), clock.clone(), metrics.clone())),
        pool,
        clock,
        sealer: harness::sealer(),
        telegram: TelegramConfig::new(TelegramEndpoint::Production, 1, "hash".to_owned().into()),
        discord: DiscordConfig::new(DiscordEndpoint::Production),
        media: MediaSettings { bytes_max: 1, tenant_bytes_max: 1, links: None },
        public_url: None,
        payments: Arc::default(),
        payment_settings: Default::default(),
        mailer: None,
        worker: "years".into(),
        health_check_period: Duration::from_secs(300),
        reconcile_every: Duration::from_secs(86_400),
        invoices: InvoiceSettings::default(),
        subscription_schedule: Schedule::default(),
        hosts: Hosts::default(),
        bot: BotDesk::new(None),
        wakeups: Arc::new(Wakeups::default()),
        bulk: Bulk::default(),
        gates: Gates::default(),
        rules: RuleBook::default(),
        rhythms: Rhythms::default(),
        duty: Duty::default(),
        metrics,
        stopping: CancellationToken::new(),
    }
}
