//! What staff does, in the database: suspensions, acts on many things, workers, settings, lists over all tenants.

use chrono::TimeDelta;
use domain::{
    AccountStatus, BulkActId, Clock as _, DeliveryState, PairId, PairStatus, Platform, Role, UserId,
    bulk::{BulkKind, BulkScope, BulkState},
    plan::{Exception, Limits},
    setting::{Maintenance, Registration, Setting, Settings},
};
use store::{
    admin::{self, AccountFilter, ErrorFilter, PairFilter, UserFilter},
    audit,
    bulk_acts::{self, BulkAct, NewBulkAct, Tell},
    deliveries::{Claim, Settlement},
    leases::{self, Lease, Tenure},
    pairs,
    plans::{self, Made},
    settings, suspension, users,
    workers::{self, Beat, Orders, Worker},
};

use crate::ledger::{Scene, scene, sealer};

const MADE: Made<'static> = Made { reason: "a test", until: None };

/// The scene with accounts that are connected.
async fn online() -> Scene {
    let mut scene = scene(0).await;
    sqlx::raw_sql("UPDATE accounts SET status = 'online'").execute(&mut *scene.database).await.unwrap();
    scene
}

async fn state(scene: &mut Scene, pair: PairId) -> (PairStatus, Option<String>) {
    let pair = pairs::load(&mut scene.database, pair).await.unwrap().unwrap();
    (pair.status, pair.reason_code)
}

fn held(code: &str) -> (PairStatus, Option<String>) {
    (PairStatus::Paused, Some(code.to_owned()))
}

const RUNS: (PairStatus, Option<String>) = (PairStatus::Active, None);
const STOPPED: (PairStatus, Option<String>) = (PairStatus::Paused, None);

#[tokio::test]
async fn a_suspension_voids_leases_and_claims_at_once_and_lifting_it_leaves_the_users_own_pauses() {
    let mut scene = online().await;
    let (user, pair, now) = (scene.user, scene.pair, scene.clock.now());
    let stopped = scene.another_pair(78).await;
    pairs::set_paused(&mut scene.database, user, stopped, true, now).await.unwrap();
    scene.ingest_ids(&[11]).await;
    let lease = Lease { account: scene.writer, epoch: scene.fence.epoch };

    let done = suspension::suspend(&mut scene.database, user, "spam", now).await.unwrap().unwrap();
    assert_eq!((done.before, &done.applied.pairs_paused), (None, &vec![scene.pair]));
    let mut accounts = done.applied.accounts_paused.clone();
    accounts.sort();
    let mut both = [scene.reader, scene.writer];
    both.sort();
    assert_eq!(accounts, both);
    assert!(matches!(scene.claim().await, Claim::Lost));
    assert_eq!(leases::tenure(&mut scene.database, lease).await.unwrap(), Tenure::Revoked);
    assert_eq!(state(&mut scene, pair).await, held("suspended"));
    let writer = store::accounts::load(&mut scene.database, scene.writer).await.unwrap().unwrap();
    assert_eq!((writer.status, writer.reason_code.as_deref()), (AccountStatus::Paused, Some("suspended")));
    assert!(plans::tenancy(&mut scene.database, user).await.unwrap().unwrap().terms().suspended);
    let later = now + TimeDelta::hours(1);
    let again = suspension::suspend(&mut scene.database, user, "more spam", later).await.unwrap().unwrap();
    assert!(again.applied.is_empty() && again.before.unwrap().reason.as_deref() == Some("spam"));
    let found = suspension::find(&mut scene.database, user).await.unwrap().unwrap();
    assert_eq!((found.since, found.reason.as_deref()), (now, Some("more spam")));

    let lifted = suspension::lift(&mut scene.database, user, later).await.unwrap().unwrap();
    assert_eq!((&lifted.applied.pairs_resumed, lifted.applied.accounts_resumed.len()), (&vec![scene.pair], 2));
    assert_eq!(state(&mut scene, pair).await, RUNS);
    assert_eq!(state(&mut scene, stopped).await, STOPPED);
    assert!(matches!(scene.claim().await, Claim::Lost), "a drain of before is still void");
    let lifted = suspension::lift(&mut scene.database, user, later).await.unwrap().unwrap();
    assert!(lifted.applied.is_empty() && lifted.before.is_none());
    let stranger = UserId::new(&scene.clock);
    assert!(suspension::suspend(&mut scene.database, stranger, "spam", now).await.unwrap().is_none());
    assert!(suspension::lift(&mut scene.database, stranger, now).await.unwrap().is_none());
}

