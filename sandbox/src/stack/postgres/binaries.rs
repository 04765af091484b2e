//! Finds the system's PostgreSQL server. `scripts/setup` looks in the same places.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest version that is supported.
const MAJOR_MIN: u32 = 15;

/// Names a directory to use instead of searching.
const OVERRIDE: &str = "CAUSEWAY_POSTGRES_BIN";

/// The `bin` directory of the newest PostgreSQL found.
///
/// # Errors
/// When there is none of a supported version.
pub fn find() -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os(OVERRIDE).filter(|dir| !dir.is_empty()) {
        let dir = PathBuf::from(dir);
        anyhow::ensure!(
            usable(&dir).is_some(),
            "{OVERRIDE}={} holds no postgres of version {MAJOR_MIN} or newer",
            dir.display()
        );
        return Ok(dir);
    }
    let versioned = children("/usr/lib/postgresql").into_iter().map(|dir| dir.join("bin"));
    let red_hat = children("/usr").into_iter().filter(|dir| name_starts(dir, "pgsql-")).map(|dir| dir.join("bin"));
    versioned
        .chain(red_hat)
        .chain([PathBuf::from("/usr/local/pgsql/bin")])
        .filter_map(|dir| Some((usable(&dir)?, dir)))
        .max()
        .map(|(_, dir)| dir)
        .ok_or_else(|| anyhow::anyhow!("no PostgreSQL server {MAJOR_MIN} or newer on this machine: run scripts/setup"))
}

fn children(dir: &str) -> Vec<PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn name_starts(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// The major version of the server in `dir`, when it is complete and new enough.
fn usable(dir: &Path) -> Option<u32> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let major = text.split_whitespace().find_map(leading_number)?;
    (major >= MAJOR_MIN && dir.join("initdb").is_file()).then_some(major)
}

/// `15.18` or `17beta1` is 15 or 17.
fn leading_number(word: &str) -> Option<u32> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    word.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (word, major) in [("15.18", Some(15)), ("17beta1", Some(17)), ("(PostgreSQL)", None), ("", None)] {
            assert_eq!(leading_number(word), major, "{word}");
        }
    }
}
