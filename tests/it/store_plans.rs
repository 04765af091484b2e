//! Plans in the database: who has what, limits that hold under concurrency, and what is paused and resumed when a plan
//! changes.

use chrono::TimeDelta;
use domain::{
    AccountId, AccountStatus, ChatId, Clock as _, Email, FixedClock, PairId, PairStatus, Plan, PlanId, Platform,
    UserId,
    gate::{self, Action},
    plan::{Exception, Features, Limits},
};
use serde_json::json;
use store::{
    PgPool, StoreError, accounts,
    deliveries::Claim,
    pairs,
    plans::{self, Applied, Made},
};

use crate::{
    harness,
    ledger::{SOURCE, clock, ids, new_pair, scene},
};

mod hosting;

const MADE: Made<'static> = Made { reason: "a test", until: None };

/// A tenant on Free with an account on each platform.
struct Tenant {
    pool: PgPool,
    clock: FixedClock,
    user: UserId,
    reader: AccountId,
    writer: AccountId,
}

impl Tenant {
    async fn new() -> Self {
        let stack = harness::shared().await;
        let (pool, clock) = (harness::database(&stack).await, clock());
        let (user, now) = (UserId::new(&clock), clock.now());
        let email = Email::parse(&format!("{user}@example.org")).unwrap();
        let mut database = pool.acquire().await.unwrap();
        store::users::insert(&mut database, user, &email, "hash", now).await.unwrap();
        drop(database);
        let nobody = AccountId::new(&clock);
        let mut tenant = Self { pool, clock, user, reader: nobody, writer: nobody };
        tenant.reader = tenant.account(Platform::Telegram).await;
        tenant.writer = tenant.account(Platform::Discord).await;
        tenant
    }

    async fn database(&self) -> sqlx::pool::PoolConnection<store::Postgres> {
        self.pool.acquire().await.unwrap()
    }

    /// One more account, a second younger than the last one, that is online.
    async fn account(&self, platform: Platform) -> AccountId {
        self.clock.advance(TimeDelta::seconds(1));
        let (id, now) = (AccountId::new(&self.clock), self.clock.now());
        let mut database = self.database().await;
        accounts::insert(&mut database, self.user, id, platform, None, now).await.unwrap();
        accounts::set_status(&mut database, id, AccountStatus::Online, Default::default(), now).await.unwrap();
        id
    }

    /// One more pair, a second younger than the last one.
    async fn pair(&self, chat: i64) -> PairId {
        let id = PairId::new(&self.clock);
        let new = new_pair(id, self.reader, self.writer, 0);
        self.insert(&pairs::NewPair { destination_chat: ChatId::new(chat), ..new }).await;
        id
    }

    async fn insert(&self, new: &pairs::NewPair<'_>) {
        self.clock.advance(TimeDelta::seconds(1));
        pairs::insert(&mut *self.database().await, self.user, new, self.clock.now()).await.unwrap();
    }

