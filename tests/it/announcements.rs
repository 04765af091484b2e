//! Announcements, from the draft to the mailboxes.

use chrono::TimeDelta;
use domain::{Clock as _, Email, PlanId, SystemClock, UserId};
use reqwest::Method;
use sandbox::{
    client::{CallError, Http, Mail},
    scene::until,
    stack::{Part, Stack},
};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{PASSWORD, PATIENCE, World, assert_refused},
};

/// What the subject of every announcement here begins with.
pub const SUBJECT: &str = "A secret announcement";

/// An admin, and a plan with tenants of this test alone.
pub struct Announcing {
    pub world: World,
    admin: Http,
    pool: store::PgPool,
    plan: String,
    tenants: Vec<(UserId, String)>,
}

impl Announcing {
    pub async fn new(stack: &Stack, tenants: usize) -> Self {
        let world = World::new(stack).await;
        let me: Value = world.api.http().get("/auth/me").await.unwrap();
        let user: UserId = me["id"].as_str().unwrap().parse().unwrap();
        let pool = store::connect(&stack.urls().database.into()).unwrap();
        let promoted = "UPDATE users SET role = 'admin' WHERE id = $1";
        sqlx::query(promoted).bind(user.as_uuid()).execute(&pool).await.unwrap();
        let credentials = json!({ "email": me["email"], "password": PASSWORD });
        let signed: Value = world.api.http().post("/admin/auth/login", &credentials).await.unwrap();
        let admin = world.api.http().with_token(signed["token"].as_str().unwrap());
        let plan = Self::plan(&pool).await;
        let mut scene = Self { world, admin, pool, plan, tenants: Vec::new() };
        for _ in 0..tenants {
            scene.tenant().await;
        }
        scene
    }

    /// A plan like Free, under a code of its own.
    async fn plan(pool: &store::PgPool) -> String {
        let id = PlanId::new(&SystemClock);
        let code = format!("p{}", &id.as_uuid().simple().to_string()[8..]);
        let like_free = "INSERT INTO plans
            SELECT $1, $2, 'Test', 99, false, pairs_max, telegram_accounts_max, discord_accounts_max, messages_per_minute,
                   messages_per_day, requests_per_minute, media_bytes_max, copy_mode, chain_forwarding,
                   discord_forwarding, webhook_identity, filters, reports, priority, fairness_weight, now(), now()
            FROM plans WHERE code = 'free'";
        sqlx::query(like_free).bind(id.as_uuid()).bind(&code).execute(pool).await.unwrap();
        code
    }

    /// One more tenant of the plan, whose address is verified.
    async fn tenant(&mut self) -> UserId {
        let (id, now) = (UserId::new(&SystemClock), SystemClock.now());
        let email = Email::parse(&format!("{id}@example.org")).unwrap();
        let mut database = self.pool.acquire().await.unwrap();
        store::users::insert(&mut database, id, &email, "no password", now).await.unwrap();
        let joined = "UPDATE users SET email_verified_at = now(), plan_id = (SELECT id FROM plans WHERE code = $2)
                      WHERE id = $1";
        sqlx::query(joined).bind(id.as_uuid()).bind(&self.plan).execute(&mut *database).await.unwrap();
        self.tenants.push((id, email.as_str().to_owned()));
        id
    }

    async fn set(&self, tenant: usize, change: &'static str) {
        let tenant = self.tenants[tenant].0.as_uuid();
        sqlx::query(change).bind(tenant).execute(&self.pool).await.unwrap();
    }

