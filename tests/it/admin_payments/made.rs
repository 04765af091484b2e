//! Payments that are there without anybody paying, and requests with an `Idempotency-Key`.

use chrono::TimeDelta;
use domain::{
    Clock as _, Currency, FixedClock, Money, PaymentId, SystemClock, UserId,
    billing::{Interval, Price, invoice::InvoiceSettings},
    payment::{
        Handover, Phase,
        standing::{Receipt, Standing},
    },
};
use sandbox::{client::Http, stack::Stack};
use serde_json::{Value, json};
use store::{
    payment_events::{self, NewEvent},
    payments::{self, Books, NewCheckout, Payment},
    seal::Sealer,
};

use crate::{harness, staff::Staff};

/// What was answered: the status and the body.
pub type Answer = (u16, Value);

/// So many dollars on the wire.
pub fn dollars(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// A request of staff with a key.
pub async fn keyed(staff: &Staff, path: &str, key: Option<&str>, body: &Value) -> Answer {
    keyed_at(&staff.http, &format!("/admin{path}"), key, body).await
}

pub async fn keyed_at(http: &Http, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}{path}", http.base())).bearer_auth(http.token().unwrap()).json(body);
    let request = if let Some(key) = key { request.header("Idempotency-Key", key) } else { request };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The body of a good answer.
pub fn taken(answer: Answer) -> Value {
    assert_eq!(answer.0, 200, "{answer:?}");
    answer.1
}

pub fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.0, &answer.1["code"]), (status, &json!(code)), "{answer:?}");
}

/// Where payments of the stack's tenants are made as a provider makes them. That is NOWPayments, of which the sandbox knows
/// nothing of them: it gives nothing back by itself, and is not asked about a settled payment for an hour.
pub struct Desk {
    pool: store::PgPool,
    sealer: Sealer,
    invoices: InvoiceSettings,
}

impl Desk {
    pub fn new(stack: &Stack) -> Self {
        let pool = store::connect(&stack.urls().database.into()).expect("the URL is good");
        Self { pool, sealer: harness::sealer(), invoices: InvoiceSettings::default() }
    }

    /// A month of Pro for the tenant, for which so much has come: of less than 10.00 staff has to decide.
    pub async fn paid(&self, user: &str, minor: i64) -> Payment {
        let user: UserId = user.parse().expect("an id");
        let now = SystemClock.now();
        let usd = |minor| Money::new(minor, Currency::USD);
        let books =
            Books { sealer: &self.sealer, invoices: &self.invoices, site: None, paid_by: Some("NOWPayments"), now };
        // One transaction: the worker sees nothing but the end.
        let mut transaction = self.pool.begin().await.expect("the database answers");
        let plan = store::plans::find(&mut transaction, "pro").await.unwrap().expect("there is Pro");
        let id = PaymentId::new(&SystemClock);
        let checkout = NewCheckout {
            id,
            user,
            price: Price { plan: plan.id, interval: Interval::Month, amount: usd(1_000) },
            provider: Some("nowpayments"),
            pay_currency: None,
            recurring: false,
            coupons: &[],
            use_balance: false,
            key: None,
            expires_at: now + TimeDelta::hours(1),
        };
        payments::begin(&mut transaction, &books, &checkout).await.expect("it can be bought");
        let page = Handover::Page { url: "https://pay.example".into(), valid_until: None };
        payments::handed_over(&mut transaction, id, &format!("order-{id}"), &page, now).await.unwrap();
        let receipt =
            Receipt { external: format!("money-{id}"), amount: usd(minor), fee: Some(usd(10)), at: now, review: None };
        let heard = Standing {
            phase: Phase::Done,
            receipts: vec![receipt],
            reversals: Vec::new(),
            agreement: None,
            reason: None,
        };
        payments::hear(&mut transaction, &books, id, &heard).await.unwrap().expect("there is the payment");
        let payment = payments::find_any(&mut transaction, id).await.unwrap().expect("there is the payment");
        transaction.commit().await.expect("it is paid");
        payment
    }

    /// The next month, for a tenant who has paid one.
    pub async fn renewed(&self, user: &str) -> Payment {
        self.paid(user, 1_000).await
    }
}

/// An event about something that nobody here knows, received so long ago that its payment is expected no more.
pub async fn insert_event(stack: &Stack, provider: &str, external: &str) {
    let pool = store::connect(&stack.urls().database.into()).expect("the URL is good");
    let then = FixedClock::at(SystemClock.now() - TimeDelta::minutes(11)).now();
    let event = NewEvent {
        provider: provider.to_owned(),
        key: format!("key-{external}"),
        kind: "something".to_owned(),
        payment: None,
        externals: vec![external.to_owned()],
        ignorable: false,
        happened_at: Some(then),
        body: format!("about {external}").into_bytes(),
    };
    let mut database = pool.acquire().await.expect("the database answers");
    for new in [1, 0] {
        let inserted =
            payment_events::insert(&mut database, &harness::sealer(), std::slice::from_ref(&event), then).await;
        assert_eq!(inserted.unwrap(), new, "the same event is kept once");
    }
}
