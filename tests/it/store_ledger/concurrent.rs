//! Many at once: what is asked for in any order, by any number, as often as they like.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::{Currency, HoldId, LedgerEntryId, UserId};
use futures::future::join_all;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use store::ledger::{self, Account, HoldState, LedgerError, NewHold, Posting};

use super::{Books, NOW, entry, give, take, usd};

/// As many as ask at once.
const CALLERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_move_money_once() {
    let books = Books::new().await;
    let user = books.rich(1_000).await;
    let asked = (0..CALLERS * 4).map(|_| async { books.post("once", &[take(user, 100)]).await.unwrap() });
    let posted = join_all(asked).await;
    assert_eq!(posted.iter().filter(|posted| !posted.replayed).count(), 1);
    assert_eq!(posted.iter().map(|posted| posted.id).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(books.has(user).await, (900, 0));
    let held = join_all((0..CALLERS).map(|_| async { books.hold("hold", user, 50).await.unwrap() })).await;
    assert_eq!(held.iter().filter(|held| !held.replayed).count(), 1);
    assert_eq!(books.has(user).await, (900, 50));
    let hold = held[0].id;
    let captured =
        join_all((0..CALLERS).map(|_| async { books.capture(hold, "capture", &[take(user, 50)]).await.unwrap() }));
    assert_eq!(captured.await.iter().filter(|posted| !posted.replayed).count(), 1);
    assert_eq!(books.has(user).await, (850, 0));
    let entry = posted[0].id;
    let reversed = join_all((0..CALLERS).map(|number| {
        let books = &books;
        async move { books.reverse(entry, &format!("undo {}", number % 2)).await }
    }));
    let (done, refused): (Vec<_>, Vec<_>) = reversed.await.into_iter().partition(Result::is_ok);
    assert_eq!(done.iter().flatten().filter(|posted| !posted.replayed).count(), 1);
    assert_eq!((done.len(), refused.len()), (CALLERS / 2, CALLERS / 2));
    assert!(refused.iter().all(|refused| matches!(refused, Err(LedgerError::AlreadyReversed { .. }))), "{refused:?}");
    assert_eq!(books.has(user).await, (950, 0));
    books.are_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_holds_for_more_than_there_is_exactly_as_many_win_as_fit() {
    let books = Books::new().await;
    for (balance, amount) in [(1_000, 300), (1_000, 1_000), (999, 1_000), (70, 7), (0, 1)] {
        let user = books.rich(balance).await;
        let asked = (0..CALLERS * 3).map(|number| {
            let (books, key) = (&books, format!("{}/{number}", user.as_uuid()));
            async move { books.hold(&key, user, amount).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(Result::is_ok);
        let fit = balance / amount;
        assert_eq!(i64::try_from(won.len()).unwrap(), fit, "{balance} / {amount}");
        assert!(lost.iter().all(|lost| matches!(lost, Err(LedgerError::Insufficient))), "{lost:?}");
        assert_eq!(books.has(user).await, (balance, fit * amount));
    }
    books.are_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spenders_get_what_there_is_and_no_more() {
    let books = Books::new().await;
    let user = books.rich(1_000).await;
    let asked = (0..CALLERS * 4).map(|number| {
        let (books, key) = (&books, format!("spend {number}"));
        async move { books.post(&key, &[take(user, 70)]).await.is_ok() }
    });
    let spent = join_all(asked).await.into_iter().filter(|spent| *spent).count();
    assert_eq!(spent, 14);
    assert_eq!(books.has(user).await, (20, 0));
    books.are_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_has_one_end_whoever_wants_which() {
    let books = Books::new().await;
    for round in 0..10 {
        let user = books.rich(100).await;
        let hold = books.hold(&format!("hold {round}"), user, 100).await.unwrap().id;
        let ends = (0..CALLERS).map(|number| {
            let (books, key) = (&books, format!("end {round} {number}"));
            async move {
                match number % 3 {
                    0 => books.capture(hold, &key, &[take(user, 100)]).await.is_ok(),
                    1 => books.release(hold).await.unwrap(),
                    _ => {
                        let later = NOW + TimeDelta::days(1);
                        ledger::expire_holds(&mut *books.connection().await, later, 100).await.unwrap() > 0
                    }
                }
            }
        });
        let ended = join_all(ends).await.into_iter().filter(|ended| *ended).count();
        assert_eq!(ended, 1, "round {round}");
        let state: String = sqlx::query_scalar("SELECT state::text FROM ledger_holds WHERE id = $1")
            .bind(hold.as_uuid())
            .fetch_one(&books.pool)
            .await
            .unwrap();
        let left = if state == HoldState::Captured.as_str() { 0 } else { 100 };
        assert_eq!(books.has(user).await, (left, 0), "{state}");
    }
    books.are_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_many_make_at_once_are_made_once() {
    let books = Books::new().await;
    let users = join_all((0..4).map(|_| books.tenant())).await;
    let asked = (0..CALLERS * 2).map(|number| {
        let (books, users) = (&books, &users);
        async move {
            let mut to: Vec<Posting> = users.iter().map(|user| give(*user, 1)).collect();
            let from = Account::provider(["paypal", "nowpayments"][number % 2]);
            to.push(Posting::new(from, Account::User(users[number % 4]), usd(1)));
            if number % 3 == 0 {
                to.reverse();
            }
            books.post(&format!("entry {number}"), &to).await.unwrap();
        }
    });
    join_all(asked).await;
    assert_eq!(books.count("ledger_accounts").await, 4 + 3);
    books.are_right().await;
}

/// Something that somebody asks for.
#[derive(Clone, Debug)]
enum Ask {
    Give { user: usize, minor: i64 },
    Spend { user: usize, minor: i64 },
    Send { from: usize, to: usize, minor: i64 },
    Hold { user: usize, minor: i64, seconds: i64 },
    Capture { nth: usize, minor: i64 },
    Release { nth: usize },
    Reverse { nth: usize },
    Expire { seconds: i64 },
}

const USERS: usize = 4;

fn ask() -> impl Strategy<Value = Ask> {
    let (user, minor) = (|| 0..USERS, || 1_i64..400);
    prop_oneof![
        3 => (user(), minor()).prop_map(|(user, minor)| Ask::Give { user, minor }),
        3 => (user(), minor()).prop_map(|(user, minor)| Ask::Spend { user, minor }),
        3 => (user(), user(), minor()).prop_map(|(from, to, minor)| Ask::Send { from, to, minor }),
        3 => (user(), minor(), 0_i64..100).prop_map(|(user, minor, seconds)| Ask::Hold { user, minor, seconds }),
        2 => (0_usize..30, minor()).prop_map(|(nth, minor)| Ask::Capture { nth, minor }),
        1 => (0_usize..30).prop_map(|nth| Ask::Release { nth }),
        2 => (0_usize..60).prop_map(|nth| Ask::Reverse { nth }),
        1 => (0_i64..100).prop_map(|seconds| Ask::Expire { seconds }),
    ]
}

/// Holds and entries that were made so far: others capture, release and reverse them.
#[derive(Default)]
struct Made {
    holds: Vec<(HoldId, UserId)>,
    entries: Vec<LedgerEntryId>,
}

/// Asks for it twice under one key. What may be refused is; anything else fails the test.
async fn perform(books: &Books, users: &[UserId], made: &std::sync::Mutex<Made>, key: &str, ask: &Ask) {
    for _ in 0..2 {
        let mut database = books.connection().await;
        let postings = match ask {
            Ask::Give { user, minor } => vec![give(users[*user], *minor)],
            Ask::Spend { user, minor } => vec![take(users[*user], *minor)],
            Ask::Send { from, to, minor } => {
                vec![Posting::new(Account::User(users[*from]), Account::User(users[*to]), usd(*minor))]
            }
            Ask::Hold { user, minor, seconds } => {
                let (user, expires_at) = (users[*user], NOW + TimeDelta::seconds(*seconds));
                let new = NewHold { key, user, amount: usd(*minor), reference: None, expires_at };
                if let Some(held) = tolerated(ledger::hold(&mut database, &new, NOW).await) {
                    made.lock().unwrap().holds.push((held.id, user));
                }
                continue;
            }
            Ask::Capture { nth, minor } => {
                let found = made.lock().unwrap().holds.get(*nth).copied();
                if let Some((hold, user)) = found {
                    let postings = [take(user, *minor)];
                    tolerated(ledger::capture(&mut database, hold, &entry(key, &postings), NOW).await);
                }
                continue;
            }
            Ask::Release { nth } => {
                let found = made.lock().unwrap().holds.get(*nth).copied();
                if let Some((hold, _)) = found {
                    tolerated(ledger::release(&mut database, hold, NOW).await);
                }
                continue;
            }
            Ask::Reverse { nth } => {
                let found = made.lock().unwrap().entries.get(*nth).copied();
                if let Some(id) = found {
                    tolerated(ledger::reverse(&mut database, id, key, "", NOW).await);
                }
                continue;
            }
            Ask::Expire { seconds } => {
                tolerated(ledger::expire_holds(&mut database, NOW + TimeDelta::seconds(*seconds), 5).await);
                continue;
            }
        };
        if let Some(posted) = tolerated(ledger::post(&mut database, &entry(key, &postings), NOW).await) {
            made.lock().unwrap().entries.push(posted.id);
        }
    }
}

fn tolerated<T>(outcome: Result<T, LedgerError>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(
            LedgerError::Insufficient
            | LedgerError::AlreadyReversed { .. }
            | LedgerError::HoldClosed(_)
            | LedgerError::NotHeld
            // From a tenant to themselves.
            | LedgerError::Malformed(_),
        ) => None,
        Err(error) => panic!("{error}: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_at_once_the_books_are_right() {
    let books = Books::new().await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for round in 0..6 {
        let users = join_all((0..USERS).map(|_| books.rich(500))).await;
        let made = std::sync::Mutex::new(Made::default());
        let asks = prop::collection::vec(ask(), 160).new_tree(&mut runner).unwrap().current();
        let shares = asks.chunks(asks.len().div_ceil(CALLERS)).enumerate().map(|(caller, share)| {
            let (books, users, made) = (&books, &users, &made);
            async move {
                for (number, ask) in share.iter().enumerate() {
                    perform(books, users, made, &format!("{round}/{caller}/{number}"), ask).await;
                }
            }
        });
        join_all(shares).await;
        let found = books.discrepancies().await;
        assert_eq!(found, [], "after {asks:?}");
        for user in &users {
            let balance = books.balance(&Account::User(*user)).await;
            assert!(balance.available().minor >= 0 && balance.held.minor >= 0, "{balance:?}");
        }
    }
    let total: i64 = sqlx::query_scalar("SELECT sum(posted)::bigint FROM ledger_accounts WHERE currency = $1")
        .bind(Currency::USD.code())
        .fetch_one(&books.pool)
        .await
        .unwrap();
    assert_eq!(total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_several_entries_that_lock_first_do_not_wait_for_each_other() {
    let books = Books::new().await;
    let users = join_all((0..2).map(|_| books.rich(10_000))).await;
    let asked = (0..CALLERS * 3).map(|number| {
        let (books, users) = (&books, &users);
        async move {
            let mut transaction = books.pool.begin().await.unwrap();
            let accounts =
                users.iter().map(|user| Account::User(*user)).chain([Account::Adjustments, Account::Revenue]);
            ledger::lock(&mut transaction, accounts.map(|account| (account, Currency::USD)), NOW).await.unwrap();
            for step in 0..2 {
                let user = users[(number + step) % 2];
                let postings = if number % 2 == step { [give(user, 1)] } else { [take(user, 1)] };
                let key = format!("{number}/{step}");
                ledger::post(&mut transaction, &entry(&key, &postings), NOW).await.unwrap();
            }
            transaction.commit().await.unwrap();
        }
    });
    join_all(asked).await;
    books.are_right().await;
}
