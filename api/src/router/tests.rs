//! The service without a database and without Temporal: what it answers must be precise all the same.

use reqwest::{Client, Method, RequestBuilder, Response};
use salvo::{
    conn::Acceptor as _,
    prelude::{Listener as _, Server, TcpListener},
};
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, tests::good};

const OPERATOR: &str = "operator-token-operator-token";
const UI: &str = "http://127.0.0.1:8233";

/// A running API whose backends are away.
struct Api {
    base: String,
    client: Client,
}

impl Api {
    async fn start() -> Self {
        let setting = |name: &str| match name {
            "TEMPORAL_ADDRESS" => Some("http://127.0.0.1:1".to_owned()),
            "CODEC_CORS_ORIGIN" => Some(UI.to_owned()),
            "ANONYMOUS_REQUESTS_PER_MINUTE" => Some("0".to_owned()),
            other => good(other),
        };
        let state = AppState::new(Config::read(setting).unwrap()).unwrap();
        let acceptor = TcpListener::new("127.0.0.1:0").try_bind().await.unwrap();
        let address = acceptor.holdings()[0].local_addr.clone().into_std().unwrap();
        tokio::spawn(Server::new(acceptor).serve(service(state)));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { base: format!("http://{address}"), client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }
}

/// Status, code and field of the answer, which must be a problem.
async fn problem(response: Response) -> (u16, String, Option<String>) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id);
    assert_eq!(body["type"], format!("urn:causeway:problem:{}", body["code"].as_str().unwrap()));
    (status, body["code"].as_str().unwrap().to_owned(), body["field"].as_str().map(str::to_owned))
}

async fn register(body: &Value) -> (u16, String, Option<String>) {
    problem(Api::start().await.post("/api/auth/register", body).await).await
}

#[tokio::test]
async fn framework_errors_are_problems_too() {
    let api = Api::start().await;
    let missing = api.get("/nowhere").await;
    assert_eq!(problem(missing).await, (404, "route_not_found".into(), None));
    let method = api.request(Method::PUT, "/api/auth/login").send().await.unwrap();
    assert_eq!(problem(method).await, (405, "method_not_allowed".into(), None));
}

