//! Users leave: they are out at once, their accounts are logged out, and nothing of theirs is left.

use std::time::Duration;

use futures::FutureExt as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::Method;
use sandbox::{
    client::SmtpControl,
    scene::{self, until},
    stack::{Part, Stack},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness, histories,
    member::{Member, call, code, get, mails},
    world::{PASSWORD, PATIENCE, World, assert_refused, place},
};

const FAREWELL: &str = "Your account was deleted";
/// A platform that does not answer is waited for about a minute.
const PATIENCE_WITHOUT_PLATFORM: Duration = Duration::from_secs(180);
/// Younger rows are still on their ordinary way.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(21);

/// A member with two accounts, a pair and messages that it has carried.
struct Settled {
    member: Member,
    world: World,
    phone_user: i64,
}

async fn settled(stack: &Stack) -> Settled {
    let member = Member::new(stack).await;
    let mut world = World::new(stack).await;
    world.api = sandbox::client::CausewayClient::signed_in(&stack.urls().api, &member.token()).unwrap();
    scene::lift_limits(stack, &world.api).await.expect("an exception can be made");
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    for text in ["first", "second"] {
        world.controls.telegram.say(channel, person.user, text).await.unwrap();
    }
    world.discord_holds(&bot.channel, &["first", "second"]).await;
    member.key(&["read"]).await;
    Settled { member, world, phone_user: person.user }
}

async fn pool(stack: &Stack) -> PgPool {
    PgPool::connect(&stack.urls().database).await.expect("the stack's database answers")
}

/// Everything that names a tenant in a row: their own id and those of what is theirs.
async fn ids(pool: &PgPool, user: &str) -> Vec<String> {
    let user = user.parse::<domain::UserId>().unwrap().as_uuid();
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT $1::text
         UNION ALL SELECT id::text FROM accounts WHERE user_id = $1
         UNION ALL SELECT id::text FROM pairs WHERE user_id = $1
         UNION ALL SELECT id::text FROM sessions WHERE user_id = $1
         UNION ALL SELECT id::text FROM api_keys WHERE user_id = $1
         UNION ALL SELECT m.id::text FROM source_messages m JOIN accounts a ON a.id = m.account_id WHERE a.user_id = $1",
    )
    .bind(user)
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(ids.len() >= 8, "{ids:?}");
    ids
}

/// The tables in which a row names one of these ids.
pub async fn tables_with(pool: &PgPool, ids: &[String]) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT FROM {table} t WHERE t::text ~ $1)");
        let named: bool =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(ids.join("|")).fetch_one(pool).await.unwrap();
        if named {
            found.push(table);
        }
    }
    found
}

async fn gone(pool: &PgPool, user: &str, patience: Duration) {
    let user = user.parse::<domain::UserId>().unwrap().as_uuid();
    let gone = until("the user is gone", patience, async || {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE id = $1").bind(user).fetch_one(pool).await?;
        Ok((left == 0).then_some(()))
    });
    gone.await.unwrap();
}

async fn leave(member: &Member) -> Result<Value, sandbox::client::CallError> {
    call(&member.api(), Method::DELETE, "/me", &json!({ "password": PASSWORD })).await
}

#[tokio::test]
async fn nothing_is_left_of_somebody_who_leaves_but_the_log() {
    let stack = harness::shared().await;
    let Settled { member, world, phone_user } = settled(&stack).await;
    let (pool, neighbour) = (pool(&stack).await, Member::new(&stack).await);
    let (ids, neighbours) = (ids(&pool, &member.id()).await, neighbour.id());
    let wrong = call(&member.api(), Method::DELETE, "/me", &json!({ "password": "not the password" })).await;
    assert_refused(&wrong.unwrap_err(), 422, "password_wrong");
    let before = tables_with(&pool, &ids).await;
    for table in ["accounts", "api_keys", "chats", "deliveries", "delivery_events", "destination_messages", "pairs"] {
        assert!(before.iter().any(|found| found == table), "{table} in {before:?}");
    }

    leave(&member).await.unwrap();
    // At once nobody is let in any more.
    assert_refused(&get(&member.api(), "/auth/me").await.unwrap_err(), 401, "unauthorized");
    assert_refused(&leave(&member).await.unwrap_err(), 401, "unauthorized");
    assert_refused(&member.log_in(PASSWORD).await.err().unwrap(), 401, "bad_credentials");
    gone(&pool, &member.id(), PATIENCE).await;
    assert_eq!(tables_with(&pool, &ids).await, ["audit_log"]);
    let acts: Vec<String> = sqlx::query_scalar(
        "SELECT action FROM audit_log WHERE user_id = $1 AND action LIKE 'user.delete%' ORDER BY id",
    )
    .bind(member.id().parse::<domain::UserId>().unwrap().as_uuid())
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(acts, ["user.delete", "user.deleted"]);
    // The session at the platform was ended, too.
    let people: Value = world.controls.telegram.http().get("/users").await.unwrap();
    let person = people.as_array().unwrap().iter().find(|person| person["id"] == phone_user).unwrap();
    assert_eq!(person["sessions"], 0);
    let mail = mails(&SmtpControl::new(&stack.urls().smtp_control).unwrap(), &member.email, 1).await.remove(0);
    assert_eq!(mail.subject.as_deref(), Some(FAREWELL));
    // Whoever comes back is somebody else, and the neighbours have noticed nothing.
    let body = json!({ "email": member.email, "password": PASSWORD });
    let again: Value = member.http.post("/auth/register", &body).await.unwrap();
    assert_ne!(again["user"]["id"].as_str().unwrap(), member.id());
    assert_eq!(get(&neighbour.api(), "/auth/me").await.unwrap()["id"], neighbours);
}

