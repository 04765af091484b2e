//! Subscriptions' rows, against a real PostgreSQL: what a payment buys once, what that does to the plan, and what
//! concurrent callers get.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AgreementId, ChatId, Currency, Email, FixedClock, Money, PairId, PaymentId, PlanId, Platform, SystemClock, UserId,
    billing::{Interval, PaymentPurpose, Price, SubscriptionStatus, invoice::InvoiceSettings},
    subscription::{AgreementChange, CancelWhen, EndReason, Refusal, Schedule},
};
use store::{
    PgPool, accounts, admin, pairs,
    payments::Books,
    plans::{self, Made},
    prices::{self, Terms},
    seal::Sealer,
    subscriptions::{self, GoneBack, Paid, PaidOutcome},
};

use crate::{
    harness,
    ledger::{self, new_pair},
};

const NOW: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 0).unwrap();

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn price(plan: PlanId) -> Price {
    let minor = if plan == PlanId::ELITE { 3_000 } else { 1_000 };
    Price { plan, interval: Interval::Month, amount: usd(minor) }
}

fn subscribe(user: UserId, plan: PlanId) -> Paid {
    let price = price(plan);
    Paid {
        user,
        payment: PaymentId::new(&SystemClock),
        purpose: PaymentPurpose::Subscribe,
        price,
        due: price.amount,
        net: price.amount,
        agreement: None,
    }
}

/// A database of its own with one tenant on Free.
struct Scene {
    pool: PgPool,
    sealer: Sealer,
    user: UserId,
}

impl Scene {
    async fn new() -> Self {
        let stack = harness::shared().await;
        let pool = harness::database(&stack).await;
        let user = UserId::new(&SystemClock);
        let email = Email::parse(&format!("{user}@example.org")).unwrap();
        let mut database = pool.acquire().await.unwrap();
        store::users::insert(&mut database, user, &email, "hash", NOW).await.unwrap();
        drop(database);
        Self { pool, sealer: ledger::sealer().clone(), user }
    }

    async fn paid(&self, paid: &Paid, now: DateTime<Utc>) -> PaidOutcome {
        let mut transaction = self.pool.begin().await.unwrap();
        let outcome = subscriptions::paid(&mut transaction, &self.sealer, paid, now).await.unwrap();
        transaction.commit().await.unwrap();
        outcome
    }

    async fn advance(&self, now: DateTime<Utc>) -> subscriptions::Advanced {
        let books =
            Books { sealer: &self.sealer, invoices: &InvoiceSettings::default(), site: None, paid_by: None, now };
        let mut transaction = self.pool.begin().await.unwrap();
        let schedule = Schedule::default();
        let done = subscriptions::advance(&mut transaction, &books, self.user, &schedule).await.unwrap();
        transaction.commit().await.unwrap();
        done
    }

    async fn plan(&self) -> PlanId {
        let mut database = self.pool.acquire().await.unwrap();
        plans::tenancy(&mut database, self.user).await.unwrap().unwrap().plan.id
    }

    async fn give(&self, plan: PlanId, until: Option<DateTime<Utc>>) {
        let mut transaction = self.pool.begin().await.unwrap();
        let made = Made { reason: "a gift", until };
        plans::set(&mut transaction, self.user, plan, made, NOW).await.unwrap().unwrap();
        transaction.commit().await.unwrap();
    }

    async fn kinds(&self) -> Vec<String> {
        let mut database = self.pool.acquire().await.unwrap();
        let events = subscriptions::history(&mut database, self.user, None, 100).await.unwrap();
        events.into_iter().rev().map(|event| event.kind).collect()
    }

    async fn letters(&self) -> i64 {
        let query = "SELECT count(*) FROM notifications WHERE user_id = $1 AND kind = 'payment'";
        sqlx::query_scalar(query).bind(self.user.as_uuid()).fetch_one(&self.pool).await.unwrap()
    }

