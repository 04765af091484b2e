//! The bot's rows, against a real PostgreSQL: links, messages, lease and session.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, Email, FixedClock, RichText, UserId,
    bot::{Followed, LINK_TOKEN_LASTS, LinkToken},
    notification::{Channel, Content, Kind, Preference, SendState},
};
use secrecy::ExposeSecret as _;
use store::{
    bot::{self, BotLease, Incoming, Person, Recipient},
    notifications::{self, NewNotification},
    seal::Sealer,
};

use crate::{harness, ledger};

const BOT: i64 = 1_000_000_001;

/// A tenant, a bot that is hosted, and the database to itself.
struct Scene {
    clock: FixedClock,
    database: sqlx::pool::PoolConnection<store::Postgres>,
    sealer: Sealer,
    user: UserId,
    lease: BotLease,
}

async fn scene() -> Scene {
    let stack = harness::shared().await;
    let mut database = harness::database(&stack).await.acquire().await.unwrap();
    let clock = ledger::clock();
    let user = new_user(&mut database, &clock).await;
    let sealer = Sealer::parse(&harness::SEAL_KEYS.into()).unwrap();
    let lease = bot::take(&mut database, BOT, "w1", b"first", clock.now()).await.unwrap();
    bot::signed_in(&mut database, lease, "causeway_bot", clock.now()).await.unwrap();
    Scene { clock, database, sealer, user, lease }
}

async fn new_user(database: &mut store::PgConnection, clock: &FixedClock) -> UserId {
    let user = UserId::new(clock);
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    store::users::insert(database, user, &email, "hash", clock.now()).await.unwrap();
    user
}

fn person(telegram_user_id: i64) -> Person {
    Person { telegram_user_id, access_hash: 40 + telegram_user_id, name: format!("Person {telegram_user_id}") }
}

impl Scene {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn invite(&mut self, user: UserId, seed: u8) -> LinkToken {
        let (token, now) = (LinkToken::new([seed; 24]), self.now());
        bot::issue_token(&mut self.database, user, &token.hash(), now + LINK_TOKEN_LASTS, now).await.unwrap();
        token
    }

    async fn follow(&mut self, token: &LinkToken, telegram_user_id: i64) -> Followed {
        let now = self.now();
        bot::redeem(&mut self.database, BOT, &person(telegram_user_id), &token.hash(), now).await.unwrap()
    }

    /// Links the scene's tenant to person 7.
    async fn link(&mut self) {
        let token = self.invite(self.user, 1).await;
        assert_eq!(self.follow(&token, 7).await, Followed::Made);
    }

    async fn linked(&mut self, telegram_user_id: i64) -> Option<UserId> {
        bot::linked_user(&mut self.database, BOT, telegram_user_id).await.unwrap()
    }

    async fn is_told_by_bot(&mut self, user: UserId) -> bool {
        notifications::settings(&mut self.database, user).await.unwrap().bot_linked
    }

    async fn ask(&mut self, kind: Kind, key: &str) {
        let (to, content) = (notifications::Recipient::User(self.user), Content::new("It is so"));
        let new = NewNotification { to, kind, promotional: false, key, content: &content, expires_at: None };
        self.clock.advance(TimeDelta::seconds(1));
        let now = self.now();
        notifications::enqueue(&mut self.database, &self.sealer, &new, now).await.unwrap().unwrap();
    }

    /// Channel, state and reason of each send, newest message first.
    async fn sends(&mut self) -> Vec<(Channel, SendState, Option<String>)> {
        let list = notifications::list(&mut self.database, self.user, None, 50).await.unwrap();
        let sends = list.into_iter().flat_map(|one| one.sends);
        sends.map(|send| (send.channel, send.state, send.reason_code)).collect()
    }

    async fn receive(&mut self, message: i64, from: i64) -> Incoming {
        let (to, now) = (Recipient { telegram_user_id: from, access_hash: 1 }, self.now());
        bot::receive(&mut self.database, BOT, message, to, 2, now).await.unwrap()
    }

    async fn answer(&mut self, message: i64) {
        let text = RichText::plain(format!("answer {message}"));
        bot::give_answer(&mut self.database, &self.sealer, BOT, message, &text).await.unwrap();
    }

    /// The messages whose answers are due.
    async fn due(&mut self) -> Vec<i64> {
        let now = self.now();
        let due = bot::due_answers(&mut self.database, &self.sealer, BOT, now, 10).await.unwrap();
        due.into_iter().map(|answer| answer.message_id).collect()
    }
}

