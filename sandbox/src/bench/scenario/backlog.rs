//! Messages that waited: pairs are paused, their sources written to, and resumed. The clock runs from the first resume
//! to the last message's acceptance by the destination.

use crate::{
    arrivals::now_us,
    bench::{
        Bench, Field,
        ceiling::{self, Size},
        figure::{Figure, Target},
        probe,
        trips::{count, rate},
    },
    scene::{Direction, Route},
    stack::Part,
};

/// What a drained backlog cost.
pub(super) struct Drained {
    /// Messages per second.
    pub rate: f64,
    /// Temporal's history events per message.
    pub events: f64,
    /// Processor milliseconds per message: worker, PostgreSQL, Temporal.
    pub cost_ms: [f64; 3],
}

const COSTED: [Part; 3] = [Part::Worker, Part::Postgres, Part::Temporal];

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    // The first half second is Temporal's, whatever waits: a longer backlog shows the rate behind it.
    let (pairs, messages) = (bench.args.pairs, bench.either(4, 1) * bench.args.messages);
    let size = Size { clients: bench.args.accounts, chats: pairs, messages };
    let mut figures = Vec::new();
    for direction in [Direction::TelegramToDiscord, Direction::DiscordToTelegram] {
        let (mut ceilings, mut drains) = (Vec::new(), Vec::new());
        for run in 1..=bench.args.runs {
            bench.progress.line(&format!("  {direction}, run {run} of {}", bench.args.runs));
            ceilings.push(ceiling::run(bench.stack, &field.controls, direction, size).await?);
            let routes = field.routes(direction);
            drains.push(drain(bench, field, &routes, messages).await?);
        }
        let ratio = drains.iter().zip(&ceilings).map(|(drained, ceiling)| drained.rate / ceiling).collect();
        let of = |value: fn(&Drained) -> f64| drains.iter().map(value).collect::<Vec<_>>();
        figures.extend([
            Figure::median(format!("{direction}: backlog"), of(|it| it.rate), "msg/s").target(Target::AtLeast(2_500.0)),
            Figure::median(format!("{direction}: bare library"), ceilings, "msg/s"),
            Figure::median(format!("{direction}: share of the bare library"), ratio, "").target(Target::AtLeast(0.5)),
            Figure::median(format!("{direction}: history events"), of(|it| it.events), "per msg")
                .target(Target::AtMost(0.1)),
            Figure::median(format!("{direction}: worker CPU"), of(|it| it.cost_ms[0]), "ms per msg"),
            Figure::median(format!("{direction}: PostgreSQL CPU"), of(|it| it.cost_ms[1]), "ms per msg"),
            Figure::median(format!("{direction}: Temporal CPU"), of(|it| it.cost_ms[2]), "ms per msg"),
        ]);
    }
    Ok(figures)
}

/// Lets `messages` wait in each of `routes`, and drains them.
pub(super) async fn drain(
    bench: &Bench<'_>,
    field: &mut Field,
    routes: &[Route],
    messages: usize,
) -> anyhow::Result<Drained> {
    let all = routes.len() * messages;
    field.set_paused(routes, true).await?;
    field.forget_arrivals().await?;
    let recorded = probe::counter(bench.stack, "causeway_messages_ingested_total").await? + count(all);
    field.write(routes, messages, 100).await?;
    crate::scene::until("the backlog is recorded", std::time::Duration::from_secs(300), async || {
        let so_far = probe::counter(bench.stack, "causeway_messages_ingested_total").await?;
        Ok((so_far >= recorded).then_some(()))
    })
    .await?;
    let workflows: Vec<String> = routes.iter().map(|route| format!("pair-{}", route.pair.id)).collect();
    let histories = probe::histories(bench.stack, &workflows).await?;
    let (before, start) = (probe::cpu(bench.stack)?, now_us());
    field.set_paused(routes, false).await?;
    let trips = field.arrived(bench, routes, all).await?;
    let after = probe::cpu(bench.stack)?;
    let rate = rate(&trips, start);
    let events = probe::events_since(bench.stack, &histories).await? / count(all);
    let cost_ms = COSTED.map(|part| (after[&part] - before[&part]) * 1_000.0 / count(all));
    bench.progress.line(&format!("    {rate:.0} messages/s"));
    Ok(Drained { rate, events, cost_ms })
}
