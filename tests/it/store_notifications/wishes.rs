use chrono::{DateTime, TimeDelta};
use domain::{
    UserId,
    notification::{Channel, Kind, Preference, QuietHours, SendState, Topic},
};
use store::notifications::{self, NewNotification, Recipient, Settings};

use super::{Scene, content, scene};

impl Scene {
    async fn prefer(&mut self, kind: Kind, preference: Preference) {
        let now = self.now();
        notifications::change_preferences(&mut self.database, self.user, &[(kind, preference)], now).await.unwrap();
    }

    async fn set(&mut self, settings: &Settings) {
        let now = self.now();
        notifications::change_settings(&mut self.database, self.user, settings, now).await.unwrap();
    }

    async fn link(&mut self, linked: bool) {
        let now = self.now();
        notifications::set_bot_linked(&mut self.database, self.user, linked, now).await.unwrap();
    }

    async fn promote(&mut self, key: &str) {
        let (to, content) = (Recipient::User(self.user), content());
        let kind = Kind::Announcement;
        let new = NewNotification { to, kind, promotional: true, key, content: &content, expires_at: None };
        self.ask_for(new).await.unwrap();
    }
}

fn dropped(channel: Channel, code: &str) -> (Channel, SendState, Option<String>) {
    (channel, SendState::Dropped, Some(code.to_owned()))
}

const EMAIL: (Channel, SendState, Option<String>) = (Channel::Email, SendState::Pending, None);
const BOT: (Channel, SendState, Option<String>) = (Channel::Bot, SendState::Pending, None);

#[tokio::test]
async fn channels_follow_the_preference_and_what_is_off_is_on_record() {
    let mut scene = scene().await;
    scene.ask(Kind::HealthAlert, "default").await;
    assert_eq!(scene.states().await, [EMAIL], "no bot is linked");
    scene.link(true).await;
    scene.ask(Kind::HealthAlert, "linked").await;
    assert_eq!(scene.states().await[..2], [EMAIL, BOT]);
    scene.prefer(Kind::HealthAlert, Preference::Off).await;
    let id = scene.ask(Kind::HealthAlert, "off").await;
    assert!(id.is_some());
    assert_eq!(scene.states().await[0], dropped(Channel::Email, "preference_off"));
    let kept: Option<Vec<u8>> = sqlx::query_scalar("SELECT content FROM notifications WHERE key = 'off'")
        .fetch_one(&mut *scene.database)
        .await
        .unwrap();
    assert_eq!(kept, None, "what is not sent is not kept");
    scene.link(false).await;
    scene.prefer(Kind::HealthAlert, Preference::Bot).await;
    scene.ask(Kind::HealthAlert, "bot").await;
    assert_eq!(scene.states().await[0], dropped(Channel::Bot, "bot_not_linked"));
    scene.ask(Kind::PasswordReset, "reset").await;
    assert_eq!(scene.states().await[0], EMAIL, "that is nobody's choice");
}

#[tokio::test]
async fn what_waits_and_is_not_wanted_any_more_is_dropped() {
    let mut scene = scene().await;
    scene.link(true).await;
    scene.ask(Kind::Payment, "p").await;
    scene.prefer(Kind::Payment, Preference::Email).await;
    assert_eq!(scene.states().await, [EMAIL, dropped(Channel::Bot, "preference_off")]);
    scene.ask(Kind::SessionWarning, "s").await;
    for _ in 0..2 {
        scene.link(false).await;
        assert_eq!(scene.states().await[..2], [EMAIL, dropped(Channel::Bot, "bot_not_linked")]);
    }
    scene.prefer(Kind::SessionWarning, Preference::Off).await;
    assert_eq!(scene.states().await[0], dropped(Channel::Email, "preference_off"));
    scene.ask(Kind::SecurityNotice, "safe").await;
    scene.promote("offer").await;
    scene.set(&Settings { promotions: false, ..Settings::default() }).await;
    let states = scene.states().await;
    assert_eq!(states[..2], [dropped(Channel::Email, "promotions_off"), EMAIL]);
    assert_eq!(states[4], EMAIL, "other kinds stay");
    scene.promote("another").await;
    assert_eq!(scene.states().await[0], dropped(Channel::Email, "promotions_off"));
}

