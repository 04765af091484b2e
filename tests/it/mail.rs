//! Messages by e-mail, from the row to the mailbox.

mod choices;
mod trouble;

use domain::{
    Clock as _, NotificationId, SystemClock, UserId,
    notification::{Content, Kind},
};
use sandbox::{client::Mail, scene::until, stack::Stack};
use serde_json::{Value, json};
use store::{
    notifications::{self, NewNotification, Recipient},
    seal::Sealer,
};

use crate::{
    harness,
    world::{PATIENCE, World},
};

/// A tenant, and the way on which the product asks for messages to them.
pub struct Mailing {
    pub world: World,
    pub user: UserId,
    pub email: String,
    pool: store::PgPool,
    sealer: Sealer,
}

impl Mailing {
    pub async fn new(stack: &Stack) -> Self {
        let world = World::new(stack).await;
        let me: Value = world.api.http().get("/auth/me").await.expect("a tenant can read who they are");
        let text = |name: &str| me[name].as_str().expect("it is text").to_owned();
        let pool = store::connect(&stack.urls().database.into()).expect("the URL is good");
        let sealer = harness::sealer();
        Self { world, user: text("id").parse().expect("an id"), email: text("email"), pool, sealer }
    }

    /// Asks for a message with this subject, which is its key too.
    pub async fn ask(&self, kind: Kind, subject: &str) -> Option<NotificationId> {
        let content = Content::new(subject)
            .paragraph("Something has happened.\nLook at <it> & decide.")
            .button("Look at it", "https://example.org/look?a=1&b=2");
        let (to, key) = (Recipient::User(self.user), &*format!("{}/{subject}", self.user));
        self.enqueue(NewNotification { to, kind, promotional: false, key, content: &content, expires_at: None }).await
    }

    pub async fn enqueue(&self, new: NewNotification<'_>) -> Option<NotificationId> {
        let mut transaction = self.pool.begin().await.expect("the database answers");
        let id = notifications::enqueue(&mut transaction, &self.sealer, &new, SystemClock.now()).await;
        transaction.commit().await.expect("it commits");
        id.expect("it can be asked for")
    }

    pub async fn mails(&self) -> Vec<Mail> {
        self.world.controls.smtp.mails_to(&self.email).await.expect("the mailbox can be read")
    }

    /// Waits until so many mails have come, oldest first.
    pub async fn arrived(&self, count: usize) -> Vec<Mail> {
        let mut last = Vec::new();
        let came = until("the mails", PATIENCE, async || {
            last = self.mails().await;
            Ok((last.len() >= count).then_some(()))
        });
        let came = came.await;
        let subjects: Vec<_> = last.iter().map(|mail| mail.subject.clone()).collect();
        assert!(came.is_ok(), "there are {subjects:?}");
        last
    }

    /// The newest message's first channel, as the API shows it, once it satisfies `wanted`.
    pub async fn send(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = until("the message's state", PATIENCE, async || {
            let page: Value = self.world.api.http().get("/me/notifications?limit=1").await?;
            last = page["notifications"][0]["sends"][0].clone();
            Ok(wanted(&last).then_some(()))
        });
        let found = found.await;
        assert!(found.is_ok(), "the newest message stands so: {last}");
        last
    }

    /// Makes what waits due now.
    pub async fn hurry(&self) {
        let rushed = "UPDATE notification_sends s SET due_at = now() FROM notifications n
                      WHERE n.id = s.notification_id AND n.user_id = $1 AND s.state = 'pending'";
        sqlx::query(rushed).bind(self.user.as_uuid()).execute(&self.pool).await.expect("the rows can be changed");
        sqlx::query("SELECT pg_notify('outbox', 'email')").execute(&self.pool).await.expect("it can be said");
    }

