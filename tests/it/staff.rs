//! Somebody of staff, signed in to the administration.

use reqwest::Method;
use sandbox::{
    client::{CallError, Http},
    scene::{self, until},
    stack::Stack,
};
use serde_json::{Value, json};

use crate::world::{PASSWORD, PATIENCE, World};

/// Somebody of staff.
pub struct Staff {
    /// The API, shown the token of the administration.
    pub http: Http,
    /// `user_…`.
    pub id: String,
}

impl Staff {
    /// A new user who is `support` or `admin`.
    pub async fn new(stack: &Stack, role: &str) -> Self {
        let world = World::new(stack).await;
        let (id, email) = (scene::user_id(&world.api).await.unwrap(), email(&world).await);
        let user: domain::UserId = id.parse().unwrap();
        let database = sqlx::PgPool::connect(&stack.urls().database).await.unwrap();
        let promoted = sqlx::query("UPDATE users SET role = $2::role WHERE id = $1").bind(user.as_uuid()).bind(role);
        assert_eq!(promoted.execute(&database).await.unwrap().rows_affected(), 1);
        let http = Http::new(format!("{}/api", stack.urls().api)).unwrap();
        let credentials = json!({ "email": email, "password": PASSWORD });
        let session: Value = http.post("/admin/auth/login", &credentials).await.expect("staff can sign in");
        Self { http: http.with_token(session["token"].as_str().unwrap()), id }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.http.get(&format!("/admin{path}")).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn try_call(&self, method: Method, path: &str, body: &Value) -> Result<Value, CallError> {
        self.http.call(method, &format!("/admin{path}"), Some(body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.try_call(Method::POST, path, &body).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        self.try_call(Method::PUT, path, &body).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// An act that needs nothing but a reason.
    pub async fn act(&self, path: &str) -> Value {
        self.post(path, json!({ "reason": "a test" })).await
    }

    /// Waits until `path` answers what is `wanted`.
    pub async fn sees(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let seen = until("the administration's answer", PATIENCE, async || {
            last = self.get(path).await;
            Ok(wanted(&last).then_some(()))
        });
        let seen = seen.await;
        assert!(seen.is_ok(), "{path} answers {last:#}");
        last
    }

    /// Waits until an act on many things has ended.
    pub async fn ended(&self, act: &Value) -> Value {
        let path = format!("/bulk-acts/{}", act["id"].as_str().unwrap());
        self.sees(&path, |act| act["finished_at"].is_string()).await
    }

    /// What the audit log says was done to a user's data, the newest first.
    pub async fn audit(&self, user: &str, action: &str) -> Vec<Value> {
        let log = self.get(&format!("/audit?user={user}&action={action}")).await;
        log["entries"].as_array().unwrap().clone()
    }
}

/// The address of a signed-in tenant.
pub async fn email(world: &World) -> String {
    let user: Value = world.api.http().get("/auth/me").await.unwrap();
    user["email"].as_str().unwrap().to_owned()
}
