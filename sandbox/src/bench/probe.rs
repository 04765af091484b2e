//! Looking at the running processes from outside: processor time, memory, Temporal's histories, the worker's counters.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    client::Http,
    stack::{Part, Stack},
};

/// The kernel's unit of processor time, in seconds.
const TICK_SECONDS: f64 = 0.01;

/// Processor seconds used so far, by part, children included.
pub type Cpu = BTreeMap<Part, f64>;

/// Processor seconds of every part.
///
/// # Errors
/// When a part does not run.
pub fn cpu(stack: &Stack) -> anyhow::Result<Cpu> {
    let mut children: BTreeMap<i32, f64> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        if let Some((parent, seconds)) = stat(&entry.path().join("stat")) {
            *children.entry(parent).or_default() += seconds;
        }
    }
    let mut cpu = Cpu::new();
    for part in Part::ALL {
        let pid = stack.pid(part).with_context(|| format!("the {part} is not running"))?;
        let (_, own) = stat(format!("/proc/{pid}/stat").as_ref()).context("no stat in /proc")?;
        cpu.insert(part, own + children.get(&pid).copied().unwrap_or_default());
    }
    Ok(cpu)
}

/// Processor seconds of one process.
///
/// # Errors
/// When it does not run.
pub fn cpu_of(pid: i32) -> anyhow::Result<f64> {
    Ok(stat(format!("/proc/{pid}/stat").as_ref()).context("no stat in /proc")?.1)
}

/// Parent, and processor seconds with those of children that have ended.
fn stat(file: &std::path::Path) -> Option<(i32, f64)> {
    let text = std::fs::read_to_string(file).ok()?;
    // The name, in brackets, may hold spaces.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Some((fields.get(1)?.parse().ok()?, ticks * TICK_SECONDS))
}

/// Resident memory of a part, in MB (10⁶ bytes).
///
/// # Errors
/// When it does not run.
pub fn resident_mb(stack: &Stack, part: Part) -> anyhow::Result<f64> {
    let pid = stack.pid(part).with_context(|| format!("the {part} is not running"))?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024.0 / 1_000_000.0)
}

/// The load average of the last minute.
///
/// # Errors
/// When the kernel does not tell.
pub fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    text.split_whitespace().next().and_then(|first| first.parse().ok()).context("no load average in /proc")
}

/// The sum of a counter of the worker over all its labels.
///
/// # Errors
/// When the worker does not answer.
pub async fn counter(stack: &Stack, name: &str) -> anyhow::Result<f64> {
    let url = format!("{}/metrics", stack.urls().worker_metrics);
    let text = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await?;
    let values = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{')));
    Ok(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// One run of a workflow and the length of its history.
#[derive(Clone, Debug)]
pub struct History {
    run: String,
    events: f64,
}

/// The history of every named workflow, as Temporal itself tells it.
///
/// # Errors
/// When Temporal does not know one of them.
pub async fn histories(stack: &Stack, workflows: &[String]) -> anyhow::Result<BTreeMap<String, History>> {
    let http = Http::new(format!("{}/api/v1/namespaces/default/workflows", stack.urls().temporal_http))?;
    let mut histories = BTreeMap::new();
    for workflow in workflows {
        histories.insert(workflow.clone(), history(&http, workflow, "").await?);
    }
    Ok(histories)
}

/// Events that were added since `before`. A run that continued as new counts with what it had until its end.
///
/// # Errors
/// When Temporal does not know a workflow any more.
pub async fn events_since(stack: &Stack, before: &BTreeMap<String, History>) -> anyhow::Result<f64> {
    let http = Http::new(format!("{}/api/v1/namespaces/default/workflows", stack.urls().temporal_http))?;
    let mut events = 0.0;
    for (workflow, before) in before {
        let now = history(&http, workflow, "").await?;
        events += if now.run == before.run {
            now.events - before.events
        } else {
            let old = history(&http, workflow, &format!("?execution.runId={}", before.run)).await?;
            now.events + old.events - before.events
        };
    }
    Ok(events)
}

async fn history(http: &Http, workflow: &str, run: &str) -> anyhow::Result<History> {
    let answer: Value = http.get(&format!("/{workflow}{run}")).await?;
    let info = &answer["workflowExecutionInfo"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let run = text(&info["execution"]["runId"]).context("Temporal names no run")?;
    // 64-bit numbers are text in the JSON form of protocol buffers.
    let events = text(&info["historyLength"]).and_then(|length| length.parse().ok()).context("no history length")?;
    Ok(History { run, events })
}