#[tokio::test]
async fn what_the_plan_has_paused_is_not_resumed_with_the_suspension() {
    let mut scene = online().await;
    let (user, now) = (scene.user, scene.clock.now());
    scene.clock.advance(TimeDelta::seconds(1));
    let newest = scene.another_pair(78).await;
    let limits = Limits { pairs_max: Some(1), ..Limits::default() };
    let exception = Exception { limits, ..Exception::default() };
    suspension::suspend(&mut scene.database, user, "spam", now).await.unwrap();
    plans::set_exception(&mut scene.database, user, &exception, MADE, now).await.unwrap();
    let lifted = suspension::lift(&mut scene.database, user, now).await.unwrap().unwrap();
    assert_eq!(lifted.applied.pairs_resumed, [scene.pair]);
    assert_eq!(state(&mut scene, newest).await, held("plan_limit"));
    plans::end_exception(&mut scene.database, user, now).await.unwrap();
    assert_eq!(state(&mut scene, newest).await, RUNS);
}

async fn ask(scene: &mut Scene, kind: BulkKind, scope: &BulkScope) -> BulkAct {
    let id = BulkActId::new(&scene.clock);
    let act = NewBulkAct { id, kind, scope, reason: "a test", started_by: scene.user };
    bulk_acts::insert(&mut scene.database, &act, scene.clock.now()).await.unwrap()
}

async fn batch(scene: &mut Scene, act: &BulkAct, limit: i64) -> (i64, i64, bool, Vec<Tell>) {
    let batch = bulk_acts::batch(&mut scene.database, act.id, limit, scene.clock.now()).await.unwrap();
    (batch.done, batch.failed, batch.ended, batch.tell)
}

/// State, total, done, failed.
async fn progress(scene: &mut Scene, act: &BulkAct) -> (BulkState, Option<i64>, i64, i64) {
    let act = bulk_acts::find(&mut scene.database, act.id).await.unwrap().unwrap();
    (act.state, act.total, act.done, act.failed)
}

