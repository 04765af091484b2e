//! The house rules that no compiler keeps: which crate may import which, one place for versions, nothing left undone.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What one crate may import, directly.
struct Rule {
    krate: &'static str,
    /// Crates of ours.
    ours: &'static [&'static str],
    /// Crates of ours that only its tests may use.
    ours_in_tests: &'static [&'static str],
    /// Third-party crates, or beginnings of their names, that it must not use outside its tests.
    never: &'static [&'static str],
}

const RULES: [Rule; 10] = [
    // Pure rules: no runtime, no network, no database. The feature `sqlx` derives column types and nothing else.
    Rule {
        krate: "domain",
        ours: &[],
        ours_in_tests: &[],
        never: &["tokio", "sqlx", "reqwest", "salvo", "serenity", "grammers-", "temporalio-", "futures"],
    },
    Rule {
        krate: "store",
        ours: &["domain"],
        ours_in_tests: &[],
        never: &["reqwest", "salvo", "serenity", "grammers-", "temporalio-"],
    },
    // Wire formats of payment providers: what the money means is not known here.
    Rule {
        krate: "payments",
        ours: &["domain"],
        ours_in_tests: &[],
        never: &["sqlx", "salvo", "serenity", "grammers-", "temporalio-"],
    },
    // Data in, bytes out.
    Rule {
        krate: "documents",
        ours: &["domain"],
        ours_in_tests: &[],
        never: &["tokio", "sqlx", "reqwest", "salvo", "serenity", "grammers-", "temporalio-"],
    },
    // Deterministic: no clock, no network, no database.
    Rule {
        krate: "workflows",
        ours: &["domain"],
        ours_in_tests: &[],
        never: &["tokio", "sqlx", "reqwest", "salvo", "serenity", "grammers-", "temporalio-client", "temporalio-sdk"],
    },
    Rule {
        krate: "activities",
        ours: &["domain", "payments", "documents", "store", "workflows"],
        ours_in_tests: &["sandbox"],
        never: &["salvo"],
    },
    Rule {
        krate: "worker",
        ours: &["domain", "payments", "store", "workflows", "activities"],
        ours_in_tests: &[],
        never: &["sqlx", "serenity", "grammers-"],
    },
    // Speaks to its callers, the database and Temporal; to an outside service only through `payments`, which proves
    // webhooks.
    Rule {
        krate: "api",
        ours: &["domain", "payments", "documents", "store", "workflows"],
        ours_in_tests: &[],
        never: &["sqlx", "reqwest", "serenity", "grammers-", "temporalio-sdk"],
    },
    // Stands for the outside world: it may know nothing of ours.
    Rule { krate: "sandbox", ours: &[], ours_in_tests: &[], never: &["sqlx", "temporalio-"] },
    Rule {
        krate: "tests",
        ours: &["domain", "payments", "documents", "store", "workflows", "activities", "worker", "api", "sandbox"],
        ours_in_tests: &[],
        never: &[],
    },
];

/// What may not stay in a source file. Written in halves, so that this file passes too.
const UNDONE: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("#[", "ignore")];

fn workspace() -> anyhow::Result<Metadata> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    Ok(MetadataCommand::new().manifest_path(manifest).no_deps().exec()?)
}

#[test]
fn the_import_table_holds() -> anyhow::Result<()> {
    let metadata = workspace()?;
    let crates: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(crates, RULES.iter().map(|rule| rule.krate).collect(), "a crate without a rule, or a rule without one");
    for rule in RULES {
        let package =
            metadata.packages.iter().find(|package| package.name.as_str() == rule.krate).context(rule.krate)?;
        let broken = broken_imports(package, &rule, &crates);
        assert!(broken.is_empty(), "{} imports what it must not: {broken:?}", rule.krate);
    }
    Ok(())
}

fn broken_imports(package: &Package, rule: &Rule, crates: &BTreeSet<&str>) -> Vec<String> {
    let broken = |name: &str, kind: DependencyKind, optional: bool| {
        let in_tests = kind == DependencyKind::Development;
        if crates.contains(name) {
            return !(rule.ours.contains(&name) || in_tests && rule.ours_in_tests.contains(&name));
        }
        let never = rule.never.iter().any(|never| name == *never || never.ends_with('-') && name.starts_with(never));
        never && !in_tests && !optional
    };
    let imports = package.dependencies.iter();
    imports.filter(|used| broken(&used.name, used.kind, used.optional)).map(|used| used.name.clone()).collect()
}

#[test]
fn versions_stand_in_the_root_manifest_alone() -> anyhow::Result<()> {
    for package in workspace()?.packages {
        let manifest = fs::read_to_string(&package.manifest_path)?;
        let mut section = "";
        for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line;
                assert!(!line.contains("dependencies."), "{}: write {line} on one line", package.name);
            } else if section.ends_with("dependencies]") {
                assert!(is_of_the_workspace(line), "{}: {line} names a version of its own", package.name);
            }
        }
    }
    Ok(())
}

/// `name.workspace = true`, or `name = { workspace = true, … }`.
fn is_of_the_workspace(line: &str) -> bool {
    let compact: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    compact.contains(".workspace=true") || compact.contains("={workspace=true")
}

#[test]
fn nothing_is_left_undone() -> anyhow::Result<()> {
    let mut files = Vec::new();
    for package in workspace()?.packages {
        let dir = package.manifest_path.parent().context("a manifest without a directory")?;
        sources(dir.as_std_path(), &mut files)?;
    }
    assert!(files.len() > 100, "only {} source files were found", files.len());
    for file in files {
        let text = fs::read_to_string(&file)?;
        let left = UNDONE.iter().find(|mark| text.contains(**mark));
        assert_eq!(left, None, "{}", file.display());
    }
    Ok(())
}

/// The Rust files below `dir`.
fn sources(dir: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
