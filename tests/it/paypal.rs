//! The PayPal adapter against the PayPal sandbox, which shares no code with it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, Currency, Money, PaymentId, RefundId, SystemClock,
    billing::{Interval, PaymentPurpose},
};
use payments::{
    AgreementState, Created, Event, Kind, Order, Phase, Provider, Providers, Reference, RefundOrder, RefundState,
    Reversal, Standing, Verdict, WebhookError, WebhookHeaders,
};
use sandbox::{
    client::PaypalControl,
    paypal::{self, Args, Running},
};
use tokio_util::sync::CancellationToken;

struct World {
    running: Running,
    control: PaypalControl,
    data: PathBuf,
}

impl World {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("causeway-pp-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&data);
        let free: SocketAddr = "127.0.0.1:0".parse()?;
        let args = Args {
            listen: free,
            control: free,
            data: data.clone(),
            client_id: "client".into(),
            client_secret: "secret".into(),
            webhook_id: "WEBHOOK-1".into(),
            webhook_url: None,
        };
        let running = paypal::start(args, CancellationToken::new()).await?;
        let control = PaypalControl::new(&format!("http://{}", running.control))?;
        std::fs::write(data.join("roots.pem"), &running.ca_pem)?;
        Ok(Self { running, control, data })
    }

    fn provider(&self, verify: &str) -> anyhow::Result<Arc<dyn Provider>> {
        let (url, roots) = (format!("http://{}", self.running.service), self.data.join("roots.pem"));
        let get = |name: &str| match name {
            "PAYPAL_URL" => Some(url.clone()),
            "PAYPAL_CLIENT_ID" => Some("client".to_owned()),
            "PAYPAL_CLIENT_SECRET" => Some("secret".to_owned()),
            "PAYPAL_WEBHOOK_ID" => Some("WEBHOOK-1".to_owned()),
            "PAYPAL_VERIFY" => Some(verify.to_owned()),
            "PAYPAL_ROOTS" => Some(roots.display().to_string()),
            "PUBLIC_URL" => Some("https://causeway.example".to_owned()),
            _ => None,
        };
        let providers = Providers::read(&get).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        Ok(Arc::clone(providers.get("paypal").expect("a provider")))
    }

    /// The webhook of this type about a resource, as it would be sent, proved by the provider.
    async fn told(&self, provider: &dyn Provider, resource: &str, kind: &str) -> anyhow::Result<Event> {
        let webhooks = self.control.webhooks(Some(resource)).await?;
        let webhook = webhooks.into_iter().find(|one| one.event_type == kind);
        let webhook = webhook.ok_or_else(|| anyhow::anyhow!("nothing of type {kind} about {resource}"))?;
        Ok(provider.verify(&self.signed(&webhook.body).await?, webhook.body.as_bytes()).await?)
    }

    async fn signed(&self, body: &str) -> anyhow::Result<WebhookHeaders> {
        Ok(WebhookHeaders::new(self.control.sign(body).await?))
    }

    fn end(self) -> anyhow::Result<()> {
        drop(self.running);
        Ok(std::fs::remove_dir_all(self.data)?)
    }
}

