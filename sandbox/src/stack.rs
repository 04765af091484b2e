//! The whole of Causeway on one machine: PostgreSQL, Temporal, the sandbox servers, worker and API, each a process of
//! its own on free loopback ports. Demonstration, end-to-end tests and measurements start the same stack.
//!
//! Nothing survives it: each process gets a signal from the kernel when the stack's own process dies.

mod console;
mod family;
mod options;
mod part;
mod plan;
mod ports;
mod postgres;
mod process;
mod progress;
mod replica;
mod secrets;
mod spawn;
mod state;
mod urls;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::future::{join_all, try_join_all};
use tokio::sync::{OnceCell, watch};

pub use self::{
    console::Said,
    options::StackOptions,
    part::Part,
    plan::{NOWPAYMENTS_IPN_SECRET, PAYPAL_WEBHOOK_ID},
    process::Death,
    progress::{Progress, span},
    replica::Replica,
    spawn::{die_with_parent, stop_with_parent},
    state::remove_state,
    urls::Urls,
};
use self::{
    plan::{PORT_NAMES, Plan},
    ports::Ports,
    postgres::Cluster,
    process::{Launch, Process, run},
    secrets::{Secrets, TELEGRAM_BOT_ID},
};
use crate::client::TelegramControl;

/// The username of the bot that the worker gets a token of.
pub const TELEGRAM_BOT: &str = "causeway_bot";

/// How long a part may take to become ready. The slowest is the first start of Temporal on a busy machine.
const READY_PATIENCE: Duration = Duration::from_secs(120);

/// How often readiness is asked for.
const READY_PERIOD: Duration = Duration::from_millis(50);

/// How long a part may take to leave in order before it is ended at once.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The stand-ins for the outside world.
const SANDBOXES: &[Part] = &[Part::Telegram, Part::Discord, Part::Smtp, Part::Paypal, Part::Nowpayments];

/// The order of stopping: first what makes work, last what keeps it. Those of one row leave together.
const STOP_ORDER: [&[Part]; 4] = [&[Part::Api, Part::Worker], SANDBOXES, &[Part::Temporal], &[Part::Postgres]];

/// A running stack. Dropping it ends everything at once; [`Stack::stop`] ends it in order.
#[derive(Debug)]
pub struct Stack {
    plan: Plan,
    cluster: OnceCell<Cluster>,
    parts: Mutex<BTreeMap<Part, Arc<Process>>>,
    deaths: watch::Sender<Option<Death>>,
    http: reqwest::Client,
    /// One running stack per state directory.
    _lock: File,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// When something needed is missing, the state directory is in use, or a part dies or does not become ready: the
    /// message names it and shows the end of its log. What was started is ended.
    pub async fn start(options: StackOptions) -> anyhow::Result<Self> {
        let stack = Self::prepare(options)?;
        let (products, servers): (Vec<Part>, Vec<Part>) =
            stack.plan.options.parts.iter().partition(|part| matches!(part, Part::Worker | Part::Api));
        try_join_all(servers.into_iter().map(|part| stack.start_part(part))).await?;
        if !products.is_empty() {
            stack.migrate().await?;
        }
        try_join_all(products.into_iter().map(|part| stack.start_part(part))).await?;
        Ok(stack)
    }

    /// Ends everything in order.
    pub async fn stop(self) {
        for row in STOP_ORDER {
            join_all(row.iter().map(|part| self.stop_part(*part))).await;
        }
    }

    /// The addresses of the parts.
    #[must_use]
    pub fn urls(&self) -> Urls {
        self.plan.urls(self.cluster.get().map(Cluster::url).unwrap_or_default())
    }

    /// What the stack was started with.
    #[must_use]
    pub const fn options(&self) -> &StackOptions {
        &self.plan.options
    }

    /// The token that opens the codec endpoint.
    #[must_use]
    pub fn operator_token(&self) -> &str {
        &self.plan.secrets.operator_token
    }

    /// The id of the Telegram bot that the worker has a token of; its name is [`TELEGRAM_BOT`].
    #[must_use]
    pub const fn telegram_bot(&self) -> i64 {
        TELEGRAM_BOT_ID
    }

    /// The directory of PostgreSQL's programs.
    #[must_use]
    pub fn postgres_bin(&self) -> Option<&Path> {
        self.cluster.get().map(Cluster::bin)
    }

    /// The process id of a running part.
    #[must_use]
    pub fn pid(&self, part: Part) -> Option<i32> {
        self.process(part).filter(|process| process.is_running()).map(|process| process.pid().as_raw())
    }

    /// Waits until a part ends that nobody asked to end. Cancel-safe.
    pub async fn died(&self) -> Death {
        let mut deaths = self.deaths.subscribe();
        loop {
            if let Some(death) = deaths.borrow_and_update().clone() {
                return death;
            }
            // The sender lives in `self`, so this only returns for news.
            drop(deaths.changed().await);
        }
    }

    /// Kills a part and its children (`kill -9`), and waits until they are gone. It stays down until
    /// [`Self::start_part`].
    pub async fn kill_part(&self, part: Part) {
        if let Some(process) = self.process(part) {
            process.kill(STOP_PATIENCE).await;
        }
    }

