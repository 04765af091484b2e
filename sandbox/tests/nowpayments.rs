//! The NOWPayments sandbox as a merchant sees it: calls with a plain HTTP client, and a server that takes notifications.

#![cfg(test)]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use sandbox::{
    client::NowpaymentsControl,
    nowpayments::{self, Args, Running},
};
use serde_json::{Value, json};
use sha2::Sha512;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

const KEY: &str = "test-api-key";
const SECRET: &str = "test-ipn-secret";

/// A notification: the signature and the body.
type Told = (Option<String>, String);

/// Who is told, answering with the statuses that it was given, then with 200.
struct Merchant {
    url: String,
    told: Arc<Mutex<Vec<Told>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    task: JoinHandle<()>,
}

impl Merchant {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ipn", listener.local_addr().unwrap());
        let (told, answers) = (Arc::<Mutex<Vec<Told>>>::default(), Arc::<Mutex<VecDeque<u16>>>::default());
        let (to, from) = (Arc::clone(&told), Arc::clone(&answers));
        let task = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (to, from) = (Arc::clone(&to), Arc::clone(&from));
                tokio::spawn(async move {
                    if let Some(told) = heard(&mut socket).await {
                        to.lock().unwrap().push(told);
                        let status = from.lock().unwrap().pop_front().unwrap_or(200);
                        let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                        socket.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self { url, told, answers, task }
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// The statuses that were told, once there are so many.
    async fn statuses(&self, count: usize) -> Vec<String> {
        until(async || self.told().len() >= count).await;
        let status = |(_, body): &Told| {
            let body: Value = serde_json::from_str(body).unwrap();
            body["payment_status"].as_str().unwrap().to_owned()
        };
        self.told().iter().map(status).collect()
    }
}

async fn heard(socket: &mut TcpStream) -> Option<Told> {
    let mut bytes = Vec::new();
    loop {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let line = head
                .lines()
                .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)));
            line.map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some((header("x-nowpayments-sig"), body.to_owned()));
        }
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(10), "it has not come to that");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct World {
    running: Running,
    control: NowpaymentsControl,
    merchant: Merchant,
    data: PathBuf,
    http: reqwest::Client,
}