    /// A draft to the plan's tenants; `change` is laid over it.
    pub async fn draft(&self, change: Value) -> String {
        let mut draft = json!({
            "content": { "subject": format!("{SUBJECT} of {}", self.plan), "blocks": [
                { "paragraph": "There is <something> new." }, { "list": ["one", "two"] } ] },
            "promotional": false,
            "plans": [self.plan],
        });
        for (name, value) in change.as_object().unwrap() {
            draft[name] = value.clone();
        }
        let made: Value = self.admin.post("/admin/announcements", &draft).await.unwrap();
        assert_eq!(made["state"], "draft");
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn act(&self, id: &str, act: &str, body: Value) -> Value {
        self.admin.post(&format!("/admin/announcements/{id}/{act}"), &body).await.unwrap()
    }

    async fn refused(&self, id: &str, act: &str, body: Value, status: u16, code: &str) {
        let answer: Result<Value, CallError> =
            self.admin.post(&format!("/admin/announcements/{id}/{act}"), &body).await;
        assert_refused(&answer.unwrap_err(), status, code);
    }

    /// Waits until the announcement satisfies `wanted`.
    pub async fn reaches(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = until("the announcement's state", PATIENCE, async || {
            last = self.admin.get(&format!("/admin/announcements/{id}")).await?;
            Ok(wanted(&last).then_some(()))
        });
        let found = found.await;
        assert!(found.is_ok(), "the announcement stands so: {last}");
        last
    }

    /// Each recipient's result and reason, by tenant.
    async fn results(&self, id: &str) -> Vec<(Value, Value)> {
        let page: Value = self.admin.get(&format!("/admin/announcements/{id}/recipients?limit=200")).await.unwrap();
        let of = |(user, _): &(UserId, String)| {
            let rows = page["recipients"].as_array().unwrap();
            let row = rows.iter().find(|row| row["user"] == user.to_string()).cloned().unwrap_or_default();
            (row["result"].clone(), row["reason_code"].clone())
        };
        self.tenants.iter().map(of).collect()
    }

    async fn mails(&self, tenant: usize) -> Vec<Mail> {
        self.world.controls.smtp.mails_to(&self.tenants[tenant].1).await.unwrap()
    }

    async fn audited(&self, id: &str) -> Vec<String> {
        let actions = "SELECT action FROM audit_log WHERE subject = $1 AND actor_id IS NOT NULL ORDER BY id";
        sqlx::query_scalar(actions).bind(id).fetch_all(&self.pool).await.unwrap()
    }
}

#[tokio::test]
async fn an_announcement_reaches_whom_it_may_once_and_says_why_not_the_others() {
    let stack = harness::shared().await;
    let scene = Announcing::new(&stack, 5).await;
    scene.set(1, "INSERT INTO notification_preferences VALUES ($1, 'announcement', 'off', now())").await;
    scene.set(2, "UPDATE users SET suspended_at = now() WHERE id = $1").await;
    scene.set(3, "UPDATE users SET email_verified_at = NULL WHERE id = $1").await;
    let off = "INSERT INTO notification_settings (user_id, promotions_off_at, updated_at) VALUES ($1, now(), now())";
    scene.set(4, off).await;
    let id = scene.draft(json!({ "promotional": true })).await;
    let preview = scene.act(&id, "preview", json!({})).await;
    let counts = ["total", "recipients", "by_email", "by_bot"].map(|name| preview[name].as_i64().unwrap());
    assert_eq!(counts, [5, 1, 1, 0]);
    assert!(preview["html"].as_str().unwrap().contains("&lt;something&gt;"), "{preview}");
    assert!(preview["text"].as_str().unwrap().contains("- one\n- two"), "{preview}");
    for _ in 0..2 {
        scene.act(&id, "start", json!({})).await;
    }
    let done = scene.reaches(&id, |one| one["state"] == "done" && one["outcomes"]["sent"] == 1).await;
    assert_eq!((&done["total"], &done["enqueued"], &done["skipped"]), (&json!(5), &json!(1), &json!(4)));
    let skipped = |reason: &str| (json!("skipped"), json!(reason));
    let expected = [
        (json!("sent"), Value::Null),
        skipped("opt_out"),
        skipped("suspended"),
        skipped("unverified"),
        skipped("opt_out"),
    ];
    assert_eq!(scene.results(&id).await, expected);
    let mails = scene.mails(0).await;
    assert_eq!(mails.len(), 1, "twice started is sent once");
    assert!(mails[0].header("list-unsubscribe").is_some() && mails[0].link("/unsubscribe/").is_some());
    scene.refused(&id, "start", json!({}), 409, "wrong_state").await;
    scene.refused(&id, "cancel", json!({}), 409, "wrong_state").await;
    assert_eq!(scene.audited(&id).await, ["announcement.create", "announcement.start"]);
    // The opt-out of an earlier link holds for the next promotion.
    let link = mails[0].link("/unsubscribe/").unwrap();
    reqwest::Client::builder().no_proxy().build().unwrap().post(link).send().await.unwrap().error_for_status().unwrap();
    let next = scene.draft(json!({ "promotional": true })).await;
    assert_eq!(scene.act(&next, "preview", json!({})).await["recipients"], 0);
}

#[tokio::test]
async fn an_announcement_is_held_resumed_and_ended() {
    let stack = harness::shared().await;
    let scene = Announcing::new(&stack, 4).await;
    // One tenant every five seconds.
    let id = scene.draft(json!({ "per_minute": 12 })).await;
    scene.refused(&id, "pause", json!({}), 409, "wrong_state").await;
    scene.act(&id, "start", json!({})).await;
    scene.reaches(&id, |one| one["enqueued"] == 1).await;
    for _ in 0..2 {
        assert_eq!(scene.act(&id, "pause", json!({})).await["state"], "paused");
    }
    let held = scene.reaches(&id, |one| one["state"] == "paused").await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let still = scene.reaches(&id, |_| true).await;
    assert_eq!(still["enqueued"], held["enqueued"], "nobody has a turn while it is held");
    scene.refused(&id, "start", json!({}), 409, "wrong_state").await;
    assert_eq!(scene.act(&id, "resume", json!({})).await["state"], "running");
    let on = scene.reaches(&id, |one| one["enqueued"].as_i64() > held["enqueued"].as_i64()).await;
    assert_eq!(on["state"], "running", "{on}");
    for _ in 0..2 {
        assert_eq!(scene.act(&id, "cancel", json!({})).await["state"], "canceled");
    }
    scene.refused(&id, "resume", json!({}), 409, "wrong_state").await;
    let results = scene.results(&id).await;
    assert!(results.iter().any(|(result, _)| result.is_null()), "not everybody had a turn: {results:?}");
    let acts = ["create", "start", "pause", "resume", "cancel"].map(|act| format!("announcement.{act}"));
    assert_eq!(scene.audited(&id).await, acts, "what changes nothing is not recorded");
}

#[tokio::test]
async fn a_worker_that_dies_in_between_skips_and_doubles_nobody() {
    let stack = harness::exclusive().await;
    let scene = Announcing::new(&stack, 4).await;
    let id = scene.draft(json!({ "per_minute": 12 })).await;
    scene.act(&id, "start", json!({})).await;
    scene.reaches(&id, |one| one["enqueued"].as_i64() >= Some(1)).await;
    let running = stack.stack();
    on_stack_runtime(async move {
        running.kill_part(Part::Worker).await;
        running.start_part(Part::Worker).await
    })
    .await
    .unwrap();
    let done = scene.reaches(&id, |one| one["state"] == "done" && one["outcomes"]["sent"] == 4).await;
    assert_eq!(done["enqueued"], 4);
    for tenant in 0..4 {
        // Who was being sent to when the worker died may have it twice, under the same name.
        let mut names: Vec<_> = scene.mails(tenant).await.into_iter().map(|mail| mail.message_id).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

#[tokio::test]
async fn an_announcement_waits_for_its_time_and_can_be_changed_until_then() {
    let stack = harness::shared().await;
    let scene = Announcing::new(&stack, 1).await;
    let id = scene.draft(json!({})).await;
    let at = |seconds| json!({ "at": (SystemClock.now() + TimeDelta::seconds(seconds)).to_rfc3339() });
    scene.refused(&id, "start", at(-5), 422, "announcement_invalid").await;
    let scheduled = scene.act(&id, "start", at(3_600)).await;
    assert_eq!(scheduled["state"], "scheduled");
    let change = json!({ "channels": ["email"] });
    let path = format!("/admin/announcements/{id}");
    let changed: Value = scene.admin.call(Method::PATCH, &path, Some(&change)).await.unwrap();
    assert_eq!((&changed["channels"], &changed["state"]), (&json!(["email"]), &json!("scheduled")));
    let sooner = scene.act(&id, "start", at(2)).await;
    assert!(sooner["starts_at"].as_str() < scheduled["starts_at"].as_str());
    scene.reaches(&id, |one| one["state"] == "done" && one["outcomes"]["sent"] == 1).await;
    let late: Result<Value, CallError> = scene.admin.call(Method::PATCH, &path, Some(&change)).await;
    assert_refused(&late.unwrap_err(), 409, "wrong_state");
}

#[tokio::test]
async fn an_admin_sends_a_test_to_themself_and_what_cannot_be_is_refused() {
    let stack = harness::shared().await;
    let scene = Announcing::new(&stack, 1).await;
    let id = scene.draft(json!({ "channels": ["email"] })).await;
    let (first, again) = (
        scene.act(&id, "preview", json!({ "send_test": true })).await,
        scene.act(&id, "preview", json!({ "send_test": true })).await,
    );
    assert!(first["test"].as_str().unwrap().starts_with("ntf_") && first["test"] == again["test"], "{first}");
    let content = |subject: &str, url: &str| json!({ "subject": subject, "blocks": [{ "paragraph": "x" }], "button": { "label": "Go", "url": url } });
    for (change, code) in [
        (json!({ "content": content("", "https://example.org") }), "announcement_invalid"),
        (json!({ "content": content("News", "javascript:alert(1)") }), "announcement_invalid"),
        (json!({ "content": { "subject": "News", "blocks": [{}] } }), "announcement_invalid"),
        (json!({ "plans": [] }), "announcement_invalid"),
        (json!({ "channels": ["bot", "bot"] }), "announcement_invalid"),
        (json!({ "per_minute": 0 }), "announcement_invalid"),
        (json!({ "per_minute": "many" }), "invalid_body"),
    ] {
        let answer: Result<Value, CallError> =
            scene.admin.call(Method::PATCH, &format!("/admin/announcements/{id}"), Some(&change)).await;
        assert_refused(&answer.unwrap_err(), 422, code);
    }
    let unknown = json!({ "plans": ["no-such-plan"] });
    let answer: Result<Value, CallError> =
        scene.admin.call(Method::PATCH, &format!("/admin/announcements/{id}"), Some(&unknown)).await;
    assert_refused(&answer.unwrap_err(), 404, "plan_not_found");
    let nobody = "ann_01a1fc9353a677b991ee21a9d7231a0b";
    scene.refused(nobody, "cancel", json!({}), 404, "announcement_not_found").await;
    let tenant: Result<Value, CallError> = scene.world.api.http().get("/admin/announcements").await;
    assert_eq!(tenant.unwrap_err().status().map(|status| status.as_u16()), Some(403));
    let listed: Value = scene.admin.get("/admin/announcements?limit=1").await.unwrap();
    assert_eq!(listed["announcements"].as_array().unwrap().len(), 1);
    let page: Value = scene.admin.get(&format!("/admin/announcements/{id}/recipients?result=failed")).await.unwrap();
    assert_eq!(page, json!({ "recipients": [], "next": null }));
}
