//! Money that is set aside.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{HoldId, SystemClock, UserId};
use sqlx::types::Uuid;
use store::ledger::{self, HoldState, LedgerError, NewHold, Posting};

use super::{Account, Books, NOW, Posted, entry, give, take, usd};

fn until() -> DateTime<Utc> {
    NOW + TimeDelta::hours(1)
}

impl Books {
    pub async fn hold(&self, key: &str, user: UserId, minor: i64) -> Result<ledger::Held, LedgerError> {
        self.hold_for(key, user, minor, None).await
    }

    async fn hold_for(
        &self,
        key: &str,
        user: UserId,
        minor: i64,
        reference: Option<Uuid>,
    ) -> Result<ledger::Held, LedgerError> {
        let new = NewHold { key, user, amount: usd(minor), reference, expires_at: until() };
        ledger::hold(&mut *self.connection().await, &new, NOW).await
    }

    pub async fn capture(&self, hold: HoldId, key: &str, postings: &[Posting]) -> Result<Posted, LedgerError> {
        ledger::capture(&mut *self.connection().await, hold, &entry(key, postings), NOW).await
    }

    pub async fn release(&self, hold: HoldId) -> Result<bool, LedgerError> {
        ledger::release(&mut *self.connection().await, hold, NOW).await
    }
}

#[tokio::test]
async fn what_is_set_aside_cannot_be_spent_otherwise() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let held = books.hold("h", user, 70).await.unwrap();
    assert!(!held.replayed);
    let again = books.hold("h", user, 70).await.unwrap();
    assert_eq!((again.id, again.replayed), (held.id, true));
    assert!(matches!(books.hold("h", user, 71).await, Err(LedgerError::KeyReused)));
    assert_eq!(books.has(user).await, (100, 70));
    assert!(matches!(books.post("spend", &[take(user, 31)]).await, Err(LedgerError::Insufficient)));
    assert!(matches!(books.hold("more", user, 31).await, Err(LedgerError::Insufficient)));
    books.post("spend", &[take(user, 30)]).await.unwrap();
    assert!(books.release(held.id).await.unwrap());
    assert!(!books.release(held.id).await.unwrap(), "once");
    assert_eq!(books.has(user).await, (70, 0));
    let again = books.hold("h", user, 70).await.unwrap();
    assert!(again.replayed, "its key is used up");
    assert_eq!(books.has(user).await, (70, 0));
    let nothing = HoldId::new(&SystemClock);
    assert!(matches!(books.release(nothing).await, Err(LedgerError::NoSuchHold)));
    assert!(matches!(books.capture(nothing, "c", &[take(user, 1)]).await, Err(LedgerError::NoSuchHold)));
    let nobody = UserId::new(&SystemClock);
    assert!(matches!(books.hold("nobody", nobody, 1).await, Err(LedgerError::NoSuchUser)));
    books.are_right().await;
}

#[tokio::test]
async fn a_hold_is_spent_in_part_and_the_rest_is_free() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let held = books.hold("h", user, 80).await.unwrap().id;
    assert!(matches!(books.capture(held, "much", &[take(user, 81)]).await, Err(LedgerError::NotHeld)));
    assert!(matches!(books.capture(held, "none", &[give(user, 1)]).await, Err(LedgerError::NotHeld)));
    let spent = books.capture(held, "c", &[take(user, 60)]).await.unwrap();
    assert_eq!(books.has(user).await, (40, 0));
    assert_eq!(books.capture(held, "c", &[take(user, 60)]).await.unwrap(), Posted { id: spent.id, replayed: true });
    assert!(matches!(books.capture(held, "c", &[take(user, 61)]).await, Err(LedgerError::KeyReused)));
    let closed = books.capture(held, "other", &[take(user, 10)]).await;
    assert!(matches!(closed, Err(LedgerError::HoldClosed(HoldState::Captured))), "{closed:?}");
    assert!(!books.release(held).await.unwrap());
    assert_eq!(books.has(user).await, (40, 0));
    // With money that comes in the same entry only the difference is taken from what was set aside.
    let held = books.hold("second", user, 40).await.unwrap().id;
    let settlement = [Posting::new(Account::provider("paypal"), Account::User(user), usd(500)), take(user, 525)];
    books.capture(held, "settle", &settlement).await.unwrap();
    assert_eq!(books.has(user).await, (15, 0));
    // A key that was posted without the hold is another request.
    books.post("plain", &[take(user, 5)]).await.unwrap();
    let held = books.hold("third", user, 10).await.unwrap().id;
    assert!(matches!(books.capture(held, "plain", &[take(user, 5)]).await, Err(LedgerError::KeyReused)));
    assert_eq!(books.has(user).await, (10, 10));
    books.are_right().await;
}

#[tokio::test]
async fn a_hold_ends_with_its_time() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let (held, other) = (books.hold("h", user, 60).await.unwrap().id, books.hold("i", user, 20).await.unwrap().id);
    let mut database = books.connection().await;
    let late = ledger::capture(&mut database, held, &entry("c", &[take(user, 60)]), until()).await;
    assert!(matches!(late, Err(LedgerError::HoldClosed(HoldState::Expired))), "{late:?}");
    assert_eq!(ledger::expire_holds(&mut database, until() - TimeDelta::seconds(1), 10).await.unwrap(), 0);
    books.capture(other, "in time", &[take(user, 20)]).await.unwrap();
    assert_eq!(ledger::expire_holds(&mut database, until(), 10).await.unwrap(), 1);
    assert_eq!(ledger::expire_holds(&mut database, until(), 10).await.unwrap(), 0);
    assert_eq!(books.has(user).await, (80, 0));
    let closed = books.capture(held, "c", &[take(user, 60)]).await;
    assert!(matches!(closed, Err(LedgerError::HoldClosed(HoldState::Expired))), "{closed:?}");
    books.are_right().await;
}

#[tokio::test]
async fn all_that_is_set_aside_for_something_is_freed_together() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let (payment, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    books.hold_for("1", user, 10, Some(payment)).await.unwrap();
    let newest = books.hold_for("2", user, 20, Some(payment)).await.unwrap().id;
    books.hold_for("3", user, 30, Some(other)).await.unwrap();
    let mut database = books.connection().await;
    let found = ledger::hold_for(&mut database, payment).await.unwrap().unwrap();
    assert_eq!(found.state, HoldState::Open);
    assert!(found.id == newest || found.amount == usd(10), "both are of the same moment");
    assert_eq!(ledger::release_for(&mut database, payment, NOW).await.unwrap(), 2);
    assert_eq!(ledger::release_for(&mut database, payment, NOW).await.unwrap(), 0);
    assert_eq!(books.has(user).await, (100, 30));
    assert!(ledger::hold_for(&mut database, Uuid::from_u128(3)).await.unwrap().is_none());
    books.are_right().await;
}
