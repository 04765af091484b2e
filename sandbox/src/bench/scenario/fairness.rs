//! One tenant writes a flood while many others write a message now and then: what the flood costs the others.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
        trips::{Trip, percentile, times_ms},
    },
    client::NewUser,
    scene::{Direction, Route, Spot, link_discord, link_telegram, register_unlimited, tally, until},
};

/// Between two messages of one neighbour. Longer than a drain lingers, so each message has to wake its pair.
const GAP: Duration = Duration::from_secs(10);
/// A neighbour's 99th percentile may be this many times as long as when nobody floods.
const SLOWDOWN_MAX: f64 = 2.0;
/// Pairs over which the flood is spread.
const FLOODED: usize = 10;
/// The flood is written and carried within this time, or something is wrong.
const FLOOD_PATIENCE: Duration = Duration::from_secs(300);
/// Numbers of phones that no other scenario uses begin here.
const PHONES: usize = 700_000;

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let (neighbours, flood, rounds) = bench.either((50, 10_000, 6), (12, 4_000, 3));
    let started = Instant::now();
    let flooder = tenant(bench, field, 0, FLOODED).await?;
    let mut others = Vec::with_capacity(neighbours);
    for index in 1..=neighbours {
        bench.progress.waiting(&format!("tenant {index} of {neighbours}"));
        others.extend(tenant(bench, field, index, 1).await?);
    }
    bench.progress.done(started, &format!("{} tenants with accounts and pairs", neighbours + 1));
    // Once through, so that no pair is new.
    now_and_then(bench, field, &others, 1).await?;
    let idle = times_ms(&now_and_then(bench, field, &others, rounds).await?);
    let writing: Vec<_> = flooder.iter().map(|route| field.write_soon(route, flood / FLOODED)).collect();
    let flooded = times_ms(&now_and_then(bench, field, &others, rounds).await?);
    for writing in writing {
        writing.await??;
    }
    carried(field, &flooder, flood / FLOODED).await?;
    let calm = percentile(&idle, 99);
    Ok(vec![
        Figure::new(format!("{neighbours} neighbours, nobody floods, p50"), percentile(&idle, 50), "ms"),
        Figure::new(format!("{neighbours} neighbours, nobody floods, p99"), calm, "ms"),
        Figure::new(format!("while one tenant writes {flood}, p50"), percentile(&flooded, 50), "ms"),
        Figure::new(format!("while one tenant writes {flood}, p99"), percentile(&flooded, 99), "ms")
            .target(Target::AtMost((SLOWDOWN_MAX * calm).ceil())),
    ])
}

/// A tenant with one account of each platform and `pairs` pairs from Telegram to Discord.
async fn tenant(bench: &Bench<'_>, field: &Field, index: usize, pairs: usize) -> anyhow::Result<Vec<Route>> {
    let controls = &field.controls;
    let email = format!("neighbour{index}@example.org");
    let api = register_unlimited(bench.stack, &email, "correct horse battery staple").await?;
    let user = NewUser {
        phone: format!("99966{:06}", PHONES + index),
        first_name: format!("Neighbour {index}"),
        username: None,
        password: None,
    };
    let person = controls.telegram.create_user(&user).await?;
    let reader = link_telegram(&api, &controls.telegram, &user.phone, None).await?;
    let bot = controls.discord.create_bot(&format!("neighbour{index}")).await?;
    let writer = link_discord(&api, &bot.token).await?;
    let guild = controls.discord.create_guild(&format!("Neighbours {index}"), &[&bot.id]).await?;
    let mut routes = Vec::with_capacity(pairs);
    for number in 0..pairs {
        let chat = controls.telegram.create_chat("channel", &format!("Street {number}"), person, &[]).await?;
        let channel = controls.discord.create_channel(&guild.id, &format!("street-{number}")).await?;
        let source = Spot::Telegram { dialog: chat.dialog_id, writer: person };
        // Nobody writes at the destination but the product.
        let destination = Spot::Discord { channel, writer: String::new() };
        let direction = Direction::TelegramToDiscord;
        routes.push(Route::create(&api, direction, (&reader, source), (&writer, destination)).await?);
    }
    Ok(routes)
}

/// Every route carries one message in each [`GAP`], `rounds` times, spread evenly.
async fn now_and_then(
    bench: &Bench<'_>,
    field: &mut Field,
    routes: &[Route],
    rounds: usize,
) -> anyhow::Result<Vec<Trip>> {
    let pause = GAP / u32::try_from(routes.len())?;
    field.forget_arrivals().await?;
    for _ in 0..rounds {
        for route in routes {
            // Dropped: what could not be written does not arrive, which is an error below.
            let _writing = field.say_soon(route);
            sleep(pause).await;
        }
    }
    field.arrived(bench, routes, rounds * routes.len()).await
}

/// The flood has come, whole and in order: a flood that is dropped would disturb nobody.
async fn carried(field: &Field, flooder: &[Route], each: usize) -> anyhow::Result<()> {
    for route in flooder {
        until("the flood is carried", FLOOD_PATIENCE, async || {
            let texts = route.destination.texts(&field.controls).await?;
            let tally = tally(route.direction, each, &texts);
            if tally.lost == 0 {
                anyhow::ensure!(tally.is_clean(), "the flood came as {tally:?}");
            }
            Ok((tally.lost == 0).then_some(()))
        })
        .await?;
    }
    Ok(())
}
