//! Getting paid: a user of the plan Free is at its limit, buys Pro with PayPal, and the limit is lifted.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::Value;

use super::Cast;
use crate::{
    client::{CallError, CausewayClient, NewCheckout, NewPair, NewUser, Payment, PaypalControl, Place},
    scene::{Controls, Spot, link_telegram, register_by_mail, until},
    stack::{Progress, Stack, span},
};

const EMAIL: &str = "carol@example.org";
const PASSWORD: &str = "correct horse battery staple";
const PHONE: &str = "+15550000009";

/// How long a step of the purchase may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More pairs than Free has.
const TRIES_MAX: usize = 20;

/// Shows it step by step.
///
/// # Errors
/// When a step fails, or something else than the purchase lifts the limit.
pub async fn show(stack: &Stack, cast: &Cast) -> anyhow::Result<()> {
    let (progress, urls) = (stack.options().progress, stack.urls());
    progress.heading("A purchase");
    let customer = Customer::arrive(progress, &urls.api, &cast.controls).await?;
    let refused = customer.fill(progress).await?;
    let paypal = PaypalControl::new(&urls.paypal_control)?;
    let payment = customer.check_out(progress).await?;
    customer.pay(progress, &paypal, &payment).await?;
    let started = Instant::now();
    let pair = customer.api.create_pair(&refused).await.context("the limit was not lifted")?;
    progress.done(started, &format!("the same pair is made now: {}", pair.id));
    customer.forward(progress, &pair.id).await?;
    customer.show_invoice(progress).await
}

/// Somebody new, with one Telegram account.
struct Customer {
    api: CausewayClient,
    controls: Controls,
    account: String,
    person: i64,
    desk: i64,
}

impl Customer {
    async fn arrive(progress: Progress, api: &str, controls: &Controls) -> anyhow::Result<Self> {
        let started = Instant::now();
        let (api, _) = register_by_mail(api, &controls.smtp, EMAIL, PASSWORD).await?;
        let user = NewUser { phone: PHONE.to_owned(), first_name: "Carol".to_owned(), ..NewUser::default() };
        let person = controls.telegram.create_user(&user).await?;
        let account = link_telegram(&api, &controls.telegram, PHONE, None).await?;
        let desk = controls.telegram.create_chat("channel", "Carol's desk", person, &[]).await?.dialog_id;
        let customer = Self { api, controls: controls.clone(), account, person, desk };
        let plan = customer.plan().await?;
        anyhow::ensure!(plan == "free", "a new user has the plan {plan}, not free");
        progress.done(started, "Carol registered and linked her Telegram account; her plan is free");
        Ok(customer)
    }

    /// Makes pairs until one is refused, which is returned.
    async fn fill(&self, progress: Progress) -> anyhow::Result<NewPair> {
        let started = Instant::now();
        for made in 0..TRIES_MAX {
            let title = format!("Source {}", made + 1);
            let source = self.controls.telegram.create_chat("channel", &title, self.person, &[]).await?.dialog_id;
            let place = |chat: i64| Place { account: self.account.clone(), chat: chat.to_string() };
            let pair = NewPair {
                name: title,
                source: place(source),
                destination: place(self.desk),
                mode: None,
                delay_seconds: None,
                silent: None,
            };
            let Err(refusal) = self.api.create_pair(&pair).await else { continue };
            anyhow::ensure!(refusal.code() == "plan_limit", "a pair is refused, and not by the plan: {refusal}");
            progress.done(started, &format!("{made} pairs are made, the next one is refused: {}", limit_of(&refusal)));
            return Ok(pair);
        }
        anyhow::bail!("{TRIES_MAX} pairs were made on the plan free")
    }

