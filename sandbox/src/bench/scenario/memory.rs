//! Resident memory of the worker while nothing happens: with the bench's accounts, per further account, and per idle pair.

use std::time::Duration;

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        probe,
        trips::count,
    },
    stack::Part,
};

/// What was begun has ended after this long, and its memory is back.
const REST: Duration = Duration::from_secs(10);

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let (accounts, more) = (2 * bench.args.accounts, bench.either(20, 5));
    let first = rested(bench).await?;
    let restarted = rested_anew(bench, field).await?;
    field.link(more).await?;
    let linked = rested(bench).await?;
    let all = rested_anew(bench, field).await?;
    let pairs = bench.either(2_500, 250);
    super::crowd::idle_pairs(bench, field, pairs).await?;
    let paired = rested(bench).await?;
    let kept = rested_anew(bench, field).await?;
    let each = |growth: f64| growth / count(2 * more);
    Ok(vec![
        Figure::new(format!("worker, {accounts} idle accounts just linked"), first, "MB").target(Target::AtMost(80.0)),
        Figure::new(format!("worker, {accounts} idle accounts after a restart"), restarted, "MB")
            .target(Target::AtMost(80.0)),
        Figure::new("growth per further idle account, just linked", each(linked - restarted), "MB"),
        Figure::new("growth per further idle account, after a restart", each(all - restarted), "MB"),
        // Of pairs that were just made, some workflows are in memory, and never more than a fixed number.
        Figure::new(format!("growth with {pairs} idle pairs, just made"), paired - all, "MB"),
        Figure::new(format!("growth with {pairs} idle pairs, after a restart"), kept - all, "MB"),
        Figure::new("growth per 10,000 idle pairs, after a restart", (kept - all) / count(pairs) * 10_000.0, "MB"),
        Figure::new("API", probe::resident_mb(bench.stack, Part::Api)?, "MB"),
    ])
}

/// The worker's memory when it was started again with all its accounts.
async fn rested_anew(bench: &Bench<'_>, field: &Field) -> anyhow::Result<f64> {
    bench.stack.restart_worker().await?;
    super::restart::all_online(field).await?;
    rested(bench).await
}

async fn rested(bench: &Bench<'_>) -> anyhow::Result<f64> {
    tokio::time::sleep(REST).await;
    probe::resident_mb(bench.stack, Part::Worker)
}
