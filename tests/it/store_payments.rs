//! Payments' rows, against a real PostgreSQL: money that comes counts once, in whatever order and however often it is told
//! of, and the books are right whatever happens.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Currency, Email, FixedClock, Money, PaymentId, PlanId, SystemClock, UserId,
    billing::{Interval, PaymentState, Price, invoice::InvoiceSettings},
    ledger::{Account, EntryKind, Posting},
    payment::{
        Handover, Phase, ReceiptState,
        standing::{Receipt, Reversal, Standing},
    },
};
use store::{
    PgPool, ledger,
    ledger::NewEntry,
    payments::{self, Begun, Books, CheckoutError, Effects, NewCheckout, Payment, receipts},
    seal::Sealer,
};

use crate::{harness, ledger as rows};

mod agreements;
mod decisions;
mod events;
mod late;
mod refunds;
mod storm;

pub const NOW: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 0).unwrap();

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// A month of Pro, as a new database sells it.
pub fn pro() -> Price {
    Price { plan: PlanId::PRO, interval: Interval::Month, amount: usd(1_000) }
}

pub fn receipt(external: &str, minor: i64) -> Receipt {
    Receipt { external: external.into(), amount: usd(minor), fee: Some(usd(30)), at: NOW, review: None }
}

/// What a provider says of an order of which this money has come.
pub fn heard(receipts: &[Receipt]) -> Standing {
    let phase = if receipts.is_empty() { Phase::Waiting } else { Phase::Done };
    Standing { phase, receipts: receipts.to_vec(), reversals: Vec::new(), agreement: None, reason: None }
}

pub fn reversal(external: &str, receipt: &str, minor: i64, chargeback: bool) -> Reversal {
    Reversal {
        external: external.into(),
        receipt: receipt.into(),
        amount: usd(minor),
        chargeback,
        refund: None,
        at: NOW,
    }
}

/// A database of its own with one tenant on Free.
pub struct Scene {
    pub pool: PgPool,
    pub sealer: Sealer,
    pub user: UserId,
    pub invoices: InvoiceSettings,
}

impl Scene {
    pub async fn new() -> Self {
        let stack = harness::shared().await;
        let pool = harness::database(&stack).await;
        let (user, sealer) = (tenant(&pool).await, rows::sealer().clone());
        Self { pool, sealer, user, invoices: InvoiceSettings::default() }
    }

