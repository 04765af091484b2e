//! The outbox's rows, against a real PostgreSQL.

mod claims;
mod wishes;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, Email, FixedClock, NotificationId, UserId,
    notification::{Channel, Content, Kind, SendState},
};
use store::{
    notifications::{self, Claimed, NewNotification, Notification, Recipient},
    seal::Sealer,
};

use crate::{harness, ledger};

/// A tenant, and the database to itself.
struct Scene {
    clock: FixedClock,
    pool: store::PgPool,
    database: sqlx::pool::PoolConnection<store::Postgres>,
    sealer: Sealer,
    user: UserId,
    email: Email,
}

async fn scene() -> Scene {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let mut database = pool.acquire().await.unwrap();
    let clock = ledger::clock();
    let (user, email) = new_user(&mut database, &clock).await;
    let sealer = harness::sealer();
    Scene { clock, pool, database, sealer, user, email }
}

async fn new_user(database: &mut store::PgConnection, clock: &FixedClock) -> (UserId, Email) {
    let user = UserId::new(clock);
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    store::users::insert(database, user, &email, "hash", clock.now()).await.unwrap();
    (user, email)
}

fn content() -> Content {
    Content::new("A secret subject").paragraph("A secret text").button("Open", "https://c.example/?token=secret")
}

impl Scene {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn ask(&mut self, kind: Kind, key: &str) -> Option<NotificationId> {
        let to = Recipient::User(self.user);
        self.ask_for(NewNotification { to, kind, promotional: false, key, content: &content(), expires_at: None }).await
    }

    async fn ask_for(&mut self, new: NewNotification<'_>) -> Option<NotificationId> {
        // Ids of one moment have no order.
        self.clock.advance(TimeDelta::seconds(1));
        let now = self.now();
        notifications::enqueue(&mut self.database, &self.sealer, &new, now).await.unwrap()
    }

    async fn claim(&mut self, channel: Channel) -> Vec<Claimed> {
        let now = self.now();
        notifications::claim(&mut self.database, &self.sealer, channel, now, 10).await.unwrap()
    }

    async fn list(&mut self) -> Vec<Notification> {
        notifications::list(&mut self.database, self.user, None, 50).await.unwrap()
    }

    /// Channel, state and reason of each send, newest message first.
    async fn states(&mut self) -> Vec<(Channel, SendState, Option<String>)> {
        let sends = self.list().await.into_iter().flat_map(|one| one.sends);
        sends.map(|send| (send.channel, send.state, send.reason_code)).collect()
    }
}

