//! The private PostgreSQL cluster: server binaries of the system, data of our own, loopback only.

mod binaries;
mod owner;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{sys::signal::Signal, unistd::Pid};

pub use self::owner::remove;
use super::process::{Launch, run, write_private};

/// The superuser and owner of the database.
const USER: &str = "causeway";

/// The database of the product.
const DATABASE: &str = "causeway";

/// Room for the pools of worker and API, and for tests that open one per case.
const CONNECTIONS_MAX: u32 = 200;

/// Segments of the write-ahead log that a new cluster has from the beginning, 16 MiB each, as one that has run for a while
/// has them from its checkpoints: to make one in the middle of a flood holds up every commit for about a tenth of a second.
const WAL_SEGMENTS: usize = 8;

/// What checkpoints keep of them.
const WAL_KEPT: &str = "min_wal_size=256MB";

/// How long a postmaster of a killed stack may take to notice and leave.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(20);

/// The line of `postmaster.pid` that tells the server's state (PostgreSQL's `LOCK_FILE_LINE_PM_STATUS`).
const STATUS_LINE: usize = 7;

/// A cluster on disk, ready to be launched.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    owner: owner::Owner,
    port: u16,
    password: String,
}

impl Cluster {
    /// Finds the server binaries and makes the cluster under `home` unless it exists. Output of the tools goes to
    /// `log`.
    ///
    /// # Errors
    /// When there is no usable PostgreSQL, or the cluster cannot be made.
    pub async fn prepare(home: &Path, port: u16, password: &str, log: &Path) -> anyhow::Result<Self> {
        let bin = binaries::find()?;
        let owner = owner::Owner::find()?;
        let home = owner.private_dir(home)?;
        let cluster = Self { bin, data: home.join("data"), owner, port, password: password.to_owned() };
        // `PG_VERSION` is written early; our own mark is written when all of it was done.
        let complete = home.join("complete");
        if !complete.exists() {
            if cluster.data.exists() {
                fs::remove_dir_all(&cluster.data)?;
            }
            cluster.init(&home, log).await?;
            fs::write(&complete, "")?;
        }
        cluster.clear_leftover().await?;
        Ok(cluster)
    }

    /// How to start the server.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let mut launch = self.tool("postgres").option("-D", self.data.display().to_string());
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            // Loopback with a password is the only door: no socket file whose path could be too long.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={CONNECTIONS_MAX}"),
            // The real thing, so that a kill in the middle proves something and a measurement means something.
            "fsync=on".to_owned(),
            "synchronous_commit=on".to_owned(),
            "log_checkpoints=off".to_owned(),
            WAL_KEPT.to_owned(),
        ];
        for setting in settings {
            launch = launch.option("-c", setting);
        }
        launch
    }

    /// `postgres://…` for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{DATABASE}", self.password, self.port)
    }

    /// The directory of the server's programs; `psql` is usually there too.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// True when the server `pid` accepts connections: the postmaster says so in its lock file.
    #[must_use]
    pub fn is_ready(&self, pid: Pid) -> bool {
        let text = fs::read_to_string(self.lock_file()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first().is_some_and(|first| *first == pid.to_string()) && lines.get(STATUS_LINE) == Some(&"ready")
    }

    fn lock_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    fn tool(&self, name: &str) -> Launch {
        let mut launch = Launch::new(self.bin.join(name));
        launch.user = self.owner.switch_to();
        launch.dir = self.data.parent().map(Path::to_owned);
        launch
    }

    async fn init(&self, home: &Path, log: &Path) -> anyhow::Result<()> {
        let password_file = home.join("password");
        write_private(&password_file, self.password.as_bytes())?;
        self.owner.own(&password_file)?;
        let initdb = self
            .tool("initdb")
            .option("-D", self.data.display().to_string())
            .option("-U", USER)
            .arg("--auth=scram-sha-256")
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("--encoding=UTF8")
            .arg("--locale=C")
            // A half-made cluster is made again, so there is nothing to protect yet.
            .arg("--no-sync");
        let made = run(&initdb, "", log).await;
        fs::remove_file(&password_file)?;
        made?;
        // Single-user mode makes the database without a client program and without a server on the network.
        let single = self.tool("postgres").arg("--single").option("-D", self.data.display().to_string());
        let single = single.option("-c", "fsync=off").option("-c", WAL_KEPT).arg("postgres");
        // Nothing is synced here either. A segment that nothing was written to is not left. The checkpoint at the end makes those that were left
        // segments to come.
        let segments = "SELECT txid_current();\nSELECT pg_switch_wal();\n".repeat(WAL_SEGMENTS);
        run(&single, &format!("CREATE DATABASE {DATABASE} OWNER {USER};\n{segments}"), log).await
    }

    /// A postmaster that outlived its stack for a moment (it got its signal when the stack was killed), or the lock
    /// file of one that the machine took down.
    async fn clear_leftover(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.lock_file()).unwrap_or_default();
            let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else { return Ok(()) };
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if !String::from_utf8_lossy(&command).contains(&*self.data.to_string_lossy()) {
                // Nobody, or a stranger to whom the number was given since.
                return fs::remove_file(self.lock_file()).context("cannot remove a stale postmaster.pid");
            }
            anyhow::ensure!(
                started.elapsed() < LEFTOVER_PATIENCE,
                "PostgreSQL process {pid} still serves {}: stop it first",
                self.data.display()
            );
            let _gone = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGQUIT);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