    pub fn books(&self, now: DateTime<Utc>) -> Books<'_> {
        Books { sealer: &self.sealer, invoices: &self.invoices, site: None, paid_by: Some("PayPal"), now }
    }

    /// A checkout of a month of Pro through PayPal, as `change` wants it.
    pub async fn try_checkout(
        &self,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut NewCheckout<'_>) + Send,
    ) -> Result<Begun, CheckoutError> {
        let mut new = NewCheckout {
            id: PaymentId::new(&FixedClock::at(now)),
            user: self.user,
            price: pro(),
            provider: Some("paypal"),
            pay_currency: None,
            recurring: false,
            coupons: &[],
            use_balance: false,
            key: None,
            expires_at: now + TimeDelta::hours(3),
        };
        change(&mut new);
        let mut transaction = self.pool.begin().await.unwrap();
        let begun = payments::begin(&mut transaction, &self.books(now), &new).await?;
        transaction.commit().await.unwrap();
        Ok(begun)
    }

    /// A checkout that the provider knows by `external`.
    pub async fn order(&self, external: &str, now: DateTime<Utc>) -> PaymentId {
        let begun = self.try_checkout(now, |_| ()).await.unwrap();
        self.hand_over(begun.payment.id, external, now).await;
        begun.payment.id
    }

    pub async fn hand_over(&self, id: PaymentId, external: &str, now: DateTime<Utc>) {
        let mut transaction = self.pool.begin().await.unwrap();
        let page = Handover::Page { url: "https://pay.example/1".into(), valid_until: None };
        assert!(payments::handed_over(&mut transaction, id, external, &page, now).await.unwrap());
        transaction.commit().await.unwrap();
    }

    pub async fn hear(&self, id: PaymentId, said: &Standing, now: DateTime<Utc>) -> Effects {
        let mut transaction = self.pool.begin().await.unwrap();
        let effects = payments::hear(&mut transaction, &self.books(now), id, said).await.unwrap().unwrap();
        transaction.commit().await.unwrap();
        effects
    }

    pub async fn expire(&self, id: PaymentId, now: DateTime<Utc>) {
        let mut transaction = self.pool.begin().await.unwrap();
        assert!(payments::expire(&mut transaction, id, now).await.unwrap());
        transaction.commit().await.unwrap();
    }

    pub async fn payment(&self, id: PaymentId) -> Payment {
        payments::find_any(&mut self.pool.acquire().await.unwrap(), id).await.unwrap().unwrap()
    }

    pub async fn receipts(&self, id: PaymentId) -> Vec<ReceiptState> {
        let found = receipts::of_payment(&mut self.pool.acquire().await.unwrap(), id).await.unwrap();
        found.into_iter().map(|receipt| receipt.state).collect()
    }

    /// What an account has, in cents.
    pub async fn posted(&self, account: Account) -> i64 {
        let mut database = self.pool.acquire().await.unwrap();
        ledger::balance(&mut database, &account, Currency::USD).await.unwrap().posted.minor
    }

    /// What the tenant can spend, in cents.
    pub async fn balance(&self) -> i64 {
        let mut database = self.pool.acquire().await.unwrap();
        let balance = ledger::balance(&mut database, &Account::User(self.user), Currency::USD).await.unwrap();
        balance.available().minor
    }

    /// Gives the tenant credit.
    pub async fn credit(&self, minor: i64) {
        let postings = [Posting::new(Account::Adjustments, Account::User(self.user), usd(minor))];
        let key = format!("test/{}", PaymentId::new(&SystemClock));
        let entry =
            NewEntry { key: &key, kind: EntryKind::Adjustment, reference: None, postings: &postings, note: "a test" };
        let mut transaction = self.pool.begin().await.unwrap();
        ledger::post(&mut transaction, &entry, NOW).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub async fn plan(&self) -> String {
        let tenancy = store::plans::tenancy(&mut self.pool.acquire().await.unwrap(), self.user).await.unwrap();
        tenancy.unwrap().plan.code
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Nothing is wrong with the books.
    pub async fn proved(&self) {
        let found = ledger::prove(&mut self.pool.acquire().await.unwrap()).await.unwrap();
        assert!(found.is_empty(), "{found:?}");
    }
}

pub async fn tenant(pool: &PgPool) -> UserId {
    let user = UserId::new(&SystemClock);
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    store::users::insert(&mut pool.acquire().await.unwrap(), user, &email, "hash", NOW).await.unwrap();
    user
}

#[tokio::test]
async fn the_same_money_counts_once_however_often_and_by_however_many_it_is_told() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    scene.hear(id, &Standing { phase: Phase::Approved, ..heard(&[]) }, NOW).await;
    assert_eq!(scene.payment(id).await.state, PaymentState::Processing);
    let said = heard(&[receipt("C-1", 1_000)]);
    let mut at_once = Vec::new();
    for _ in 0..8 {
        at_once.push(scene.hear(id, &said, NOW));
    }
    let news = futures::future::join_all(at_once).await;
    assert_eq!(news.iter().filter(|effects| effects.is_news).count(), 1);
    assert_eq!(news.iter().filter(|effects| effects.subscription == Some(scene.user)).count(), 1);
    // What was said before, and arrives later.
    for late in [Phase::Waiting, Phase::Approved, Phase::Processing, Phase::Expired, Phase::Failed] {
        scene.hear(id, &Standing { phase: late, ..heard(&[]) }, NOW).await;
    }
    let payment = scene.payment(id).await;
    assert_eq!((payment.state, payment.settled_at, payment.reason), (PaymentState::Settled, Some(NOW), None));
    assert_eq!(payment.period.map(|(from, _)| from), Some(NOW));
    assert_eq!(scene.plan().await, "pro");
    assert_eq!((scene.balance().await, scene.posted(Account::Revenue).await), (0, 1_000));
    assert_eq!(
        (scene.posted(Account::provider("paypal")).await, scene.posted(Account::Fees).await),
        (-970, -30),
        "PayPal owes what it has not kept"
    );
    assert_eq!(scene.count("SELECT count(*) FROM invoices").await, 1);
    assert_eq!(scene.count("SELECT count(*) FROM notifications WHERE key LIKE 'receipt/%'").await, 1);
    assert_eq!(scene.count("SELECT count(*) FROM payment_receipts WHERE state = 'granted'").await, 1);
    scene.proved().await;
}

