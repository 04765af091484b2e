//! What is wrong is told, once, and all that came together in one message.

use domain::UserId;
use sandbox::{client::Mail, scene::until, stack::Stack};
use serde_json::Value;
use temporalio_client::Client;

use crate::{
    harness, histories,
    world::{PATIENCE, World, place},
};

/// A tenant with a bot that writes in so many pairs.
struct Scene {
    world: World,
    pool: store::PgPool,
    temporal: Client,
    user: UserId,
    email: String,
}

impl Scene {
    async fn new(stack: &Stack, pairs: usize) -> Self {
        let world = World::new(stack).await;
        let me: Value = world.api.http().get("/auth/me").await.unwrap();
        let text = |name: &str| me[name].as_str().unwrap().to_owned();
        let pool = store::connect(&stack.urls().database.into()).unwrap();
        let (person, bot) = (world.person(None).await, world.bot().await);
        let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
        for _ in 0..pairs {
            let source = world.channel(&person, &[]).await;
            world.pair(place(&reader, source), place(&writer, &bot.channel)).await;
        }
        let temporal = histories::temporal(stack).await;
        Self { world, pool, temporal, user: text("id").parse().unwrap(), email: text("email") }
    }

    async fn run(&self, change: &'static str) {
        sqlx::query(change).bind(self.user.as_uuid()).execute(&self.pool).await.unwrap();
    }

    /// Makes everything that was seen, told and ended some minutes older.
    async fn age(&self) {
        self.run(
            "UPDATE alerts SET opened_at = opened_at - interval '15 minutes', told_at = told_at - interval '15 minutes',
                    closed_at = closed_at - interval '15 minutes' WHERE user_id = $1",
        )
        .await;
    }

    async fn look(&self) {
        histories::look(&self.temporal).await;
    }

    async fn open(&self) -> usize {
        let mut database = self.pool.acquire().await.unwrap();
        store::alerts::open(&mut database, self.user).await.unwrap().len()
    }

    async fn mails(&self) -> Vec<Mail> {
        self.world.controls.smtp.mails_to(&self.email).await.unwrap()
    }

    async fn arrived(&self, count: usize) -> Vec<Mail> {
        let mut last = Vec::new();
        let came = until("the mails", PATIENCE, async || {
            last = self.mails().await;
            Ok((last.len() >= count).then_some(()))
        });
        let came = came.await;
        let subjects: Vec<_> = last.iter().map(|mail| mail.subject.clone()).collect();
        assert!(came.is_ok() && last.len() == count, "there are {subjects:?}");
        last
    }
}

#[tokio::test]
async fn an_outage_of_many_pairs_is_one_message_and_so_is_its_end() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack, 3).await;
    scene.run("UPDATE pairs SET status = 'blocked', reason = 'closed to us' WHERE user_id = $1").await;
    scene.look().await;
    assert_eq!(scene.open().await, 3);
    assert!(scene.mails().await.is_empty(), "it may be over in a moment");
    scene.age().await;
    scene.look().await;
    scene.look().await;
    let mail = scene.arrived(1).await.remove(0);
    assert_eq!(mail.subject.as_deref(), Some("3 things do not work as they should"));
    assert_eq!(mail.text.as_deref().unwrap().matches("closed to us").count(), 3);
    scene.age().await;
    scene.look().await;
    scene.run("UPDATE pairs SET status = 'active', reason = NULL WHERE user_id = $1").await;
    scene.look().await;
    assert_eq!(scene.open().await, 0);
    scene.age().await;
    for _ in 0..2 {
        scene.look().await;
    }
    let mails = scene.arrived(2).await;
    assert_eq!(mails[1].subject.as_deref(), Some("All is well again"));
}

#[tokio::test]
async fn a_session_that_is_revoked_is_told_once() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack, 0).await;
    scene.run("UPDATE accounts SET status = 'revoked', reason = 'the token is bad' WHERE user_id = $1 AND platform = 'discord'").await;
    scene.look().await;
    scene.age().await;
    for _ in 0..3 {
        scene.look().await;
    }
    let mail = scene.arrived(1).await.remove(0);
    let subject = mail.subject.unwrap();
    assert!(subject.starts_with("Discord") && subject.contains("the session has ended"), "{subject}");
    let told: Value = scene.world.api.http().get("/me/notifications").await.unwrap();
    assert_eq!(told["notifications"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["notifications"][0]["kind"], "session_warning");
}

#[tokio::test]
async fn a_limit_that_is_reached_is_told_once_a_day_and_what_a_plan_pauses_too() {
    let stack = harness::shared().await;
    let scene = Scene::new(&stack, 1).await;
    scene
        .run(
            "INSERT INTO plan_usage (user_id, minute, minute_used, minute_limit, day, day_used, day_limit)
             VALUES ($1, date_trunc('minute', now()), 0, 20, date_trunc('day', now(), 'UTC'), 1000, 1000)
             ON CONFLICT ON CONSTRAINT plan_usage_pkey DO UPDATE SET day_used = 1000, day_limit = 1000,
                day = excluded.day",
        )
        .await;
    scene.run("UPDATE pairs SET status = 'paused', reason_code = 'plan_limit' WHERE user_id = $1").await;
    scene.look().await;
    assert_eq!(scene.open().await, 2);
    scene.run("UPDATE alerts SET opened_at = opened_at - interval '3 minutes' WHERE user_id = $1").await;
    for _ in 0..2 {
        scene.look().await;
    }
    let mail = scene.arrived(1).await.remove(0);
    assert_eq!(mail.subject.as_deref(), Some("Limits of your plan are reached"));
    let text = mail.text.unwrap();
    assert!(text.contains("1000 are included") && text.contains("does not include it"), "{text}");
}
