//! The ledger's rows, against a real PostgreSQL: what was asked for at once, twice or in any order moves what it should,
//! once.

mod concurrent;
mod holds;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, Currency, Email, FixedClock, LedgerEntryId, Money, SystemClock, UserId,
    ledger::{Discrepancy, DiscrepancyKind},
};
use store::{
    PgPool,
    ledger::{self, Account, Balance, EntryKind, LedgerError, NewEntry, Posted, Posting},
};

use crate::harness;

pub const NOW: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 0).unwrap();

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// A database of its own, with its books.
pub struct Books {
    pub pool: PgPool,
}

impl Books {
    pub async fn new() -> Self {
        let stack = harness::shared().await;
        Self { pool: harness::database(&stack).await }
    }

    pub async fn connection(&self) -> sqlx::pool::PoolConnection<store::Postgres> {
        self.pool.acquire().await.unwrap()
    }

    pub async fn tenant(&self) -> UserId {
        let user = UserId::new(&SystemClock);
        let email = Email::parse(&format!("{user}@example.org")).unwrap();
        store::users::insert(&mut *self.connection().await, user, &email, "hash", NOW).await.unwrap();
        user
    }

    /// A tenant who has so much.
    pub async fn rich(&self, minor: i64) -> UserId {
        let user = self.tenant().await;
        if minor > 0 {
            self.post(&format!("rich/{}", user.as_uuid()), &[give(user, minor)]).await.unwrap();
        }
        user
    }

    pub async fn post(&self, key: &str, postings: &[Posting]) -> Result<Posted, LedgerError> {
        ledger::post(&mut *self.connection().await, &entry(key, postings), NOW).await
    }

    pub async fn reverse(&self, posted: LedgerEntryId, key: &str) -> Result<Posted, LedgerError> {
        ledger::reverse(&mut *self.connection().await, posted, key, "", NOW).await
    }

    pub async fn balance(&self, account: &Account) -> Balance {
        ledger::balance(&mut *self.connection().await, account, Currency::USD).await.unwrap()
    }

    /// What a tenant has, what is set aside of it.
    pub async fn has(&self, user: UserId) -> (i64, i64) {
        let balance = self.balance(&Account::User(user)).await;
        (balance.posted.minor, balance.held.minor)
    }

    pub async fn discrepancies(&self) -> Vec<Discrepancy> {
        ledger::prove(&mut *self.connection().await).await.unwrap()
    }

    pub async fn are_right(&self) {
        assert_eq!(self.discrepancies().await, []);
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }

    /// A statement that refuses by this constraint or trigger.
    async fn refuses(&self, sql: &'static str, constraint: &str) {
        let refused = sqlx::raw_sql(sql).execute(&self.pool).await.unwrap_err();
        let found = refused.as_database_error().and_then(|error| error.constraint()).unwrap_or_default();
        assert_eq!(found, constraint, "{sql}: {refused}");
    }
}

pub fn entry<'a>(key: &'a str, postings: &'a [Posting]) -> NewEntry<'a> {
    NewEntry { key, kind: EntryKind::Adjustment, reference: None, postings, note: "a test" }
}

pub fn give(user: UserId, minor: i64) -> Posting {
    Posting::new(Account::Adjustments, Account::User(user), usd(minor))
}

pub fn take(user: UserId, minor: i64) -> Posting {
    Posting::new(Account::User(user), Account::Revenue, usd(minor))
}

#[tokio::test]
async fn an_entry_moves_all_of_it_once() {
    let books = Books::new().await;
    let user = books.rich(300).await;
    let paypal = Account::provider("paypal");
    let settlement = [
        Posting::new(paypal.clone(), Account::User(user), usd(500)),
        Posting::new(Account::Discounts, Account::User(user), usd(200)),
        Posting::new(Account::User(user), Account::Revenue, usd(1_000)),
        Posting::new(Account::Fees, paypal.clone(), usd(47)),
    ];
    let first = books.post("payment/1/settle", &settlement).await.unwrap();
    assert!(!first.replayed);
    for _ in 0..3 {
        let again = books.post("payment/1/settle", &settlement).await.unwrap();
        assert_eq!(again, Posted { id: first.id, replayed: true });
    }
    assert_eq!(books.has(user).await, (0, 0));
    for (account, posted) in
        [(paypal, -453), (Account::Discounts, -200), (Account::Revenue, 1_000), (Account::Fees, -47)]
    {
        assert_eq!(books.balance(&account).await.posted, usd(posted), "{account}");
    }
    let mut database = books.connection().await;
    assert_eq!(ledger::entry_of(&mut database, "payment/1/settle").await.unwrap(), Some(first.id));
    assert_eq!(ledger::entry_of(&mut database, "payment/2/settle").await.unwrap(), None);
    let entries = ledger::user_entries(&mut database, user, None, 10).await.unwrap();
    assert_eq!(entries.len(), 2, "{entries:?}");
    let changed: Vec<_> = entries.iter().map(|entry| entry.amounts.clone()).collect();
    assert!(changed.contains(&vec![usd(-300)]) && changed.contains(&vec![usd(300)]), "{changed:?}");
    assert_eq!(ledger::balances(&mut database, user).await.unwrap(), [Balance::zero(Currency::USD)]);
    books.are_right().await;
}

