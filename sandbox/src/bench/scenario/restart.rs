//! A worker that is killed and started again under its name, and an account that is logged out.

use std::time::{Duration, Instant};

use crate::{
    bench::{
        Bench, Field,
        figure::{Figure, Target},
    },
    scene::until,
    stack::Part,
};

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn run(bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
    let mut hosted = Vec::new();
    for _ in 0..bench.either(9, 5) {
        bench.stack.kill_part(Part::Worker).await;
        let started = Instant::now();
        bench.stack.start_part(Part::Worker).await?;
        all_hosted(bench, field).await?;
        hosted.push(started.elapsed().as_secs_f64());
    }
    let mut left = Vec::new();
    for _ in 0..bench.either(5, 3) {
        left.push(log_out(field).await?);
    }
    Ok(vec![
        Figure::median("killed worker: all accounts hosted again", hosted, "s").target(Target::AtMost(5.0)),
        Figure::median("logged-out account: stopped", left, "s").target(Target::AtMost(5.0)),
    ])
}

/// Waits until the worker hosts every account again: the database says `online` of a killed worker's accounts too.
async fn all_hosted(bench: &Bench<'_>, field: &Field) -> anyhow::Result<()> {
    let wanted = field.accounts().count();
    until("every account is hosted again", PATIENCE, async || {
        let hosted = crate::bench::probe::counter(bench.stack, "causeway_hosted_accounts").await.unwrap_or(0.0);
        Ok((hosted >= crate::bench::trips::count(wanted)).then_some(()))
    })
    .await?;
    all_online(field).await
}

/// Waits until every account says that it is online.
pub(super) async fn all_online(field: &Field) -> anyhow::Result<()> {
    for account in field.accounts() {
        crate::scene::wait_for_status(&field.api, account, "online").await?;
    }
    Ok(())
}

/// Links one more account of a platform and logs it out; answers how long its hosting went on, in seconds.
async fn log_out(field: &mut Field) -> anyhow::Result<f64> {
    let account = field.guest().await?;
    let started = Instant::now();
    let path = format!("/accounts/{account}");
    field.api.http().call::<serde_json::Value>(reqwest::Method::DELETE, &path, None::<&()>).await?;
    until("the account is logged out", PATIENCE, async || match field.api.account(&account).await {
        Ok(account) => Ok((account.status == "logged_out").then_some(())),
        Err(error) if error.status() == Some(reqwest::StatusCode::NOT_FOUND) => Ok(Some(())),
        Err(error) => Err(error.into()),
    })
    .await?;
    Ok(started.elapsed().as_secs_f64())
}
