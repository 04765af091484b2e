//! One running part: its log file, its death, and the ways to end it.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Gid, Pid, Uid},
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    sync::watch,
};

use super::{family, part::Part, spawn::spawn};

/// How much of a log is shown when its part has died, in lines.
const LOG_TAIL_LINES: usize = 20;

/// How much of a log's end is read for that, in bytes.
const LOG_TAIL_BYTES: usize = 16 * 1024;

/// The variables of our own environment that a part gets too. Nothing else, so that a stray `DATABASE_URL` or proxy
/// setting cannot change what is run.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "RUST_LOG", "RUST_BACKTRACE"];

/// What to run.
#[derive(Debug, Default)]
pub struct Launch {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, besides a few inherited variables.
    pub env: Vec<(String, String)>,
    /// Where it runs; here by default.
    pub dir: Option<PathBuf>,
    /// Who it runs as; ourselves by default.
    pub user: Option<(Uid, Gid)>,
}

impl Launch {
    /// A launch of `program` without arguments.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Appends one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Appends an option and its value.
    #[must_use]
    pub fn option(self, name: &str, value: impl Into<String>) -> Self {
        self.arg(name).arg(value)
    }

    /// Sets one variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The command, with its output appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn command(&self, log: &Path) -> anyhow::Result<Command> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write the log {}", log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        Ok(command)
    }
}

/// A part that ended although nobody asked it to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} died ({status}); the end of {}:\n{tail}", log.display())]
pub struct Death {
    /// The part.
    pub part: Part,
    /// Its exit code or signal, in words.
    pub status: String,
    /// Its log.
    pub log: PathBuf,
    /// The log's last lines.
    pub tail: String,
}

/// A running (or ended) process of the stack. Dropping it ends the process at once.
#[derive(Debug)]
pub struct Process {
    part: Part,
    pid: Pid,
    log: PathBuf,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// Set before we end it, so that its end is not taken for a death.
    expected: Arc<AtomicBool>,
}

impl Process {
    /// Starts `launch` as `part`. An end that nobody asked for is published to `deaths`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub async fn start(
        part: Part,
        launch: &Launch,
        log: PathBuf,
        deaths: watch::Sender<Option<Death>>,
    ) -> anyhow::Result<Self> {
        let child = spawn(launch.command(&log)?, part.immediate())
            .await
            .with_context(|| format!("cannot start the {part}: {}", launch.program.display()))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).context("the child has no process id")?;
        let (report, exit) = watch::channel(None);
        let expected = Arc::new(AtomicBool::new(false));
        tokio::spawn(watch_child(child, report, deaths, (part, log.clone(), Arc::clone(&expected))));
        Ok(Self { part, pid: Pid::from_raw(pid), log, exit, expected })
    }

    /// The process id; meaningless after the process has ended.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// True until the process has ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// How the process died, once it has.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        let status = (*self.exit.borrow())?;
        Some(death(self.part, status, &self.log))
    }

    /// Sends `signal` and waits until the process has ended, for at most `patience`; then ends it at once.
    pub async fn end(&self, signal: Signal, patience: Duration) {
        self.expected.store(true, Ordering::SeqCst);
        self.send(signal);
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            tracing::warn!(part = self.part.slug(), ?patience, "the process does not leave and is ended at once");
            self.send(self.part.immediate());
            if tokio::time::timeout(patience, self.ended()).await.is_err() {
                self.send(Signal::SIGKILL);
                self.ended().await;
            }
        }
    }

    /// Ends the process and its children by SIGKILL, and waits until they are gone.
    pub async fn kill(&self, patience: Duration) {
        self.expected.store(true, Ordering::SeqCst);
        if self.is_running() {
            let children = family::kill_family(self.pid);
            self.ended().await;
            family::gone(&children, patience).await;
        }
    }

    async fn ended(&self) {
        // The sender lives in the watching task until the process has ended, so an error means the same.
        drop(self.exit.clone().wait_for(Option::is_some).await);
    }

    fn send(&self, signal: Signal) {
        if self.is_running() {
            // It may end between the check and the call, and then nothing is to be done.
            let _gone = kill(self.pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.expected.store(true, Ordering::SeqCst);
        self.send(self.part.immediate());
    }
}

async fn watch_child(
    mut child: Child,
    report: watch::Sender<Option<ExitStatus>>,
    deaths: watch::Sender<Option<Death>>,
    (part, log, expected): (Part, PathBuf, Arc<AtomicBool>),
) {
    let Ok(status) = child.wait().await else { return };
    report.send_replace(Some(status));
    if !expected.load(Ordering::SeqCst) {
        // The first death is the cause; those that follow from it would hide it.
        deaths.send_if_modified(|first| {
            let news = first.is_none();
            first.get_or_insert_with(|| death(part, status, &log));
            news
        });
    }
}

fn death(part: Part, status: ExitStatus, log: &Path) -> Death {
    Death { part, status: status.to_string(), log: log.to_owned(), tail: tail(log) }
}

/// Runs a program to its end with `input` on its standard input and its output in `log`.
///
/// # Errors
/// When it cannot be started or fails; the message shows the end of the log.
pub async fn run(launch: &Launch, input: &str, log: &Path) -> anyhow::Result<()> {
    let mut command = launch.command(log)?;
    command.stdin(Stdio::piped());
    let program = launch.program.display();
    let mut child = spawn(command, Signal::SIGKILL).await.with_context(|| format!("cannot start {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let status = child.wait().await?;
    anyhow::ensure!(status.success(), "{program} failed ({status}); the end of {}:\n{}", log.display(), tail(log));
    Ok(())
}

/// The last lines of a log, indented.
fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let end = bytes.get(bytes.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..).unwrap_or_default();
    if last.is_empty() { "    (empty)".to_owned() } else { format!("    {}", last.join("\n    ")) }
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    Ok(())
}