#[tokio::test]
async fn a_key_stands_for_one_thing_and_a_refusal_leaves_nothing() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    books.post("k", &[take(user, 10)]).await.unwrap();
    assert!(matches!(books.post("k", &[take(user, 11)]).await, Err(LedgerError::KeyReused)));
    let mut database = books.connection().await;
    let same = [take(user, 10)];
    let other_kind = NewEntry { kind: EntryKind::Deposit, ..entry("k", &same) };
    assert!(matches!(ledger::post(&mut database, &other_kind, NOW).await, Err(LedgerError::KeyReused)));
    let other_note = NewEntry { note: "other words", ..entry("k", &same) };
    assert!(ledger::post(&mut database, &other_note, NOW).await.unwrap().replayed);
    // What is refused can be tried again under its key, in the same transaction even.
    let mut transaction = books.pool.begin().await.unwrap();
    for _ in 0..2 {
        let refused = ledger::post(&mut transaction, &entry("more", &[take(user, 91)]), NOW).await;
        assert!(matches!(refused, Err(LedgerError::Insufficient)));
    }
    ledger::post(&mut transaction, &entry("gift", &[give(user, 1)]), NOW).await.unwrap();
    ledger::post(&mut transaction, &entry("more", &[take(user, 91)]), NOW).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(books.has(user).await, (0, 0));
    assert!(matches!(books.post("none", &[]).await, Err(LedgerError::Malformed(_))));
    assert!(matches!(books.post("", &[take(user, 1)]).await, Err(LedgerError::Malformed(_))));
    let nobody = UserId::new(&SystemClock);
    assert!(matches!(books.post("nobody", &[give(nobody, 1)]).await, Err(LedgerError::NoSuchUser)));
    assert_eq!(books.count("ledger_entries").await, 4);
    books.are_right().await;
}

#[tokio::test]
async fn currencies_are_apart() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let euros = |minor| Posting { amount: Money::new(minor, Currency::EUR), ..take(user, 1) };
    assert!(matches!(books.post("euros", &[euros(1)]).await, Err(LedgerError::Insufficient)));
    let gift = Posting::new(Account::Adjustments, Account::User(user), Money::new(70, Currency::EUR));
    books.post("both", &[gift, take(user, 40)]).await.unwrap();
    books.post("euros", &[euros(30)]).await.unwrap();
    let mut database = books.connection().await;
    let balances = ledger::balances(&mut database, user).await.unwrap();
    let posted: Vec<_> = balances.iter().map(|balance| balance.posted).collect();
    assert_eq!(posted, [Money::new(40, Currency::EUR), usd(60)]);
    let entries = ledger::user_entries(&mut database, user, None, 10).await.unwrap();
    let both = entries.iter().find(|entry| entry.amounts.len() == 2).unwrap();
    assert_eq!(both.amounts, [Money::new(70, Currency::EUR), usd(-40)]);
    let credits = ledger::credits(&mut database).await.unwrap();
    assert_eq!(credits.iter().map(|credit| (credit.accounts, credit.orphaned)).collect::<Vec<_>>(), [(1, 0), (1, 0)]);
    assert_eq!(ledger::system_accounts(&mut database).await.unwrap().len(), 4);
    books.are_right().await;
}

