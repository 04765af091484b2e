//! `store/.sqlx`, which the queries are compiled against, says what a database after all migrations says.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::harness;

/// What the query macros have written down of one query.
struct Written {
    query: String,
    describe: Value,
}

fn written() -> anyhow::Result<Vec<Written>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/.sqlx");
    let files = fs::read_dir(&dir).with_context(|| format!("{}", dir.display()))?;
    let read = |file: std::io::Result<fs::DirEntry>| {
        let mut data: Value = serde_json::from_slice(&fs::read(file?.path())?)?;
        let query = data["query"].as_str().context("a file without a query")?.to_owned();
        Ok(Written { query, describe: data["describe"].take() })
    };
    files.map(read).collect()
}

/// Whether a column of an outer join may be NULL is read from the plan, which may be another one tomorrow. The queries say it
/// of such columns themselves, with `?` or `!` in their names.
fn comparable(mut describe: Value) -> Value {
    let names: Vec<String> = describe["columns"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|column| column["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    for (name, nullable) in names.iter().zip(describe["nullable"].as_array_mut().into_iter().flatten()) {
        if name.contains(['?', '!']) {
            *nullable = Value::Null;
        }
    }
    describe
}

#[tokio::test]
async fn what_queries_are_compiled_against_is_what_the_database_says() -> anyhow::Result<()> {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let written = written()?;
    assert!(written.len() > 100, "{} queries", written.len());
    let mut connection = pool.acquire().await?;
    let mut stale = Vec::new();
    for Written { query, describe } in written {
        let said = match connection.describe(AssertSqlSafe(query.clone()).into_sql_str()).await {
            Ok(said) => comparable(serde_json::to_value(&said)?),
            Err(error) => Value::String(error.to_string()),
        };
        let written = comparable(describe);
        if said != written {
            stale.push(format!("{query}\nnow: {said}\nwritten: {written}"));
        }
    }
    assert!(stale.is_empty(), "store/.sqlx is stale, run make sqlx:\n{}", stale.join("\n\n"));
    Ok(())
}
