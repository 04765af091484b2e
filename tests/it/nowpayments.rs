//! The NOWPayments adapter against the NOWPayments sandbox, which shares no code with it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{Clock as _, Currency, Money, PaymentId, SystemClock, billing::PaymentPurpose};
use payments::{
    Created, Handover, Kind, Order, Phase, Provider, Providers, Reference, RefundOrder, Standing, Verdict,
    WebhookError, WebhookHeaders,
};
use sandbox::{
    client::NowpaymentsControl,
    nowpayments::{self, Args, Running},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

struct World {
    running: Running,
    control: NowpaymentsControl,
    data: PathBuf,
}

impl World {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("causeway-np-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&data);
        let free: SocketAddr = "127.0.0.1:0".parse()?;
        let args = Args {
            listen: free,
            control: free,
            data: data.clone(),
            api_key: "key".into(),
            ipn_secret: " ipn secret ".into(),
            login: "me@example.org:secret".into(),
            ipn_retries: 0,
            ipn_pause_ms: 10,
        };
        let running = nowpayments::start(args, CancellationToken::new()).await?;
        let control = NowpaymentsControl::new(&format!("http://{}", running.control))?;
        // Nobody listens: what is told is looked at by the test.
        control.set_delivery(&json!({ "hold": true })).await?;
        Ok(Self { running, control, data })
    }

    fn provider(&self, login: bool) -> anyhow::Result<Arc<dyn Provider>> {
        let url = format!("http://{}/v1/", self.running.api);
        let get = |name: &str| match name {
            "NOWPAYMENTS_URL" => Some(url.clone()),
            "NOWPAYMENTS_API_KEY" => Some("key".to_owned()),
            "NOWPAYMENTS_IPN_SECRET" => Some("ipn secret".to_owned()),
            "NOWPAYMENTS_EMAIL" => login.then(|| "me@example.org".to_owned()),
            "NOWPAYMENTS_PASSWORD" => login.then(|| "secret".to_owned()),
            "PUBLIC_URL" => Some("https://causeway.example".to_owned()),
            _ => None,
        };
        let providers = Providers::read(&get).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        Ok(Arc::clone(providers.get("nowpayments").expect("a provider")))
    }

    fn end(self) -> anyhow::Result<()> {
        drop(self.running);
        Ok(std::fs::remove_dir_all(self.data)?)
    }
}

fn order(pay_currency: Option<&str>) -> anyhow::Result<Order> {
    Ok(Order {
        payment: PaymentId::new(&SystemClock),
        purpose: PaymentPurpose::Subscribe,
        kind: Kind::Once,
        amount: Money::new(1_000, Currency::USD),
        description: "Pro, 1 month".into(),
        product: "Pro".into(),
        pay_currency: pay_currency.map(str::to_owned),
        return_url: "https://causeway.example/paid".parse()?,
        cancel_url: "https://causeway.example/canceled".parse()?,
        webhook_url: "http://127.0.0.1:9/api/webhooks/nowpayments".parse()?,
    })
}

fn reference(order: &Order, created: &Created) -> Reference {
    let (payment, external, amount) = (order.payment, created.external.clone(), order.amount);
    Reference { payment, external, agreement: false, amount, since: now() }
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// The cents of a receipt and the code of its reason.
fn judged(receipt: &payments::Receipt) -> (i64, Option<&str>) {
    (receipt.amount.minor, receipt.review.as_ref().map(|(code, _)| code.as_str()))
}

fn receipts(standing: &Standing) -> Vec<(i64, Option<&str>)> {
    standing.receipts.iter().map(judged).collect()
}

/// Makes an order with a coin; what is asked about it, and its number at the sandbox.
async fn made(world: &World, provider: &dyn Provider, coin: &str) -> anyhow::Result<(Reference, u64)> {
    let order = order(Some(coin))?;
    let created = provider.create(&order).await?;
    let id = world.control.payments_of(&order.payment.to_string()).await?[0].id;
    assert_eq!(created.external, format!("payment:{id}:{coin}"));
    Ok((reference(&order, &created), id))
}

#[tokio::test]
async fn a_payment_goes_from_an_address_to_a_receipt() -> anyhow::Result<()> {
    let world = World::new("whole").await?;
    let provider = world.provider(true)?;
    let order = order(Some("XRP"))?;
    let created = provider.create(&order).await?;
    let Handover::Address { address, memo, amount, currency, network, valid_until } = created.handover.clone() else {
        anyhow::bail!("no address: {created:?}");
    };
    assert!(address.starts_with("xrp-") && memo.is_some() && valid_until > Some(now()), "{created:?}");
    assert_eq!((amount.as_str(), currency.as_str(), network.as_deref()), ("4.5", "xrp", Some("xrp")));
    let reference = reference(&order, &created);
    assert_eq!(provider.look(&reference).await?.phase, Phase::Waiting);
    let id = world.control.payments_of(&order.payment.to_string()).await?[0].id;
    world.control.act(id, "pay", &json!({ "until": "confirming" })).await?;
    assert_eq!(provider.look(&reference).await?.phase, Phase::Processing);
    world.control.set_status(id, "finished").await?;
    let standing = provider.look(&reference).await?;
    assert_eq!((standing.phase, receipts(&standing)), (Phase::Done, vec![(1_000, None)]));
    assert_eq!(standing, provider.capture(&reference).await?);
    assert!(standing.receipts[0].at <= now() && standing.receipts[0].external == format!("payment:{id}"));
    provider.cancel(&reference, "given up").await?;
    let refund = RefundOrder {
        refund: domain::RefundId::new(&SystemClock),
        payment: order.payment,
        receipt: standing.receipts[0].external.clone(),
        amount: order.amount,
        note: "Sorry".into(),
        external: None,
    };
    assert_eq!(provider.refund(&refund).await.unwrap_err().code, "by_hand");
    world.end()
}

#[tokio::test]
async fn money_that_does_not_fit_is_reviewed() -> anyhow::Result<()> {
    let world = World::new("review").await?;
    let provider = world.provider(false)?;
    let (less, id) = made(&world, &*provider, "btc").await?;
    world.control.pay_share(id, "0.25").await?;
    let standing = provider.look(&less).await?;
    assert_eq!((standing.phase, receipts(&standing)), (Phase::Done, vec![(250, Some("underpaid"))]));
    assert_eq!(standing.reason.map(|(code, _)| code).as_deref(), Some("underpaid"));
    world.control.act(id, "status", &json!({ "status": "finished", "paid": "0.000083" })).await?;
    assert_eq!(receipts(&provider.look(&less).await?), [(1_000, None)], "the rest has come");

    let (more, id) = made(&world, &*provider, "btc").await?;
    world.control.pay_share(id, "1.5").await?;
    assert_eq!(receipts(&provider.look(&more).await?), [(1_500, None)]);
    let again = world.control.deposit_again(id, "0.5").await?;
    world.control.deposit_other(id, "ltc").await?;
    let standing = provider.look(&more).await?;
    let second = Some("second_deposit");
    assert_eq!(
        (standing.phase, receipts(&standing)),
        (Phase::Done, vec![(1_500, None), (500, second), (1_000, second)])
    );
    let child = Reference { external: format!("payment:{}", again.id), ..more.clone() };
    assert_eq!(receipts(&provider.look(&child).await?), [(500, second)], "asked for by itself it is no other");

    world.control.refund(id).await?;
    let standing = provider.look(&more).await?;
    assert_eq!((standing.reversals.len(), standing.reversals[0].amount.minor), (1, 1_500));
    assert_eq!(standing.reversals[0].receipt, format!("payment:{id}"));

    let (late, id) = made(&world, &*provider, "trx").await?;
    world.control.expire(id).await?;
    assert_eq!(provider.look(&late).await?.phase, Phase::Expired);
    world.control.pay(id).await?;
    assert_eq!(receipts(&provider.look(&late).await?), [(1_000, None)]);

    let (wrong, id) = made(&world, &*provider, "eth").await?;
    world.control.fail(id).await?;
    assert_eq!(provider.look(&wrong).await?.phase, Phase::Failed);
    let other = Reference { payment: PaymentId::new(&SystemClock), ..wrong };
    assert_eq!(provider.look(&other).await.unwrap_err().verdict, Verdict::Final, "the payment of another order");
    world.end()
}

#[tokio::test]
async fn a_lost_answer_makes_nobody_pay_twice() -> anyhow::Result<()> {
    let world = World::new("lost").await?;
    let lose = json!({ "kind": "lose_answer", "method": "POST", "route": "/v1/payment" });
    let (known, unknown) = (order(Some("btc"))?, order(Some("btc"))?);
    let provider = world.provider(true)?;
    world.control.fault(&lose).await?;
    assert_eq!(provider.create(&known).await.unwrap_err().code, "unreachable");
    let created = provider.create(&known).await?;
    assert_eq!(created, provider.create(&known).await?, "however often");
    let payments = world.control.payments_of(&known.payment.to_string()).await?;
    assert_eq!((payments.len(), format!("payment:{}:btc", payments[0].id)), (1, created.external));

    // Without the log-in nothing can be looked for: the first one is never shown to anybody.
    let provider = world.provider(false)?;
    world.control.fault(&lose).await?;
    assert!(provider.create(&unknown).await.is_err());
    let created = provider.create(&unknown).await?;
    let payments = world.control.payments_of(&unknown.payment.to_string()).await?;
    assert_eq!((payments.len(), format!("payment:{}:btc", payments[1].id)), (2, created.external.clone()));
    world.control.pay(payments[1].id).await?;
    assert_eq!(receipts(&provider.look(&reference(&unknown, &created)).await?), [(1_000, None)]);
    world.end()
}

#[tokio::test]
async fn each_payment_of_an_invoice_is_a_receipt() -> anyhow::Result<()> {
    let world = World::new("invoice").await?;
    assert_eq!(world.provider(false)?.create(&order(None)?).await.unwrap_err().code, "pay_currency_required");
    let provider = world.provider(true)?;
    let order = order(None)?;
    let created = provider.create(&order).await?;
    assert!(matches!(&created.handover, Handover::Page { url, .. } if url.contains("iid=")), "{created:?}");
    let reference = reference(&order, &created);
    assert_eq!(provider.look(&reference).await?.phase, Phase::Waiting);
    let invoice = world.control.invoices_of(&order.payment.to_string()).await?[0].id;
    let given_up = world.control.choose(invoice, "btc").await?;
    world.control.expire(given_up.id).await?;
    assert_eq!(provider.look(&reference).await?.phase, Phase::Waiting);
    let one = world.control.choose(invoice, "ltc").await?;
    let other = world.control.choose(invoice, "eth").await?;
    world.control.pay(one.id).await?;
    world.control.forget_tokens().await?;
    let standing = provider.look(&reference).await?;
    assert_eq!((standing.phase, receipts(&standing)), (Phase::Done, vec![(1_000, None)]));
    world.control.pay(other.id).await?;
    world.control.deposit_again(one.id, "1").await?;
    let standing = provider.look(&reference).await?;
    assert_eq!(receipts(&standing), [(1_000, None), (1_000, None), (1_000, Some("second_deposit"))]);
    world.end()
}

#[tokio::test]
async fn notifications_are_proved_in_every_genuine_spelling_and_in_no_other() -> anyhow::Result<()> {
    let world = World::new("ipn").await?;
    let provider = world.provider(false)?;
    let (reference, id) = made(&world, &*provider, "btc").await?;
    world.control.pay(id).await?;
    let child = world.control.deposit_again(id, "0.01").await?;
    let order = reference.payment.to_string();
    let told = async |spelling: &str, signing: &str| -> anyhow::Result<_> {
        let delivery = json!({ "delivery": { "spelling": spelling, "signing": signing } });
        world.control.act(id, "ipn", &delivery).await?;
        let ipn = world.control.ipns_of(&order).await?.pop().expect("a notification");
        let headers = WebhookHeaders::new(ipn.signature.map(|value| ("X-Nowpayments-Sig".to_owned(), value)));
        Ok(provider.verify(&headers, ipn.body.as_bytes()).await)
    };
    let mut keys = std::collections::BTreeSet::new();
    for spelling in ["javascript", "python", "fixed", "exponent", "text"] {
        for signing in ["javascript", "literal", "indexed", "indexed_literal"] {
            let event =
                told(spelling, signing).await?.map_err(|error| anyhow::anyhow!("{spelling} {signing}: {error}"))?;
            assert_eq!((event.payment, event.kind.as_str()), (Some(reference.payment), "finished"));
            assert!(event.externals.contains(&reference.external) && !event.ignorable);
            keys.insert(event.key);
        }
        for signing in ["flat", "raw", "foreign", "missing"] {
            assert!(matches!(told(spelling, signing).await?, Err(WebhookError::Forged(_))), "{spelling} {signing}");
        }
    }
    assert!(matches!(told("javascript", "python").await?, Err(WebhookError::Forged(_))));
    assert_eq!(keys.len(), 1, "the same news has the same key: {keys:?}");
    assert_eq!(world.control.payment(id).await?.deposits, [child.id]);
    world.end()
}

#[tokio::test]
async fn trouble_is_tried_again_and_refusals_are_not() -> anyhow::Result<()> {
    let world = World::new("trouble").await?;
    let provider = world.provider(false)?;
    let (reference, _) = made(&world, &*provider, "btc").await?;
    let cases = [
        (json!({ "kind": "server_error", "status": 502 }), "unreachable", Verdict::Retry(None)),
        (json!({ "kind": "refuse_connections" }), "unreachable", Verdict::Retry(None)),
        (json!({ "kind": "server_error", "status": 403 }), "unauthorized", Verdict::Retry(None)),
        (
            json!({ "kind": "rate_limit", "retry_after": 7 }),
            "rate_limited",
            Verdict::Retry(Some(Duration::from_secs(7))),
        ),
    ];
    for (fault, code, verdict) in cases {
        world.control.fault(&fault).await?;
        let error = provider.look(&reference).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.verdict), (code, verdict), "{fault}");
    }
    assert_eq!(provider.look(&reference).await?.phase, Phase::Waiting);
    let small = Order { amount: Money::new(50, Currency::USD), ..order(Some("btc"))? };
    let error = provider.create(&small).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.verdict), ("amount_minimal_error", Verdict::Final));
    let unknown = order(Some("no coin"))?;
    assert_eq!(provider.create(&unknown).await.unwrap_err().code, "unknown_pay_currency");
    assert_eq!(provider.create(&order(Some("nothing"))?).await.unwrap_err().verdict, Verdict::Final);
    world.end()
}
