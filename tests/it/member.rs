//! People who sign in, each from an address of their own, so that what one gets wrong is not held against another.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::Method;
use sandbox::{
    client::{CallError, Http, Mail, SmtpControl},
    scene::{token_of, until},
    stack::{Replica, Stack},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use totp_rs::{Builder, Secret};

use crate::{
    harness::on_stack_runtime,
    world::{PASSWORD, PATIENCE},
};

/// How long the news of an ended session may take to the other replicas: less than an answer is remembered.
pub const NEWS_PATIENCE: Duration = Duration::from_secs(2);

static NUMBER: AtomicU32 = AtomicU32::new(1);

fn number() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A loopback address that nobody else comes from.
pub fn address() -> IpAddr {
    let [_, _, high, low] = number().to_be_bytes();
    Ipv4Addr::new(127, 77, high, low).into()
}

/// An address of e-mail that nobody else has.
pub fn email() -> String {
    format!("member{}@example.org", number())
}

/// The API at `base`, asked from an address of its own, without a token.
pub fn anonymous(base: &str) -> Http {
    Http::from_address(format!("{base}/api"), address()).expect("a client can be made")
}

/// An API on which addresses must be proven; started once, and there until the tests end.
pub async fn verified(stack: &'static Stack) -> &'static str {
    static REPLICA: OnceCell<Replica> = OnceCell::const_new();
    let replica = REPLICA.get_or_init(|| async {
        let started = on_stack_runtime(async move {
            stack.start_replica("verified", &[("REGISTRATION", "verified"), ("STAFF_SECOND_FACTOR", "required")]).await
        });
        started.await.expect("a replica starts")
    });
    replica.await.url()
}

/// Somebody with an account.
#[derive(Clone)]
pub struct Member {
    /// Without a token.
    pub http: Http,
    pub email: String,
    /// What the last sign-in was answered with.
    pub session: Value,
}

impl Member {
    /// Registers at an API that asks for no proof.
    pub async fn new(stack: &Stack) -> Self {
        let (http, email) = (anonymous(&stack.urls().api), email());
        let session = http.post("/auth/register", &json!({ "email": email, "password": PASSWORD })).await;
        Self { session: session.expect("a member can register"), http, email }
    }

    pub fn id(&self) -> String {
        self.session["user"]["id"].as_str().expect("a session names its user").to_owned()
    }

    pub fn token(&self) -> String {
        text(&self.session, "token")
    }

    /// The API, with the token of the session.
    pub fn api(&self) -> Http {
        self.http.with_token(self.token())
    }

    /// The same at another replica.
    pub fn at(&self, base: &str) -> Http {
        anonymous(base).with_token(self.token())
    }

    /// Signs in once more.
    pub async fn log_in(&self, password: &str) -> Result<Self, CallError> {
        let session = self.http.post("/auth/login", &json!({ "email": self.email, "password": password })).await?;
        Ok(Self { session, ..self.clone() })
    }

    /// Signs in with a code.
    pub async fn log_in_with(&self, code: &str) -> Result<Value, CallError> {
        let body = json!({ "email": self.email, "password": PASSWORD, "code": code });
        self.http.post("/auth/login", &body).await
    }

    /// Makes an API key with these scopes, and returns its text.
    pub async fn key(&self, scopes: &[&str]) -> String {
        let made: Value = self.api().post("/keys", &json!({ "name": "test", "scopes": scopes })).await.expect("a key");
        text(&made, "key")
    }

    /// Turns the second factor on; returns its secret and the recovery codes.
    pub async fn second_factor(&self) -> (String, Vec<String>) {
        let begun: Value = self.api().post("/auth/totp", &json!({ "password": PASSWORD })).await.expect("it begins");
        let secret = text(&begun, "secret");
        let confirm = json!({ "code": code(&secret, -1) });
        let on: Value = self.api().post("/auth/totp/confirm", &confirm).await.expect("the first code is good");
        let codes = on["recovery_codes"].as_array().expect("there are recovery codes");
        (secret, codes.iter().filter_map(|code| code.as_str().map(str::to_owned)).collect())
    }
}

/// A field that is text.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// The code that an app shows so many steps from now.
#[expect(clippy::disallowed_methods, reason = "an app has the machine's clock")]
pub fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("the secret is base 32");
    let totp = Builder::new().with_secret(secret).build().expect("the secret is long enough");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    totp.generate(now.saturating_add_signed(30 * steps)).to_string()
}

/// A call with a body by any method.
pub async fn call(http: &Http, method: Method, path: &str, body: &Value) -> Result<Value, CallError> {
    http.call(method, path, Some(body)).await
}

/// `GET`, with what is answered as it is.
pub async fn get(http: &Http, path: &str) -> Result<Value, CallError> {
    http.get(path).await
}

/// The mails in a mailbox, once there are so many.
pub async fn mails(smtp: &SmtpControl, email: &str, count: usize) -> Vec<Mail> {
    let mut last = Vec::new();
    let came = until("the mails", PATIENCE, async || {
        last = smtp.mails_to(email).await?;
        Ok((last.len() >= count).then_some(()))
    });
    let came = came.await;
    let subjects: Vec<_> = last.iter().map(|mail| mail.subject.clone()).collect();
    assert!(came.is_ok(), "{email} has {subjects:?} instead of {count}");
    last
}

/// The newest mail with this subject, once it is there, and the token of its link.
pub async fn token_in(smtp: &SmtpControl, email: &str, subject: &str) -> String {
    let found = until("a mail with a token", PATIENCE, async || {
        let mails = smtp.mails_to(email).await?;
        let fits = |mail: &&Mail| mail.subject.as_deref() == Some(subject);
        Ok(mails.iter().rev().find(fits).and_then(token_of).map(str::to_owned))
    });
    found.await.unwrap_or_else(|error| panic!("{email}: {subject}: {error}"))
}