#[tokio::test]
async fn whoever_has_a_second_factor_leaves_with_it() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let (secret, _) = member.second_factor().await;
    assert_refused(&leave(&member).await.unwrap_err(), 401, "second_factor_required");
    let with = |code: &str| json!({ "password": PASSWORD, "code": code });
    let wrong = call(&member.api(), Method::DELETE, "/me", &with("000000")).await.unwrap_err();
    assert_refused(&wrong, 422, "second_factor_wrong");
    call(&member.api(), Method::DELETE, "/me", &with(&code(&secret, 1))).await.unwrap();
    gone(&pool(&stack).await, &member.id(), PATIENCE).await;
}

/// The row is there and no workflow: as a crash leaves it, or a Temporal that was away. The workers are killed meanwhile.
#[tokio::test]
async fn a_deletion_survives_kills_and_a_workflow_that_was_never_started() {
    let stack = harness::exclusive().await;
    let Settled { member, .. } = settled(&stack).await;
    let pool = pool(&stack).await;
    let ids = ids(&pool, &member.id()).await;
    stack.kill_part(Part::Temporal).await;
    leave(&member).await.unwrap();
    assert_refused(&get(&member.api(), "/auth/me").await.unwrap_err(), 401, "unauthorized");
    let it = stack.stack();
    harness::on_stack_runtime(it.start_part(Part::Temporal)).await.unwrap();
    tokio::time::sleep(LEFT_BEHIND_AFTER).await;
    histories::sweep(&histories::temporal(&stack).await).await;
    // Whatever step is under way is begun again after each kill.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        harness::on_stack_runtime(it.restart_worker()).await.unwrap();
    }
    gone(&pool, &member.id(), PATIENCE_WITHOUT_PLATFORM).await;
    assert_eq!(tables_with(&pool, &ids).await, ["audit_log"]);
    let farewells = mails(&SmtpControl::new(&stack.urls().smtp_control).unwrap(), &member.email, 1).await;
    assert_eq!(farewells.len(), 1);
}

#[tokio::test]
async fn a_platform_that_is_away_keeps_nobody_here() {
    let stack = harness::exclusive().await;
    let Settled { member, .. } = settled(&stack).await;
    let pool = pool(&stack).await;
    let ids = ids(&pool, &member.id()).await;
    // It takes connections and says nothing: worse than one that refuses them.
    let telegram = Pid::from_raw(stack.pid(Part::Telegram).expect("it runs"));
    kill(telegram, Signal::SIGSTOP).unwrap();
    leave(&member).await.unwrap();
    let gone = std::panic::AssertUnwindSafe(gone(&pool, &member.id(), PATIENCE_WITHOUT_PLATFORM)).catch_unwind().await;
    kill(telegram, Signal::SIGCONT).unwrap();
    assert!(gone.is_ok(), "the user is still here");
    assert_eq!(tables_with(&pool, &ids).await, ["audit_log"]);
}

#[tokio::test]
async fn an_api_key_is_not_enough_to_leave() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let key = member.key(&["read", "forward", "accounts", "notifications", "billing"]).await;
    let refused = call(&member.http.with_token(key), Method::DELETE, "/me", &json!({ "password": PASSWORD })).await;
    assert_refused(&refused.unwrap_err(), 403, "session_required");
    member.log_in(PASSWORD).await.unwrap();
}
