//! Every route of the running API, with everybody who must not pass: each gets exactly the answer that is due.

use reqwest::Method;
use sandbox::{
    client::{CallError, CausewayClient, Http},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::{
    harness,
    member::{Member, address, get, text},
    world::{PASSWORD, World, place},
};

const SCOPES: [&str; 5] = ["read", "forward", "accounts", "notifications", "billing"];

/// The operations that a path may have.
const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "options"];

/// What a route asks of the caller, as the document says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Door {
    Open,
    /// A session, or an API key with this scope.
    Tenant(String),
    Person,
    /// At least this role.
    Staff(String),
    Operator,
}

#[derive(Clone, Debug)]
struct Route {
    method: Method,
    path: String,
    operation: String,
    has_body: bool,
    door: Door,
}

fn door(security: &Value) -> Door {
    let Some(ways) = security.as_array() else { return Door::Open };
    let names = |scheme: &str| {
        let way = ways.iter().find_map(|way| way.get(scheme))?;
        Some(way.as_array()?.first().and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    match (names("session"), names("api_key"), names("staff"), names("operator")) {
        (Some(_), Some(scope), None, None) => Door::Tenant(scope),
        (Some(_), None, None, None) => Door::Person,
        (None, None, Some(role), None) => Door::Staff(role),
        (None, None, None, Some(_)) => Door::Operator,
        _ => panic!("who may pass with {security}?"),
    }
}

/// Every route that the running API describes.
async fn routes(stack: &Stack) -> Vec<Route> {
    let document = get(&http(stack), "/openapi.json").await.expect("the API describes itself");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        for (method, operation) in item.as_object().expect("a path has operations") {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            routes.push(Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                operation: text(operation, "operationId"),
                has_body: operation.get("requestBody").is_some(),
                door: door(&operation["security"]),
            });
        }
    }
    assert!(routes.len() > 60, "{}", routes.len());
    routes
}

/// The API from its root, asked from an address of its own.
fn http(stack: &Stack) -> Http {
    Http::from_address(stack.urls().api, address()).expect("a client can be made")
}

/// What the first tenant has, by the noun of the path that names it.
struct Things {
    account: String,
    pair: String,
    key: String,
    session: String,
    invoice: String,
    payment: String,
}

impl Things {
    /// The path with an id of the first tenant's in it.
    fn fill(&self, path: &str) -> String {
        let id = [
            ("/api/accounts/", &self.account),
            ("/api/pairs/", &self.pair),
            ("/api/keys/", &self.key),
            ("/api/auth/sessions/", &self.session),
            ("/api/billing/invoices/", &self.invoice),
            ("/api/billing/payments/", &self.payment),
        ];
        let id = id.into_iter().find(|(noun, _)| path.starts_with(noun)).map(|(_, id)| id.as_str());
        assert!(id.is_some() || !path.contains("{id}"), "no tenant of this test has what {path} names: give it one");
        plain(&path.replace("{id}", id.unwrap_or_default()))
    }
}

/// The path with something in the place of every parameter.
fn plain(path: &str) -> String {
    let pieces = path.split('/').map(|piece| if piece.starts_with('{') { "1" } else { piece });
    pieces.collect::<Vec<_>>().join("/")
}

/// A good body of an operation that names something of a tenant's. The table is complete: a test says so.
fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "change_account" => json!({ "send_interval_ms": 5 }),
        "submit_code" => json!({ "code": "12345" }),
        "submit_password" => json!({ "password": "secret" }),
        "change_pair" => json!({ "name": "another name" }),
        "dry_run_pair" => json!({ "message": { "text": "hello" } }),
        "reconcile_pair" => json!({ "repair": false }),
        _ => return None,
    })
}

async fn ask(http: &Http, route: &Route, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
    http.call(route.method.clone(), path, body).await
}

/// The route answers exactly this.
async fn expect(http: &Http, route: &Route, who: &str, status: u16, code: &str) {
    let answer = ask(http, route, &plain(&route.path), None).await;
    let answer = answer.map_or_else(
        |error| (error.status().map(|s| s.as_u16()), error.code().to_owned()),
        |value| (Some(200), value.to_string()),
    );
    let asked = format!("{} {} with {who}", route.method, route.path);
    assert_eq!((answer.0, answer.1.as_str()), (Some(status), code), "{asked}");
}

/// A tenant with one of everything that can stand in a path.
async fn first_tenant(stack: &Stack) -> (Member, Things) {
    let member = Member::new(stack).await;
    let mut world = World::new(stack).await;
    world.api = CausewayClient::signed_in(&stack.urls().api, &member.token()).expect("a client can be made");
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let pair = world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    member.key(&["read"]).await;
    let keys = get(&member.api(), "/keys").await.expect("keys are listed");
    let checkout = json!({ "plan": "pro", "interval": "month", "provider": "paypal" });
    let headers = [("idempotency-key", "access")];
    let made: Value = member
        .api()
        .call_with(Method::POST, "/billing/checkouts", &headers, Some(&checkout))
        .await
        .expect("a checkout is made");
    let things = Things {
        account: reader,
        pair: pair.id,
        key: text(&keys["keys"][0], "id"),
        session: text(&member.session, "session"),
        invoice: crate::invoices::issue(stack, &member.id()).await.invoice.to_string(),
        payment: text(&made, "id"),
    };
    (member, things)
}

