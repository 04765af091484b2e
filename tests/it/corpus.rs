//! The corpus beyond the renderer's own tests: read by another reader.

use std::{path::Path, time::Duration};

/// How long reading the corpus may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn another_reader_sees_the_same_in_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup", python.display());
    let reading = tokio::process::Command::new(python)
        .args([root.join("tests/fidelity/corpus_check.py"), root.join("domain/corpus")])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, reading).await.expect("the reading ends").expect("python runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the other reader does not agree: {err}");
    assert!(out.contains("cases read"), "{out}{err}");
}
