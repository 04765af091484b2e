//! A few active pairs among very many idle ones, and making so many.

use std::time::Instant;

use futures::stream::{self, TryStreamExt as _};

use super::backlog;
use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target, median},
    },
    scene::{Direction, Route},
};

/// Pairs that are active.
const ACTIVE: usize = 100;
/// Pairs that are made at the same time.
const AT_ONCE: usize = 8;

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let (pairs, messages): (usize, usize) = bench.either((10_000, 100), (1_000, 50));
    field.pair_up(bench, ACTIVE).await?;
    let routes: Vec<Route> = field.routes(Direction::TelegramToDiscord).into_iter().take(ACTIVE).collect();
    let alone = rates(bench, field, &routes, messages).await?;
    idle_pairs(bench, field, pairs.saturating_sub(field.routes.len())).await?;
    let among = rates(bench, field, &routes, messages).await?;
    let share = median(&among) / median(&alone);
    Ok(vec![
        Figure::median(format!("{ACTIVE} active pairs alone"), alone, "msg/s"),
        Figure::median(format!("{ACTIVE} active pairs among {pairs}"), among, "msg/s"),
        Figure::new(format!("share of the rate alone, among {pairs}"), share, "").target(Target::AtLeast(0.8)),
    ])
}

async fn rates(bench: &Bench<'_>, field: &mut Field, routes: &[Route], messages: usize) -> anyhow::Result<Vec<f64>> {
    let mut rates = Vec::new();
    for _ in 0..bench.args.runs {
        rates.push(backlog::drain(bench, field, routes, messages).await?.rate);
    }
    Ok(rates)
}

/// Makes pairs that never have anything to carry.
pub(super) async fn idle_pairs(bench: &Bench<'_>, field: &Field, pairs: usize) -> anyhow::Result<()> {
    let started = Instant::now();
    let plans = field.idle_plans(pairs).await?;
    stream::iter(plans.into_iter().map(anyhow::Ok))
        .try_for_each_concurrent(AT_ONCE, async |plan| {
            field.api.create_pair(&plan).await?;
            Ok(())
        })
        .await?;
    bench.progress.done(started, &format!("{pairs} idle pairs made"));
    Ok(())
}