    /// Sets what the tenant wants; `change` is laid over the defaults.
    pub async fn prefer(&self, change: Value) -> Value {
        let path = "/me/notifications/preferences";
        let mut wanted: Value = self.world.api.http().get(path).await.expect("preferences can be read");
        wanted.as_object_mut().expect("an object").remove("bot_linked");
        for (name, value) in change.as_object().expect("an object") {
            match value.as_object().filter(|_| name == "kinds") {
                Some(kinds) => kinds.iter().for_each(|(kind, value)| wanted["kinds"][kind] = value.clone()),
                None => wanted[name] = value.clone(),
            }
        }
        self.world.api.http().call(reqwest::Method::PUT, path, Some(&wanted)).await.expect("preferences can be set")
    }
}

#[tokio::test]
async fn an_email_arrives_once_with_both_parts_and_its_headers() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let id = mailing.ask(Kind::HealthAlert, "Your bot is away").await.expect("it is new");
    assert_eq!(mailing.ask(Kind::HealthAlert, "Your bot is away").await, None, "it is known");
    let mail = mailing.arrived(1).await.remove(0);
    assert_eq!(mail.subject.as_deref(), Some("Your bot is away"));
    assert_eq!((mail.from.join(","), mail.to.join(",")), ("causeway@example.org".to_owned(), mailing.email.clone()));
    assert_eq!(mail.message_id, Some(format!("{id}@example.org")));
    assert!(mail.header("content-type").expect("a type").starts_with("multipart/alternative"));
    assert_eq!(mail.header("auto-submitted"), Some("auto-generated"));
    assert_eq!(mail.header("list-unsubscribe-post"), Some("List-Unsubscribe=One-Click"));
    let off = mail.header("list-unsubscribe").expect("a way to turn it off").trim_matches(['<', '>']);
    assert!(off.starts_with(&format!("{}/unsubscribe/", stack.urls().api)), "{off}");
    assert_eq!(mail.link("/unsubscribe/"), Some(off), "the same stands in the text");
    let sent_at = chrono::DateTime::parse_from_rfc2822(mail.header("date").expect("a date")).expect("a date");
    assert!((SystemClock.now() - sent_at.to_utc()).num_minutes().abs() < 5);
    assert!(mail.text.as_deref().expect("a text").contains("Look at <it> & decide."));
    let html = mail.html.as_deref().expect("a page");
    assert!(html.contains("Something has happened.<br>") && html.contains("Look at &lt;it&gt; &amp; decide."));
    assert_eq!(mail.link("/look"), Some("https://example.org/look?a=1&b=2"));
    let sent = mailing.send(|send| send["state"] == "sent").await;
    assert_eq!((&sent["channel"], &sent["attempts"]), (&json!("email"), &json!(1)));
    mailing.ask(Kind::PasswordReset, "Another password").await.expect("it is new");
    let mails = mailing.arrived(2).await;
    assert_eq!(mails.len(), 2, "the first one has come once");
    assert_eq!(mails[1].header("list-unsubscribe"), None, "this cannot be turned off");
}

#[tokio::test]
async fn the_operator_and_addresses_of_nobody_get_theirs() {
    let stack = harness::shared().await;
    let mailing = Mailing::new(&stack).await;
    let elsewhere = domain::Email::parse(&format!("new.{}", mailing.email)).expect("an address");
    let subject = format!("Of {}", mailing.user);
    let content = Content::new(&subject).code("123456");
    let recipients = [
        ("operator", Recipient::Operator, "operator@example.org"),
        ("new", Recipient::UserAt(mailing.user, &elsewhere), elsewhere.as_str()),
        ("nobody", Recipient::Address(&elsewhere), elsewhere.as_str()),
    ];
    for (name, to, address) in recipients {
        let (kind, key) = (Kind::EmailChange, &*format!("{}/{name}", mailing.user));
        let new = NewNotification { to, kind, promotional: false, key, content: &content, expires_at: None };
        let id = mailing.enqueue(new).await.expect("it is new");
        let found = until("the mail", PATIENCE, async || {
            let mails = mailing.world.controls.smtp.mails_to(address).await?;
            Ok(mails.into_iter().find(|mail| mail.message_id == Some(format!("{id}@example.org"))))
        });
        let mail = found.await.expect(name);
        assert!(mail.subject == Some(subject.clone()) && mail.text.expect("a text").contains("123456"));
    }
    assert!(mailing.mails().await.is_empty(), "nothing has come to the old address");
}
