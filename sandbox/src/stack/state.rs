//! The directories of a stack: what is kept from run to run, by one running stack at a time, and the logs of this run.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{options::StackOptions, part::Part, postgres};

/// Makes the directories, wipes the state if that is asked for, and removes the logs of an earlier run. The state is the
/// caller's for as long as it keeps the file.
pub(super) fn take(options: &StackOptions) -> anyhow::Result<File> {
    let dir = &options.state_dir;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let lock = File::create(dir.join("lock"))?;
    lock.try_lock().map_err(|_busy| anyhow::anyhow!("a stack is running in {} already", dir.display()))?;
    if options.fresh {
        wipe(dir)?;
    }
    fs::create_dir_all(&options.log_dir)?;
    for part in Part::ALL {
        drop(fs::remove_file(log_file(&options.log_dir, part.slug())));
    }
    Ok(lock)
}

/// The log of a part, or of what is run for one.
pub(super) fn log_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

/// Removes what an earlier run left in `dir`, but the lock that we hold.
fn wipe(dir: &Path) -> anyhow::Result<()> {
    postgres::remove(&dir.join("postgres"))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if !path.ends_with("lock") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes the state directory of a stack that does not run.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_state(dir: &Path) -> anyhow::Result<()> {
    postgres::remove(&dir.join("postgres"))?;
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}