    /// Ends a part in order and waits until it is gone.
    pub async fn stop_part(&self, part: Part) {
        if let Some(process) = self.process(part) {
            process.end(part.graceful(), STOP_PATIENCE).await;
        }
    }

    /// Starts a part that is down, at the same address as before, and waits until it is ready.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_part(&self, part: Part) -> anyhow::Result<()> {
        let started = Instant::now();
        let progress = self.plan.options.progress;
        progress.waiting(&format!("starting the {part}"));
        self.spawn_part(part).await?;
        self.ready(part).await?;
        if part == Part::Telegram {
            self.fetch_telegram_key().await?;
            self.make_telegram_bot().await?;
        }
        progress.done(started, &format!("{:<17} {}", part.title(), self.plan.address(part)));
        Ok(())
    }

    /// Kills the worker and starts it again.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn restart_worker(&self) -> anyhow::Result<()> {
        self.kill_part(Part::Worker).await;
        self.start_part(Part::Worker).await
    }

    fn prepare(options: StackOptions) -> anyhow::Result<Self> {
        let dir = &options.state_dir;
        let lock = state::take(&options)?;
        let ports = Ports::reserve(&PORT_NAMES, &dir.join("ports.json"))?;
        let secrets = Secrets::load_or_make(&dir.join("secrets.json"))?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let (deaths, _) = watch::channel(None);
        Ok(Self {
            plan: Plan { options, ports, secrets },
            cluster: OnceCell::new(),
            parts: Mutex::default(),
            deaths,
            http,
            _lock: lock,
        })
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let launch = self.plan.worker(&self.urls().database)?.arg("migrate");
        run(&launch, "", &self.log("migrate")).await.context("the migrations failed")?;
        self.plan.options.progress.done(started, "migrations applied");
        Ok(())
    }

    async fn spawn_part(&self, part: Part) -> anyhow::Result<()> {
        anyhow::ensure!(self.pid(part).is_none(), "the {part} is running already");
        let launch = self.launch(part).await?;
        let process = Process::start(part, &launch, self.log(part.slug()), self.deaths.clone()).await?;
        self.lock_parts().insert(part, Arc::new(process));
        Ok(())
    }

    async fn launch(&self, part: Part) -> anyhow::Result<Launch> {
        match part {
            Part::Postgres => Ok(self.cluster().await?.launch()),
            Part::Temporal => self.plan.temporal(),
            Part::Telegram => self.plan.telegram(),
            Part::Discord => self.plan.discord(),
            Part::Smtp => self.plan.smtp(),
            Part::Paypal => self.plan.paypal(),
            Part::Nowpayments => self.plan.nowpayments(),
            Part::Worker => self.plan.worker(&self.cluster().await?.url()),
            Part::Api => self.plan.api(&self.cluster().await?.url()),
        }
    }

    async fn cluster(&self) -> anyhow::Result<&Cluster> {
        let home = self.plan.options.state_dir.join("postgres");
        let (port, password) = (self.plan.ports.get("postgres"), &self.plan.secrets.postgres_password);
        let log = self.log(Part::Postgres.slug());
        self.cluster.get_or_try_init(|| async { Cluster::prepare(&home, port, password, &log).await }).await
    }

    /// Waits until `part` says that it is ready, or has died.
    async fn ready(&self, part: Part) -> anyhow::Result<()> {
        let started = Instant::now();
        let process = self.process(part).with_context(|| format!("the {part} was not started"))?;
        while !self.is_ready(part, &process).await {
            if let Some(death) = process.death() {
                return Err(death.into());
            }
            let log = self.log(part.slug());
            anyhow::ensure!(
                started.elapsed() < READY_PATIENCE,
                "the {part} was not ready after {}; its log is {}",
                span(READY_PATIENCE),
                log.display()
            );
            tokio::time::sleep(READY_PERIOD).await;
        }
        Ok(())
    }

    async fn is_ready(&self, part: Part, process: &Process) -> bool {
        match self.plan.probe(part) {
            None => self.cluster.get().is_some_and(|cluster| cluster.is_ready(process.pid())),
            Some(url) => self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()),
        }
    }

    async fn fetch_telegram_key(&self) -> anyhow::Result<()> {
        let url = format!("{}/rsa.pem", self.plan.ports.url("telegram-control"));
        let key = self.http.get(url).send().await?.error_for_status()?.bytes().await?;
        fs::write(self.plan.telegram_key(), key).context("cannot keep the Telegram sandbox's key")
    }

    async fn make_telegram_bot(&self) -> anyhow::Result<()> {
        let token = &self.plan.secrets.telegram_bot_token;
        if !token.is_empty() {
            let control = TelegramControl::new(&self.plan.ports.url("telegram-control"))?;
            control.create_bot(TELEGRAM_BOT, "Causeway", Some(token)).await.context("the bot could not be made")?;
        }
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        state::log_file(&self.plan.options.log_dir, name)
    }

    fn process(&self, part: Part) -> Option<Arc<Process>> {
        self.lock_parts().get(&part).cloned()
    }

    fn lock_parts(&self) -> MutexGuard<'_, BTreeMap<Part, Arc<Process>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
