//! What no tool hits upon, and the operations that it may not call: each with the answer that the document promises.

use reqwest::{Client, Method, RequestBuilder};
use sandbox::client::CausewayClient;
use serde_json::{Value, json};

use super::{document, token_of};
use crate::{
    harness,
    world::{PASSWORD, World, place},
};

/// Calls of a tenant, compared with the document.
struct Caller {
    client: Client,
    url: String,
    token: String,
    document: Value,
}

impl Caller {
    async fn new(url: &str, token: String) -> Self {
        Self { client: Client::new(), url: url.to_owned(), token, document: document(url).await }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// The code of the answer, which must be a problem with this status.
    async fn refused(&self, request: RequestBuilder, status: u16, code: &str) -> Value {
        let answer = request.send().await.expect("the API answers");
        let (found, kind) = (answer.status().as_u16(), answer.headers().get("content-type").cloned());
        let kind = kind.and_then(|kind| kind.to_str().map(str::to_owned).ok());
        assert_eq!(kind.as_deref(), Some("application/problem+json"), "{status} {code}");
        let problem: Value = answer.json().await.expect("a problem is JSON");
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
        problem
    }

    /// An answer without a body.
    async fn done(&self, operation: &str, request: RequestBuilder) {
        let status = request.send().await.expect("the API answers").status().as_u16();
        assert_eq!(status, 204, "{operation}");
        let operations =
            self.document["paths"].as_object().into_iter().flatten().filter_map(|(_, item)| item.as_object());
        let mut named = operations.flatten().filter(|(_, one)| one["operationId"] == operation);
        assert!(named.any(|(_, one)| one["responses"].get("204").is_some()), "{operation} has no 204 in the document");
    }

    fn json(&self, method: Method, path: &str, body: &'static str) -> RequestBuilder {
        self.request(method, path).header("content-type", "application/json").body(body)
    }
}

#[tokio::test]
async fn odd_characters_and_numbers_are_refused_and_never_our_fault() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let made = world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    let caller = Caller::new(&stack.urls().api, token_of(&world)).await;
    let pair = format!("/api/pairs/{}", made.id);
    for (body, status, code, field) in [
        (r#"{"name":"a\u0000b"}"#, 422, "invalid_character", Some("name")),
        (r#"{"options":{"header":"a\u0000b"}}"#, 422, "invalid_character", Some("options.header")),
        (r#"{"options":{"deny":{"words":["x","\u0000"]}}}"#, 422, "invalid_character", Some("options.deny.words[1]")),
        (r#"{"options":{"a\u0000":1}}"#, 422, "invalid_character", Some("options")),
        (r#"{"options":{"header":"\ud800"}}"#, 400, "malformed_json", None),
        (r#"{"name":"a","name":"b"}"#, 422, "invalid_body", None),
        (r#"{"delay_seconds":1e400}"#, 400, "malformed_json", None),
        (r#"{"delay_seconds":99999999999999999999}"#, 422, "invalid_body", Some("delay_seconds")),
        (r#"{"delay_seconds":-1}"#, 422, "invalid_body", Some("delay_seconds")),
        (r#"{"delay_seconds":4294967295}"#, 422, "delay_too_long", Some("delay_seconds")),
        ("\u{0}", 400, "malformed_json", None),
    ] {
        let problem = caller.refused(caller.json(Method::PATCH, &pair, body), status, code).await;
        assert_eq!(problem["field"].as_str(), field, "{body}");
    }
    let bytes: &[u8] = b"{\"name\":\"\xff\"}";
    let invalid = caller.request(Method::PATCH, &pair).header("content-type", "application/json").body(bytes);
    caller.refused(invalid, 400, "malformed_json").await;
    let deep = format!("{{\"options\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep = caller.request(Method::PATCH, &pair).header("content-type", "application/json").body(deep);
    let answer = deep.send().await.expect("the API answers");
    assert!(answer.status().is_client_error(), "{}", answer.status());
    for (path, status, code) in [
        (format!("{pair}/messages?state=a%00b"), 422, "invalid_character"),
        (format!("{pair}%00"), 422, "invalid_character"),
        ("/api/pairs/%ff%fe".to_owned(), 404, "pair_not_found"),
        ("/api/pairs/%zz".to_owned(), 404, "pair_not_found"),
        (format!("{pair}/messages?limit=%ff"), 422, "invalid_query"),
        (format!("{pair}/messages?before=99999999999999999999"), 422, "invalid_query"),
        ("/api/%00".to_owned(), 404, "route_not_found"),
    ] {
        caller.refused(caller.request(Method::GET, &path), status, code).await;
    }
    // Whoever is not known is told no more than that.
    let stranger = caller.client.get(format!("{}/api/pairs?a=%00", caller.url));
    caller.refused(stranger, 401, "unauthorized").await;
}

#[tokio::test]
async fn what_ends_a_session_does_what_the_document_says() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let url = stack.urls().api;
    let me: Value = world.api.http().get("/auth/me").await.expect("the tenant is signed in");
    let sign_in = async |password: &str| {
        let email = me["email"].as_str().expect("an address");
        let api = CausewayClient::login(&url, email, password).await.expect("the tenant can sign in");
        Caller::new(&url, api.http().token().expect("there is a token").to_owned()).await
    };
    let caller = sign_in(PASSWORD).await;
    let wrong = json!({ "password": "something else", "new_password": "correct horse battery 2" });
    let change = |caller: &Caller, body: &Value| caller.request(Method::POST, "/api/auth/password").json(body);
    caller.refused(change(&caller, &wrong), 422, "password_wrong").await;
    let right = json!({ "password": PASSWORD, "new_password": "correct horse battery 2" });
    caller.done("change_password", change(&caller, &right)).await;
    let other = sign_in("correct horse battery 2").await;
    other.done("log_out_session", other.request(Method::POST, "/api/auth/logout")).await;
    other.refused(other.request(Method::POST, "/api/auth/logout"), 401, "unauthorized").await;
    caller.done("revoke_all_sessions", caller.request(Method::DELETE, "/api/auth/sessions")).await;
    caller.refused(caller.request(Method::DELETE, "/api/auth/sessions"), 401, "unauthorized").await;
    let staff = Caller::new(&url, super::admin(&stack).await.1).await;
    staff.done("admin_logout", staff.request(Method::POST, "/api/admin/auth/logout")).await;
    staff.refused(staff.request(Method::POST, "/api/admin/auth/logout"), 401, "unauthorized").await;
}