    async fn status(&self) -> Option<SubscriptionStatus> {
        let mut database = self.pool.acquire().await.unwrap();
        subscriptions::find(&mut database, self.user).await.unwrap().map(|one| one.status)
    }
}

#[tokio::test]
async fn a_payment_buys_once_however_often_and_by_however_many_it_is_told_of() {
    let scene = Scene::new().await;
    let paid = subscribe(scene.user, PlanId::PRO);
    let tellers = (0..8).map(|_| scene.paid(&paid, NOW));
    let outcomes = futures::future::join_all(tellers).await;
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.replayed).count(), 1);
    let period = outcomes[0].period.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.period == Some(period)), "everybody hears the same");
    let mut database = scene.pool.acquire().await.unwrap();
    let one = subscriptions::find(&mut database, scene.user).await.unwrap().unwrap();
    assert_eq!((one.status, one.paid_until), (SubscriptionStatus::Active, period.1));
    assert_eq!(scene.plan().await, PlanId::PRO);
    assert_eq!(scene.kinds().await, ["subscribed"]);
    assert_eq!(scene.letters().await, 1, "the plan is another one");
}

#[tokio::test]
async fn different_payments_at_once_are_a_period_each() {
    let scene = Scene::new().await;
    let payments: Vec<Paid> = (0..6).map(|_| subscribe(scene.user, PlanId::PRO)).collect();
    futures::future::join_all(payments.iter().map(|paid| scene.paid(paid, NOW))).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let one = subscriptions::find(&mut database, scene.user).await.unwrap().unwrap();
    let mut end = NOW;
    for _ in 0..6 {
        end = domain::subscription::following(end, Interval::Month, one.anchor_day);
    }
    assert_eq!(one.paid_until, end);
}

#[tokio::test]
async fn paying_resumes_what_the_plan_had_paused_and_its_end_pauses_the_newest_again() {
    let scene = Scene::new().await;
    let clock = FixedClock::at(NOW);
    let mut made = Vec::new();
    let mut database = scene.pool.acquire().await.unwrap();
    let (reader, writer) = (domain::AccountId::new(&clock), domain::AccountId::new(&clock));
    accounts::insert(&mut database, scene.user, reader, Platform::Telegram, None, NOW).await.unwrap();
    accounts::insert(&mut database, scene.user, writer, Platform::Discord, None, NOW).await.unwrap();
    for chat in 1..=5 {
        clock.advance(TimeDelta::seconds(1));
        let id = PairId::new(&clock);
        let new = pairs::NewPair { destination_chat: ChatId::new(chat), ..new_pair(id, reader, writer, 0) };
        pairs::insert(&mut database, scene.user, &new, domain::Clock::now(&clock)).await.unwrap();
        made.push(id);
    }
    plans::apply(&mut database, scene.user, NOW).await.unwrap();
    drop(database);
    let outcome = scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await;
    let mut resumed = outcome.applied.pairs_resumed.clone();
    resumed.sort();
    assert_eq!(resumed, made[3..], "what Free had no room for");
    let (_, end) = outcome.period.unwrap();
    // Past due and in grace the plan still holds.
    assert!(scene.advance(end).await.effects.applied.is_empty());
    assert_eq!(scene.status().await, Some(SubscriptionStatus::PastDue));
    assert!(scene.advance(end + TimeDelta::days(8)).await.effects.applied.is_empty());
    assert_eq!(scene.status().await, Some(SubscriptionStatus::Grace));
    let ended = scene.advance(end + TimeDelta::days(20)).await;
    let mut paused = ended.effects.applied.pairs_paused.clone();
    paused.sort();
    assert_eq!((paused.as_slice(), ended.next), (&made[3..], None));
    assert_eq!(scene.plan().await, PlanId::FREE);
    assert!(scene.advance(end + TimeDelta::days(21)).await.effects.applied.is_empty(), "twice is once");
}

