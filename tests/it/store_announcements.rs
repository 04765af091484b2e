//! Announcements' rows, against a real PostgreSQL.

use chrono::TimeDelta;
use domain::{
    AnnouncementId, Clock as _, Email, FixedClock, PlanId, UserId,
    announcement::State,
    notification::{Channel, Content, Kind, Preference, SendState},
};
use store::{
    announcements::{self, Turn, Written},
    notifications,
    seal::Sealer,
};

use crate::{harness, ledger};

/// An announcement to the tenants of Free, in a database of its own.
struct Scene {
    clock: FixedClock,
    pool: store::PgPool,
    sealer: Sealer,
    id: AnnouncementId,
    users: Vec<UserId>,
}

async fn scene(users: usize, per_minute: u32) -> Scene {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let (clock, sealer) = (ledger::clock(), harness::sealer());
    let mut database = pool.acquire().await.unwrap();
    let mut made = Vec::new();
    for _ in 0..users {
        let user = UserId::new(&clock);
        let email = Email::parse(&format!("{user}@example.org")).unwrap();
        store::users::insert(&mut database, user, &email, "hash", clock.now()).await.unwrap();
        made.push(user);
    }
    made.sort();
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(&mut *database).await.unwrap();
    let id = AnnouncementId::new(&clock);
    let content = Content::new("News").paragraph("There is something new.");
    let written = Written { content, promotional: true, plans: vec![PlanId::FREE], via: Preference::Both, per_minute };
    announcements::insert(&mut database, id, &written, UserId::new(&clock), clock.now()).await.unwrap();
    Scene { clock, pool, sealer, id, users: made }
}

impl Scene {
    async fn set(&self, state: State) {
        let (mut database, now) = (self.pool.acquire().await.unwrap(), self.clock.now());
        announcements::set_state(&mut database, self.id, state, Some(now), now).await.unwrap();
    }

    async fn turn(&self) -> Turn {
        let mut transaction = self.pool.begin().await.unwrap();
        let turn = announcements::take_turn(&mut transaction, &self.sealer, self.id, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        turn.unwrap()
    }
}

#[tokio::test]
async fn a_batch_that_is_asked_for_twice_is_done_once_and_the_throttle_holds() {
    let scene = scene(3, 12).await;
    assert_eq!(scene.turn().await.state, State::Draft);
    scene.set(State::Scheduled).await;
    let first = scene.turn().await;
    assert_eq!((first.state, first.total, first.enqueued), (State::Running, 3, 1));
    assert_eq!(scene.turn().await.enqueued, 1, "it is too early");
    for expected in [2, 3, 3] {
        scene.clock.advance(TimeDelta::seconds(5));
        assert_eq!(scene.turn().await.enqueued, expected);
    }
    let done = scene.turn().await;
    assert_eq!((done.state, done.enqueued, done.skipped, done.next), (State::Done, 3, 0, None));
    let mut database = scene.pool.acquire().await.unwrap();
    let backlog = notifications::backlog(&mut database, Channel::Email, scene.clock.now()).await.unwrap();
    assert_eq!(backlog.waiting, 3);
    let first = announcements::recipients(&mut database, scene.id, None, None, 2).await.unwrap();
    let rest =
        announcements::recipients(&mut database, scene.id, Some("enqueued"), Some(first[1].user), 2).await.unwrap();
    let listed: Vec<UserId> = first.iter().chain(&rest).map(|row| row.user).collect();
    assert_eq!(listed, scene.users);
    assert!(first.iter().all(|row| row.sends.len() == 1 && row.sends[0].state == SendState::Pending));
}

#[tokio::test]
async fn a_canceled_one_drops_what_waits_and_goes_no_further() {
    let scene = scene(3, 12).await;
    scene.set(State::Scheduled).await;
    scene.turn().await;
    scene.set(State::Canceled).await;
    let mut database = scene.pool.acquire().await.unwrap();
    for expected in [1, 0] {
        assert_eq!(announcements::drop_waiting(&mut database, scene.id).await.unwrap(), expected);
    }
    scene.clock.advance(TimeDelta::minutes(1));
    assert_eq!((scene.turn().await.state, scene.turn().await.enqueued), (State::Canceled, 1));
    let outcomes = announcements::outcomes(&mut database, scene.id).await.unwrap();
    assert_eq!((outcomes.enqueued, outcomes.skipped), (0, 1));
}

#[tokio::test]
async fn whom_it_would_reach_is_whom_it_reaches() {
    let scene = scene(4, 6_000).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let (now, off) = (scene.clock.now(), [(Kind::Announcement, Preference::Off)]);
    notifications::change_preferences(&mut database, scene.users[0], &off, now).await.unwrap();
    notifications::set_bot_linked(&mut database, scene.users[1], true, now).await.unwrap();
    sqlx::query("UPDATE users SET email_verified_at = NULL WHERE id <> $1")
        .bind(scene.users[3].as_uuid())
        .execute(&mut *database)
        .await
        .unwrap();
    let one = announcements::find(&mut database, scene.id).await.unwrap().unwrap();
    assert_eq!(one.plan_codes, ["free"]);
    let audience = announcements::audience(&mut database, &one.written).await.unwrap();
    assert_eq!((audience.total, audience.reached, audience.by_email, audience.by_bot), (4, 2, 1, 1));
    let skipped: Vec<_> = audience.skipped.iter().map(|(skip, count)| (skip.code(), *count)).collect();
    assert_eq!(skipped, [("opt_out", 1), ("unverified", 1)]);
    scene.set(State::Scheduled).await;
    let done = scene.turn().await;
    assert_eq!((done.state, done.enqueued, done.skipped), (State::Done, 2, 2));
    let rows = announcements::recipients(&mut database, scene.id, None, None, 10).await.unwrap();
    let channels: Vec<Vec<Channel>> =
        rows.iter().map(|row| row.sends.iter().map(|send| send.channel).collect()).collect();
    assert_eq!(channels, [vec![], vec![Channel::Bot], vec![], vec![Channel::Email]]);
}

#[tokio::test]
async fn what_its_workflow_was_not_told_is_found() {
    let scene = scene(1, 12).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let (now, later) = (scene.clock.now(), scene.clock.now() + TimeDelta::seconds(30));
    assert!(announcements::live(&mut database, later, 10).await.unwrap().is_empty(), "a draft has none");
    scene.set(State::Scheduled).await;
    assert!(announcements::live(&mut database, now, 10).await.unwrap().is_empty(), "it is on its ordinary way");
    assert_eq!(announcements::live(&mut database, later, 10).await.unwrap()[0].untold_since, Some(now));
    announcements::told(&mut database, scene.id, now - TimeDelta::seconds(1)).await.unwrap();
    assert!(announcements::live(&mut database, later, 10).await.unwrap()[0].untold_since.is_some());
    announcements::told(&mut database, scene.id, now).await.unwrap();
    assert_eq!(announcements::live(&mut database, later, 10).await.unwrap()[0].untold_since, None);
}