#[tokio::test]
async fn an_act_goes_on_where_its_last_batch_ended_and_stops_between_two() {
    let mut scene = online().await;
    let (one, two, three) = (scene.pair, scene.another_pair(78).await, scene.another_pair(79).await);
    let scope = BulkScope { user: Some(scene.user), ..BulkScope::default() };
    let act = ask(&mut scene, BulkKind::PausePairs, &scope).await;
    assert_eq!(ask(&mut scene, BulkKind::PausePairs, &scope).await.id, act.id, "the same act twice is one");
    let open = bulk_acts::open(&mut scene.database, scene.clock.now() + TimeDelta::seconds(1), 10).await.unwrap();
    assert_eq!(open, [act.id]);
    let mut all = vec![one, two, three];
    all.sort();
    let paused = |pairs: &[PairId]| pairs.iter().copied().map(Tell::Paused).collect::<Vec<_>>();
    assert_eq!(batch(&mut scene, &act, 2).await, (2, 0, false, paused(&all[..2])));
    assert_eq!(progress(&mut scene, &act).await, (BulkState::Running, Some(3), 2, 0));
    assert_eq!(batch(&mut scene, &act, 2).await, (1, 0, false, paused(&all[2..])));
    assert_eq!(batch(&mut scene, &act, 2).await, (0, 0, true, vec![]));
    assert_eq!(batch(&mut scene, &act, 2).await, (0, 0, true, vec![]));
    assert_eq!(progress(&mut scene, &act).await, (BulkState::Done, Some(3), 3, 0));
    for pair in &all {
        assert_eq!(state(&mut scene, *pair).await, STOPPED);
    }
    let later = scene.clock.now() + TimeDelta::seconds(1);
    let untold = plans::untold_pairs(&mut scene.database, later, 10).await.unwrap();
    assert_eq!(untold.len(), 3, "what is not told by the act is told by the sweep");

    let limits = Limits { pairs_max: Some(2), ..Limits::default() };
    let (user, now) = (scene.user, scene.clock.now());
    let exception = Exception { limits, ..Exception::default() };
    plans::set_exception(&mut scene.database, user, &exception, MADE, now).await.unwrap();
    let act = ask(&mut scene, BulkKind::ResumePairs, &scope).await;
    assert_eq!(batch(&mut scene, &act, 10).await.0, 2);
    assert_eq!(progress(&mut scene, &act).await, (BulkState::Running, Some(3), 2, 1), "the plan has room for two");
    batch(&mut scene, &act, 10).await;

    let act = ask(&mut scene, BulkKind::DeletePairs, &scope).await;
    assert_eq!(batch(&mut scene, &act, 1).await.3, [Tell::Deleted(all[0])]);
    assert!(bulk_acts::request_cancel(&mut scene.database, act.id, now).await.unwrap());
    assert_eq!(batch(&mut scene, &act, 1).await, (0, 0, true, vec![]));
    assert_eq!(progress(&mut scene, &act).await, (BulkState::Cancelled, Some(3), 1, 0));
    assert!(bulk_acts::request_cancel(&mut scene.database, act.id, now).await.unwrap(), "twice is the same as once");
    let unknown = BulkActId::new(&scene.clock);
    assert!(!bulk_acts::request_cancel(&mut scene.database, unknown, now).await.unwrap());
    let filter = audit::Filter { user: Some(user), action: Some("bulk.end"), ..audit::Filter::default() };
    let log = audit::list(&mut scene.database, &filter, 10).await.unwrap();
    assert_eq!((log.len(), log[0].after.as_ref().unwrap()["state"].as_str()), (3, Some("cancelled")));
    let filter = bulk_acts::Filter { state: Some(BulkState::Done), ..bulk_acts::Filter::default() };
    assert_eq!(bulk_acts::list(&mut scene.database, filter, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn dead_letters_are_acted_on_by_code_and_time_and_none_that_dies_later() {
    let mut scene = online().await;
    scene.ingest_ids(&[11, 12, 13]).await;
    let (pair, rows) = (scene.pair, scene.claim_rows().await);
    for row in &rows {
        let code = if row.seq == 3 { "odd" } else { "refused" };
        let dead = Settlement::Dead { code, text: "no" };
        let now = scene.clock.now();
        store::deliveries::settle(&mut scene.database, sealer(), pair, row.seq, dead, now).await.unwrap();
    }
    scene.clock.advance(TimeDelta::hours(1));
    let scope = |code: &str| BulkScope { code: Some(code.to_owned()), ..BulkScope::default() };
    let act = ask(&mut scene, BulkKind::RetryDeadLetters, &scope("refused")).await;
    assert_eq!(batch(&mut scene, &act, 1).await, (1, 0, false, vec![Tell::Rouse(pair)]));
    // It dies once more, after the act was asked for.
    scene.clock.advance(TimeDelta::minutes(1));
    let (now, again) = (scene.clock.now(), Settlement::Dead { code: "refused", text: "no" });
    store::deliveries::settle(&mut scene.database, sealer(), pair, 1, again, now).await.unwrap();
    assert_eq!(batch(&mut scene, &act, 10).await, (1, 0, false, vec![Tell::Rouse(pair)]));
    assert_eq!(batch(&mut scene, &act, 10).await, (0, 0, true, vec![]));
    assert_eq!(progress(&mut scene, &act).await, (BulkState::Done, Some(2), 2, 0));
    let since = BulkScope { from: Some(now), ..scope("refused") };
    let act = ask(&mut scene, BulkKind::DiscardDeadLetters, &since).await;
    assert_eq!(batch(&mut scene, &act, 10).await, (1, 0, false, vec![]));
    let states: Vec<_> = scene.list().await.iter().rev().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Skipped, DeliveryState::Pending, DeliveryState::Dead]);
}

#[tokio::test]
async fn a_pair_that_begins_anew_is_not_blocked_and_its_old_drain_claims_nothing() {
    let mut scene = online().await;
    scene.ingest_ids(&[11]).await;
    let (pair, now) = (scene.pair, scene.clock.now());
    pairs::set_blocked(&mut scene.database, pair, Some(("forbidden", "no")), now).await.unwrap();
    for _ in 0..2 {
        assert!(pairs::restart(&mut scene.database, pair, now).await.unwrap());
    }
    assert_eq!(state(&mut scene, pair).await, RUNS);
    assert!(matches!(scene.claim().await, Claim::Lost));
    pairs::set_paused(&mut scene.database, scene.user, pair, true, now).await.unwrap();
    assert!(!pairs::restart(&mut scene.database, pair, now).await.unwrap());
}

#[tokio::test]
async fn workers_say_that_they_are_there_and_hear_what_they_are_to_do() {
    let mut scene = online().await;
    let now = scene.clock.now();
    let beat =
        Beat { name: "w1", version: "1.2.3", hosting_slots: 10, drain_slots: 5, hosted: 1, drains: 2, started_at: now };
    assert!(!workers::drain(&mut scene.database, "w1", false, now).await.unwrap(), "nobody has seen it");
    assert_eq!(workers::beat(&mut scene.database, &beat, now).await.unwrap(), Orders::default());
    let list = workers::list(&mut scene.database).await.unwrap();
    let [worker] = &list[..] else { panic!("{list:?}") };
    assert_eq!((worker.accounts, worker.online, worker.drains, worker.room(now)), (1, 1, 2, 9));
    assert!(worker.is_alive(now + TimeDelta::seconds(20)) && !worker.is_alive(now + TimeDelta::seconds(21)));
    for _ in 0..2 {
        assert!(workers::drain(&mut scene.database, "w1", true, now).await.unwrap());
    }
    let restarted = Beat { started_at: now + TimeDelta::seconds(9), ..beat };
    let orders = workers::beat(&mut scene.database, &restarted, now).await.unwrap();
    assert_eq!(orders, Orders { draining: true, forced: true }, "it is told again after a restart");
    let one = |list: Vec<Worker>| list.into_iter().next().unwrap();
    assert_eq!(one(workers::list(&mut scene.database).await.unwrap()).room(now), 0);
    for _ in 0..2 {
        assert!(workers::undrain(&mut scene.database, "w1").await.unwrap());
    }
    assert_eq!(workers::beat(&mut scene.database, &beat, now).await.unwrap(), Orders::default());
    workers::stopped(&mut scene.database, "w1", now).await.unwrap();
    assert!(!one(workers::list(&mut scene.database).await.unwrap()).is_alive(now));
    let later = now + TimeDelta::days(1);
    assert_eq!(workers::forget(&mut scene.database, later).await.unwrap(), 0, "it hosts an account");
    let lease = Lease { account: scene.writer, epoch: scene.fence.epoch };
    leases::release(&mut scene.database, lease).await.unwrap();
    assert_eq!(workers::forget(&mut scene.database, later).await.unwrap(), 1);
}

#[tokio::test]
async fn a_setting_that_does_not_change_says_so_and_everything_else_is_a_default() {
    let mut scene = online().await;
    let (now, by) = (scene.clock.now(), Some(scene.user));
    assert_eq!(settings::read(&mut scene.database).await.unwrap(), Settings::default());
    let maintenance = Maintenance { on: true, message: "soon".into(), ..Maintenance::default() };
    let setting = Setting::Maintenance(maintenance.clone());
    assert_eq!(settings::set(&mut scene.database, &setting, by, now).await.unwrap(), None);
    let later = now + TimeDelta::seconds(1);
    let before = settings::set(&mut scene.database, &setting, None, later).await.unwrap();
    assert_eq!(before.unwrap()["message"], "soon");
    let closed = Setting::Registration(Registration { closed: true });
    settings::set(&mut scene.database, &closed, None, later).await.unwrap();
    let rows = settings::rows(&mut scene.database).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.updated_at, row.updated_by)).collect();
    assert_eq!(rows, [("maintenance", now, by), ("registration", later, None)]);
    let read = settings::read(&mut scene.database).await.unwrap();
    assert_eq!((read.maintenance, read.registration.closed), (maintenance, true));
}

