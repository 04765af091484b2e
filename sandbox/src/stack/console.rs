//! Commands of the API's program, as an operator gives them on the stack's machine.

use std::process::Stdio;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt as _;

use super::{Stack, spawn::spawn};

/// What a command did.
#[derive(Clone, Debug)]
pub struct Said {
    /// It ended well.
    pub success: bool,
    /// What it wrote on its standard output.
    pub output: String,
}

impl Stack {
    /// Runs `causeway-api` with `args` in the environment of the stack's own, with `input` on its standard input, to its
    /// end. What it complains of is in the log `api-console`.
    ///
    /// # Errors
    /// When it cannot be started, or writes no text.
    pub async fn run_api(&self, args: &[&str], input: &str) -> anyhow::Result<Said> {
        let launch = self.plan.api(&self.urls().database)?;
        let launch = args.iter().fold(launch, |launch, arg| launch.arg(*arg));
        let mut command = launch.command(&self.log("api-console"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command, Signal::SIGKILL).await.context("cannot start the API's program")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        let done = child.wait_with_output().await?;
        Ok(Said { success: done.status.success(), output: String::from_utf8(done.stdout)? })
    }
}
