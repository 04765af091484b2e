//! Everywhere that a secret might have been left: the database, the logs, the histories of workflows.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::TryStreamExt as _;
use sandbox::stack::Stack;
use serde_json::Value;
use sqlx::postgres::PgPoolCopyExt as _;
use temporalio_client::{Client, WorkflowExecutionInfo, WorkflowListOptions};

use crate::histories::temporal;

/// Something that was read, with its name.
pub type Found<'a> = &'a mut dyn FnMut(&str, &[u8]);

/// Every row of every table, as a dump of the database has it.
pub async fn database(stack: &Stack, found: Found<'_>) {
    let pool = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
    let tables = "SELECT quote_ident(table_name) FROM information_schema.tables
                  WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let copy = format!("COPY {table} TO STDOUT");
        let mut rows = pool.copy_out_raw(&copy).await.unwrap();
        while let Some(row) = rows.try_next().await.unwrap() {
            found(&format!("the table {table}"), &row);
        }
    }
}

/// The logs of all parts, the database's and Temporal's included.
pub fn logs(stack: &Stack, found: Found<'_>) {
    let mut count = 0;
    for entry in fs::read_dir(&stack.options().log_dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            count += 1;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            found(&format!("the log {}", name.unwrap_or_default()), &fs::read(&path).unwrap());
        }
    }
    assert!(count >= 6, "every part has a log");
}

/// The file in which the development server of Temporal keeps everything, histories, schedules and visibility alike, with
/// what has not been written back yet.
pub fn temporal_file(stack: &Stack, found: Found<'_>) {
    let state: &Path = &stack.options().state_dir;
    for name in ["temporal.db", "temporal.db-wal"] {
        if let Ok(bytes) = fs::read(state.join(name)) {
            found(&format!("the file {name}"), &bytes);
        }
    }
}

/// The histories of all workflows: their JSON, and the bytes of every payload in it. Returns their ids.
pub async fn histories(stack: &Stack, found: Found<'_>) -> Vec<String> {
    let client = temporal(stack).await;
    let mut ids = Vec::new();
    let mut listed = client.list_workflows("", WorkflowListOptions::default());
    while let Some(execution) = listed.try_next().await.unwrap() {
        let (id, run) = (execution.id().to_owned(), execution.run_id().to_owned());
        if let Some(json) = history(&client, &id, &run).await {
            let name = format!("the history of {id}");
            found(&name, &json);
            payloads(&serde_json::from_slice(&json).unwrap(), "", &mut |encoding, path, data| {
                // What workflows are searched by is ids and states. What the server makes by itself says nothing.
                let is_open = path.contains("search") || matches!(data, b"" | b"{}" | b"null");
                assert!(is_open || encoding == b"binary/encrypted", "{name} has an open payload at {path}");
                found(&name, data);
            });
        }
        ids.push(id);
    }
    ids
}

/// `None` when the server has forgotten it meanwhile.
async fn history(client: &Client, id: &str, run: &str) -> Option<Vec<u8>> {
    let execution = WorkflowExecutionInfo::builder().namespace("default").workflow_id(id).run_id(run).build();
    let history = execution.bind_untyped(client.clone()).fetch_history(Default::default());
    history.to_json().await.ok()
}

/// Told of a payload: its encoding, where it stands, its bytes.
type OnPayload<'a> = dyn FnMut(&[u8], &str, &[u8]) + 'a;

/// Every payload in `value`.
fn payloads(value: &Value, path: &str, found: &mut OnPayload<'_>) {
    match value {
        Value::Object(fields) => {
            let bytes = |value: &Value| value.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            if let Some(encoding) = fields.get("metadata").and_then(|metadata| metadata.get("encoding")) {
                found(&bytes(encoding), path, &fields.get("data").map(bytes).unwrap_or_default());
            }
            fields.iter().for_each(|(name, value)| payloads(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| payloads(item, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}