    async fn set(&self, plan: PlanId) -> Applied {
        let mut transaction = self.pool.begin().await.unwrap();
        let applied = plans::set(&mut transaction, self.user, plan, MADE, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        applied.unwrap()
    }

    async fn except(&self, limits: Limits) -> Applied {
        let (exception, now) = (Exception { limits, ..Exception::default() }, self.clock.now());
        let mut transaction = self.pool.begin().await.unwrap();
        let applied = plans::set_exception(&mut transaction, self.user, &exception, MADE, now).await.unwrap();
        transaction.commit().await.unwrap();
        applied.unwrap()
    }

    async fn apply(&self) -> Applied {
        let mut transaction = self.pool.begin().await.unwrap();
        let applied = plans::apply(&mut transaction, self.user, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        applied
    }

    async fn state(&self, pair: PairId) -> (PairStatus, Option<String>) {
        let pair = pairs::load(&mut *self.database().await, pair).await.unwrap().unwrap();
        (pair.status, pair.reason_code)
    }

    async fn plan_code(&self) -> String {
        plans::tenancy(&mut *self.database().await, self.user).await.unwrap().unwrap().plan.code
    }

    /// Makes a pair as a request does. False when the gate refuses.
    async fn try_to_make(&self, chat: i64) -> bool {
        let mut transaction = self.pool.begin().await.unwrap();
        let now = self.clock.now();
        assert!(plans::lock_user(&mut transaction, self.user).await.unwrap());
        let tenancy = plans::tenancy(&mut transaction, self.user).await.unwrap().unwrap();
        let used = plans::used(&mut transaction, self.user, now).await.unwrap();
        let action = Action::CreatePair { needs: Features { copy_mode: true, ..Features::NONE } };
        if gate::check(&tenancy, &used, action, &[]).is_err() {
            return false;
        }
        let new = new_pair(PairId::new(&self.clock), self.reader, self.writer, 0);
        let new = pairs::NewPair { destination_chat: ChatId::new(chat), ..new };
        pairs::insert(&mut transaction, self.user, &new, now).await.unwrap();
        transaction.commit().await.unwrap();
        true
    }
}

fn held() -> (PairStatus, Option<String>) {
    (PairStatus::Paused, Some(plans::PLAN_LIMIT.to_owned()))
}

const RUNS: (PairStatus, Option<String>) = (PairStatus::Active, None);
const STOPPED: (PairStatus, Option<String>) = (PairStatus::Paused, None);

#[tokio::test]
async fn of_fifty_pairs_made_at_once_exactly_as_many_are_made_as_the_plan_allows() {
    let tenant = Tenant::new().await;
    let made = futures::future::join_all((1..=50).map(|chat| tenant.try_to_make(chat))).await;
    assert_eq!(made.iter().filter(|made| **made).count(), 3);
    let used = plans::used(&mut *tenant.database().await, tenant.user, tenant.clock.now()).await.unwrap();
    assert_eq!((used.pairs, used.pairs_running), (3, 3));
    assert_eq!((used.telegram_accounts.linked, used.discord_accounts.running), (1, 1));
}

#[tokio::test]
async fn the_newest_surplus_is_paused_and_comes_back_and_twice_is_the_same_as_once() {
    let tenant = Tenant::new().await;
    tenant.set(PlanId::PRO).await;
    let mut pairs = Vec::new();
    for chat in 1..=5 {
        pairs.push(tenant.pair(chat).await);
    }
    let mut down = tenant.set(PlanId::FREE).await;
    down.pairs_paused.sort_unstable();
    let mut newest = pairs[3..].to_vec();
    newest.sort_unstable();
    assert_eq!(down.pairs_paused, newest);
    assert_eq!(tenant.state(pairs[2]).await, RUNS);
    assert_eq!(tenant.state(pairs[3]).await, held());
    assert!(tenant.set(PlanId::FREE).await.is_empty());
    assert!(tenant.apply().await.is_empty());
    let some = tenant.except(Limits { pairs_max: Some(4), ..Limits::default() }).await;
    assert_eq!(some, Applied { pairs_resumed: vec![pairs[3]], ..Applied::default() });
    let all = tenant.except(Limits { pairs_max: Some(9), ..Limits::default() }).await;
    assert_eq!(all.pairs_resumed, [pairs[4]]);
    assert_eq!(tenant.state(pairs[4]).await, RUNS);
}

#[tokio::test]
async fn what_a_user_has_paused_stays_paused_and_a_deleted_pair_makes_room() {
    let tenant = Tenant::new().await;
    let (first, second, third) = (tenant.pair(1).await, tenant.pair(2).await, tenant.pair(3).await);
    let now = tenant.clock.now();
    assert!(pairs::set_paused(&mut *tenant.database().await, tenant.user, first, true, now).await.unwrap());
    let down = tenant.except(Limits { pairs_max: Some(1), ..Limits::default() }).await;
    assert_eq!(down, Applied { pairs_paused: vec![third], ..Applied::default() });
    assert!(pairs::delete(&mut *tenant.database().await, tenant.user, second, now).await.unwrap());
    let room = plans::give_room(&mut *tenant.database().await, tenant.user, now).await.unwrap();
    assert_eq!(room.pairs_resumed, [third]);
    let room = plans::give_room(&mut *tenant.database().await, tenant.user, now).await.unwrap();
    assert!(room.is_empty());
    assert_eq!(tenant.set(PlanId::ELITE).await, Applied::default());
    assert_eq!(tenant.state(first).await, STOPPED);
    // What the plan has paused and the user pauses too is the user's own from then on.
    tenant.except(Limits { pairs_max: Some(0), ..Limits::default() }).await;
    assert_eq!(tenant.state(third).await, held());
    pairs::set_paused(&mut *tenant.database().await, tenant.user, third, true, now).await.unwrap();
    assert!(tenant.except(Limits::default()).await.is_empty());
    assert_eq!(tenant.state(third).await, STOPPED);
}

#[tokio::test]
async fn a_pair_that_uses_what_the_plan_does_not_include_is_paused_until_it_does_not() {
    let tenant = Tenant::new().await;
    tenant.set(PlanId::PRO).await;
    let named = json!({ "webhook_identity": true });
    let (persona, onward) = (PairId::new(&tenant.clock), PairId::new(&tenant.clock));
    let new = new_pair(persona, tenant.reader, tenant.writer, 0);
    tenant.insert(&pairs::NewPair { options: Some(&named), ..new }).await;
    // From where the first one writes to somewhere else: a chain.
    let chain = pairs::NewPair {
        source_account: tenant.writer,
        source_chat: crate::ledger::DESTINATION,
        destination_account: tenant.reader,
        destination_chat: ChatId::new(-1_002),
        ..new_pair(onward, tenant.reader, tenant.writer, 0)
    };
    tenant.insert(&chain).await;
    assert!(tenant.apply().await.is_empty());
    let mut down = tenant.set(PlanId::FREE).await;
    down.pairs_paused.sort_unstable();
    let mut both = vec![persona, onward];
    both.sort_unstable();
    assert_eq!(down.pairs_paused, both);
    let shown = pairs::load(&mut *tenant.database().await, persona).await.unwrap().unwrap();
    assert_eq!(shown.reason.as_deref(), Some("the plan does not include posting under the author's name"));
    let plain = json!({});
    let change = pairs::PairChange { options: Some(&plain), ..Default::default() };
    let now = tenant.clock.now();
    pairs::update(&mut *tenant.database().await, tenant.user, persona, &change, now).await.unwrap();
    assert_eq!(tenant.apply().await.pairs_resumed, [persona]);
    pairs::delete(&mut *tenant.database().await, tenant.user, persona, now).await.unwrap();
    assert_eq!(tenant.apply().await.pairs_resumed, [onward], "there is no chain any more");
}

#[tokio::test]
async fn workflows_that_were_not_told_are_found_until_they_are() {
    let tenant = Tenant::new().await;
    let pair = tenant.pair(1).await;
    tenant.except(Limits { pairs_max: Some(0), ..Limits::default() }).await;
    let (mut database, now) = (tenant.database().await, tenant.clock.now());
    let untold = async |database: &mut store::PgConnection| {
        let untold = plans::untold_pairs(database, now + TimeDelta::seconds(60), 10).await.unwrap();
        untold.into_iter().map(|one| (one.id, one.paused)).collect::<Vec<_>>()
    };
    assert_eq!(plans::untold_pairs(&mut database, now, 10).await.unwrap(), [], "it may be on its way");
    assert_eq!(untold(&mut database).await, [(pair, true)]);
    tenant.clock.advance(TimeDelta::seconds(5));
    tenant.except(Limits::default()).await;
    assert_eq!(untold(&mut database).await, [(pair, false)]);
    plans::pair_told(&mut database, pair, now).await.unwrap();
    assert_eq!(untold(&mut database).await, [(pair, false)], "that was told of what was before");
    plans::pair_told(&mut database, pair, tenant.clock.now()).await.unwrap();
    assert_eq!(untold(&mut database).await, []);
}

#[tokio::test]
async fn what_has_expired_ends_and_its_tenant_is_settled() {
    let tenant = Tenant::new().await;
    let mut database = tenant.database().await;
    let now = tenant.clock.now();
    let until = |seconds| Made { reason: "a trial", until: Some(now + TimeDelta::seconds(seconds)) };
    plans::set(&mut database, tenant.user, PlanId::ELITE, until(10), now).await.unwrap().unwrap();
    let exception = Exception { limits: Limits { pairs_max: Some(2), ..Limits::default() }, ..Exception::default() };
    plans::set_exception(&mut database, tenant.user, &exception, until(20), now).await.unwrap().unwrap();
    let tenancy = plans::tenancy(&mut database, tenant.user).await.unwrap().unwrap();
    assert_eq!((tenancy.plan_reason.as_deref(), tenancy.terms().limits.pairs_max), (Some("a trial"), Some(2)));
    assert_eq!(plans::expire(&mut database, now + TimeDelta::seconds(9), 10).await.unwrap(), 0);
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), []);
    assert_eq!(plans::expire(&mut database, now + TimeDelta::seconds(10), 10).await.unwrap(), 1);
    assert_eq!(tenant.plan_code().await, "free");
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), [tenant.user]);
    tenant.apply().await;
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), []);
    assert_eq!(plans::expire(&mut database, now + TimeDelta::seconds(20), 10).await.unwrap(), 1);
    assert_eq!(plans::expire(&mut database, now + TimeDelta::seconds(20), 10).await.unwrap(), 0);
    let tenancy = plans::tenancy(&mut database, tenant.user).await.unwrap().unwrap();
    assert_eq!((tenancy.exception, tenancy.exception_expires_at), (Exception::default(), None));
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), [tenant.user]);
    let nobody = UserId::new(&tenant.clock);
    assert_eq!(plans::set(&mut database, nobody, PlanId::PRO, MADE, now).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_database_has_three_plans_and_operators_may_add_and_change_some() {
    let tenant = Tenant::new().await;
    let (mut database, now) = (tenant.database().await, tenant.clock.now());
    let catalogue = plans::catalogue(&mut database).await.unwrap();
    let shown: Vec<_> = catalogue.iter().map(|plan| (plan.id, plan.code.as_str(), plan.priority_key)).collect();
    assert_eq!(shown, [(PlanId::FREE, "free", 4), (PlanId::PRO, "pro", 2), (PlanId::ELITE, "elite", 1)]);
    assert!(catalogue.iter().all(|plan| plan.validate().is_ok()));
    let rates: Vec<_> = catalogue.iter().map(|plan| plan.limits.requests_per_minute).collect();
    assert_eq!(rates, [Some(120), Some(600), Some(3_000)]);
    let team = Plan { id: PlanId::new(&tenant.clock), code: "team".into(), position: 9, ..catalogue[1].clone() };
    plans::insert(&mut database, &team, now).await.unwrap();
    assert_eq!(plans::find(&mut database, "team").await.unwrap(), Some(team.clone()));
    let again = plans::insert(&mut database, &Plan { id: PlanId::new(&tenant.clock), ..team.clone() }, now).await;
    assert!(matches!(again, Err(StoreError::Conflict { constraint }) if constraint == "plans_code_key"));
    tenant.set(team.id).await;
    let limits = Limits { pairs_max: None, media_bytes_max: Some(1 << 33), ..team.limits };
    let changed = Plan { limits, fairness_weight: 2.5, is_public: false, ..team };
    assert!(plans::update(&mut database, &changed, now).await.unwrap());
    assert_eq!(plans::find(&mut database, "team").await.unwrap(), Some(changed.clone()));
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), [tenant.user]);
    let unknown = Plan { id: PlanId::new(&tenant.clock), ..changed };
    assert!(!plans::update(&mut database, &unknown, now).await.unwrap());
}