#[tokio::test]
async fn what_is_due_is_told_once_and_the_sweep_finds_who_was_not_looked_after() {
    let scene = Scene::new().await;
    let (_, end) = scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await.period.unwrap();
    let mut database = scene.pool.acquire().await.unwrap();
    assert_eq!(subscriptions::due(&mut database, NOW + TimeDelta::seconds(1), 10).await.unwrap(), [scene.user]);
    let before = scene.letters().await;
    let reminder = end - TimeDelta::days(7);
    assert_eq!(scene.advance(NOW).await.next, Some(reminder));
    assert_eq!(subscriptions::due(&mut database, reminder, 10).await.unwrap(), []);
    for _ in 0..3 {
        let done = scene.advance(reminder).await;
        assert_eq!(done.next, Some(end - TimeDelta::days(3)));
    }
    assert_eq!(scene.letters().await, before + 1);
    assert_eq!(subscriptions::due(&mut database, end, 10).await.unwrap(), [scene.user]);
}

#[tokio::test]
async fn a_refund_in_whole_ends_the_period_and_in_part_it_does_not() {
    let scene = Scene::new().await;
    let paid = subscribe(scene.user, PlanId::PRO);
    scene.paid(&paid, NOW).await;
    let back = async |how| {
        let mut transaction = scene.pool.begin().await.unwrap();
        let (user, now) = (scene.user, NOW + TimeDelta::days(1));
        let done = subscriptions::taken_back(&mut transaction, &scene.sealer, user, paid.payment, how, now).await;
        transaction.commit().await.unwrap();
        done.unwrap()
    };
    assert!(back(GoneBack::Partly(usd(100))).await.is_none());
    assert_eq!(scene.plan().await, PlanId::PRO);
    assert!(back(GoneBack::Refunded).await.is_some());
    assert_eq!((scene.plan().await, scene.status().await), (PlanId::FREE, Some(SubscriptionStatus::Canceled)));
    assert!(back(GoneBack::Refunded).await.is_none() && back(GoneBack::ChargedBack).await.is_none());
    assert_eq!(scene.kinds().await, ["subscribed", "canceled"]);
    let foreign = PaymentId::new(&SystemClock);
    let mut transaction = scene.pool.begin().await.unwrap();
    let (user, how) = (scene.user, GoneBack::Refunded);
    let nothing = subscriptions::taken_back(&mut transaction, &scene.sealer, user, foreign, how, NOW).await.unwrap();
    assert!(nothing.is_none());
}

#[tokio::test]
async fn an_upgrade_counts_what_was_paid_and_buys_once() {
    let scene = Scene::new().await;
    let (start, end) = scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await.period.unwrap();
    let now = start + (end - start) / 2;
    let mut database = scene.pool.acquire().await.unwrap();
    let asked = subscriptions::quote(&mut database, scene.user, price(PlanId::ELITE), now).await.unwrap().unwrap();
    assert_eq!((asked.purpose, asked.list, asked.credit), (PaymentPurpose::Upgrade, usd(1_500), usd(500)));
    let upgrade = Paid {
        payment: PaymentId::new(&SystemClock),
        purpose: asked.purpose,
        price: asked.price,
        due: asked.due,
        net: asked.due,
        ..subscribe(scene.user, PlanId::ELITE)
    };
    let first = scene.paid(&upgrade, now).await;
    assert_eq!((first.period, first.surplus), (Some((now, end)), None));
    assert_eq!(scene.plan().await, PlanId::ELITE);
    let other = Paid { payment: PaymentId::new(&SystemClock), ..upgrade };
    let second = scene.paid(&other, now).await;
    assert_eq!(second.period, None, "there is nothing left to buy: the money stays the tenant's");
    assert!(scene.paid(&other, now).await.replayed);
    assert_eq!(scene.kinds().await, ["subscribed", "upgraded", "payment_unused"]);
}

