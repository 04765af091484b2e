//! Temporal holds no clear text: what an operator sees without and with the codec endpoint.

use std::{process::Stdio, time::Instant};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Cast, cast::EMAIL};
use crate::{
    client::{CallError, Http},
    scene::{ARRIVAL_PATIENCE, until},
    stack::Stack,
};

/// The encoding that our codec writes into the metadata of each payload.
const ENCRYPTED: &[u8] = b"binary/encrypted";

/// Shows the history of a pair's workflow without and with the codec.
///
/// # Errors
/// When a history holds clear text, or the codec endpoint does not decode it.
pub async fn show(stack: &Stack, cast: &Cast) -> anyhow::Result<()> {
    let progress = stack.options().progress;
    progress.heading("What Temporal knows");
    let started = Instant::now();
    let workflow = pair_workflow(stack).await?;
    let sealed = history(stack, &workflow, &[]).await?;
    let payloads = payloads_of(&serde_json::from_str(&sealed)?);
    anyhow::ensure!(!payloads.is_empty(), "the history of {workflow} has no payloads");
    let clear = payloads.iter().filter(|payload| !is_encrypted(payload)).count();
    anyhow::ensure!(clear == 0, "{clear} payloads of {workflow} are not encrypted");
    let mut forbidden: Vec<String> = vec![EMAIL.to_owned(), "bold italic code".to_owned()];
    forbidden.extend(cast.routes.iter().map(|route| route.pair.name.clone()));
    let leak = forbidden.iter().find(|text| sealed.contains(*text));
    anyhow::ensure!(leak.is_none(), "the history of {workflow} holds clear text: {leak:?}");
    progress.done(started, &format!("{workflow}: {} payloads, all encrypted, no clear text", payloads.len()));

    let started = Instant::now();
    let endpoint = format!("{}/codec", stack.urls().api);
    let authorization = format!("Bearer {}", stack.operator_token());
    let open = history(stack, &workflow, &["--codec-endpoint", &endpoint, "--codec-auth", &authorization]).await?;
    let decoded = payloads_of(&serde_json::from_str(&open)?);
    let still = decoded.iter().filter(|payload| is_encrypted(payload)).count();
    anyhow::ensure!(!decoded.is_empty() && still == 0, "the codec endpoint left {still} payloads sealed");
    let example = decoded.iter().find_map(text_of).unwrap_or_default();
    progress.done(started, &format!("the operator's codec endpoint decodes them: {}", shortened(&example)));
    let started = Instant::now();
    let stranger = Http::new(&endpoint)?.with_token("not the operator's token");
    let refused = stranger.post::<Value>("/decode", &json!({ "payloads": [] })).await;
    let status = refused.as_ref().err().and_then(CallError::status);
    anyhow::ensure!(status == Some(StatusCode::UNAUTHORIZED), "the codec endpoint answers anybody: {refused:?}");
    progress.done(started, "and it refuses everybody else");
    Ok(())
}

/// The id of one `pair_forwarding` workflow.
async fn pair_workflow(stack: &Stack) -> anyhow::Result<String> {
    until("a pair's workflow in Temporal's list", ARRIVAL_PATIENCE, async || {
        let list: Value = serde_json::from_str(&temporal(stack, &["workflow", "list", "--output", "json"]).await?)?;
        let ids = list.as_array().into_iter().flatten();
        let id = ids.filter_map(|row| row.pointer("/execution/workflowId")?.as_str());
        Ok(id.into_iter().find(|id| id.starts_with("pair-")).map(str::to_owned))
    })
    .await
}

async fn history(stack: &Stack, workflow: &str, more: &[&str]) -> anyhow::Result<String> {
    let args = ["workflow", "show", "--workflow-id", workflow, "--output", "json"];
    temporal(stack, &[&args, more].concat()).await
}

async fn temporal(stack: &Stack, args: &[&str]) -> anyhow::Result<String> {
    let address = stack.urls().temporal.replace("http://", "");
    let output = Command::new(stack.options().temporal()?)
        .args(args)
        .args(["--address", &address])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run the Temporal command line tool")?;
    let words = args.get(..2).unwrap_or_default().join(" ");
    anyhow::ensure!(output.status.success(), "temporal {words}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// Every payload anywhere in a history: an object with `metadata` and, usually, `data`.
fn payloads_of(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(fields) if fields.get("metadata").is_some_and(|metadata| metadata.get("encoding").is_some()) => {
            vec![value.clone()]
        }
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| !is_index(name)).flat_map(|(_, v)| payloads_of(v)).collect()
        }
        Value::Array(items) => items.iter().flat_map(payloads_of).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Search attributes are Temporal's own index and hold ids and states only; the server must be able to read them.
fn is_index(name: &str) -> bool {
    name == "searchAttributes"
}

fn is_encrypted(payload: &Value) -> bool {
    let encoding = payload.pointer("/metadata/encoding").and_then(Value::as_str).unwrap_or_default();
    STANDARD.decode(encoding).is_ok_and(|encoding| encoding == ENCRYPTED)
}

fn text_of(payload: &Value) -> Option<String> {
    let data = STANDARD.decode(payload.get("data")?.as_str()?).ok()?;
    String::from_utf8(data).ok().filter(|text| text.len() > 4)
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_found_anywhere_but_in_the_index() {
        let sealed = json!({ "metadata": { "encoding": STANDARD.encode(ENCRYPTED) }, "data": "eA==" });
        let clear =
            json!({ "metadata": { "encoding": STANDARD.encode("json/plain") }, "data": STANDARD.encode("\"hello\"") });
        let history = json!({ "events": [{ "input": { "payloads": [sealed] } }, { "result": { "payloads": [clear] },
            "searchAttributes": { "indexedFields": { "Plan": clear } } }] });
        let found = payloads_of(&history);
        assert_eq!(found.len(), 2);
        assert_eq!(found.iter().filter(|payload| is_encrypted(payload)).count(), 1);
        assert_eq!(text_of(&found[1]).as_deref(), Some("\"hello\""));
    }
}
