//! The inbox of webhooks under load: genuine ones, each of them once, over keep-alive connections that each send the next one
//! when the last was answered. What counts are good answers, which come after the commit.

mod signed;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::try_join_all;

use self::signed::Signers;
use crate::{
    bench::{
        Bench,
        figure::{Figure, Target},
        probe,
        wrk::{Load, Outcome, Post},
    },
    client::NewCheckout,
    crash_billing::Database,
    scene::{register_unlimited, until},
    stack::Part,
};

/// Connections that send at once.
const CONNECTIONS: usize = 64;
/// Users who are about to pay, half of them each way: webhooks are about their payments, so that each belongs to one.
const BUYERS: usize = 20;
/// What half of them pay with.
const COIN: &str = "btc";
/// Webhooks before the measurement: the first one fetches the certificate, others compile plans and fill caches.
const WARM_UP: usize = 2_000;
/// Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(300);

const PASSWORD: &str = "correct horse battery staple";

/// Whose webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    /// HMAC-SHA512 over the body.
    Nowpayments,
    /// RSA over the check sum of the body.
    Paypal,
}

const BOTH: [Provider; 2] = [Provider::Nowpayments, Provider::Paypal];

pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<Vec<Figure>> {
    let (base, database) = (bench.stack.urls().api, Database::of(bench.stack)?);
    let mut signers = Signers::open(bench.stack, payments(bench).await?)?;
    let count = bench.either(60_000, 20_000);
    let mut figures = Vec::new();
    let warm_up = signers.sign(&BOTH, WARM_UP).await?;
    taken(&base, &database, warm_up).await?;
    for (name, providers) in
        [("NOWPayments", &[Provider::Nowpayments][..]), ("PayPal", &[Provider::Paypal]), ("both", &BOTH)]
    {
        bench.progress.waiting(&format!("signatures of {count} webhooks, {name}"));
        let posts = signers.sign(providers, count).await?;
        let before = probe::cpu(bench.stack)?;
        let (outcome, behind) = taken(&base, &database, posts).await?;
        let after = probe::cpu(bench.stack)?;
        let cost = |part: Part| (after[&part] - before[&part]) * 1e6 / outcome.requests();
        let rate = format!("webhooks accepted, {name}, {CONNECTIONS} connections");
        figures.extend([
            Figure::new(rate, outcome.per_second(), "webhooks/s").target(Target::AtLeast(3_000.0)),
            Figure::new(format!("webhooks, {name}, p50"), outcome.percentile_ms(50), "ms"),
            Figure::new(format!("webhooks, {name}, p99"), outcome.percentile_ms(99), "ms"),
            Figure::new(format!("webhooks, {name}, processor time of the API"), cost(Part::Api), "µs"),
            Figure::new(format!("webhooks, {name}, processor time of PostgreSQL"), cost(Part::Postgres), "µs"),
            Figure::new(format!("webhooks, {name}, passed on after the last answer"), behind.as_secs_f64(), "s"),
        ]);
    }
    Ok(figures)
}

/// Payments that nobody has paid yet, by provider.
struct Payments {
    nowpayments: Vec<String>,
    paypal: Vec<String>,
}

async fn payments(bench: &Bench<'_>) -> anyhow::Result<Payments> {
    let in_coins = NewCheckout { pay_currency: Some(COIN.into()), ..NewCheckout::month("pro", "nowpayments") };
    let nowpayments = check_out(bench, "coins", &in_coins).await?;
    let paypal = check_out(bench, "paypal", &NewCheckout::month("pro", "paypal")).await?;
    Ok(Payments { nowpayments, paypal })
}

async fn check_out(bench: &Bench<'_>, name: &str, checkout: &NewCheckout) -> anyhow::Result<Vec<String>> {
    let checkouts = (0..BUYERS / 2).map(|number| async move {
        let api = register_unlimited(bench.stack, &format!("{name}{number}@example.org"), PASSWORD).await?;
        let payment = api.checkout(&format!("bench-{name}-{number}"), checkout).await?;
        anyhow::Ok(payment.id)
    });
    try_join_all(checkouts).await.context("nobody can check out")
}

/// Sends each once, and waits until the worker has passed them on, so that it does not disturb what is measured next; how
/// long that took after the last answer. Each must be on record.
async fn taken(base: &str, database: &Database, posts: Vec<Post>) -> anyhow::Result<(Outcome, Duration)> {
    let (count, before) = (posts.len(), database.events().await?);
    let load = Load::each(base, posts, 200)?;
    let outcome = load.run(CONNECTIONS, LONGEST).await?;
    let answered = Instant::now();
    anyhow::ensure!(outcome.answered() == count, "{} of {count} webhooks were answered", outcome.answered());
    let kept = database.events().await?.all - before.all;
    anyhow::ensure!(usize::try_from(kept) == Ok(count), "{count} webhooks were accepted, {kept} are on record");
    until("the webhooks to be passed on", LONGEST, async || Ok((database.events().await?.new == 0).then_some(())))
        .await?;
    Ok((outcome, answered.elapsed()))
}