    /// Begins to pay, and waits for the address of the page.
    async fn check_out(&self, progress: Progress) -> anyhow::Result<Payment> {
        let started = Instant::now();
        let checkout = NewCheckout::month("pro", "paypal");
        let payment = self.api.checkout("demo-purchase", &checkout).await?;
        let again = self.api.checkout("demo-purchase", &checkout).await?;
        anyhow::ensure!(payment.id == again.id, "a second click is a second payment: {} {}", payment.id, again.id);
        let id = payment.id;
        let payment = until("the page of PayPal", PATIENCE, async || {
            let payment = self.api.payment(&id).await?;
            Ok(payment.handover.is_some().then_some(payment))
        })
        .await?;
        let order = payment.paypal_id().context("the payment has no page of PayPal's")?;
        progress.done(
            started,
            &format!("checkout of one month of Pro: {id}, at PayPal order {order}; clicked twice, made once"),
        );
        Ok(payment)
    }

    /// Approves as a payer does, and waits until the plan holds.
    async fn pay(&self, progress: Progress, paypal: &PaypalControl, payment: &Payment) -> anyhow::Result<()> {
        let order = payment.paypal_id().context("the payment has no page of PayPal's")?;
        let started = Instant::now();
        paypal.approve_order(&order).await?;
        progress.done(started, "Carol approves at PayPal; its signed webhook goes to the API");
        let approved = Instant::now();
        let settled = until("a settled payment", PATIENCE, async || {
            let found = self.api.payment(&payment.id).await?;
            Ok(found.is_closed().then_some(found))
        })
        .await?;
        anyhow::ensure!(settled.state == "settled", "the payment is {}: {:?}", settled.state, settled.rest);
        until("the plan pro", PATIENCE, async || Ok((self.plan().await? == "pro").then_some(()))).await?;
        let books = paypal.books().await?;
        let captures: Vec<_> =
            books.captures.iter().filter(|capture| capture.custom_id.as_deref() == Some(&payment.id)).collect();
        let [capture] = captures[..] else { anyhow::bail!("PayPal has {} payments of one", captures.len()) };
        let sum = format!("{}.{:02} {}", capture.amount_minor / 100, capture.amount_minor % 100, capture.currency);
        let text = format!(
            "captured once ({sum}) and settled; the plan is pro, {} after the approval",
            span(approved.elapsed())
        );
        progress.done(approved, &text);
        Ok(())
    }

    /// A message goes through the pair that was refused before.
    async fn forward(&self, progress: Progress, pair: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        let source = self.api.pair(pair).await?;
        let chat = source.rest.get("source").and_then(|source| source.get("chat"));
        let dialog: i64 = chat.and_then(Value::as_str).context("the pair has no source")?.parse()?;
        let text = "paid and forwarded";
        Spot::Telegram { dialog, writer: self.person }.say(&self.controls, text).await?;
        let desk = Spot::Telegram { dialog: self.desk, writer: self.person };
        until("the message at the desk", PATIENCE, async || {
            let texts = desk.texts(&self.controls).await?;
            Ok(texts.iter().any(|standing| standing == text).then_some(()))
        })
        .await?;
        progress.done(started, "and it forwards");
        Ok(())
    }

    async fn show_invoice(&self, progress: Progress) -> anyhow::Result<()> {
        let started = Instant::now();
        let list: Value = self.api.http().get("/billing/invoices").await?;
        let invoice = list.pointer("/invoices/0/number").and_then(Value::as_str);
        let number = invoice.with_context(|| format!("there is no invoice: {list}"))?;
        progress.done(started, &format!("her invoice has the number {number}"));
        Ok(())
    }

    async fn plan(&self) -> anyhow::Result<String> {
        let usage: Value = self.api.http().get("/me/usage").await?;
        Ok(usage.pointer("/plan/code").and_then(Value::as_str).context("the API tells no plan")?.to_owned())
    }
}

/// What the problem says of the limit.
fn limit_of(refusal: &CallError) -> String {
    let CallError::Refused { status, body, .. } = refusal else { return refusal.to_string() };
    let problem: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let field = |name: &str| problem.pointer(&format!("/plan_limit/{name}")).cloned().unwrap_or(Value::Null);
    let status = if *status == StatusCode::FORBIDDEN { "403" } else { status.as_str() };
    format!(
        "{status} plan_limit, {} {} of {}, lifted by {}",
        field("limit"),
        field("used"),
        field("allowed"),
        field("lifted_by")
    )
}