impl World {
    async fn new(name: &str) -> Self {
        let data = std::env::temp_dir().join(format!("causeway-nowpayments-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&data);
        Self::at(data).await
    }

    async fn at(data: PathBuf) -> Self {
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let args = Args {
            listen: free,
            control: free,
            data: data.clone(),
            api_key: KEY.into(),
            ipn_secret: SECRET.into(),
            login: "me@example.org:secret".into(),
            ipn_retries: 3,
            ipn_pause_ms: 20,
        };
        let running = nowpayments::start(args, CancellationToken::new()).await.unwrap();
        let control = NowpaymentsControl::new(&format!("http://{}", running.control)).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { running, control, merchant: Merchant::new().await, data, http }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request =
            self.http.request(method, format!("http://{}/v1{path}", self.running.api)).header("x-api-key", KEY);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    fn order(&self, order: &str, coin: &str) -> Value {
        json!({
            "price_amount": 10, "price_currency": "usd", "pay_currency": coin, "order_id": order,
            "order_description": "Pro", "ipn_callback_url": self.merchant.url, "is_fixed_rate": false,
        })
    }

    /// Makes a payment; its number.
    async fn make(&self, order: &str, coin: &str) -> u64 {
        let (status, made) = self.ask(Method::POST, "/payment", "", Some(self.order(order, coin))).await;
        assert_eq!(status, 201, "{made}");
        made["payment_id"].as_str().unwrap().parse().unwrap()
    }

    async fn token(&self) -> String {
        let login = json!({ "email": "me@example.org", "password": "secret" });
        let (status, answer) = self.ask(Method::POST, "/auth", "", Some(login)).await;
        assert_eq!(status, 200);
        answer["token"].as_str().unwrap().to_owned()
    }

    fn end(self) {
        self.merchant.task.abort();
        drop(self.running);
        std::fs::remove_dir_all(self.data).unwrap();
    }
}

/// The signature of a body whose numbers every language spells alike.
fn signature(body: &str) -> String {
    fn sorted(value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("\"{name}\":{}", sorted(value))).collect();
                format!("{{{}}}", fields.join(","))
            }
            other => other.to_string(),
        }
    }
    let text = sorted(&serde_json::from_str(body).unwrap());
    let mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_payment_is_made_paid_and_told_of() {
    let world = World::new("paid").await;
    let (status, made) = world.ask(Method::POST, "/payment", "", Some(world.order("one", "xrp"))).await;
    assert_eq!(
        (status, &made["payment_status"], &made["pay_amount"]),
        (StatusCode::CREATED, &json!("waiting"), &json!(4.5))
    );
    assert!(made["payin_extra_id"].is_string() && made["purchase_id"].is_string() && made["valid_until"].is_string());
    let id: u64 = made["payment_id"].as_str().unwrap().parse().unwrap();
    let paid = world.control.pay(id).await.unwrap();
    assert_eq!((paid.status.as_str(), paid.paid.as_str(), paid.worth_minor), ("finished", "4.5", 1_000));
    let statuses = world.merchant.statuses(5).await;
    assert_eq!(statuses, ["waiting", "confirming", "confirmed", "sending", "finished"]);
    for (shown, body) in world.merchant.told() {
        assert_eq!(shown.unwrap(), signature(&body), "{body}");
    }
    let (_, shown) = world.ask(Method::GET, &format!("/payment/{id}"), "", None).await;
    assert_eq!((&shown["payment_id"], &shown["actually_paid"]), (&json!(id), &json!(4.5)));
    assert_eq!((&shown["payment_status"], &shown["order_id"]), (&json!("finished"), &json!("one")));
    until(async || world.control.ipns_of("one").await.unwrap().iter().all(|ipn| ipn.state == "delivered")).await;
    let books = world.control.books().await.unwrap();
    assert!(books.payments.len() == 1 && books.payments[0].came() && books.payments[0].price_minor == 1_000);
    world.end();
}

#[tokio::test]
async fn keys_tokens_and_amounts_are_checked() {
    let world = World::new("keys").await;
    let url = format!("http://{}/v1/payment/1", world.running.api);
    for key in [None, Some("wrong")] {
        let mut request = world.http.get(&url);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403);
        let refused: Value = answer.json().await.unwrap();
        assert_eq!((&refused["status"], &refused["code"]), (&json!(false), &json!("INVALID_API_KEY")));
    }
    assert_eq!(world.ask(Method::GET, "/payment/1", "", None).await.0, 404);
    assert_eq!(world.ask(Method::GET, "/payment/", "", None).await.0, 401);
    let wrong = json!({ "email": "me@example.org", "password": "wrong" });
    assert_eq!(world.ask(Method::POST, "/auth", "", Some(wrong)).await.0, 403);
    let token = world.token().await;
    assert_eq!(world.ask(Method::GET, "/payment/", &token, None).await.0, 200);
    world.control.forget_tokens().await.unwrap();
    assert_eq!(world.ask(Method::GET, "/payment/", &token, None).await.0, 401);
    for (name, value) in
        [("price_amount", json!(0.5)), ("pay_currency", json!("none")), ("price_currency", json!("xau"))]
    {
        let mut order = world.order("small", "btc");
        order[name] = value;
        assert_eq!(world.ask(Method::POST, "/payment", "", Some(order)).await.0, 400, "{name}");
    }
    assert!(world.control.books().await.unwrap().payments.is_empty());
    world.end();
}

#[tokio::test]
async fn money_comes_in_every_way() {
    let world = World::new("ways").await;
    let control = &world.control;
    let status = |payment: sandbox::client::NowpaymentsPayment| (payment.status, payment.worth_minor);
    let said = |status: &str, minor| (status.to_owned(), minor);
    let less = world.make("less", "btc").await;
    assert_eq!(status(control.pay_share(less, "0.5").await.unwrap()), said("partially_paid", 500));
    let more = world.make("more", "btc").await;
    assert_eq!(status(control.pay_share(more, "1.5").await.unwrap()), said("finished", 1_500));
    assert_eq!(control.pay(more).await.unwrap_err().status(), Some(StatusCode::CONFLICT));
    let late = world.make("late", "trx").await;
    assert_eq!(status(control.pay_late(late).await.unwrap()), said("finished", 1_000));
    let told: Vec<String> = control.ipns_of("late").await.unwrap().into_iter().map(|ipn| ipn.status).collect();
    assert_eq!(told, ["waiting", "expired", "confirming", "confirmed", "sending", "finished"]);

    let again = control.deposit_again(more, "0.1").await.unwrap();
    assert_eq!(
        (again.parent, again.order_id.as_deref(), again.status.as_str()),
        (Some(more), Some("more"), "partially_paid")
    );
    let other = control.deposit_other(more, "ltc").await.unwrap();
    assert_eq!((other.parent, other.coin.as_str(), other.worth_minor), (Some(more), "ltc", 1_000));
    assert_eq!(control.payment(more).await.unwrap().deposits, [again.id, other.id]);
    let (_, shown) = world.ask(Method::GET, &format!("/payment/{more}"), "", None).await;
    assert_eq!(shown["payment_extra_ids"], json!([again.id, other.id]));
    let (_, shown) = world.ask(Method::GET, &format!("/payment/{}", other.id), "", None).await;
    assert_eq!(shown["parent_payment_id"], json!(more));

    assert_eq!(control.refund(more).await.unwrap().status, "refunded");
    let failed = world.make("failed", "eth").await;
    assert_eq!(control.fail(failed).await.unwrap().status, "failed");
    assert_eq!(control.expire(failed).await.unwrap().status, "expired");
    assert_eq!(control.set_status(failed, "sending").await.unwrap().status, "sending");
    assert!(control.set_status(failed, "dreaming").await.is_err());
    let held = world.make("until", "eth").await;
    let held = control.act(held, "pay", &json!({ "until": "confirming" })).await.unwrap();
    assert_eq!((held.status.as_str(), held.paid.as_str()), ("confirming", "0.0025"));
    world.end();
}