#[tokio::test]
async fn a_checkout_is_made_once_for_its_key_and_one_at_a_time_for_its_purpose() {
    let scene = Scene::new().await;
    let key = Some(("a key", "one request"));
    let first = scene.try_checkout(NOW, |new| new.key = key).await.unwrap();
    let again = scene.try_checkout(NOW, |new| new.key = key).await.unwrap();
    assert_eq!((again.payment.id, first.is_replayed, again.is_replayed), (first.payment.id, false, true));
    let other = scene.try_checkout(NOW, |new| new.key = Some(("a key", "another request"))).await;
    assert!(matches!(other, Err(CheckoutError::KeyReused)), "{other:?}");
    let second = scene.try_checkout(NOW, |_| ()).await;
    assert!(matches!(second, Err(CheckoutError::Open(open)) if open == first.payment.id), "{second:?}");
    for _ in 0..2 {
        let mut transaction = scene.pool.begin().await.unwrap();
        let closing = payments::cancel(&mut transaction, scene.user, first.payment.id, NOW).await.unwrap();
        assert!(matches!(closing, Some(payments::Closing::Closed(..))), "{closing:?}");
        transaction.commit().await.unwrap();
    }
    let stranger = tenant(&scene.pool).await;
    let mut transaction = scene.pool.begin().await.unwrap();
    assert!(payments::cancel(&mut transaction, stranger, first.payment.id, NOW).await.unwrap().is_none());
    drop(transaction);
    scene.try_checkout(NOW, |_| ()).await.unwrap();
    let missing = scene.try_checkout(NOW, |new| new.user = UserId::new(&SystemClock)).await;
    assert!(matches!(missing, Err(CheckoutError::NoSuchUser)), "{missing:?}");
}

#[tokio::test]
async fn what_the_balance_covers_is_settled_at_once_and_what_it_does_not_is_left_to_be_paid() {
    let scene = Scene::new().await;
    scene.credit(400).await;
    let refused = scene.try_checkout(NOW, |new| (new.provider, new.use_balance) = (None, true)).await;
    assert!(matches!(refused, Err(CheckoutError::ProviderMissing(due)) if due == usd(600)), "{refused:?}");
    let begun = scene.try_checkout(NOW, |new| new.use_balance = true).await.unwrap();
    assert_eq!((begun.payment.from_balance, begun.payment.amount), (usd(400), usd(600)));
    assert_eq!(scene.balance().await, 0, "it is set aside");
    scene.hand_over(begun.payment.id, "O-1", NOW).await;
    scene.expire(begun.payment.id, NOW + TimeDelta::hours(3)).await;
    assert_eq!(scene.balance().await, 400, "it is free again");
    scene.credit(600).await;
    let begun = scene.try_checkout(NOW, |new| (new.provider, new.use_balance) = (None, true)).await.unwrap();
    assert_eq!((begun.payment.state, begun.payment.provider), (PaymentState::Settled, None));
    assert_eq!(begun.effects.subscription, Some(scene.user));
    assert_eq!((scene.plan().await.as_str(), scene.balance().await), ("pro", 0));
    assert_eq!(scene.posted(Account::Revenue).await, 1_000);
    scene.proved().await;
}

#[tokio::test]
async fn a_payment_is_given_up_when_its_time_is_over_and_the_provider_was_asked() {
    let scene = Scene::new().await;
    let id = scene.order("O-1", NOW).await;
    let step = async |now| {
        let mut transaction = scene.pool.begin().await.unwrap();
        let chosen = payments::choose(&mut transaction, id, now).await.unwrap().unwrap();
        transaction.commit().await.unwrap();
        chosen.step
    };
    assert_eq!(step(NOW).await, domain::payment::Step::Wait(NOW + TimeDelta::seconds(20)));
    let over = NOW + TimeDelta::hours(3);
    assert_eq!(step(over).await, domain::payment::Step::Ask);
    let due = payments::overdue(&mut scene.pool.acquire().await.unwrap(), over + TimeDelta::seconds(1), 10).await;
    assert_eq!(due.unwrap(), [id], "should its workflow sleep");
    scene.hear(id, &heard(&[]), over).await;
    assert_eq!(step(over).await, domain::payment::Step::Expire);
    scene.expire(id, over).await;
    assert_eq!(step(over).await, domain::payment::Step::End, "nobody shall pay for nothing");
    let mut transaction = scene.pool.begin().await.unwrap();
    payments::ended(&mut transaction, id, over).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(step(over).await, domain::payment::Step::Rest(Some(over + TimeDelta::minutes(10))));
    let watched = payments::watched(&mut scene.pool.acquire().await.unwrap(), over + TimeDelta::minutes(10), 10).await;
    assert_eq!(watched.unwrap(), [id]);
}
