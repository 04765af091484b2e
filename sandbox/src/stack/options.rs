//! What a stack is made from: where it lives and what it runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{part::Part, progress::Progress};

/// A file that marks the root of a checkout.
const ROOT_MARK: &str = "scripts/setup";

/// How to build a [`super::Stack`].
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The directory `.local` of the checkout, where `scripts/setup` put the Temporal server.
    pub local: PathBuf,
    /// Where data, keys and remembered ports are kept. One running stack per directory.
    pub state_dir: PathBuf,
    /// Where each process has its log.
    pub log_dir: PathBuf,
    /// Where `causeway-sandbox`, `causeway-worker` and `causeway-api` are.
    pub bin_dir: PathBuf,
    /// Start from nothing: what an earlier run left in the state directory is removed.
    pub fresh: bool,
    /// What to start; all of it by default. Worker and API need the others, which need nothing.
    pub parts: Vec<Part>,
    /// More variables for the worker, over the stack's own.
    pub worker_env: Vec<(String, String)>,
    /// More variables for the API, over the stack's own.
    pub api_env: Vec<(String, String)>,
    /// Who is told how it goes.
    pub progress: Progress,
}

impl StackOptions {
    /// A silent stack in `.local/<name>` with logs in `.local/logs/<name>`, kept from run to run.
    ///
    /// # Errors
    /// When the checkout or the program files cannot be found.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let local = checkout()?.join(".local");
        Ok(Self {
            state_dir: local.join(name),
            log_dir: local.join("logs").join(name),
            bin_dir: bin_dir()?,
            local,
            fresh: false,
            parts: Part::ALL.to_vec(),
            worker_env: Vec::new(),
            api_env: Vec::new(),
            progress: Progress::silent(),
        })
    }

    /// The same, from nothing at every start: for tests, the demonstration and measurements.
    ///
    /// # Errors
    /// As for [`Self::named`].
    pub fn fresh(name: &str) -> anyhow::Result<Self> {
        Ok(Self { fresh: true, ..Self::named(name)? })
    }

    /// A program of ours.
    ///
    /// # Errors
    /// When it was not built.
    pub fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let file = self.bin_dir.join(name);
        anyhow::ensure!(file.is_file(), "{} is missing: run `cargo build --workspace`", file.display());
        Ok(file)
    }

    /// The Temporal command line tool that `scripts/setup` installed.
    ///
    /// # Errors
    /// When it is missing.
    pub fn temporal(&self) -> anyhow::Result<PathBuf> {
        let file = self.local.join("venv/bin/temporal");
        anyhow::ensure!(file.is_file(), "{} is missing: run scripts/setup", file.display());
        Ok(file)
    }
}

/// The root of the checkout: above the working directory, else where this was compiled.
fn checkout() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("no working directory")?;
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(compiled.ancestors())
        .find(|dir| dir.join(ROOT_MARK).is_file())
        .map(Path::to_owned)
        .with_context(|| format!("no checkout of Causeway above {}", here.display()))
}

/// Beside this program; test programs live one directory deeper.
fn bin_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program has no file")?;
    let dir = program.parent().context("this program has no directory")?;
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    Ok(dir.to_owned())
}