#[tokio::test]
async fn lists_show_queues_with_their_lag_and_latest_trouble() {
    let mut scene = online().await;
    scene.clock.advance(TimeDelta::seconds(1));
    let newest = scene.another_pair(78).await;
    let (user, now) = (scene.user, scene.clock.now());
    scene.ingest_ids(&[11, 12]).await;
    store::error_logs::record_pair(&mut scene.database, scene.pair, "refused", "no", now).await.unwrap();
    pairs::set_blocked(&mut scene.database, scene.pair, Some(("refused", "no")), now).await.unwrap();
    let all = admin::pairs(&mut scene.database, &PairFilter::default(), 10).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [newest, scene.pair]);
    let row = &all[1];
    assert_eq!((row.open, row.dead, row.oldest_due_at, row.host.as_deref()), (2, 0, Some(now), Some("w1")));
    let error = row.last_error.as_ref().map(|error| (error.code.as_str(), error.at));
    assert_eq!((error, row.status), (Some(("refused", now)), PairStatus::Blocked));
    let count = async |scene: &mut Scene, filter: PairFilter<'_>| {
        admin::pairs(&mut scene.database, &filter, 10).await.unwrap().len()
    };
    let any = PairFilter::default();
    let (long_ago, account) = (now - TimeDelta::seconds(1), Some(scene.writer));
    assert_eq!(count(&mut scene, PairFilter { due_before: Some(now), ..any }).await, 2);
    assert_eq!(count(&mut scene, PairFilter { due_before: Some(long_ago), ..any }).await, 0);
    assert_eq!(count(&mut scene, PairFilter { status: Some(PairStatus::Blocked), account, ..any }).await, 1);
    assert_eq!(count(&mut scene, PairFilter { host: Some("w2"), ..any }).await, 0);
    assert_eq!(count(&mut scene, PairFilter { before: Some(newest), user: Some(user), ..any }).await, 1);

    let filter = AccountFilter { platform: Some(Platform::Discord), due_before: Some(now), ..AccountFilter::default() };
    let accounts = admin::accounts(&mut scene.database, &filter, 10).await.unwrap();
    let [account] = &accounts[..] else { panic!("{accounts:?}") };
    assert_eq!((account.id, account.pairs, account.open), (scene.writer, 2, 4));
    let code = account.last_error.as_ref().map(|error| error.code.as_str());
    assert_eq!((account.oldest_due_at, code), (Some(now), Some("refused")));
    let idle = AccountFilter { platform: Some(Platform::Telegram), due_before: Some(now), ..AccountFilter::default() };
    assert!(admin::accounts(&mut scene.database, &idle, 10).await.unwrap().is_empty());

    let email = format!("{user}@example.org");
    let filter = UserFilter { email_part: Some(&email[..20]), troubled: Some(true), ..UserFilter::default() };
    let found = admin::users(&mut scene.database, &filter, 10).await.unwrap();
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((found.pairs, found.pairs_blocked, found.accounts_online, found.plan.as_str()), (2, 1, 2, "free"));
    let filter = ErrorFilter { code: Some("refused"), until: Some(now), ..ErrorFilter::default() };
    assert!(admin::errors(&mut scene.database, &filter, 10).await.unwrap().is_empty());
    let filter = ErrorFilter { code: Some("refused"), from: Some(now), ..ErrorFilter::default() };
    assert_eq!(admin::errors(&mut scene.database, &filter, 10).await.unwrap()[0].user_id, user);
}

#[tokio::test]
async fn admins_who_are_suspended_do_not_count() {
    let mut scene = online().await;
    let (user, now) = (scene.user, scene.clock.now());
    assert_eq!(users::lock_admins(&mut scene.database).await.unwrap(), []);
    assert_eq!(users::set_role(&mut scene.database, user, Role::Admin).await.unwrap(), Some(Role::User));
    assert_eq!(users::lock_admins(&mut scene.database).await.unwrap(), [user]);
    suspension::suspend(&mut scene.database, user, "a test", now).await.unwrap();
    assert_eq!(users::lock_admins(&mut scene.database).await.unwrap(), []);
}
