//! What the edge does to callers who are slow, many or elsewhere. The backends are away.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use salvo::conn::Acceptor as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::*;
use crate::{
    config::{Config, tests::good},
    router,
};

/// Whatever must come in a test comes by then, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);
/// A time that a slow caller exceeds, and nobody else in these tests.
const SHORT: Duration = Duration::from_millis(400);

struct Api {
    address: SocketAddr,
    state: AppState,
}

impl Api {
    async fn start(settings: &[(&str, &str)], patience: Patience) -> Self {
        let setting = |name: &str| {
            let away = [("TEMPORAL_ADDRESS", "http://127.0.0.1:1")];
            let own = settings.iter().chain(&away).find(|(own, _)| *own == name);
            own.map(|(_, value)| (*value).to_owned()).or_else(|| good(name))
        };
        let state = AppState::with_patience(Config::read(setting).unwrap(), patience).unwrap();
        let acceptor = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = acceptor.holdings()[0].local_addr.clone().into_std().unwrap();
        tokio::spawn(server(acceptor, &state).serve(router::service(state.clone())));
        Self { address, state }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn cut(&self, why: &str) -> bool {
        self.state.metrics.text().unwrap().contains(&format!("causeway_api_connections_cut_total{{why=\"{why}\"}}"))
    }
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";

/// Everything that comes until the other side closes.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _end = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the connection is closed");
    String::from_utf8_lossy(&text).into_owned()
}

/// One answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let (mut text, mut part) = (Vec::new(), [0; 4_096]);
    while !text.ends_with(b"}") {
        let read = timeout(PATIENCE, stream.read(&mut part)).await.expect("an answer comes").unwrap();
        assert!(read > 0, "closed after {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Sends `text` byte by byte until the other side has enough, and answers what it said.
async fn drip(mut stream: TcpStream, text: &'static str) -> String {
    let (mut reader, mut writer) = stream.split();
    let dripping = async {
        for byte in text.bytes().chain(std::iter::repeat(b'a')) {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(SHORT / 20).await;
        }
    };
    let mut said = Vec::new();
    let reading = timeout(PATIENCE, reader.read_to_end(&mut said));
    tokio::select! {
        read = reading => drop(read.expect("the connection is closed")),
        () = dripping => (),
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_head_that_comes_drop_by_drop_is_cut() {
    let api = Api::start(&[], Patience { head: SHORT, ..Patience::USUAL }).await;
    let started = Instant::now();
    assert_eq!(drip(api.connect().await, "GET /health/live HTTP/1.1\r\nx-slow: ").await, "");
    assert!(started.elapsed() >= SHORT, "{:?}", started.elapsed());
    assert!(api.cut("slow"));
    // A connection that says nothing at all is no better, and one that was used before neither.
    assert_eq!(to_the_end(&mut api.connect().await).await, "");
    let mut used = api.connect().await;
    used.write_all(LIVE.as_bytes()).await.unwrap();
    assert!(answer(&mut used).await.contains("200 OK"));
    assert_eq!(drip(used, "GET /health/live HTTP/1.1\r\nx-slow: ").await, "");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_and_the_connection_closed() {
    let api = Api::start(&[], Patience { body: SHORT, ..Patience::USUAL }).await;
    let head =
        "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
    let mut silent = api.connect().await;
    silent.write_all(head.as_bytes()).await.unwrap();
    silent.write_all(b"{\"email\":").await.unwrap();
    let said = to_the_end(&mut silent).await;
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("\"body_timed_out\""), "{said}");
    let slow = api.connect().await;
    let said = drip(slow, head).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test]
async fn who_waits_for_an_answer_is_not_cut() {
    let api = Api::start(&[], Patience { head: SHORT, ..Patience::USUAL }).await;
    let mut stream = api.connect().await;
    // It asks a database and a Temporal that are away, for longer than a head may take.
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream).await.contains("503 Service Unavailable"));
    // Nor is who waits before the next request.
    sleep(SHORT * 3).await;
    stream.write_all(LIVE.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let api = Api::start(&[], Patience { idle: SHORT * 2, ..Patience::USUAL }).await;
    let mut stream = api.connect().await;
    stream.write_all(LIVE.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.contains("200 OK"));
    let started = Instant::now();
    assert_eq!(to_the_end(&mut stream).await, "");
    assert!(started.elapsed() >= SHORT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_idle_connection_gives_way_when_there_are_no_others() {
    let crowded = Patience { idle_crowded: SHORT, head: SHORT * 10, ..Patience::USUAL };
    let api = Api::start(&[("CONNECTIONS_MAX", "1")], crowded).await;
    let mut first = api.connect().await;
    first.write_all(LIVE.as_bytes()).await.unwrap();
    assert!(answer(&mut first).await.contains("200 OK"));
    let mut second = api.connect().await;
    second.write_all(LIVE.as_bytes()).await.unwrap();
    assert!(answer(&mut second).await.contains("200 OK"));
    assert_eq!(to_the_end(&mut first).await, "");
    assert!(api.cut("idle"));
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_a_proxy_any_number() {
    let few = ("CONNECTIONS_PER_ADDRESS_MAX", "2");
    let api = Api::start(&[few], Patience::USUAL).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = api.connect().await;
        stream.write_all(LIVE.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.contains("200 OK"));
        held.push(stream);
    }
    assert_eq!(to_the_end(&mut api.connect().await).await, "");
    assert!(api.cut("address"));
    held.pop();
    let started = Instant::now();
    let served = loop {
        let mut stream = api.connect().await;
        let written = stream.write_all(LIVE.as_bytes()).await;
        let mut part = [0; 16];
        if written.is_ok() && matches!(stream.read(&mut part).await, Ok(read) if read > 0) {
            break true;
        }
        assert!(started.elapsed() < PATIENCE, "the place of a closed connection is free again");
        sleep(SHORT / 20).await;
    };
    assert!(served);

    let api = Api::start(&[few, ("TRUSTED_PROXIES", "127.0.0.0/8")], Patience::USUAL).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut stream = api.connect().await;
        stream.write_all(LIVE.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.contains("200 OK"));
        held.push(stream);
    }
}

#[tokio::test]
async fn answers_do_not_wait_for_acknowledgements() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(acceptor) = listen(address.parse().unwrap()) else { continue };
        let client = TcpStream::connect(acceptor.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = acceptor.inner().accept().await.unwrap();
        assert!(accepted.nodelay().unwrap(), "{address}");
        drop(client);
    }
}

#[tokio::test]
async fn heads_have_bounds() {
    let api = Api::start(&[], Patience::USUAL).await;
    let many: String = (0..HEADERS_MAX).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(HEAD_BYTES_MAX.into()));
    for (fields, read) in [(many, true), (long, false)] {
        let mut stream = api.connect().await;
        let head = format!("GET /health/live HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = to_the_end(&mut stream).await;
        // Where the head is not read to its end, the reset may overtake the answer.
        assert!(said.starts_with("HTTP/1.1 431 ") || said.is_empty() && !read, "{said}");
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_not_do() {
    let api = Api::start(&[("HSTS_SECONDS", "31536000")], Patience::USUAL).await;
    let client = Client::builder().no_proxy().build().unwrap();
    for (path, status) in [("/health/live", 200), ("/nowhere", 404), ("/api/pairs", 401), ("/docs/", 200)] {
        let answer = client.get(api.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let text = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(text("x-frame-options"), "DENY", "{path}");
        assert_eq!(text("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(text("strict-transport-security"), "max-age=31536000", "{path}");
        assert!(text("permissions-policy").contains("camera=()"), "{path}");
        let docs = path == "/docs/";
        assert_eq!(text("cache-control"), if docs { "no-cache" } else { "no-store" }, "{path}");
        assert_eq!(text("content-security-policy").contains("script-src 'self'"), docs, "{path}");
        assert!(text("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let plain = Api::start(&[], Patience::USUAL).await;
    let answer = client.get(plain.url("/health/live")).send().await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn named_pages_and_no_others_may_call_from_elsewhere() {
    const PAGE: &str = "https://app.example";
    let api = Api::start(&[("CORS_ORIGINS", "https://app.example,http://127.0.0.1:3000")], Patience::USUAL).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let ahead = |path: &str, origin: &str| {
        client
            .request(Method::OPTIONS, api.url(path))
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .send()
    };
    let allowed = ahead("/api/pairs", PAGE).await.unwrap();
    assert_eq!(allowed.status(), 204);
    let text = |name: &str| allowed.headers()[name].to_str().unwrap();
    assert_eq!(
        (text("access-control-allow-origin"), text("access-control-max-age"), text("vary")),
        (PAGE, "600", "origin")
    );
    assert!(text("access-control-allow-methods").contains("PATCH"));
    assert!(text("access-control-allow-headers").contains("authorization"));
    assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
    for (path, origin) in [
        ("/api/pairs", "https://evil.example"),
        ("/api/pairs", "https://app.example.evil.example"),
        ("/api/pairs", "null"),
        ("/metrics", PAGE),
    ] {
        let refused = ahead(path, origin).await.unwrap();
        assert_eq!(refused.status(), 405, "{path} {origin}");
        assert!(!refused.headers().contains_key("access-control-allow-origin"), "{path} {origin}");
    }
    let answer = client.get(api.url("/api/pairs")).header("origin", PAGE).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (401, &PAGE.parse().unwrap())
    );
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("retry-after"));
    let stranger = client.get(api.url("/api/pairs")).send().await.unwrap();
    assert_eq!(stranger.headers()["vary"], "origin");
}
