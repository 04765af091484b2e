//! The settings that the code reads, the ones of `.env.example` and the ones of docs/configuration.md are the same.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;

/// Where worker and API read their settings, those of payment providers included.
const READERS: [&str; 6] = [
    "worker/src/config.rs",
    "api/src/config.rs",
    "api/src/config/edge.rs",
    "payments/src/paypal.rs",
    "payments/src/nowpayments/settings.rs",
    "domain/src/billing/invoice/settings.rs",
];

fn read(file: &str) -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
}

/// A name as an environment variable has it.
fn is_variable(word: &str) -> bool {
    word.len() > 2
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn variables<'a>(words: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    words.filter(|word| is_variable(word)).map(str::to_owned).collect()
}

/// What the readers ask for, tests left out: string literals are every second piece between quotation marks.
fn asked_for() -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for reader in READERS {
        let text = read(reader)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let found = variables(code.split('"').skip(1).step_by(2));
        assert!(!found.is_empty(), "{reader} reads no settings that this test understands");
        names.extend(found);
    }
    Ok(names)
}

/// What docker-compose.yml takes from the environment: `${NAME…}`.
fn composed() -> anyhow::Result<BTreeSet<String>> {
    let text = read("docker-compose.yml")?;
    let words = text.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next());
    Ok(variables(words))
}

/// `NAME=…`, commented out or not.
fn exemplified() -> anyhow::Result<BTreeSet<String>> {
    let text = read(".env.example")?;
    Ok(variables(text.lines().filter_map(|line| line.trim_start_matches('#').split_once('=')).map(|(name, _)| name)))
}

/// The first column of the tables.
fn documented() -> anyhow::Result<BTreeSet<String>> {
    let text = read("docs/configuration.md")?;
    Ok(variables(text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next())))
}

#[test]
fn every_setting_is_exemplified_and_documented_and_no_other() -> anyhow::Result<()> {
    let (asked, composed) = (asked_for()?, composed()?);
    let settings: BTreeSet<String> = asked.union(&composed).cloned().collect();
    assert_eq!(exemplified()?, settings, ".env.example (left) and what is read (right)");
    assert_eq!(documented()?, settings, "docs/configuration.md (left) and what is read (right)");
    Ok(())
}

#[test]
fn compose_sets_whatever_is_required() -> anyhow::Result<()> {
    let compose = read("docker-compose.yml")?;
    let set: BTreeSet<&str> =
        compose.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name).collect();
    for reader in READERS {
        let code = read(reader)?;
        for call in [".required(\"", ".secret(\""] {
            let required = code.split(call).skip(1).filter_map(|rest| rest.split('"').next());
            let missing: Vec<&str> = required.filter(|name| !set.contains(name)).collect();
            assert!(missing.is_empty(), "docker-compose.yml does not set {missing:?} of {reader}");
        }
    }
    Ok(())
}