#[tokio::test]
async fn a_page_of_entries_begins_where_the_last_one_ended() {
    let books = Books::new().await;
    let user = books.tenant().await;
    let clock = FixedClock::at(NOW);
    let mut database = books.connection().await;
    for number in 0..5_i64 {
        clock.advance(TimeDelta::seconds(1));
        let postings = [give(user, number + 1)];
        let key = format!("gift {number}");
        ledger::post(&mut database, &entry(&key, &postings), clock.now()).await.unwrap();
    }
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = ledger::user_entries(&mut database, user, before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|entry| entry.amounts[0].minor));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let other = books.tenant().await;
    assert!(ledger::user_entries(&mut database, other, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_is_reversed_once() {
    let books = Books::new().await;
    let user = books.rich(500).await;
    let spent = books.post("spend", &[take(user, 200)]).await.unwrap().id;
    let undone = books.reverse(spent, "undo").await.unwrap();
    assert_eq!(books.reverse(spent, "undo").await.unwrap(), Posted { id: undone.id, replayed: true });
    let twice = books.reverse(spent, "undo again").await;
    assert!(matches!(twice, Err(LedgerError::AlreadyReversed { by }) if by == undone.id), "{twice:?}");
    assert!(matches!(books.reverse(undone.id, "redo").await, Err(LedgerError::IsReversal)));
    assert!(matches!(books.reverse(spent, "spend").await, Err(LedgerError::KeyReused)));
    let nothing = LedgerEntryId::new(&SystemClock);
    assert!(matches!(books.reverse(nothing, "nothing").await, Err(LedgerError::NoSuchEntry)));
    assert_eq!(books.has(user).await, (500, 0));
    // What the tenant has spent meanwhile is not there to be taken back.
    let gift = books.post("gift", &[give(user, 100)]).await.unwrap().id;
    books.post("spend it", &[take(user, 550)]).await.unwrap();
    assert!(matches!(books.reverse(gift, "take it back").await, Err(LedgerError::Insufficient)));
    assert_eq!(books.has(user).await, (50, 0));
    books.are_right().await;
}

#[tokio::test]
async fn what_was_written_stays_as_it_is() {
    let books = Books::new().await;
    books.rich(100).await;
    for table in ["ledger_entries", "ledger_postings"] {
        assert!(books.count(table).await > 0);
    }
    books.refuses("UPDATE ledger_entries SET note = 'x'", "ledger_append_only").await;
    books.refuses("DELETE FROM ledger_entries", "ledger_append_only").await;
    books.refuses("UPDATE ledger_postings SET amount = amount * 2", "ledger_append_only").await;
    books.refuses("DELETE FROM ledger_postings", "ledger_append_only").await;
    books.refuses("TRUNCATE ledger_postings", "ledger_append_only").await;
    let alone = "INSERT INTO ledger_postings (entry_id, leg, account_id, currency, amount)
                 SELECT e.id, 3, a.id, a.currency, 5 FROM ledger_entries e, ledger_accounts a LIMIT 1";
    books.refuses(alone, "ledger_balanced").await;
    let empty = "INSERT INTO ledger_entries (id, key, request_hash, kind, note, created_at)
                 VALUES (gen_random_uuid(), 'empty', sha256(''), 'deposit', '', now())";
    books.refuses(empty, "ledger_balanced").await;
    let overdrawn = "UPDATE ledger_accounts SET posted = -1 WHERE kind = 'user'";
    books.refuses(overdrawn, "ledger_accounts_available_check").await;
    books.are_right().await;
}

#[tokio::test]
async fn a_proof_finds_what_is_wrong_and_stays_on_record() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    books.post("spend", &[take(user, 30)]).await.unwrap();
    let mut database = books.connection().await;
    assert!(ledger::last_proof(&mut database).await.unwrap().is_none());
    let proof = ledger::prove_and_record(&mut database, NOW).await.unwrap();
    assert_eq!((proof.found, proof.accounts, proof.entries), (0, 3, 2));
    sqlx::raw_sql("UPDATE ledger_accounts SET posted = posted + 7, held = held + 3 WHERE kind = 'user'")
        .execute(&mut *database)
        .await
        .unwrap();
    let later = NOW + TimeDelta::days(40);
    let proof = ledger::prove_and_record(&mut database, later).await.unwrap();
    let found: Vec<_> = proof.discrepancies.iter().map(|it| (it.kind, it.expected, it.found)).collect();
    let expected = [
        (DiscrepancyKind::PostedDiffers, 70, 77),
        (DiscrepancyKind::HeldDiffers, 0, 3),
        (DiscrepancyKind::CurrencyUnbalanced, 0, 7),
    ];
    assert_eq!(found, expected);
    let last = ledger::last_proof(&mut database).await.unwrap().unwrap();
    assert_eq!((last.at, last.found, last.discrepancies), (later, 3, proof.discrepancies));
    assert_eq!(ledger::prune_proofs(&mut database, later).await.unwrap(), 1);
    assert_eq!(
        ledger::prune_proofs(&mut database, later + TimeDelta::days(1)).await.unwrap(),
        0,
        "it has found something"
    );
}

#[tokio::test]
async fn the_books_outlive_a_tenant_and_do_not_name_them() {
    let books = Books::new().await;
    let user = books.rich(100).await;
    let spent = books.post("spend", &[take(user, 40)]).await.unwrap().id;
    let mut database = books.connection().await;
    store::erasure::begin(&mut database, user, None, None, NOW).await.unwrap();
    while store::erasure::delete_some(&mut database, user).await.unwrap() > 0 {}
    assert!(store::erasure::delete_user(&mut database, user).await.unwrap());
    let credits = ledger::credits(&mut database).await.unwrap();
    assert_eq!((credits[0].accounts, credits[0].orphaned), (1, 1));
    assert_eq!(credits[0].balance.posted, usd(60));
    assert!(ledger::balances(&mut database, user).await.unwrap().is_empty());
    // What was bought can still be given back.
    books.reverse(spent, "undo").await.unwrap();
    assert_eq!(ledger::credits(&mut database).await.unwrap()[0].balance.posted, usd(100));
    assert!(matches!(books.post("more", &[give(user, 1)]).await, Err(LedgerError::NoSuchUser)));
    books.are_right().await;
}