#[tokio::test]
async fn an_invoice_is_a_page_on_which_coins_are_chosen() {
    let world = World::new("invoice").await;
    let order = json!({
        "price_amount": "12.50", "price_currency": "eur", "order_id": "page", "ipn_callback_url": world.merchant.url,
        "success_url": "https://example.org/yes", "cancel_url": "https://example.org/no",
    });
    let (status, made) = world.ask(Method::POST, "/invoice", "", Some(order)).await;
    assert!(status.is_success() && made["price_amount"] == "12.5", "{made}");
    let page = world.http.get(made["invoice_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let id: u64 = made["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.control.invoices_of("page").await.unwrap()[0].id, id);
    let one = world.control.choose(id, "btc").await.unwrap();
    let (status, other) = world
        .ask(Method::POST, "/invoice-payment", "", Some(json!({ "iid": id.to_string(), "pay_currency": "ltc" })))
        .await;
    assert_eq!(status, 201);
    assert_eq!(world.control.pay(one.id).await.unwrap().worth_minor, 1_250);
    world.make("elsewhere", "btc").await;
    let token = world.token().await;
    let (_, list) = world.ask(Method::GET, &format!("/payment/?invoiceId={id}&orderBy=asc"), &token, None).await;
    let ids: Vec<String> = list["data"].as_array().unwrap().iter().map(|row| row["payment_id"].to_string()).collect();
    assert_eq!(ids, [one.id.to_string(), other["payment_id"].as_str().unwrap().to_owned()]);
    let (_, list) = world.ask(Method::GET, "/payment/?limit=2&page=1&dateFrom=2020-01-01", &token, None).await;
    assert_eq!((list["total"].as_u64(), list["data"].as_array().unwrap().len()), (Some(3), 1));
    let (_, list) = world.ask(Method::GET, "/payment/?dateFrom=2199-01-01T00:00:00.000Z", &token, None).await;
    assert_eq!(list["total"], 0);
    world.end();
}

#[tokio::test]
async fn notifications_are_held_doubled_turned_round_lost_and_tried_again() {
    let world = World::new("delivery").await;
    let control = &world.control;
    control.set_delivery(&json!({ "hold": true, "announce": false })).await.unwrap();
    let one = world.make("held", "btc").await;
    control.pay(one).await.unwrap();
    assert!(control.ipns_of("held").await.unwrap().iter().all(|ipn| ipn.state == "held"));
    assert_eq!(control.release("reversed").await.unwrap(), 4);
    assert_eq!(world.merchant.statuses(4).await, ["finished", "sending", "confirmed", "confirming"]);
    assert_eq!(control.release("in_order").await.unwrap(), 0);

    control.set_delivery(&json!({ "hold": false, "drop": true })).await.unwrap();
    let two = world.make("lost", "btc").await;
    control.pay(two).await.unwrap();
    assert!(control.ipns_of("lost").await.unwrap().iter().all(|ipn| ipn.state == "dropped"));

    control.set_delivery(&json!({ "drop": false, "copies": 2 })).await.unwrap();
    world.merchant.answers.lock().unwrap().extend([500, 404]);
    control.act(two, "ipn", &json!({})).await.unwrap();
    until(async || control.ipns_of("lost").await.unwrap().last().unwrap().state == "delivered").await;
    assert_eq!(control.ipns_of("lost").await.unwrap().last().unwrap().answers, ["500", "404", "200", "200"]);
    assert_eq!(world.merchant.told().len(), 8);

    world.merchant.answers.lock().unwrap().extend([500; 4]);
    control.act(two, "ipn", &json!({ "delivery": { "copies": 1, "retries": 1 } })).await.unwrap();
    until(async || control.ipns_of("lost").await.unwrap().last().unwrap().state == "failed").await;
    assert_eq!(world.merchant.told().len(), 10);
    assert!(control.set_delivery(&json!({ "colour": "red" })).await.is_err());

    control.set_delivery(&json!({ "copies": 1, "lose_percent": 100 })).await.unwrap();
    control.act(two, "ipn", &json!({})).await.unwrap();
    assert_eq!(control.ipns_of("lost").await.unwrap().last().unwrap().state, "dropped");
    control.set_delivery(&json!({ "lose_percent": 0, "double_percent": 100, "late_ms_max": 30 })).await.unwrap();
    control.act(two, "ipn", &json!({})).await.unwrap();
    until(async || world.merchant.told().len() == 12).await;
    world.end();
}

#[tokio::test]
async fn notifications_are_spelled_and_signed_as_one_asks_for() {
    let world = World::new("spelling").await;
    let id = world.make("odd", "btc").await;
    world.control.pay(id).await.unwrap();
    let told = async |spelling: &str, signing: &str| {
        let delivery = json!({ "delivery": { "hold": true, "spelling": spelling, "signing": signing } });
        world.control.act(id, "ipn", &delivery).await.unwrap();
        world.control.ipns_of("odd").await.unwrap().pop().unwrap()
    };
    let plain = told("javascript", "javascript").await;
    assert!(plain.body.contains("\"pay_amount\":0.000083,"));
    for (spelling, amount) in
        [("python", "8.3e-05"), ("fixed", "0.00008300"), ("exponent", "8.3E-5"), ("text", "\"0.000083\"")]
    {
        let odd = told(spelling, "javascript").await;
        assert!(odd.body.contains(&format!("\"pay_amount\":{amount},")), "{}", odd.body);
        assert_eq!(odd.signature == plain.signature, spelling != "text", "the same numbers are signed alike");
        assert_ne!(told(spelling, "literal").await.signature, plain.signature);
    }
    for wrong in ["flat", "raw", "python", "foreign"] {
        assert_ne!(told("javascript", wrong).await.signature, plain.signature);
    }
    assert_eq!(told("javascript", "missing").await.signature, None);
    world.end();
}

#[tokio::test]
async fn faults_strike_before_and_after_the_deed() {
    let world = World::new("faults").await;
    let url = format!("http://{}/v1/payment", world.running.api);
    let post = async || world.http.post(&url).header("x-api-key", KEY).json(&world.order("x", "btc")).send().await;
    let count = async || world.control.books().await.unwrap().payments.len();
    world.control.fault(&json!({ "kind": "lose_answer", "method": "POST", "route": "/v1/payment" })).await.unwrap();
    assert!(post().await.is_err());
    assert_eq!(count().await, 1, "it was made all the same");
    world.control.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    assert!(post().await.is_err());
    world.control.fault(&json!({ "kind": "server_error", "status": 503 })).await.unwrap();
    assert_eq!(post().await.unwrap().status(), 503);
    world.control.fault(&json!({ "kind": "rate_limit", "retry_after": 7 })).await.unwrap();
    let limited = post().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    world.control.fault(&json!({ "kind": "delay", "ms": 50, "times": 0 })).await.unwrap();
    let started = Instant::now();
    assert_eq!(post().await.unwrap().status(), 201);
    assert!(started.elapsed() >= Duration::from_millis(50));
    world.control.clear_faults().await.unwrap();
    assert_eq!(count().await, 2);
    world.end();
}

#[tokio::test]
async fn what_was_answered_survives_a_restart() {
    let world = World::new("restart").await;
    let id = world.make("kept", "btc").await;
    world.control.pay_share(id, "0.5").await.unwrap();
    let data = world.data.clone();
    world.merchant.task.abort();
    drop(world.running);
    let world = World::at(data).await;
    let kept = world.control.payment(id).await.unwrap();
    assert_eq!((kept.status.as_str(), kept.paid.as_str()), ("partially_paid", "0.0000415"));
    assert!(world.make("next", "btc").await > id);
    world.end();
}