#[tokio::test]
async fn every_route_that_is_not_open_asks_who_is_there_and_says_so() {
    let api = Api::start().await;
    let document: Value = serde_json::from_str(&crate::openapi::document_text().unwrap()).unwrap();
    let mut asked = 0;
    for route in routes() {
        let (method, path) = (route.method.clone(), route.wire_path());
        let security = &document["paths"][&path][method.as_str().to_lowercase()]["security"];
        let open = matches!(route.access, Open | Probe | Hook | Link);
        assert_eq!(security.is_null(), open, "{method} {path}: {security}");
        if open {
            continue;
        }
        let path = path.replace("{id}", "acc_01a1fc9353a677b991ee21a9d7231a0b");
        for token in [None, Some("a.b.c"), Some("cwk_1_2")] {
            let request = api.request(method.clone(), &path);
            let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
            assert_eq!(problem(request.send().await.unwrap()).await, (401, "unauthorized".into(), None), "{path}");
        }
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}

#[tokio::test]
async fn bad_bodies_are_told_apart() {
    let api = Api::start().await;
    let login = || api.request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    let malformed = login().body("{bad").send().await.unwrap();
    assert_eq!(problem(malformed).await, (400, "malformed_json".into(), None));
    let large = format!(r#"{{"email":"{}"}}"#, "a".repeat(70_000));
    let large = login().body(large).send().await.unwrap();
    assert_eq!(problem(large).await, (413, "body_too_large".into(), None));
    let text = api.request(Method::POST, "/api/auth/login").body("{}").send().await.unwrap();
    assert_eq!(problem(text).await, (415, "unsupported_media_type".into(), None));
    let shape = api.post("/api/auth/login", &json!({ "email": "a@b.co", "password": 5 })).await;
    assert_eq!(problem(shape).await, (422, "invalid_body".into(), Some("password".into())));
}

#[tokio::test]
async fn a_registration_is_checked_before_the_database_is_asked() {
    let email = register(&json!({ "email": "nobody", "password": "long enough" })).await;
    assert_eq!(email, (422, "email_invalid".into(), Some("email".into())));
    let password = register(&json!({ "email": "a@b.co", "password": "short" })).await;
    assert_eq!(password, (422, "password_length".into(), Some("password".into())));
}

#[tokio::test]
async fn without_a_database_the_answer_says_so_and_the_process_lives() {
    let gone = register(&json!({ "email": "a@b.co", "password": "long enough" })).await;
    assert_eq!(gone, (503, "database_unavailable".into(), None));
    let api = Api::start().await;
    let ready = api.get("/health/ready").await;
    assert_eq!(ready.status(), 503);
    let parts: Value = ready.json().await.unwrap();
    assert_eq!(parts, json!({ "ok": false, "database": false, "temporal": false, "hosts": null }));
    let live = api.get("/health/live").await;
    assert_eq!(live.status(), 200);
}

#[tokio::test]
async fn the_operator_and_nobody_else_seals_and_opens_payloads() {
    let api = Api::start().await;
    let post =
        |path: &str, token: &str, body: &Value| api.request(Method::POST, path).bearer_auth(token).json(body).send();
    let clear = json!({ "payloads": [{ "metadata": { "encoding": "anNvbi9wbGFpbg==" }, "data": "InNlY3JldCI=" }] });
    let answer = post("/codec/encode", OPERATOR, &clear).await.unwrap();
    let sealed: Value = answer.json().await.unwrap();
    assert_eq!(sealed["payloads"][0]["metadata"]["encoding"], "YmluYXJ5L2VuY3J5cHRlZA==");
    assert_ne!(sealed["payloads"][0]["data"], clear["payloads"][0]["data"]);
    let answer = post("/codec/decode", OPERATOR, &sealed).await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), clear);

    let stranger = post("/codec/decode", "operator-token-operator-tokem", &sealed).await.unwrap();
    assert_eq!(problem(stranger).await, (401, "unauthorized".into(), None));
    let mut damaged = sealed.clone();
    damaged["payloads"][0]["data"] = json!("AAAA");
    let refused = post("/codec/decode", OPERATOR, &damaged).await.unwrap();
    assert_eq!(problem(refused).await, (422, "payload_refused".into(), None));
    let odd = json!({ "payloads": [{ "data": "%" }] });
    let refused = post("/codec/decode", OPERATOR, &odd).await.unwrap();
    assert_eq!(problem(refused).await, (422, "invalid_body".into(), Some("payloads[0]".into())));
}

#[tokio::test]
async fn only_the_configured_page_may_ask_the_codec_from_a_browser() {
    let api = Api::start().await;
    for (origin, allowed) in [(UI, true), ("http://evil.example", false)] {
        let request = api.request(Method::OPTIONS, "/codec/decode").header("origin", origin);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers().get("access-control-allow-origin").is_some(), allowed, "{origin}");
    }
}

#[tokio::test]
async fn the_documents_need_nothing_from_elsewhere() {
    let api = Api::start().await;
    let page = api.get("/docs/").await;
    let page = page.text().await.unwrap();
    assert!(page.contains("/openapi.json") && !page.contains("src=\"http"), "{page}");
    for script in ["swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"] {
        let answer = api.get(&format!("/docs/{script}")).await;
        assert_eq!(answer.status(), 200, "{script}");
    }
    let document = api.get("/openapi.json").await;
    assert_eq!(document.json::<Value>().await.unwrap()["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_request_id_is_taken_over_only_when_it_is_harmless() {
    let api = Api::start().await;
    for (given, kept) in [("abc-123", true), ("a b", false), ("", false), (&*"x".repeat(65), false)] {
        let answer = api.request(Method::GET, "/health/live").header("x-request-id", given).send().await.unwrap();
        let id = answer.headers().get("x-request-id").unwrap().to_str().unwrap();
        assert_eq!(id == given, kept, "{given}");
        assert!(!id.is_empty());
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let api = Api::start().await;
    api.get("/api/pairs/pair_1").await;
    let answer = api.get("/metrics").await;
    let text = answer.text().await.unwrap();
    let line = r#"causeway_api_requests_total{method="GET",route="/api/pairs/{id}",status="401"} 1"#;
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("pair_1"), "{text}");
}
