//! The administration of users: found, seen whole, suspended and changed, by those who may.

use reqwest::Method;
use sandbox::scene;
use serde_json::{Value, json};

use crate::{
    harness,
    staff::{Staff, email},
    world::{Bot, PATIENCE, Person, World, assert_refused, place},
};

/// A tenant with a pair from Telegram to Discord.
struct Tenant {
    world: World,
    id: String,
    person: Person,
    bot: Bot,
    source: i64,
    reader: String,
    writer: String,
    pair: String,
}

impl Tenant {
    async fn new(world: World) -> Self {
        let id = scene::user_id(&world.api).await.unwrap();
        let (person, bot) = (world.person(None).await, world.bot().await);
        let source = world.channel(&person, &[]).await;
        let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
        let pair = world.pair(place(&reader, source), place(&writer, &bot.channel)).await.id;
        Self { world, id, person, bot, source, reader, writer, pair }
    }

    async fn say(&self, text: &str) {
        self.world.controls.telegram.say(self.source, self.person.user, text).await.unwrap();
    }

    fn path(&self, what: &str) -> String {
        format!("/users/{}{what}", self.id)
    }
}

fn users(answer: &Value) -> Vec<&str> {
    answer["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn users_are_found_by_address_id_and_what_holds_for_them() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "support").await;
    let (first, second) = (World::new(&stack).await, World::new(&stack).await);
    let (first_id, second_id) = (scene::user_id(&first.api).await.unwrap(), scene::user_id(&second.api).await.unwrap());
    let address = email(&first).await;

    let found = staff.get(&format!("/users?q={}", address.to_uppercase())).await;
    assert_eq!(users(&found), [&first_id], "{found:#}");
    let user = &found["users"][0];
    assert_eq!((&user["email"], &user["plan"], &user["role"]), (&json!(address), &json!("free"), &json!("user")));
    assert_eq!((&user["has_exceptions"], &user["pairs"]), (&json!(true), &json!(0)), "{user:#}");
    assert!(user["last_seen_at"].is_string() && user["suspended_at"].is_null(), "{user:#}");
    assert_eq!(users(&staff.get(&format!("/users?q={second_id}")).await), [&second_id]);
    for (holds, query) in [
        (true, "plan=free"),
        (false, "plan=pro"),
        (true, "role=user"),
        (false, "role=admin"),
        (true, "suspended=false"),
        (false, "suspended=true"),
        (true, "trouble=false"),
        (false, "trouble=true"),
        (true, "from=2020-01-01T00:00:00Z"),
        (false, "until=2020-01-01T00:00:00Z"),
    ] {
        let found = staff.get(&format!("/users?q={first_id}&{query}")).await;
        assert_eq!(users(&found).len(), usize::from(holds), "{query}: {found:#}");
    }

    let page = staff.get("/users?limit=1").await;
    let next = page["next"].as_str().expect("there are more");
    assert_eq!(users(&page), [next]);
    let page = staff.get(&format!("/users?limit=1&before={next}")).await;
    assert!(users(&page)[0] < next, "{page:#}");
    for query in ["limit=0", "limit=x", "role=king", "suspended=maybe", "before=1", "from=yesterday"] {
        let refused = staff.try_call(Method::GET, &format!("/users?{query}"), &Value::Null).await.unwrap_err();
        assert_refused(&refused, 422, "invalid_query");
    }
    let missing = staff.try_call(Method::GET, "/users/user_0", &Value::Null).await.unwrap_err();
    assert_refused(&missing, 404, "user_not_found");
}

#[tokio::test]
async fn a_user_is_shown_whole_and_without_secrets() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "support").await;
    let tenant = Tenant::new(World::new(&stack).await).await;
    let key = json!({ "name": "mine", "scopes": ["read"] });
    let key: Value = tenant.world.api.http().post("/keys", &key).await.unwrap();
    let secret = key["key"].as_str().unwrap();
    tenant.say("one").await;
    tenant.world.discord_holds(&tenant.bot.channel, &["one"]).await;

    let whole = staff.get(&tenant.path("")).await;
    assert_eq!((&whole["user"]["id"], &whole["user"]["accounts_online"]), (&json!(tenant.id), &json!(2)), "{whole:#}");
    assert_eq!(whole["usage"]["pairs"]["used"], 1);
    assert_eq!(whole["usage"]["plan"]["code"], "free");
    assert_eq!(whole["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(whole["api_keys"][0]["name"], "mine");
    let accounts: Vec<_> = whole["accounts"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert!(accounts.contains(&json!(tenant.reader)) && accounts.contains(&json!(tenant.writer)), "{whole:#}");
    let pair = &whole["pairs"][0];
    assert_eq!((&pair["id"], &pair["status"], &pair["dead"]), (&json!(tenant.pair), &json!("active"), &json!(0)));
    assert!(pair["host"].is_string() && whole["errors"].is_array(), "{whole:#}");
    assert_eq!(whole["notifications"]["promotions"], true);
    let text = whole.to_string();
    assert!(!text.contains(secret) && !text.contains(&tenant.bot.token), "{text}");
}

#[tokio::test]
async fn a_suspension_stops_everything_at_once_and_lifting_it_brings_everything_back() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let tenant = Tenant::new(World::new(&stack).await).await;
    let api = &tenant.world.api;
    let key = json!({ "name": "mine", "scopes": ["read"] });
    let key: Value = api.http().post("/keys", &key).await.unwrap();
    let by_key = api.http().with_token(key["key"].as_str().unwrap());
    let other = tenant.world.controls.discord.create_channel(&tenant.bot.guild, "other").await.unwrap();
    let stopped = tenant.world.pair(place(&tenant.reader, tenant.source), place(&tenant.writer, &other)).await.id;
    api.pause(&stopped).await.unwrap();
    tenant.say("one").await;
    tenant.world.discord_holds(&tenant.bot.channel, &["one"]).await;

    let suspended = staff.act(&tenant.path("/suspend")).await;
    assert_eq!(suspended["applied"]["pairs_paused"], json!([tenant.pair]), "{suspended:#}");
    assert_eq!(suspended["applied"]["accounts_paused"].as_array().map(Vec::len), Some(2), "{suspended:#}");
    let again = staff.act(&tenant.path("/suspend")).await;
    assert_eq!(again["suspended_at"], suspended["suspended_at"]);
    assert_eq!(again["applied"]["pairs_paused"], json!([]));
    for http in [api.http(), &by_key] {
        let refused = http.get::<Value>("/pairs").await.unwrap_err();
        assert_refused(&refused, 403, "suspended");
    }
    tenant.say("two").await;
    let of_user = format!("/accounts?user={}", tenant.id);
    staff
        .sees(&of_user, |answer| {
            let accounts = answer["accounts"].as_array().unwrap();
            accounts.iter().all(|one| one["host"].is_null() && one["status"] == "paused")
        })
        .await;
    tenant.say("three").await;
    let reconnect = format!("/accounts/{}/reconnect", tenant.writer);
    let refused = staff.try_call(Method::POST, &reconnect, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 409, "user_suspended");
    let resume = tenant.path("/pairs/resume");
    let refused = staff.try_call(Method::POST, &resume, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 409, "user_suspended");
    assert_eq!(tenant.world.discord_texts(&tenant.bot.channel).await, ["one"]);
    let pairs = staff.get(&format!("/pairs?user={}&state=paused", tenant.id)).await;
    let reasons: Vec<_> = pairs["pairs"].as_array().unwrap().iter().map(|pair| &pair["reason_code"]).collect();
    assert_eq!(reasons, [&Value::Null, &json!("suspended")], "{pairs:#}");

    let lifted = staff.act(&tenant.path("/lift")).await;
    assert_eq!(lifted["applied"]["pairs_resumed"], json!([tenant.pair]), "{lifted:#}");
    assert!(lifted["suspended_at"].is_null());
    assert_eq!(staff.act(&tenant.path("/lift")).await["applied"]["pairs_resumed"], json!([]));
    tenant.world.discord_holds(&tenant.bot.channel, &["one", "two", "three"]).await;
    tenant.say("four").await;
    tenant.world.discord_holds(&tenant.bot.channel, &["one", "two", "three", "four"]).await;
    assert_eq!(tenant.world.read_pair(&stopped).await["status"], "paused");
    assert_eq!(tenant.world.discord_texts(&other).await, Vec::<String>::new());
    assert_eq!(staff.audit(&tenant.id, "user.lift").await.len(), 2);
    let log = staff.audit(&tenant.id, "user.suspend").await;
    assert_eq!(log.len(), 2, "{log:#?}");
    let first = &log[1];
    assert_eq!(
        (&first["actor"], &first["role"], &first["reason"]),
        (&json!(staff.id), &json!("admin"), &json!("a test"))
    );
    assert_eq!((&first["old"]["suspended_at"], &first["address"]), (&Value::Null, &json!("127.0.0.1")), "{first:#}");
    assert!(first["new"]["suspended_at"].is_string() && first["request_id"].is_string(), "{first:#}");
}

#[tokio::test]
async fn plans_exceptions_and_roles_are_changed_and_written_down() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let world = World::on_free(&stack).await;
    let id = scene::user_id(&world.api).await.unwrap();
    let path = |what: &str| format!("/users/{id}/{what}");
    let usage = async || -> Value { world.api.http().get("/me/usage").await.unwrap() };

    let until = "2100-01-01T00:00:00Z";
    for _ in 0..2 {
        staff.put(&path("plan"), json!({ "plan": "pro", "reason": "a gift", "expires_at": until })).await;
    }
    let plan = usage().await["plan"].clone();
    assert_eq!((&plan["code"], &plan["expires_at"]), (&json!("pro"), &json!(until)));
    let log = staff.audit(&id, "user.plan").await;
    assert_eq!(log.len(), 2);
    assert_eq!((&log[1]["old"]["plan"], &log[1]["new"]["plan"]), (&json!("free"), &json!("pro")), "{log:#?}");
    for (body, status, code) in [
        (json!({ "plan": "gold", "reason": "a test" }), 404, "plan_not_found"),
        (json!({ "plan": "pro", "reason": " " }), 422, "reason_length"),
        (json!({ "plan": "pro", "reason": "a test", "expires_at": "2020-01-01T00:00:00Z" }), 422, "expiry_passed"),
    ] {
        let refused = staff.try_call(Method::PUT, &path("plan"), &body).await.unwrap_err();
        assert_refused(&refused, status, code);
    }

    let limits = json!({ "limits": { "pairs": 7, "requests_per_minute": 1_000_000 }, "reason": "a friend" });
    for _ in 0..2 {
        staff.put(&path("limits"), limits.clone()).await;
    }
    assert_eq!(usage().await["pairs"]["allowed"], 7);
    for _ in 0..2 {
        staff.try_call(Method::DELETE, &path("limits"), &Value::Null).await.unwrap();
    }
    assert_eq!(usage().await["pairs"]["allowed"], 25);
    assert_eq!(staff.audit(&id, "user.limits").await[0]["new"]["limits"]["pairs"], 7);

    let role = |role: &str| json!({ "role": role, "reason": "a test" });
    for _ in 0..2 {
        assert_eq!(staff.put(&path("role"), role("support")).await["role"], "support");
    }
    assert_eq!(staff.get(&format!("/users?q={id}&role=support")).await["users"].as_array().map(Vec::len), Some(1));
    staff.put(&path("role"), role("user")).await;
    let log = staff.audit(&id, "user.role").await;
    assert_eq!((&log[0]["old"]["role"], &log[0]["new"]["role"]), (&json!("support"), &json!("user")), "{log:#?}");
    let myself = format!("/users/{}/suspend", staff.id);
    let refused = staff.try_call(Method::POST, &myself, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 409, "yourself");
    let nobody = "/users/user_01a1fc9353a677b991ee21a9d7231a0b/suspend";
    let refused = staff.try_call(Method::POST, nobody, &json!({ "reason": "a test" })).await.unwrap_err();
    assert_refused(&refused, 404, "user_not_found");
}