#[tokio::test]
async fn a_link_is_followed_once_and_in_time() {
    let mut scene = scene().await;
    let user = scene.user;
    assert_eq!(scene.follow(&LinkToken::new([9; 24]), 7).await, Followed::Unknown);
    let token = scene.invite(user, 1).await;
    assert!(!scene.is_told_by_bot(user).await);
    assert_eq!(scene.follow(&token, 7).await, Followed::Made);
    assert_eq!(scene.linked(7).await, Some(user));
    assert!(scene.is_told_by_bot(user).await);
    let found = bot::recipient(&mut scene.database, BOT, user).await.unwrap();
    assert_eq!(found, Some(Recipient { telegram_user_id: 7, access_hash: 47 }));
    assert_eq!(scene.follow(&token, 8).await, Followed::Used);
    assert_eq!(scene.linked(8).await, None);
    for (at, expected) in [(Some(scene.now()), None), (None, Some(user))] {
        let suspend = sqlx::query("UPDATE users SET suspended_at = $1").bind(at);
        suspend.execute(&mut *scene.database).await.unwrap();
        assert_eq!(scene.linked(7).await, expected, "who is suspended has no say");
    }
    let late = scene.invite(user, 2).await;
    scene.clock.advance(LINK_TOKEN_LASTS);
    assert_eq!(scene.follow(&late, 8).await, Followed::Expired);
    let older = scene.invite(user, 3).await;
    let newer = scene.invite(user, 4).await;
    assert_eq!(scene.follow(&older, 8).await, Followed::Unknown, "a newer link has taken its place");
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT token_hash FROM bot_link_tokens").fetch_all(&mut *scene.database).await.unwrap();
    assert!(stored.contains(&newer.hash().to_vec()), "only hashes are stored");
    assert_eq!(scene.follow(&newer, 8).await, Followed::Made);
    assert_eq!((scene.linked(7).await, scene.linked(8).await), (None, Some(user)), "one person of a user");
    scene.clock.advance(TimeDelta::days(2));
    let now = scene.now();
    assert_eq!(bot::prune_tokens(&mut scene.database, now, 100).await.unwrap(), 2);
}

#[tokio::test]
async fn a_person_belongs_to_one_user_and_an_end_is_an_end() {
    let mut scene = scene().await;
    scene.link().await;
    let user = scene.user;
    let other = new_user(&mut scene.database, &scene.clock).await;
    let token = scene.invite(other, 2).await;
    assert_eq!(scene.follow(&token, 7).await, Followed::Made);
    assert_eq!(scene.linked(7).await, Some(other));
    assert!(!scene.is_told_by_bot(user).await);
    let unused = scene.invite(other, 3).await;
    let now = scene.now();
    assert!(bot::unlink(&mut scene.database, other, now).await.unwrap());
    assert!(!bot::unlink(&mut scene.database, other, now).await.unwrap(), "once is enough");
    assert_eq!(scene.linked(7).await, None);
    assert!(!scene.is_told_by_bot(other).await);
    assert_eq!(scene.follow(&unused, 7).await, Followed::Unknown, "an end makes open links void");
}

#[tokio::test]
async fn a_block_ends_the_link_and_what_waits_goes_by_email_where_that_is_wanted() {
    let mut scene = scene().await;
    scene.link().await;
    let (user, now) = (scene.user, scene.now());
    for kind in [Kind::HealthAlert, Kind::LimitReached] {
        let only = [(kind, Preference::Bot)];
        notifications::change_preferences(&mut scene.database, user, &only, now).await.unwrap();
    }
    scene.ask(Kind::HealthAlert, "a").await;
    scene.ask(Kind::LimitReached, "b").await;
    scene.ask(Kind::SessionWarning, "c").await;
    // Since it was asked for, the user has come to like e-mail.
    let both = [(Kind::HealthAlert, Preference::Both)];
    notifications::change_preferences(&mut scene.database, user, &both, now).await.unwrap();
    for _ in 0..2 {
        let now = scene.now();
        bot::blocked(&mut scene.database, user, now).await.unwrap();
    }
    let not_linked = Some("bot_not_linked".to_owned());
    let expected = [
        (Channel::Email, SendState::Pending, None),
        (Channel::Bot, SendState::Dropped, not_linked.clone()),
        (Channel::Bot, SendState::Dropped, not_linked.clone()),
        (Channel::Email, SendState::Pending, Some("bot_blocked".to_owned())),
        (Channel::Bot, SendState::Dropped, not_linked),
    ];
    assert_eq!(scene.sends().await, expected);
    let link = bot::find(&mut scene.database, user).await.unwrap().unwrap();
    assert!(link.blocked_at.is_some());
    assert_eq!(scene.linked(7).await, None);
    assert_eq!(bot::recipient(&mut scene.database, BOT, user).await.unwrap(), None);
    let token = scene.invite(user, 5).await;
    assert_eq!(scene.follow(&token, 7).await, Followed::Made);
    assert_eq!(scene.linked(7).await, Some(user), "a new link heals it");
}

#[tokio::test]
async fn links_to_a_former_bot_end() {
    let mut scene = scene().await;
    scene.link().await;
    let (user, now) = (scene.user, scene.now());
    assert_eq!(bot::unlink_strangers(&mut scene.database, BOT, now).await.unwrap(), 0);
    bot::take(&mut scene.database, BOT + 1, "w1", b"other", now).await.unwrap();
    assert_eq!(bot::unlink_strangers(&mut scene.database, BOT + 1, now).await.unwrap(), 1);
    assert_eq!(scene.linked(7).await, None);
    assert!(!scene.is_told_by_bot(user).await);
}