fn order(kind: Kind, amount: i64) -> anyhow::Result<Order> {
    Ok(Order {
        payment: PaymentId::new(&SystemClock),
        purpose: PaymentPurpose::Subscribe,
        kind,
        amount: usd(amount),
        description: "Pro, 1 month".into(),
        product: "Pro".into(),
        pay_currency: None,
        return_url: "https://causeway.example/paid".parse()?,
        cancel_url: "https://causeway.example/canceled".parse()?,
        webhook_url: "https://causeway.example/api/webhooks/paypal".parse()?,
    })
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn monthly() -> Kind {
    Kind::Agreement { interval: Interval::Month, renewal: usd(1_000), reduced: None }
}

fn reference(order: &Order, created: &Created) -> Reference {
    Reference {
        payment: order.payment,
        external: created.external.clone(),
        agreement: order.kind != Kind::Once,
        amount: order.amount,
        since: since(),
    }
}

fn since() -> DateTime<Utc> {
    SystemClock.now() - TimeDelta::minutes(5)
}

fn refund(reference: &Reference, receipt: &str, amount: i64) -> RefundOrder {
    RefundOrder {
        refund: RefundId::new(&SystemClock),
        payment: reference.payment,
        receipt: receipt.to_owned(),
        amount: usd(amount),
        note: "Sorry".into(),
        external: None,
    }
}

/// The cents of each reversal, whether it is a chargeback, and whether it is ours; by size, because two may be of the same
/// second.
fn reversals(standing: &Standing) -> Vec<(i64, bool, bool)> {
    let shown = standing.reversals.iter().map(|one| (one.amount.minor, one.chargeback, one.refund.is_some()));
    let mut shown: Vec<_> = shown.collect();
    shown.sort_unstable();
    shown
}

fn chargeback(standing: &Standing) -> &Reversal {
    standing.reversals.iter().find(|one| one.chargeback).expect("a chargeback")
}

fn ours(standing: &Standing) -> (&str, Option<RefundId>) {
    let ours = standing.reversals.iter().find(|one| one.refund.is_some()).expect("a refund of ours");
    (&ours.external, ours.refund)
}

/// An order that was approved.
async fn approved(world: &World, provider: &dyn Provider) -> anyhow::Result<Reference> {
    let order = order(Kind::Once, 1_000)?;
    let created = provider.create(&order).await?;
    assert_eq!(provider.create(&order).await?, created, "twice is once");
    world.control.approve_order(&created.external).await?;
    Ok(reference(&order, &created))
}

#[tokio::test]
async fn an_order_goes_from_a_page_to_a_receipt_once() -> anyhow::Result<()> {
    let world = World::new("order").await?;
    let provider = world.provider("offline")?;
    let reference = approved(&world, &*provider).await?;
    let told = world.told(&*provider, &reference.external, "CHECKOUT.ORDER.APPROVED").await?;
    assert_eq!((told.payment, told.externals), (Some(reference.payment), vec![reference.external.clone()]));
    assert_eq!(provider.look(&reference).await?.phase, Phase::Approved);
    let standing = provider.capture(&reference).await?;
    assert_eq!((standing.phase, standing.receipts.len()), (Phase::Done, 1));
    assert_eq!(provider.capture(&reference).await?, standing);
    assert_eq!(provider.look(&reference).await?, standing);
    let receipt = &standing.receipts[0];
    assert!(receipt.amount == usd(1_000) && receipt.fee.is_some_and(|fee| fee.minor > 0), "{receipt:?}");
    let told = world.told(&*provider, &receipt.external, "PAYMENT.CAPTURE.COMPLETED").await?;
    assert_eq!(told.externals, [reference.external.clone(), receipt.external.clone()]);
    let books = world.control.books().await?;
    assert_eq!((books.orders.len(), books.captures.len(), books.keys_reused), (1, 1, 0));
    world.end()
}

#[tokio::test]
async fn a_declined_card_waits_for_another_and_a_held_payment_for_its_end() -> anyhow::Result<()> {
    let world = World::new("declined").await?;
    let provider = world.provider("offline")?;
    let declined = approved(&world, &*provider).await?;
    world.control.refuse_capture(&declined.external, "INSTRUMENT_DECLINED", 1).await?;
    let standing = provider.capture(&declined).await?;
    assert_eq!(standing.phase, Phase::Waiting);
    assert_eq!(standing.reason.map(|(code, _)| code).as_deref(), Some("instrument_declined"));
    world.control.approve_order(&declined.external).await?;
    assert_eq!(provider.capture(&declined).await?.phase, Phase::Done);

    let held = approved(&world, &*provider).await?;
    world.control.pend_capture(&held.external, "ECHECK").await?;
    let standing = provider.capture(&held).await?;
    assert_eq!((standing.phase, standing.receipts.len()), (Phase::Processing, 0));
    assert_eq!(standing.reason.map(|(code, _)| code).as_deref(), Some("echeck"));
    let captures = world.control.books().await?.captures;
    let capture = captures.iter().find(|one| one.order.as_deref() == Some(held.external.as_str())).expect("a capture");
    world.control.end_pending(&capture.id, true).await?;
    assert_eq!(provider.look(&held).await?.receipts[0].external, capture.id);

    let void = approved(&world, &*provider).await?;
    world.control.void_order(&void.external).await?;
    assert_eq!(provider.look(&void).await?.phase, Phase::Expired);
    assert_eq!(provider.look(&Reference { external: "UNKNOWN".into(), ..void }).await?.phase, Phase::Expired);
    world.end()
}

#[tokio::test]
async fn refunds_are_ours_and_chargebacks_are_not() -> anyhow::Result<()> {
    let world = World::new("refunds").await?;
    let provider = world.provider("offline")?;
    let reference = approved(&world, &*provider).await?;
    let receipt = provider.capture(&reference).await?.receipts[0].external.clone();
    let wanted = refund(&reference, &receipt, 300);
    let first = provider.refund(&wanted).await?;
    assert_eq!(first.state, RefundState::Done);
    assert_eq!(provider.refund(&wanted).await?, first, "twice is once");
    assert_eq!(
        provider.refund(&RefundOrder { external: Some(first.external.clone()), ..wanted.clone() }).await?,
        first
    );
    assert_eq!(reversals(&provider.look(&reference).await?), [(300, false, true)]);
    world.control.reverse(&receipt).await?;
    let standing = provider.look(&reference).await?;
    assert_eq!(reversals(&standing), [(300, false, true), (700, true, false)]);
    assert_eq!(ours(&standing), (first.external.as_str(), Some(wanted.refund)));
    let reversal = &chargeback(&standing).external;
    let told = world.told(&*provider, reversal, "PAYMENT.CAPTURE.REVERSED").await?;
    assert_eq!(told.externals, [receipt.clone(), reversal.clone()]);
    let error = provider.refund(&refund(&reference, &receipt, 100)).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Final, "refund_not_permitted_due_to_chargeback"));

    // By hand in PayPal's own pages: nobody's chargeback.
    let other = approved(&world, &*provider).await?;
    let receipt = provider.capture(&other).await?.receipts[0].external.clone();
    world.control.refund_by_hand(&receipt).await?;
    assert_eq!(reversals(&provider.look(&other).await?), [(1_000, false, false)]);
    world.end()
}