#[tokio::test]
async fn support_looks_and_mends_and_only_admins_change() {
    let stack = harness::shared().await;
    let support = Staff::new(&stack, "support").await;
    let world = World::new(&stack).await;
    let id = scene::user_id(&world.api).await.unwrap();
    let nothing = "01a1fc9353a677b991ee21a9d7231a0b";
    let reason = json!({ "reason": "a test" });
    let for_admins = [
        (Method::DELETE, format!("/users/{id}"), reason.clone()),
        (Method::POST, format!("/users/{id}/suspend"), reason.clone()),
        (Method::POST, format!("/users/{id}/lift"), reason.clone()),
        (Method::PUT, format!("/users/{id}/plan"), json!({ "plan": "pro", "reason": "a test" })),
        (Method::PUT, format!("/users/{id}/limits"), reason.clone()),
        (Method::DELETE, format!("/users/{id}/limits"), Value::Null),
        (Method::PUT, format!("/users/{id}/role"), json!({ "role": "admin", "reason": "a test" })),
        (Method::POST, format!("/users/{id}/pairs/delete"), reason.clone()),
        (Method::POST, "/dead-letters/discard".into(), json!({ "user": id, "reason": "a test" })),
        (Method::POST, "/workers/stack/drain".into(), reason.clone()),
        (Method::POST, "/workers/stack/undrain".into(), reason.clone()),
        (Method::PUT, "/maintenance".into(), json!({ "on": false, "reason": "a test" })),
        (Method::PUT, "/settings".into(), reason.clone()),
    ];
    for (method, path, body) in &for_admins {
        let refused = support.try_call(method.clone(), path, body).await.unwrap_err();
        assert_refused(&refused, 403, "role_missing");
    }
    let for_support = [
        (Method::GET, "/users".to_owned(), Value::Null, None),
        (Method::GET, format!("/users/{id}"), Value::Null, None),
        (Method::GET, "/accounts".into(), Value::Null, None),
        (Method::GET, "/pairs".into(), Value::Null, None),
        (Method::GET, "/bulk-acts".into(), Value::Null, None),
        (Method::GET, "/workers".into(), Value::Null, None),
        (Method::GET, "/settings".into(), Value::Null, None),
        (Method::GET, "/audit".into(), Value::Null, None),
        (Method::GET, "/errors".into(), Value::Null, None),
        (Method::POST, format!("/accounts/acc_{nothing}/reconnect"), reason.clone(), Some("account_not_found")),
        (Method::POST, format!("/pairs/pair_{nothing}/restart"), reason.clone(), Some("pair_not_found")),
        (Method::GET, format!("/bulk-acts/bulk_{nothing}"), Value::Null, Some("bulk_act_not_found")),
        (Method::POST, format!("/bulk-acts/bulk_{nothing}/cancel"), reason.clone(), Some("bulk_act_not_found")),
        (Method::POST, format!("/users/user_{nothing}/pairs/pause"), reason.clone(), Some("user_not_found")),
        (Method::POST, format!("/users/{id}/pairs/pause"), reason.clone(), None),
        (Method::POST, format!("/users/{id}/pairs/resume"), reason.clone(), None),
        (Method::POST, "/dead-letters/retry".into(), json!({ "user": id, "reason": "a test" }), None),
    ];
    for (method, path, body, refused) in &for_support {
        let answer = support.try_call(method.clone(), path, body).await;
        match (answer, refused) {
            (Ok(_), None) => (),
            (Err(error), Some(code)) => assert_refused(&error, 404, code),
            (answer, _) => panic!("{method} {path}: {answer:?}"),
        }
    }
    // A tenant's own token opens nothing of this, nor does none.
    let all = for_admins.iter().map(|(method, path, _)| (method, path));
    for (method, path) in all.chain(for_support.iter().map(|(method, path, ..)| (method, path))) {
        let path = format!("/admin{path}");
        let tenant = world.api.http().call::<Value>(method.clone(), &path, Some(&json!({}))).await.unwrap_err();
        assert_refused(&tenant, 403, "forbidden");
        let nobody = world.api.http().with_token("a.b.c");
        let nobody = nobody.call::<Value>(method.clone(), &path, Some(&json!({}))).await.unwrap_err();
        assert_refused(&nobody, 401, "unauthorized");
    }
}

