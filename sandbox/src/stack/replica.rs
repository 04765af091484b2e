//! More APIs on the database and the Temporal of a running stack, each with settings of its own.

use std::time::Instant;

use anyhow::Context as _;
use tokio::sync::watch;

use super::{READY_PATIENCE, READY_PERIOD, STOP_PATIENCE, Stack, part::Part, ports::Ports, process::Process, span};

/// A running API beside the stack's own. Dropping it ends it at once.
#[derive(Debug)]
pub struct Replica {
    process: Process,
    url: String,
    /// Its port stays ours for as long as it lives.
    _ports: Ports,
}

impl Replica {
    /// Its base address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid().as_raw()
    }

    /// Kills it (`kill -9`), and waits until it is gone.
    pub async fn kill(self) {
        self.process.kill(STOP_PATIENCE).await;
    }

    /// Ends it in order, and waits until it is gone.
    pub async fn stop(self) {
        self.process.end(Part::Api.graceful(), STOP_PATIENCE).await;
    }
}

impl Stack {
    /// Starts one more API, with `env` over the settings of the stack's own, and waits until it is ready. `name` names
    /// its log.
    ///
    /// # Errors
    /// As for [`Stack::start`].
    pub async fn start_replica(&self, name: &str, env: &[(&str, &str)]) -> anyhow::Result<Replica> {
        let started = Instant::now();
        let ports = Ports::reserve(&["api"], &self.plan.options.state_dir.join(format!("ports-{name}.json")))?;
        let launch = self.plan.api(&self.urls().database)?.env("API_LISTEN", ports.address("api"));
        let launch = env.iter().fold(launch, |launch, (name, value)| launch.env(name, *value));
        // Its death is its own: the stack goes on.
        let (deaths, _) = watch::channel(None);
        let log = self.log(&format!("api-{name}"));
        let process = Process::start(Part::Api, &launch, log.clone(), deaths).await?;
        let url = ports.url("api");
        let ready = format!("{url}/health/ready");
        while !self.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if let Some(death) = process.death() {
                return Err(death).context("the replica died");
            }
            anyhow::ensure!(
                started.elapsed() < READY_PATIENCE,
                "the replica was not ready after {}; its log is {}",
                span(READY_PATIENCE),
                log.display()
            );
            tokio::time::sleep(READY_PERIOD).await;
        }
        Ok(Replica { process, url, _ports: ports })
    }
}