#[tokio::test]
async fn an_agreement_pays_by_itself_until_it_is_ended() -> anyhow::Result<()> {
    let world = World::new("agreement").await?;
    let provider = world.provider("offline")?;
    let order = order(monthly(), 1_000)?;
    let created = provider.create(&order).await?;
    assert_eq!(provider.create(&order).await?, created, "twice is once");
    let reference = reference(&order, &created);
    let standing = provider.look(&reference).await?;
    assert_eq!(
        (standing.phase, standing.agreement.map(|one| one.state)),
        (Phase::Waiting, Some(AgreementState::Pending))
    );
    provider.cancel(&reference, "given up").await?;
    world.control.approve_subscription(&created.external).await?;
    let standing = provider.look(&reference).await?;
    assert_eq!((standing.phase, standing.receipts.len(), standing.receipts[0].amount), (Phase::Done, 1, usd(1_000)));
    let told = world.told(&*provider, &standing.receipts[0].external, "PAYMENT.SALE.COMPLETED").await?;
    assert_eq!((told.payment, told.externals[0].as_str()), (Some(order.payment), created.external.as_str()));

    world.control.fail_renewal(&created.external).await?;
    let agreement = provider.look(&reference).await?.agreement.expect("an agreement");
    assert_eq!((agreement.state, agreement.failed_payments), (AgreementState::Active, 1));
    assert!(agreement.last_failure.is_some() && agreement.next_payment_at > Some(SystemClock.now()));
    world.control.renew(&created.external).await?;
    let standing = provider.look(&reference).await?;
    assert_eq!((standing.receipts.len(), standing.agreement.expect("an agreement").failed_payments), (2, 0));

    provider.cancel(&reference, "no longer wanted").await?;
    provider.cancel(&reference, "no longer wanted").await?;
    let standing = provider.look(&reference).await?;
    assert_eq!((standing.phase, standing.agreement.expect("an agreement").state), (Phase::Done, AgreementState::Ended));
    let told = world.told(&*provider, &created.external, "BILLING.SUBSCRIPTION.CANCELLED").await?;
    assert_eq!((told.payment, told.ignorable), (Some(order.payment), false));
    world.end()
}