#[tokio::test]
async fn preferences_have_defaults_and_stay_as_they_are_set() {
    let mut scene = scene().await;
    let preferences = notifications::preferences(&mut scene.database, scene.user).await.unwrap();
    assert_eq!(preferences, Kind::CHOSEN.map(|kind| (kind, kind.default_preference())));
    assert_eq!(notifications::settings(&mut scene.database, scene.user).await.unwrap(), Settings::default());
    let quiet = QuietHours::parse("22:00", "07:00", "Europe/Berlin").unwrap();
    let wanted = Settings { zone: "Europe/Berlin".into(), quiet: Some(quiet), promotions: false, bot_linked: false };
    for _ in 0..2 {
        scene.set(&wanted).await;
        scene.prefer(Kind::Report, Preference::Both).await;
        scene.prefer(Kind::PasswordReset, Preference::Off).await;
    }
    assert_eq!(notifications::settings(&mut scene.database, scene.user).await.unwrap(), wanted);
    scene.link(true).await;
    scene.set(&Settings { promotions: true, quiet: None, ..wanted }).await;
    let settings = notifications::settings(&mut scene.database, scene.user).await.unwrap();
    assert!(settings.bot_linked && settings.promotions && settings.quiet.is_none(), "{settings:?}");
    let preferences = notifications::preferences(&mut scene.database, scene.user).await.unwrap();
    assert!(preferences.contains(&(Kind::Report, Preference::Both)));
}

#[tokio::test]
async fn quiet_hours_hold_what_can_wait_also_when_it_comes_to_its_turn_late() {
    let mut scene = scene().await;
    let midnight = DateTime::parse_from_rfc3339("2026-10-01T00:00:00Z").unwrap().to_utc();
    scene.clock.advance(midnight - scene.now());
    let quiet = QuietHours::parse("22:00", "07:00", "UTC").unwrap();
    scene.set(&Settings { quiet: Some(quiet), ..Settings::default() }).await;
    scene.ask(Kind::Report, "night").await;
    scene.ask(Kind::EmailVerification, "now").await;
    let morning = midnight + TimeDelta::hours(7);
    assert_eq!(scene.list().await[1].sends[0].due_at, morning);
    assert_eq!(scene.claim(Channel::Email).await.len(), 1, "what concerns the account does not wait");
    scene.clock.advance(TimeDelta::hours(7));
    let mail = scene.claim(Channel::Email).await.into_iter().find(|mail| mail.kind == Kind::Report).unwrap();
    // The mail server is away until the next night.
    let late = midnight + TimeDelta::hours(23);
    notifications::postpone(&mut scene.database, mail.ticket, "mail_unreachable", "away", late).await.unwrap();
    scene.clock.advance(TimeDelta::hours(16));
    assert!(scene.claim(Channel::Email).await.iter().all(|mail| mail.kind != Kind::Report));
    assert_eq!(scene.list().await[1].sends[0].due_at, midnight + TimeDelta::hours(31));
    scene.clock.advance(TimeDelta::hours(8));
    let mail = scene.claim(Channel::Email).await.into_iter().find(|mail| mail.kind == Kind::Report).unwrap();
    assert_eq!(mail.attempts, 2, "a look at the clock is no attempt");
}

#[tokio::test]
async fn a_reader_turns_off_what_the_link_is_about_and_nothing_else() {
    let mut scene = scene().await;
    scene.link(true).await;
    let now = scene.now();
    for _ in 0..2 {
        for topic in [Topic::Kind(Kind::HealthAlert), Topic::Kind(Kind::Report), Topic::Promotions] {
            assert!(notifications::unsubscribe(&mut scene.database, scene.user, topic, now).await.unwrap());
        }
    }
    let preferences = notifications::preferences(&mut scene.database, scene.user).await.unwrap();
    assert!(preferences.contains(&(Kind::HealthAlert, Preference::Bot)), "the bot was not turned off");
    assert!(preferences.contains(&(Kind::Report, Preference::Off)));
    assert!(preferences.contains(&(Kind::Payment, Preference::Both)));
    let settings = notifications::settings(&mut scene.database, scene.user).await.unwrap();
    assert!(!settings.promotions && settings.bot_linked);
    let stranger = UserId::new(&scene.clock);
    assert!(!notifications::unsubscribe(&mut scene.database, stranger, Topic::Promotions, now).await.unwrap());
}