#[tokio::test]
async fn a_message_is_sealed_claimed_sent_and_on_record() {
    let mut scene = scene().await;
    let id = scene.ask(Kind::HealthAlert, "a").await.unwrap();
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT content FROM notifications").fetch_one(&mut *scene.database).await.unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"secret"), "what it says is sealed");
    assert!(scene.claim(Channel::Bot).await.is_empty());
    let claimed = scene.claim(Channel::Email).await;
    let [mail] = &claimed[..] else { panic!("one mail, not {claimed:?}") };
    assert_eq!((mail.id, mail.user, mail.attempts), (id, Some(scene.user), 1));
    assert_eq!(mail.address.as_deref(), Some(scene.email.as_str()));
    assert_eq!((&mail.content, mail.first_attempt_at), (&content(), scene.now()));
    assert!(scene.claim(Channel::Email).await.is_empty(), "it is under way");
    assert_eq!(scene.states().await, [(Channel::Email, SendState::Sending, None)]);
    let (ticket, now) = (mail.ticket, scene.now());
    assert!(notifications::sent(&mut scene.database, ticket, now).await.unwrap());
    assert!(!notifications::sent(&mut scene.database, ticket, now).await.unwrap(), "once is enough");
    assert!(!notifications::failed(&mut scene.database, ticket, "late", "too late").await.unwrap());
    scene.clock.advance(TimeDelta::days(1));
    assert!(scene.claim(Channel::Email).await.is_empty());
    let sent = scene.list().await.remove(0);
    assert_eq!((sent.sends[0].state, sent.sends[0].sent_at), (SendState::Sent, Some(now)));
    assert_eq!(notifications::next_due(&mut scene.database, Channel::Email).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_key_is_the_same_message_whoever_asks() {
    let mut scene = scene().await;
    let id = scene.ask(Kind::HealthAlert, "outage-7").await;
    assert!(id.is_some());
    assert_eq!(scene.ask(Kind::Report, "outage-7").await, None);
    assert_eq!(notifications::find_by_key(&mut scene.database, "outage-7").await.unwrap(), id);
    assert_eq!(notifications::find_by_key(&mut scene.database, "outage-8").await.unwrap(), None);
    assert_eq!(scene.list().await.len(), 1);
    let mut asked = Vec::new();
    for _ in 0..8 {
        let (pool, sealer, user, now) = (scene.pool.clone(), scene.sealer.clone(), scene.user, scene.now());
        asked.push(tokio::spawn(async move {
            let (to, content) = (Recipient::User(user), content());
            let kind = Kind::HealthAlert;
            let new =
                NewNotification { to, kind, promotional: false, key: "at once", content: &content, expires_at: None };
            let mut transaction = pool.begin().await.unwrap();
            let id = notifications::enqueue(&mut transaction, &sealer, &new, now).await.unwrap();
            transaction.commit().await.unwrap();
            id
        }));
    }
    let mut made = 0;
    for one in asked {
        made += usize::from(one.await.unwrap().is_some());
    }
    assert_eq!((made, scene.list().await.len()), (1, 2));
}

#[tokio::test]
async fn what_is_rolled_back_is_not_sent_and_what_is_committed_is_said_aloud() {
    let mut scene = scene().await;
    let mut listener = sqlx::postgres::PgListener::connect_with(&scene.pool).await.unwrap();
    listener.listen(notifications::WAKE_CHANNEL).await.unwrap();
    let (now, content) = (scene.now(), content());
    for (key, keep) in [("dropped", false), ("kept", true)] {
        let to = Recipient::User(scene.user);
        let new =
            NewNotification { to, kind: Kind::Report, promotional: false, key, content: &content, expires_at: None };
        let mut transaction = scene.pool.begin().await.unwrap();
        notifications::enqueue(&mut transaction, &scene.sealer, &new, now).await.unwrap();
        if keep {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    let said = tokio::time::timeout(std::time::Duration::from_secs(10), listener.recv()).await.unwrap().unwrap();
    assert_eq!(said.payload(), "email");
    assert_eq!(notifications::find_by_key(&mut scene.database, "dropped").await.unwrap(), None);
    assert_eq!(scene.claim(Channel::Email).await.len(), 1);
}

#[tokio::test]
async fn messages_go_to_whom_they_are_for() {
    let mut scene = scene().await;
    let (elsewhere, content) = (Email::parse("New@Example.org").unwrap(), content());
    let stranger = UserId::new(&scene.clock);
    let cases = [
        ("at", Recipient::UserAt(scene.user, &elsewhere), Some("new@example.org")),
        ("address", Recipient::Address(&elsewhere), Some("new@example.org")),
        ("operator", Recipient::Operator, None),
    ];
    for (key, to, address) in cases {
        let new = NewNotification {
            to,
            kind: Kind::EmailChange,
            promotional: false,
            key,
            content: &content,
            expires_at: None,
        };
        assert!(scene.ask_for(new).await.is_some());
        let mail = scene.claim(Channel::Email).await.remove(0);
        assert_eq!(mail.address.as_deref(), address, "{key}");
        assert_eq!(mail.user.is_some(), key == "at");
    }
    let to = Recipient::User(stranger);
    let new =
        NewNotification { to, kind: Kind::Report, promotional: false, key: "x", content: &content, expires_at: None };
    assert_eq!(scene.ask_for(new).await, None, "there is no such user");
    assert_eq!(scene.list().await.len(), 1, "what is to others is not theirs");
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_and_show_nobody_elses() {
    let mut scene = scene().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(scene.ask(Kind::Report, &format!("r{number}")).await.unwrap());
        scene.clock.advance(TimeDelta::seconds(1));
    }
    let (other, _) = new_user(&mut scene.database, &scene.clock).await;
    ids.reverse();
    let page = notifications::list(&mut scene.database, scene.user, None, 3).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), ids[..3]);
    let rest = notifications::list(&mut scene.database, scene.user, Some(page[2].id), 3).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.id).collect::<Vec<_>>(), ids[3..]);
    assert!(notifications::list(&mut scene.database, other, None, 50).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_settled_is_forgotten_in_two_steps_and_what_waits_is_kept() {
    let mut scene = scene().await;
    scene.ask(Kind::Report, "sent").await.unwrap();
    let ticket = scene.claim(Channel::Email).await[0].ticket;
    let now = scene.now();
    notifications::sent(&mut scene.database, ticket, now).await.unwrap();
    scene.ask(Kind::Report, "waits").await.unwrap();
    let later = now + TimeDelta::days(8);
    assert_eq!(notifications::forget_contents(&mut scene.database, now, 10).await.unwrap(), 0, "too young");
    assert_eq!(notifications::forget_contents(&mut scene.database, later, 10).await.unwrap(), 1);
    assert_eq!(notifications::forget_contents(&mut scene.database, later, 10).await.unwrap(), 0, "once is enough");
    assert_eq!(scene.list().await.len(), 2, "the record stays");
    assert_eq!(notifications::prune(&mut scene.database, later, 10).await.unwrap(), 1);
    assert_eq!(scene.list().await.len(), 1);
    assert_eq!(scene.claim(Channel::Email).await[0].content, content());
}