#[tokio::test]
async fn a_deleted_user_is_out_at_once_and_gone_soon() {
    let stack = harness::shared().await;
    let staff = Staff::new(&stack, "admin").await;
    let tenant = Tenant::new(World::new(&stack).await).await;
    tenant.say("one").await;
    tenant.world.discord_holds(&tenant.bot.channel, &["one"]).await;
    let path = tenant.path("");
    let reason = json!({ "reason": "a test" });
    staff.try_call(Method::DELETE, &path, &reason).await.unwrap();
    match staff.try_call(Method::DELETE, &path, &reason).await {
        Ok(_) => (),
        Err(gone) => assert_refused(&gone, 404, "user_not_found"),
    }
    let out = tenant.world.api.http().get::<Value>("/pairs").await.unwrap_err();
    assert_refused(&out, 401, "unauthorized");
    scene::until("the user is gone", PATIENCE, async || {
        let found = staff.get(&format!("/users?q={}", tenant.id)).await;
        Ok(users(&found).is_empty().then_some(()))
    })
    .await
    .unwrap();
    let log = staff.audit(&tenant.id, "user.delete").await;
    assert!(log.iter().any(|entry| entry["actor"] == json!(staff.id) && entry["reason"] == "a test"), "{log:#?}");
    let myself = format!("/users/{}", staff.id);
    let refused = staff.try_call(Method::DELETE, &myself, &reason).await.unwrap_err();
    assert_refused(&refused, 409, "yourself");
}
