//! Rows of identity, against a real PostgreSQL: mailed tokens, registrations, second factors, and what is forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, Email, FixedClock, RegistrationId, UserId,
    proof::{MAILS_MAX, MAILS_WINDOW, Purpose, REGISTRATIONS_KEPT, REGISTRATIONS_MAX},
};
use secrecy::ExposeSecret as _;
use store::{
    proofs::{self, NewProof, Owner},
    registrations, second_factors, sessions, users,
};

use crate::{harness, ledger};

/// A tenant, and the database to itself.
struct Scene {
    clock: FixedClock,
    database: sqlx::pool::PoolConnection<store::Postgres>,
    user: UserId,
    email: Email,
}

async fn scene() -> Scene {
    let stack = harness::shared().await;
    let mut database = harness::database(&stack).await.acquire().await.unwrap();
    let clock = ledger::clock();
    let user = UserId::new(&clock);
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    users::insert(&mut database, user, &email, "hash", clock.now()).await.unwrap();
    Scene { clock, database, user, email }
}

impl Scene {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn proof(&mut self, purpose: Purpose, number: u8) -> [u8; 32] {
        let (hash, now) = ([number; 32], self.now());
        let new = NewProof { hash: &hash, purpose, owner: Owner::User(self.user), email: &self.email };
        proofs::insert(&mut self.database, &new, now).await.unwrap();
        hash
    }

    async fn take(&mut self, purpose: Purpose, hash: &[u8]) -> bool {
        let now = self.now();
        proofs::take(&mut self.database, purpose, hash, now).await.unwrap().is_some()
    }

    async fn register(&mut self, password_hash: &str) -> RegistrationId {
        let (id, now) = (RegistrationId::new(&self.clock), self.now());
        registrations::insert(&mut self.database, id, &self.email, password_hash, now).await.unwrap();
        id
    }
}

#[tokio::test]
async fn a_token_is_good_once_for_its_purpose_until_its_end() {
    let mut scene = scene().await;
    for (purpose, number) in Purpose::ALL.into_iter().zip(1..) {
        let hash = scene.proof(purpose, number).await;
        let other = Purpose::ALL.into_iter().find(|other| *other != purpose).unwrap();
        assert!(!scene.take(other, &hash).await, "{purpose:?}");
        scene.clock.advance(purpose.lifetime() - TimeDelta::milliseconds(1));
        let now = scene.now();
        let found = proofs::find(&mut scene.database, &hash, now).await.unwrap().unwrap();
        assert_eq!((found.purpose, found.owner), (purpose, Owner::User(scene.user)));
        assert!(scene.take(purpose, &hash).await, "{purpose:?}");
        assert!(!scene.take(purpose, &hash).await, "{purpose:?}");
        let late = scene.proof(purpose, number + 100).await;
        scene.clock.advance(purpose.lifetime());
        assert!(!scene.take(purpose, &late).await, "{purpose:?}");
    }
    let now = scene.now();
    assert_eq!(proofs::forget(&mut scene.database, now).await.unwrap(), 4);
}

#[tokio::test]
async fn tokens_are_made_void_by_purpose() {
    let mut scene = scene().await;
    let reset = scene.proof(Purpose::ResetPassword, 1).await;
    let undo = scene.proof(Purpose::UndoEmailChange, 2).await;
    let user = scene.user;
    proofs::discard(&mut scene.database, user, &[Purpose::ResetPassword, Purpose::ChangeEmail]).await.unwrap();
    assert!(!scene.take(Purpose::ResetPassword, &reset).await);
    assert!(scene.take(Purpose::UndoEmailChange, &undo).await);
}

