//! One person's life in a run: they register, buy one thing after the other, and keep the last one.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    check::{Expected, Fault},
    plot::Person,
    rounds::{self, Round},
    stage::{PASSWORD, Stage},
};
use crate::{
    chaos::Random,
    client::{CallError, CausewayClient, NewCheckout, Payment},
};

/// An API that cannot do it now is asked again after this.
const RETRY: Duration = Duration::from_millis(250);

/// For so long; no part is down longer.
const INSIST_PATIENCE: Duration = Duration::from_secs(180);

/// How often it is looked what has become of something.
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// How long something may take: webhooks that are lost are made up for by asking, ever more seldom.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// People arrive over so long.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Somebody who buys.
pub struct Shopper<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// Their numbers.
    pub random: Random,
    /// Their address.
    pub email: String,
    index: usize,
    api: CausewayClient,
    keys: usize,
    /// They have asked for the coupon that is free.
    pub has_tried_free: bool,
}

/// Lives through a whole run. What the person must have in the end; nothing when their life came to a stop, which is an
/// offence of its own.
///
/// # Errors
/// When the sandboxes fail.
pub async fn live(
    stage: &Stage,
    person: &Person,
    start: Instant,
    lasting: Duration,
) -> anyhow::Result<Option<Expected>> {
    let mut random = person.random();
    sleep(random.span(Duration::ZERO, ARRIVAL.min(lasting))).await;
    let email = format!("payer{}@example.org", person.index);
    let api = enter(stage, &email).await?;
    let mut shopper = Shopper { stage, random, email, index: person.index, api, keys: 0, has_tried_free: false };
    while start.elapsed() < lasting {
        let round = Round::any(&mut shopper.random, shopper.has_tried_free);
        if let Err(error) = rounds::passing(&mut shopper, round).await {
            stage.tally.offend(Fault::Lost, format!("{}: {round:?}: {error:#}", shopper.email));
            return Ok(None);
        }
    }
    match rounds::lasting(&mut shopper).await {
        Ok((plan, months)) => Ok(Some(Expected { email: shopper.email, plan, months })),
        Err(error) => {
            stage.tally.offend(Fault::Lost, format!("{}: the last purchase: {error:#}", shopper.email));
            Ok(None)
        }
    }
}

/// Registers, or signs in who is registered already: the answer to the first try may have been lost.
async fn enter(stage: &Stage, email: &str) -> anyhow::Result<CausewayClient> {
    let started = Instant::now();
    loop {
        let registered = CausewayClient::register(&stage.api, email, PASSWORD).await;
        let Err(error) = registered else { return registered };
        if let Ok(api) = CausewayClient::login(&stage.api, email, PASSWORD).await {
            return Ok(api);
        }
        if started.elapsed() > INSIST_PATIENCE {
            return Err(error);
        }
        sleep(RETRY).await;
    }
}

/// Asks until there is an answer that is not about the API itself. For what may be done twice.
///
/// # Errors
/// A refusal, or the last failure once patience is over.
pub async fn insist<T>(mut ask: impl AsyncFnMut() -> Result<T, CallError>) -> Result<T, CallError> {
    let started = Instant::now();
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let passes = error.status().is_none_or(|status| {
            status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED].contains(&status)
        });
        if !passes || started.elapsed() > INSIST_PATIENCE {
            return Err(error);
        }
        sleep(RETRY).await;
    }
}

impl Shopper<'_> {
    /// Asks the API until it answers, signing in again where a session has ended.
    ///
    /// # Errors
    /// As [`insist`].
    pub async fn ask<T>(&mut self, ask: impl AsyncFn(&CausewayClient) -> Result<T, CallError>) -> Result<T, CallError> {
        let (api, stage, email) = (&mut self.api, self.stage, &self.email);
        insist(async || {
            let answer = ask(api).await;
            if answer.as_ref().err().and_then(CallError::status) == Some(StatusCode::UNAUTHORIZED)
                && let Ok(again) = CausewayClient::login(&stage.api, email, PASSWORD).await
            {
                *api = again;
            }
            answer
        })
        .await
    }

    /// Begins to pay. Some people click twice.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn checkout(&mut self, checkout: &NewCheckout) -> Result<Payment, CallError> {
        let key = self.next_key();
        self.stage.tally.checkout();
        let twice = self.random.happens(25);
        let first = self
            .ask(async |api| {
                if !twice {
                    return api.checkout(&key, checkout).await;
                }
                let (one, other) = tokio::join!(api.checkout(&key, checkout), api.checkout(&key, checkout));
                if let (Ok(one), Ok(other)) = (&one, &other)
                    && one.id != other.id
                {
                    let text = format!("one key made the payments {} and {}", one.id, other.id);
                    self.stage.tally.offend(Fault::DoubleCharged, text);
                }
                one
            })
            .await?;
        Ok(first)
    }

    /// A key that nobody else uses.
    pub fn next_key(&mut self) -> String {
        self.keys += 1;
        format!("crash-{}-{}", self.index, self.keys)
    }

    /// Waits until a payment is as `wanted`.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn payment_when(&mut self, id: &str, wanted: impl Fn(&Payment) -> bool) -> anyhow::Result<Payment> {
        let started = Instant::now();
        loop {
            let payment = self.ask(async |api| api.payment(id).await).await?;
            if wanted(&payment) {
                return Ok(payment);
            }
            let waited = started.elapsed() < PATIENCE;
            anyhow::ensure!(waited, "{id} is {}: {:?}", payment.state, payment.rest);
            sleep(LOOK_PERIOD).await;
        }
    }

    /// Waits until the provider knows of a payment; the payment with what the payer needs.
    ///
    /// # Errors
    /// When it never does.
    pub async fn handed_over(&mut self, id: &str) -> anyhow::Result<Payment> {
        let payment = self.payment_when(id, |payment| payment.handover.is_some() || payment.is_closed()).await?;
        anyhow::ensure!(payment.handover.is_some(), "{id} was closed as {}: {:?}", payment.state, payment.rest);
        Ok(payment)
    }

    /// Waits until a payment is settled.
    ///
    /// # Errors
    /// When it ends in another way.
    pub async fn settled(&mut self, id: &str) -> anyhow::Result<()> {
        let payment = self.payment_when(id, Payment::is_closed).await?;
        anyhow::ensure!(payment.state == "settled", "{id} is {}, not settled: {:?}", payment.state, payment.rest);
        Ok(())
    }

    /// Waits until a plan holds.
    ///
    /// # Errors
    /// When it does not.
    pub async fn has_plan(&mut self, plan: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let view: Value = self.ask(async |api| api.subscription().await).await?;
            if view["plan"] == plan {
                return Ok(());
            }
            anyhow::ensure!(started.elapsed() < PATIENCE, "the plan is {}, not {plan}", view["plan"]);
            sleep(LOOK_PERIOD).await;
        }
    }
}