#[tokio::test]
async fn a_message_is_carried_out_once_and_answered_in_turn() {
    let mut scene = scene().await;
    assert_eq!(scene.receive(1, 7).await, Incoming::New);
    assert_eq!(scene.receive(1, 7).await, Incoming::Known);
    scene.answer(1).await;
    assert_eq!(scene.receive(2, 7).await, Incoming::New);
    scene.answer(2).await;
    assert_eq!(scene.receive(3, 7).await, Incoming::Flood, "two answers wait");
    assert_eq!(scene.receive(3, 7).await, Incoming::Known);
    assert_eq!(scene.receive(4, 8).await, Incoming::New, "nobody waits for another");
    scene.answer(4).await;
    assert_eq!(scene.due().await, [1, 4], "one of each person");
    let later = scene.now() + TimeDelta::seconds(5);
    bot::postpone_answer(&mut scene.database, BOT, 1, later).await.unwrap();
    assert_eq!(scene.due().await, [4], "the first one holds the second one up");
    bot::answered(&mut scene.database, BOT, 4).await.unwrap();
    assert_eq!(bot::next_answer_due(&mut scene.database, BOT).await.unwrap(), Some(later));
    scene.clock.advance(TimeDelta::seconds(5));
    assert_eq!(scene.due().await, [1]);
    bot::answered(&mut scene.database, BOT, 1).await.unwrap();
    let now = scene.now();
    let due = bot::due_answers(&mut scene.database, &scene.sealer, BOT, now, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].text, Some(RichText::plain("answer 2")));
    let sealed: Vec<Vec<u8>> = sqlx::query_scalar("SELECT answer FROM bot_messages WHERE answer IS NOT NULL")
        .fetch_all(&mut *scene.database)
        .await
        .unwrap();
    assert!(!sealed[0].windows(6).any(|window| window == b"answer"), "what is said is sealed");
    assert_eq!(bot::prune(&mut scene.database, now + TimeDelta::days(1), 100).await.unwrap(), 4);
}

#[tokio::test]
async fn a_host_that_has_lost_the_lease_writes_nothing() {
    let mut scene = scene().await;
    let (old, now) = (scene.lease, scene.now());
    let session = "a session".into();
    assert!(bot::save_session(&mut scene.database, &scene.sealer, old, &session).await.unwrap());
    assert_eq!(bot::left_by(&mut scene.database, "w1").await.unwrap(), [b"first".to_vec()]);
    let new = bot::take(&mut scene.database, BOT, "w2", b"second", now).await.unwrap();
    assert!(!bot::held(&mut scene.database, old).await.unwrap() && bot::held(&mut scene.database, new).await.unwrap());
    assert!(!bot::keep_alive(&mut scene.database, old, true, now).await.unwrap());
    assert!(bot::keep_alive(&mut scene.database, new, true, now).await.unwrap());
    let stale = "a stale session".into();
    assert!(!bot::save_session(&mut scene.database, &scene.sealer, old, &stale).await.unwrap());
    bot::forget_session(&mut scene.database, old).await.unwrap();
    bot::release(&mut scene.database, old).await.unwrap();
    let kept = bot::session(&mut scene.database, &scene.sealer, BOT).await.unwrap();
    assert_eq!(kept.unwrap().expose_secret(), "a session");
    let row = bot::load(&mut scene.database, BOT).await.unwrap().unwrap();
    assert_eq!(row.host.as_deref(), Some("w2"));
    let until = now + TimeDelta::seconds(60);
    bot::cool_down(&mut scene.database, BOT, until).await.unwrap();
    bot::cool_down(&mut scene.database, BOT, now).await.unwrap();
    assert_eq!(bot::load(&mut scene.database, BOT).await.unwrap().unwrap().cooldown_until, Some(until));
}

#[tokio::test]
async fn a_bot_is_there_while_it_is_at_work_and_not_refused() {
    let mut scene = scene().await;
    let now = scene.now();
    let present = bot::present(&mut scene.database, now).await.unwrap();
    assert_eq!(present.and_then(|bot| bot.username).as_deref(), Some("causeway_bot"));
    let later = now + bot::PRESENT_FOR;
    assert!(bot::present(&mut scene.database, later).await.unwrap().is_none(), "its host is silent");
    let lease = scene.lease;
    assert!(bot::keep_alive(&mut scene.database, lease, false, later).await.unwrap());
    assert!(bot::present(&mut scene.database, later).await.unwrap().is_none(), "it is not connected");
    bot::keep_alive(&mut scene.database, lease, true, later).await.unwrap();
    assert!(bot::present(&mut scene.database, later).await.unwrap().is_some());
    bot::refused(&mut scene.database, lease, "access_token_invalid", "no").await.unwrap();
    assert!(bot::present(&mut scene.database, later).await.unwrap().is_none());
    bot::signed_in(&mut scene.database, lease, "causeway_bot", later).await.unwrap();
    assert!(bot::present(&mut scene.database, later).await.unwrap().is_some());
}
