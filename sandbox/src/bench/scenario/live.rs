//! Messages that come as fast as the sandboxes write them, ten in a packet, into all sources at once, while the pairs
//! carry them on.

use std::time::{Duration, Instant};

use crate::{
    arrivals::now_us,
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        probe,
        trips::{count, rate},
    },
    scene::{Direction, until},
};

/// Messages in one packet: a burst as it comes from a busy chat.
const PACKET: usize = 10;

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let messages = bench.either(1_000, 250);
    let mut figures = Vec::new();
    for direction in [Direction::TelegramToDiscord, Direction::DiscordToTelegram] {
        let (mut recorded, mut carried) = (Vec::new(), Vec::new());
        for _ in 0..bench.args.runs {
            let routes = field.routes(direction);
            let all = routes.len() * messages;
            field.forget_arrivals().await?;
            let expected = probe::counter(bench.stack, "causeway_messages_ingested_total").await? + count(all);
            let (started, start_us) = (Instant::now(), now_us());
            field.write(&routes, messages, PACKET).await?;
            until("every message is recorded", Duration::from_secs(120), async || {
                let so_far = probe::counter(bench.stack, "causeway_messages_ingested_total").await?;
                Ok((so_far >= expected).then_some(()))
            })
            .await?;
            recorded.push(count(all) / started.elapsed().as_secs_f64());
            let trips = field.arrived(bench, &routes, all).await?;
            carried.push(rate(&trips, start_us));
        }
        figures.extend([
            Figure::median(format!("{direction}: recorded while carrying"), recorded, "msg/s")
                .target(Target::AtLeast(1_200.0)),
            Figure::median(format!("{direction}: written to accepted"), carried, "msg/s"),
        ]);
    }
    Ok(figures)
}