#[tokio::test]
async fn nobody_passes_without_a_good_token() {
    let stack = harness::shared().await;
    let http = http(&stack);
    let mut guarded = 0;
    for route in routes(&stack).await {
        if route.door == Door::Open {
            continue;
        }
        guarded += 1;
        expect(&http, &route, "no token", 401, "unauthorized").await;
        for garbage in ["garbage", "a.b.c", "cwk_0123456789abcdef0123456789abcdef_secret", "eyJhbGciOiJub25lIn0.e30."] {
            expect(&http.with_token(garbage), &route, garbage, 401, "unauthorized").await;
        }
    }
    assert!(guarded > 45, "{guarded}");
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_not_there() {
    let stack = harness::shared().await;
    let (owner, things) = first_tenant(&stack).await;
    let stranger = http(&stack).with_token(Member::new(&stack).await.token());
    let mut foreign = 0;
    for route in routes(&stack).await {
        if !matches!(route.door, Door::Tenant(_) | Door::Person) || !route.path.contains("{id}") {
            continue;
        }
        foreign += 1;
        let body = body(&route.operation);
        assert_eq!(route.has_body, body.is_some(), "the table of bodies and {}", route.operation);
        let path = things.fill(&route.path);
        let refusal = ask(&stranger, &route, &path, body.as_ref()).await.expect_err(&path);
        let asked = format!("{} {path}: {refusal}", route.method);
        assert_eq!(refusal.status().map(|status| status.as_u16()), Some(404), "{asked}");
        assert!(refusal.code().ends_with("_not_found") && refusal.code() != "route_not_found", "{asked}");
    }
    assert!(foreign > 20, "{foreign}");
    // Nothing has happened to any of it.
    let api = owner.api();
    assert_eq!(get(&api, &format!("/accounts/{}", things.account)).await.unwrap()["status"], "online");
    assert_eq!(get(&api, &format!("/pairs/{}", things.pair)).await.unwrap()["status"], "active");
    assert_eq!(get(&api, "/keys").await.unwrap()["keys"][0]["id"], things.key);
}

#[tokio::test]
async fn a_key_passes_with_its_scopes_alone() {
    let stack = harness::shared().await;
    let (http, member) = (http(&stack), Member::new(&stack).await);
    let read_only = http.with_token(member.key(&["read"]).await);
    let everything = http.with_token(member.key(&SCOPES).await);
    let mut lacking = Vec::new();
    for scope in SCOPES {
        let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        lacking.push((scope, http.with_token(member.key(&others).await)));
    }
    for route in routes(&stack).await {
        match &route.door {
            Door::Open => (),
            Door::Tenant(scope) => {
                let (_, key) = lacking.iter().find(|(lacks, _)| lacks == scope).expect("the scope is one of ours");
                expect(key, &route, "a key that lacks the scope", 403, "scope_missing").await;
                if scope != "read" {
                    expect(&read_only, &route, "a key that may read", 403, "scope_missing").await;
                }
            }
            Door::Person => {
                for key in [&everything, &read_only] {
                    expect(key, &route, "a key", 403, "session_required").await;
                }
            }
            Door::Staff(_) => expect(&everything, &route, "a key", 403, "forbidden").await,
            Door::Operator => expect(&everything, &route, "a key", 401, "unauthorized").await,
        }
    }
}

#[tokio::test]
async fn tenants_staff_and_the_operator_stay_apart() {
    let stack = harness::shared().await;
    let (http, member) = (http(&stack), Member::new(&stack).await);
    let tenant = http.with_token(member.token());
    let made = stack.run_api(&["role", &member.email, "support"], "").await.unwrap();
    assert!(made.success, "{made:?}");
    let credentials = json!({ "email": member.email, "password": PASSWORD });
    let session: Value = member.http.post("/admin/auth/login", &credentials).await.unwrap();
    let support = http.with_token(text(&session, "token"));
    let operator = http.with_token(stack.operator_token());
    for route in routes(&stack).await {
        match &route.door {
            Door::Open => (),
            Door::Tenant(_) | Door::Person => {
                expect(&support, &route, "a token of staff", 403, "forbidden").await;
                expect(&operator, &route, "the operator's token", 401, "unauthorized").await;
            }
            Door::Staff(role) => {
                // Also of somebody who is staff: the administration has a log-in of its own.
                expect(&tenant, &route, "a tenant's token", 403, "forbidden").await;
                expect(&operator, &route, "the operator's token", 401, "unauthorized").await;
                if role == "admin" {
                    expect(&support, &route, "a token of support", 403, "role_missing").await;
                }
            }
            Door::Operator => {
                expect(&tenant, &route, "a tenant's token", 401, "unauthorized").await;
                expect(&support, &route, "a token of staff", 401, "unauthorized").await;
            }
        }
    }
}