#[tokio::test]
async fn a_given_plan_holds_before_what_is_subscribed_to_and_leaves_it_behind() {
    let scene = Scene::new().await;
    scene.give(PlanId::ELITE, Some(NOW + TimeDelta::days(10))).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let refused = subscriptions::quote(&mut database, scene.user, price(PlanId::PRO), NOW).await.unwrap();
    assert_eq!(refused, Err(Refusal::PlanGranted));
    // Money that was on its way all the same.
    scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await;
    assert_eq!(scene.plan().await, PlanId::ELITE);
    assert_eq!(plans::expire(&mut database, NOW + TimeDelta::days(11), 10).await.unwrap(), 1);
    assert_eq!(scene.plan().await, PlanId::PRO);
    // Free without an end takes back what was given.
    scene.give(PlanId::ELITE, None).await;
    scene.give(PlanId::FREE, None).await;
    assert_eq!(scene.plan().await, PlanId::PRO);
    // Until then, even Free may be given.
    scene.give(PlanId::FREE, Some(NOW + TimeDelta::days(20))).await;
    assert_eq!(scene.plan().await, PlanId::FREE);
    assert_eq!(plans::expire(&mut database, NOW + TimeDelta::days(21), 10).await.unwrap(), 1);
    assert_eq!(scene.plan().await, PlanId::PRO);
}

#[tokio::test]
async fn one_trial_for_whoever_has_never_had_anything() {
    let scene = Scene::new().await;
    let mut database = scene.pool.acquire().await.unwrap();
    let catalogue = plans::catalogue(&mut database).await.unwrap();
    let plan = |id| catalogue.iter().find(|plan| plan.id == id).unwrap().clone();
    let try_out = async |id| {
        let mut transaction = scene.pool.begin().await.unwrap();
        let done = subscriptions::start_trial(&mut transaction, scene.user, &plan(id), NOW).await.unwrap();
        transaction.commit().await.unwrap();
        done
    };
    assert_eq!(try_out(PlanId::ELITE).await.unwrap_err(), Refusal::NoTrial, "it is not tried out");
    assert!(try_out(PlanId::PRO).await.unwrap().changed);
    assert!(!try_out(PlanId::PRO).await.unwrap().changed, "twice is once");
    assert_eq!(scene.plan().await, PlanId::PRO);
    scene.advance(NOW + TimeDelta::days(15)).await;
    assert_eq!((scene.plan().await, scene.status().await), (PlanId::FREE, Some(SubscriptionStatus::Expired)));
    assert_eq!(try_out(PlanId::PRO).await.unwrap_err(), Refusal::NoTrial);
}

#[tokio::test]
async fn an_agreement_is_told_of_and_let_go() {
    let scene = Scene::new().await;
    let agreement = AgreementId::new(&SystemClock);
    let paid = Paid { agreement: Some(agreement), ..subscribe(scene.user, PlanId::PRO) };
    let (_, end) = scene.paid(&paid, NOW).await.period.unwrap();
    let failed = AgreementChange::PaymentFailed { reason: "no money".into() };
    for told in [true, true] {
        let mut transaction = scene.pool.begin().await.unwrap();
        let heard =
            subscriptions::agreement_changed(&mut transaction, &scene.sealer, scene.user, agreement, &failed, end);
        assert_eq!(heard.await.unwrap(), told);
        transaction.commit().await.unwrap();
    }
    scene.advance(end).await;
    assert_eq!(scene.status().await, Some(SubscriptionStatus::PastDue), "nobody waits for it");
    let renewal = Paid { payment: PaymentId::new(&SystemClock), purpose: PaymentPurpose::Renew, ..paid };
    let outcome = scene.paid(&renewal, end + TimeDelta::days(2)).await;
    assert_eq!(outcome.period.map(|(start, _)| start), Some(end));
    let mut transaction = scene.pool.begin().await.unwrap();
    let wish = (CancelWhen::PeriodEnd, EndReason::Requested);
    let now = end + TimeDelta::days(3);
    let done = subscriptions::cancel(&mut transaction, &scene.sealer, scene.user, wish, now).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(done.subscription.agreement, None);
    let stray = Paid { payment: PaymentId::new(&SystemClock), ..renewal };
    let outcome = scene.paid(&stray, now).await;
    assert_eq!((outcome.period, outcome.dropped), (None, Some(agreement)));
}