#[tokio::test]
async fn a_held_pair_claims_nothing_and_carries_everything_in_order_once_it_is_released() {
    let mut scene = scene(0).await;
    scene.ingest_ids(&[11, 12]).await;
    let now = scene.clock.now();
    let none = Exception { limits: Limits { pairs_max: Some(0), ..Limits::default() }, ..Exception::default() };
    let held = plans::set_exception(&mut scene.database, scene.user, &none, MADE, now).await.unwrap().unwrap();
    assert_eq!(held.pairs_paused, [scene.pair]);
    assert!(matches!(scene.claim().await, Claim::Lost));
    scene.ingest_ids(&[13]).await;
    let back = plans::end_exception(&mut scene.database, scene.user, now).await.unwrap().unwrap();
    assert_eq!(back.pairs_resumed, [scene.pair]);
    assert!(plans::end_exception(&mut scene.database, scene.user, now).await.unwrap().unwrap().is_empty());
    assert_eq!(ids(&scene.claim_rows().await), [11, 12, 13]);
}

#[tokio::test]
async fn a_chain_is_told_from_both_of_its_ends() {
    let tenant = Tenant::new().await;
    tenant.pair(77).await;
    let way = |chat: i64| {
        let end = |account, platform, chat| domain::pair::Endpoint { account, platform, chat, topic: None };
        let source = end(tenant.writer, Platform::Discord, ChatId::new(chat));
        gate::Way { source, destination: end(tenant.reader, Platform::Telegram, ChatId::new(-1_002)) }
    };
    let mut database = tenant.database().await;
    let follows = plans::chain(&mut database, tenant.user, way(77)).await.unwrap();
    assert_eq!((follows.follows, follows.leads), (true, false));
    let turned =
        gate::Way { source: way(5).source, destination: domain::pair::Endpoint { chat: SOURCE, ..way(5).destination } };
    let leads = plans::chain(&mut database, tenant.user, turned).await.unwrap();
    assert_eq!((leads.follows, leads.leads), (false, true));
    assert_eq!(plans::chain(&mut database, tenant.user, way(5)).await.unwrap(), plans::Chain::default());
}