#[tokio::test]
async fn a_few_registrations_wait_for_one_address_and_one_of_them_wins() {
    let mut scene = scene().await;
    let mut ids = Vec::new();
    for number in 0..REGISTRATIONS_MAX + 2 {
        ids.push(scene.register(&format!("hash {number}")).await);
        scene.clock.advance(TimeDelta::seconds(1));
    }
    let newest = registrations::newest(&mut scene.database, &scene.email).await.unwrap();
    assert_eq!(newest.as_ref(), ids.last());
    assert!(registrations::take(&mut scene.database, ids[0]).await.unwrap().is_none(), "the oldest made room");
    let won = registrations::take(&mut scene.database, ids[3]).await.unwrap().unwrap();
    assert_eq!((won.password_hash.as_str(), won.email.as_str()), ("hash 3", scene.email.as_str()));
    for other in ids {
        assert!(registrations::take(&mut scene.database, other).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_registration_that_nobody_proves_is_forgotten_with_its_tokens() {
    let mut scene = scene().await;
    let id = scene.register("hash").await;
    let (hash, now) = ([9; 32], scene.now());
    let owner = Owner::Registration(id);
    let new = NewProof { hash: &hash, purpose: Purpose::VerifyEmail, owner, email: &scene.email };
    proofs::insert(&mut scene.database, &new, now).await.unwrap();
    assert_eq!(proofs::find(&mut scene.database, &hash, now).await.unwrap().unwrap().owner, owner);
    assert_eq!(registrations::forget(&mut scene.database, now).await.unwrap(), 0);
    let later = now + REGISTRATIONS_KEPT + TimeDelta::seconds(1);
    assert_eq!(registrations::forget(&mut scene.database, later - REGISTRATIONS_KEPT).await.unwrap(), 1);
    assert!(proofs::find(&mut scene.database, &hash, now).await.unwrap().is_none());
}

#[tokio::test]
async fn an_address_gets_a_few_mails_an_hour() {
    let mut scene = scene().await;
    for _ in 0..2 {
        for number in 0..MAILS_MAX + 3 {
            let now = scene.now();
            let admitted = registrations::admit_mail(&mut scene.database, b"one", now).await.unwrap();
            assert_eq!(admitted, number < MAILS_MAX, "{number}");
        }
        let now = scene.now();
        assert!(registrations::admit_mail(&mut scene.database, b"another", now).await.unwrap());
        scene.clock.advance(MAILS_WINDOW);
    }
    let now = scene.now();
    assert_eq!(registrations::forget_mails(&mut scene.database, now).await.unwrap(), 2);
}

#[tokio::test]
async fn a_second_factor_is_sealed_replaced_until_it_is_on_and_used_up() {
    let mut scene = scene().await;
    let (sealer, user, now) = (harness::sealer(), scene.user, scene.now());
    for secret in ["FIRST", "SECOND"] {
        assert!(second_factors::begin(&mut scene.database, &sealer, user, &secret.into(), now).await.unwrap());
    }
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT secret FROM second_factors").fetch_one(&mut *scene.database).await.unwrap();
    assert!(!stored.windows(6).any(|window| window == b"SECOND"));
    let locked = second_factors::lock(&mut scene.database, &sealer, user).await.unwrap().unwrap();
    assert_eq!((locked.secret.expose_secret(), locked.confirmed, locked.used_step), ("SECOND", false, None));
    second_factors::set_used(&mut scene.database, user, 7, now).await.unwrap();
    let locked = second_factors::lock(&mut scene.database, &sealer, user).await.unwrap().unwrap();
    assert_eq!((locked.confirmed, locked.used_step), (true, Some(7)));
    assert!(!second_factors::begin(&mut scene.database, &sealer, user, &"THIRD".into(), now).await.unwrap());

    let hashes = |from: u8| (from..from + 3).map(|number| vec![number; 32]).collect::<Vec<_>>();
    second_factors::set_recovery_codes(&mut scene.database, user, &hashes(1)).await.unwrap();
    assert!(second_factors::use_recovery_code(&mut scene.database, user, &[1; 32], now).await.unwrap());
    assert!(!second_factors::use_recovery_code(&mut scene.database, user, &[1; 32], now).await.unwrap());
    let factor = second_factors::find(&mut scene.database, user).await.unwrap().unwrap();
    assert_eq!((factor.confirmed_at, factor.recovery_codes_left), (Some(now), 2));
    second_factors::set_recovery_codes(&mut scene.database, user, &hashes(2)).await.unwrap();
    assert!(second_factors::use_recovery_code(&mut scene.database, user, &[2; 32], now).await.unwrap());
    assert!(second_factors::delete(&mut scene.database, user).await.unwrap());
    assert!(!second_factors::delete(&mut scene.database, user).await.unwrap());
    assert!(second_factors::find(&mut scene.database, user).await.unwrap().is_none());
}

#[tokio::test]
async fn what_has_ended_is_forgotten_and_what_has_not_stays() {
    let mut scene = scene().await;
    let now = scene.now();
    for (number, life) in [(1_u8, TimeDelta::days(1)), (2, TimeDelta::days(90))] {
        let session = sessions::NewSession {
            id: domain::SessionId::new(&scene.clock),
            user: scene.user,
            kind: sessions::SessionKind::Tenant,
            address: "192.0.2.1",
            user_agent: None,
            refresh_hash: &[number; 32],
            expires_at: now + life,
        };
        sessions::insert(&mut scene.database, &session, now).await.unwrap();
    }
    assert_eq!(sessions::forget(&mut scene.database, now + TimeDelta::days(2)).await.unwrap(), 1);
    assert_eq!(sessions::list(&mut scene.database, scene.user, now).await.unwrap().len(), 1);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM refresh_tokens").fetch_one(&mut *scene.database).await.unwrap();
    assert_eq!(left, 1);
}
