//! A sandbox in this process, a merchant's client, and somebody who takes webhooks.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use salvo::{
    conn::tcp::TcpAcceptor,
    prelude::{Depot, Request, Response, Router, Server, handler},
};
use sandbox::{
    client::PaypalControl,
    paypal::{self, Args, Running},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::OnceCell, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Everything here happens within moments; a loaded machine gets some patience.
const PATIENCE: Duration = Duration::from_secs(30);

pub const CLIENT: &str = "merchant";
pub const SECRET: &str = "merchant-secret";
pub const WEBHOOK_ID: &str = "5WH12345678901234";

/// The files of an identity, which takes seconds to make.
const IDENTITY: [&str; 3] = ["ca.pem", "webhook-chain.pem", "webhook-key.pem"];

/// A running sandbox.
pub struct World {
    pub running: Running,
    pub control: PaypalControl,
    pub inbox: Inbox,
    pub base: String,
    pub token: String,
    pub folder: PathBuf,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl World {
    /// A fresh one, with the identity that all of them share.
    pub async fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static SHARED: OnceCell<PathBuf> = OnceCell::const_new();
        let folder = |name: String| std::env::temp_dir().join(format!("causeway-paypal-{name}-{}", std::process::id()));
        let shared = SHARED
            .get_or_init(|| async {
                let shared = folder("identity".into());
                let _old = std::fs::remove_dir_all(&shared);
                drop(paypal::start(args(&shared, None), CancellationToken::new()).await.unwrap());
                shared
            })
            .await;
        let own = folder(COUNT.fetch_add(1, Ordering::Relaxed).to_string());
        let _old = std::fs::remove_dir_all(&own);
        std::fs::create_dir_all(&own).unwrap();
        for file in IDENTITY {
            std::fs::copy(shared.join(file), own.join(file)).unwrap();
        }
        Self::at(own).await
    }

    /// One with what is in a folder.
    pub async fn at(folder: PathBuf) -> Self {
        let inbox = Inbox::open().await;
        let stop = CancellationToken::new();
        let running = paypal::start(args(&folder, Some(inbox.url.clone())), stop.clone()).await.unwrap();
        let control = PaypalControl::new(&format!("http://{}", running.control)).unwrap();
        control.settings(&json!({ "retry_ms": 20, "retry_ms_max": 100 })).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let base = format!("http://{}", running.service);
        let mut world = Self { running, control, inbox, base, token: String::new(), folder, client, stop };
        world.token = world.new_token(SECRET).await.1["access_token"].as_str().unwrap().to_owned();
        world
    }

    /// Stops in order; the folder stays.
    pub async fn stop(self) -> PathBuf {
        self.stop.cancel();
        self.running.wait().await.unwrap();
        self.folder
    }

    /// Asks for a token.
    pub async fn new_token(&self, secret: &str) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}/v1/oauth2/token", self.base)).basic_auth(CLIENT, Some(secret));
        answer(request.form(&[("grant_type", "client_credentials")])).await
    }

    /// A request of the merchant's, without a key.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path, None)).await
    }

    /// A request of the merchant's.
    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path, key).json(body)).await
    }

    /// The same, with the error of one that is not answered.
    pub async fn try_post(&self, path: &str, key: &str, body: &Value) -> reqwest::Result<StatusCode> {
        Ok(self.request(Method::POST, path, Some(key)).json(body).send().await?.status())
    }

    /// Any bytes.
    pub async fn post_raw(&self, path: &str, body: String) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path, None).header("content-type", "application/json").body(body)).await
    }

    /// An order of 10 dollars.
    pub async fn order(&self, key: &str) -> String {
        let (status, order) = self.post("/v2/checkout/orders", Some(key), &new_order(key)).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        text(&order, "/id")
    }

    /// An order of 10 dollars that is paid: its id and that of its capture.
    pub async fn paid_order(&self, key: &str) -> (String, String) {
        let order = self.order(key).await;
        self.control.approve_order(&order).await.unwrap();
        let path = format!("/v2/checkout/orders/{order}/capture");
        let (status, paid) = self.post(&path, Some(&format!("{key}-capture")), &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{paid}");
        (order, text(&paid, "/purchase_units/0/payments/captures/0/id"))
    }

    fn request(&self, method: Method, path: &str, key: Option<&str>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("Prefer", "return=representation");
        match key {
            Some(key) => request.header("PayPal-Request-Id", key),
            None => request,
        }
    }
}

fn args(folder: &Path, webhook_url: Option<String>) -> Args {
    let free: SocketAddr = ([127, 0, 0, 1], 0).into();
    Args {
        listen: free,
        control: free,
        data: folder.to_owned(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        webhook_id: WEBHOOK_ID.into(),
        webhook_url,
    }
}

/// A request for an order of 10 dollars, with an invoice of its own.
pub fn new_order(custom_id: &str) -> Value {
    json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "amount": { "currency_code": "USD", "value": "10.00" }, "custom_id": custom_id, "invoice_id": custom_id,
        }],
        "payment_source": { "paypal": { "experience_context": {
            "return_url": "https://example.org/back", "cancel_url": "https://example.org/gone", "user_action": "PAY_NOW",
        } } },
    })
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// The text at a place.
pub fn text(value: &Value, place: &str) -> String {
    value.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {place} of {value}")).to_owned()
}

/// The issue of a refusal.
pub fn issue(value: &Value) -> String {
    text(value, "/details/0/issue")
}

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        text(&self.event(), "/event_type")
    }
}

/// Takes webhooks, and answers 200 unless told otherwise.
#[derive(Clone)]
pub struct Inbox {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    _server: Arc<Task>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Clone)]
struct Desk {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

#[handler]
async fn take(request: &mut Request, depot: &mut Depot, response: &mut Response) {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = request.payload().await.unwrap().to_vec();
    let desk = depot.get_typed::<Desk>().unwrap();
    let status = desk.answers.lock().unwrap().pop_front().unwrap_or(200);
    desk.received.lock().unwrap().push(Received { headers, body });
    response.status_code(StatusCode::from_u16(status).unwrap());
}

impl Inbox {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let desk = Desk { received: Arc::default(), answers: Arc::default() };
        let routes = Router::with_path("webhooks").hoop(salvo::affix_state::inject(desk.clone())).post(take);
        let server = Server::new(TcpAcceptor::try_from(listener).unwrap());
        let task = Task(tokio::spawn(async move { server.serve(routes).await }));
        Self { url, received: desk.received, answers: desk.answers, _server: Arc::new(task) }
    }

    /// The next webhooks are answered with these.
    pub fn answer_with(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// What has come.
    pub fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until `count` webhooks of a type have come.
    pub async fn of(&self, kind: &str, count: usize) -> Vec<Received> {
        let started = Instant::now();
        loop {
            let found: Vec<Received> = self.all().into_iter().filter(|one| one.kind() == kind).collect();
            if found.len() >= count {
                return found;
            }
            let kinds: Vec<String> = self.all().iter().map(Received::kind).collect();
            assert!(started.elapsed() < PATIENCE, "{count} webhooks {kind}, not {kinds:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
