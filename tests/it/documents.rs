//! Documents point at what is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// Directories at the root that hold no documents of ours.
const SKIPPED: [&str; 3] = ["target", ".local", ".git"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documents(dir: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            let skipped = path.file_name().is_some_and(|name| SKIPPED.iter().any(|skipped| name == *skipped));
            if !skipped {
                documents(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// The targets of `[text](target)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// A heading's anchor: lower case, dashes for spaces, no other punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() -> anyhow::Result<()> {
    let mut found = Vec::new();
    documents(&root(), &mut found)?;
    let mut links = 0;
    for document in found {
        let text = fs::read_to_string(&document)?;
        let dir = document.parent().context("a document without a directory")?;
        for target in targets(&text).filter(|target| !target.contains("://")) {
            links += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { document.clone() } else { dir.join(file) };
            assert!(path.exists(), "{}: {target} is not there", document.display());
            if !fragment.is_empty() {
                let there = fs::read_to_string(&path)?;
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                assert!(headings.any(|line| anchor(line) == fragment), "{}: no heading {target}", document.display());
            }
        }
    }
    assert!(links > 10, "only {links} links were found");
    Ok(())
}

#[test]
fn every_document_is_reached_from_the_readme() -> anyhow::Result<()> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    for entry in fs::read_dir(root().join("docs"))? {
        let name = entry?.file_name();
        let link = format!("](docs/{}", name.to_string_lossy());
        assert!(readme.contains(&link), "README.md does not link docs/{}", name.display());
    }
    Ok(())
}

#[test]
fn every_problem_code_is_documented() -> anyhow::Result<()> {
    let code = fs::read_to_string(root().join("api/src/error/shape.rs"))?;
    let page = fs::read_to_string(root().join("docs/api.md"))?;
    let shapes = ["Shape::new(", "Shape::away(", "of("].into_iter().flat_map(|call| code.split(call).skip(1));
    let codes: Vec<&str> = shapes.filter_map(|rest| rest.split(')').next()?.split('"').nth(1)).collect();
    assert!(codes.len() > 20, "only {} codes were found in api/src/error/shape.rs", codes.len());
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "docs/api.md does not name {code}");
    }
    Ok(())
}
