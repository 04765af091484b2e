use chrono::TimeDelta;
use domain::notification::{Channel, DropReason, Kind, SendState};
use store::{
    notifications::{self, Backlog, CLAIM_LASTS, NewNotification, Recipient},
    seal::Sealer,
};

use super::{content, scene};

#[tokio::test]
async fn somebody_who_waits_goes_before_an_announcement_to_thousands() {
    let mut scene = scene().await;
    for (kind, key) in [(Kind::Announcement, "news"), (Kind::Report, "report"), (Kind::PasswordReset, "reset")] {
        scene.ask(kind, key).await.unwrap();
        scene.clock.advance(TimeDelta::seconds(1));
    }
    let now = scene.now();
    let first = notifications::claim(&mut scene.database, &scene.sealer, Channel::Email, now, 2).await.unwrap();
    let kinds: Vec<_> = first.iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, [Kind::PasswordReset, Kind::Report]);
    assert_eq!(scene.claim(Channel::Email).await[0].kind, Kind::Announcement);
}

#[tokio::test]
async fn two_who_claim_at_once_never_get_the_same() {
    let mut scene = scene().await;
    for number in 0..20 {
        scene.ask(Kind::Report, &number.to_string()).await.unwrap();
    }
    let now = scene.now();
    let claim = async || {
        let mut transaction = scene.pool.begin().await.unwrap();
        let claimed = notifications::claim(&mut transaction, &scene.sealer, Channel::Email, now, 10).await.unwrap();
        (transaction, claimed)
    };
    let (first, second) = (claim().await, claim().await);
    let mut ids: Vec<_> = first.1.iter().chain(&second.1).map(|mail| mail.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    first.0.commit().await.unwrap();
    second.0.commit().await.unwrap();
}

#[tokio::test]
async fn a_claim_that_is_not_settled_is_void_after_a_while_or_when_the_next_drain_begins() {
    let mut scene = scene().await;
    let id = scene.ask(Kind::Report, "a").await.unwrap();
    let first = scene.claim(Channel::Email).await[0].ticket;
    let now = scene.now();
    assert_eq!(notifications::reclaim(&mut scene.database, Channel::Email, now).await.unwrap(), 1);
    let second = scene.claim(Channel::Email).await.remove(0);
    assert_eq!((second.id, second.attempts, second.first_attempt_at), (id, 2, now));
    assert!(!notifications::sent(&mut scene.database, first, now).await.unwrap(), "it is another's now");
    scene.clock.advance(CLAIM_LASTS - TimeDelta::seconds(1));
    assert!(scene.claim(Channel::Email).await.is_empty());
    scene.clock.advance(TimeDelta::seconds(1));
    assert_eq!(scene.claim(Channel::Email).await[0].attempts, 3);
}

#[tokio::test]
async fn a_message_that_was_refused_is_due_later_and_one_that_is_given_up_never() {
    let mut scene = scene().await;
    scene.ask(Kind::Report, "a").await.unwrap();
    let (ticket, later) = (scene.claim(Channel::Email).await[0].ticket, scene.now() + TimeDelta::seconds(30));
    assert!(notifications::postpone(&mut scene.database, ticket, "mail_refused", "451", later).await.unwrap());
    assert!(!notifications::postpone(&mut scene.database, ticket, "mail_refused", "451", later).await.unwrap());
    assert_eq!(scene.states().await, [(Channel::Email, SendState::Pending, Some("mail_refused".into()))]);
    assert_eq!(notifications::next_due(&mut scene.database, Channel::Email).await.unwrap(), Some(later));
    let now = scene.now();
    let backlog = notifications::backlog(&mut scene.database, Channel::Email, now).await.unwrap();
    assert_eq!(backlog, Backlog { waiting: 1, due: 0 });
    scene.clock.advance(TimeDelta::seconds(30));
    let now = scene.now();
    let backlog = notifications::backlog(&mut scene.database, Channel::Email, now).await.unwrap();
    assert_eq!(backlog, Backlog { waiting: 1, due: 1 });
    let ticket = scene.claim(Channel::Email).await[0].ticket;
    assert!(notifications::release(&mut scene.database, ticket, later).await.unwrap());
    let again = scene.claim(Channel::Email).await.remove(0);
    assert_eq!(again.attempts, 2, "what was given back does not count");
    assert!(notifications::failed(&mut scene.database, again.ticket, "mail_rejected", "550 no").await.unwrap());
    assert_eq!(scene.states().await, [(Channel::Email, SendState::Failed, Some("mail_rejected".into()))]);
    scene.ask(Kind::Report, "b").await.unwrap();
    let ticket = scene.claim(Channel::Email).await[0].ticket;
    assert!(notifications::dropped(&mut scene.database, ticket, DropReason::NoAddress).await.unwrap());
    assert_eq!(scene.states().await[0], (Channel::Email, SendState::Dropped, Some("no_address".into())));
}

#[tokio::test]
async fn what_is_out_of_date_is_dropped() {
    let mut scene = scene().await;
    let (content, expires_at) = (content(), Some(scene.now() + TimeDelta::hours(1)));
    let to = Recipient::User(scene.user);
    let new =
        NewNotification { to, kind: Kind::PasswordReset, promotional: false, key: "r", content: &content, expires_at };
    scene.ask_for(new).await.unwrap();
    let (ticket, later) = (scene.claim(Channel::Email).await[0].ticket, scene.now() + TimeDelta::hours(2));
    notifications::postpone(&mut scene.database, ticket, "mail_refused", "451", later).await.unwrap();
    scene.clock.advance(TimeDelta::hours(2));
    assert!(scene.claim(Channel::Email).await.is_empty());
    assert_eq!(scene.states().await, [(Channel::Email, SendState::Dropped, Some("expired".into()))]);
}

#[tokio::test]
async fn what_cannot_be_opened_holds_nobody_up_and_waits_for_its_key() {
    let mut scene = scene().await;
    scene.ask(Kind::PasswordReset, "sealed").await.unwrap();
    let known = scene.sealer.clone();
    scene.sealer = Sealer::parse(&"other:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=".into()).unwrap();
    scene.ask(Kind::Report, "open").await.unwrap();
    let claimed = scene.claim(Channel::Email).await;
    assert_eq!(claimed.iter().map(|mail| mail.kind).collect::<Vec<_>>(), [Kind::Report]);
    let states = scene.states().await;
    assert_eq!(states[1], (Channel::Email, SendState::Pending, Some("content_unreadable".into())));
    scene.sealer = known;
    scene.clock.advance(TimeDelta::seconds(30));
    assert_eq!(scene.claim(Channel::Email).await[0].kind, Kind::PasswordReset);
}
