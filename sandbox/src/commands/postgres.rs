//! `causeway-sandbox postgres -- COMMAND`: runs a command beside an empty, private PostgreSQL.

use std::{fs, path::Path, process::Stdio};

use anyhow::Context as _;
use clap::Args;
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::{stop_on_signal, with_stack};
use crate::stack::{Part, Stack, StackOptions, die_with_parent, remove_state};

/// How the state directories are named; the process id follows.
const PREFIX: &str = "postgres-";

/// Arguments of `postgres`.
#[derive(Args, Debug)]
pub struct PostgresArgs {
    /// The command; it gets `DATABASE_URL`, and the directory of PostgreSQL's programs in `POSTGRES_BIN`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// Runs the command with a database of its own, which is removed afterwards, and returns its exit code.
///
/// # Errors
/// When the database or the command cannot be started.
pub async fn postgres(args: PostgresArgs) -> anyhow::Result<u8> {
    let stop = stop_on_signal()?;
    let mut options = StackOptions::fresh(&format!("{PREFIX}{}", std::process::id()))?;
    sweep(&options.local)?;
    options.parts = vec![Part::Postgres];
    let (state, logs) = (options.state_dir.clone(), options.log_dir.clone());
    let code = with_stack(Stack::start(options), &stop, async |stack| run(stack, &args.command).await).await;
    let removed = remove_state(&state);
    let code = code?.context("interrupted")?;
    removed?;
    fs::remove_dir_all(logs)?;
    Ok(code)
}

async fn run(stack: &Stack, command: &[String]) -> anyhow::Result<u8> {
    let (program, args) = command.split_first().context("no command")?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env("DATABASE_URL", stack.urls().database)
        .env("POSTGRES_BIN", stack.postgres_bin().context("PostgreSQL is not running")?)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // It stays in the terminal's process group, so that a Ctrl-C reaches it as it reaches us. This runs on the main
    // thread, which lives as long as the process, so the kernel's signal comes at the right time.
    die_with_parent(&mut command, Signal::SIGTERM);
    let status = command.status().await.with_context(|| format!("cannot run {program}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Removes what killed runs left behind.
fn sweep(local: &Path) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(local) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok()) else { continue };
        if !Path::new(&format!("/proc/{pid}")).exists() {
            remove_state(&entry.path())?;
        }
    }
    Ok(())
}