#[tokio::test]
async fn a_first_payment_may_cost_less_and_what_went_back_of_a_sale_is_known() -> anyhow::Result<()> {
    let world = World::new("intro").await?;
    let provider = world.provider("offline")?;
    let order = order(monthly(), 500)?;
    let created = provider.create(&order).await?;
    let reference = reference(&order, &created);
    world.control.approve_subscription(&created.external).await?;
    world.control.renew(&created.external).await?;
    let standing = provider.look(&reference).await?;
    let amounts: Vec<i64> = standing.receipts.iter().map(|receipt| receipt.amount.minor).collect();
    assert!(amounts.len() == 2 && amounts.contains(&500) && amounts.contains(&1_000), "{amounts:?}");

    let wanted = refund(&reference, &standing.receipts[0].external, 200);
    let done = provider.refund(&wanted).await?;
    assert_eq!(provider.refund(&wanted).await?, done);
    let standing = provider.look(&reference).await?;
    assert_eq!(reversals(&standing), [(200, false, true)]);
    assert_eq!(ours(&standing), (done.external.as_str(), Some(wanted.refund)));
    world.control.reverse(&standing.receipts[1].external).await?;
    let standing = provider.look(&reference).await?;
    assert_eq!(standing.reversals.len(), 2);
    let told = world.told(&*provider, &chargeback(&standing).external, "PAYMENT.SALE.REVERSED").await?;
    assert!(told.externals.contains(&created.external), "{told:?}");

    // The same plan serves the next payer, whoever asks.
    world.provider("offline")?.create(&self::order(monthly(), 250)?).await?;
    world.end()
}

#[tokio::test]
async fn webhooks_are_proved_offline_and_online() -> anyhow::Result<()> {
    let world = World::new("proof").await?;
    let body = r#"{ "id":"WH-1", "event_type":"PAYMENT.SALE.COMPLETED", "resource":{"total":1.0,"x":"\u00fc"} }"#;
    let headers = world.signed(body).await?;
    for verify in ["offline", "online"] {
        let provider = world.provider(verify)?;
        for _ in 0..2 {
            assert_eq!(provider.verify(&headers, body.as_bytes()).await?.key, "WH-1", "{verify}");
        }
        let other = body.replace("1.0", "2.0");
        let forged = provider.verify(&headers, other.as_bytes()).await;
        assert!(matches!(forged, Err(WebhookError::Forged(_))), "{verify}: {forged:?}");
    }
    world.end()
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_replaced() -> anyhow::Result<()> {
    let world = World::new("token").await?;
    let provider = world.provider("offline")?;
    let reference = approved(&world, &*provider).await?;
    world.control.http().call::<serde_json::Value>(reqwest::Method::DELETE, "/tokens", None::<&()>).await?;
    assert_eq!(provider.look(&reference).await?.phase, Phase::Approved);
    world.end()
}