#[tokio::test]
async fn prices_are_for_those_who_come_after_them() {
    let scene = Scene::new().await;
    scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let dearer = Price { amount: usd(1_500), ..price(PlanId::PRO) };
    let terms = Terms { prices: vec![dearer], trial_days: 3 };
    for _ in 0..2 {
        prices::set(&mut database, PlanId::PRO, &terms, NOW).await.unwrap();
    }
    assert_eq!(prices::of(&mut database, PlanId::PRO).await.unwrap(), terms);
    assert_eq!(prices::offer(&mut database, "pro", Interval::Year).await.unwrap(), None);
    let (_, offered) = prices::offer(&mut database, "pro", Interval::Month).await.unwrap().unwrap();
    assert_eq!(offered, dearer);
    let asked = subscriptions::quote(&mut database, scene.user, offered, NOW).await.unwrap().unwrap();
    assert_eq!((asked.purpose, asked.due), (PaymentPurpose::Renew, usd(1_000)));
    assert_eq!(subscriptions::renewal_due(&mut database, scene.user).await.unwrap(), Some(price(PlanId::PRO)));
}

#[tokio::test]
async fn staff_finds_subscriptions_by_how_they_stand() {
    let scene = Scene::new().await;
    scene.paid(&subscribe(scene.user, PlanId::PRO), NOW).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let email = format!("{}@", scene.user);
    for (filter, found) in [
        (admin::SubscriptionFilter::default(), 1),
        (admin::SubscriptionFilter { status: Some(SubscriptionStatus::Active), ..Default::default() }, 1),
        (admin::SubscriptionFilter { status: Some(SubscriptionStatus::Grace), ..Default::default() }, 0),
        (admin::SubscriptionFilter { plan: Some("pro"), email_part: Some(&email), ..Default::default() }, 1),
        (admin::SubscriptionFilter { plan: Some("elite"), ..Default::default() }, 0),
        (admin::SubscriptionFilter { before: Some(scene.user), ..Default::default() }, 0),
    ] {
        assert_eq!(admin::subscriptions(&mut database, &filter, 10).await.unwrap().len(), found, "{filter:?}");
    }
}

#[tokio::test]
async fn time_that_was_given_up_is_no_credit_and_its_refund_ends_nothing() {
    let scene = Scene::new().await;
    let given_up = subscribe(scene.user, PlanId::PRO);
    scene.paid(&given_up, NOW).await;
    let mut transaction = scene.pool.begin().await.unwrap();
    let wish = (CancelWhen::Now, EndReason::Requested);
    subscriptions::cancel(&mut transaction, &scene.sealer, scene.user, wish, NOW).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    let now = NOW + TimeDelta::hours(1);
    let again = subscribe(scene.user, PlanId::PRO);
    scene.paid(&again, now).await;
    let credit = async || {
        let mut database = scene.pool.acquire().await.unwrap();
        let quote = subscriptions::quote(&mut database, scene.user, price(PlanId::ELITE), now).await.unwrap();
        quote.unwrap().credit
    };
    assert_eq!(credit().await, again.net, "and nothing of what was given up");
    for how in [GoneBack::Partly(usd(100)), GoneBack::Refunded, GoneBack::Refunded] {
        let mut transaction = scene.pool.begin().await.unwrap();
        let (user, payment) = (scene.user, given_up.payment);
        let back = subscriptions::taken_back(&mut transaction, &scene.sealer, user, payment, how, now).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(back.is_none(), "{how:?}");
        assert_eq!((scene.plan().await, credit().await), (PlanId::PRO, again.net), "{how:?}");
    }
}
