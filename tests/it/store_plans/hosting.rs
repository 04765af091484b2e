//! Accounts that a plan keeps from being hosted.

use chrono::TimeDelta;
use domain::{AccountStatus, Clock as _, PlanId, Platform, UserId};
use store::{
    accounts,
    leases::{self, Tenure},
    plans::{self, Applied},
};

use super::Tenant;

#[tokio::test]
async fn the_newest_account_loses_its_host_and_comes_back_when_there_is_room() {
    let tenant = Tenant::new().await;
    tenant.set(PlanId::PRO).await;
    let newest = tenant.account(Platform::Discord).await;
    let mut database = tenant.database().await;
    let now = tenant.clock.now();
    let lease = leases::take(&mut database, newest, "w1", b"t", now).await.unwrap().unwrap();
    let down = tenant.set(PlanId::FREE).await;
    assert_eq!(down, Applied { accounts_paused: vec![newest], ..Applied::default() });
    let row = accounts::load(&mut database, newest).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason_code.as_deref()), (AccountStatus::Paused, Some("plan_limit")));
    assert_eq!(row.reason.as_deref(), Some("the plan allows 1 Discord accounts, and 2 are in use"));
    assert_eq!(leases::tenure(&mut database, lease).await.unwrap(), Tenure::Revoked);
    // A host that has not seen it yet has its own last word; that changes nothing.
    accounts::set_status(&mut database, newest, AccountStatus::Reconnecting, Default::default(), now).await.unwrap();
    let asked = plans::hostable(&mut database, newest).await.unwrap().unwrap();
    assert!(asked.held && asked.before == 1, "{asked:?}");
    for _ in 0..2 {
        plans::hold(&mut database, newest, (plans::PLAN_LIMIT, "no room"), now).await.unwrap();
    }
    assert!(tenant.apply().await.is_empty());
    let up = tenant.set(PlanId::PRO).await;
    assert_eq!(up, Applied { accounts_resumed: vec![newest], ..Applied::default() });
    let row = accounts::load(&mut database, newest).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason_code), (AccountStatus::Connecting, None));
    let later = now + TimeDelta::seconds(1);
    let untold = plans::untold_accounts(&mut database, later, 10).await.unwrap();
    assert_eq!(untold.iter().map(|one| (one.id, one.since)).collect::<Vec<_>>(), [(newest, now)]);
    plans::account_told(&mut database, newest, now).await.unwrap();
    assert_eq!(plans::untold_accounts(&mut database, later, 10).await.unwrap(), []);
}

#[tokio::test]
async fn an_account_that_its_user_takes_into_their_own_hands_is_not_the_plans_any_more() {
    let tenant = Tenant::new().await;
    tenant.set(PlanId::PRO).await;
    let newest = tenant.account(Platform::Discord).await;
    tenant.set(PlanId::FREE).await;
    let (mut database, now) = (tenant.database().await, tenant.clock.now());
    let stranger = UserId::new(&tenant.clock);
    assert!(!plans::end_hold(&mut database, stranger, newest, false, now).await.unwrap());
    assert!(plans::end_hold(&mut database, tenant.user, newest, false, now).await.unwrap());
    assert!(tenant.set(PlanId::PRO).await.is_empty(), "it stays paused");
    assert!(plans::end_hold(&mut database, tenant.user, newest, true, now).await.unwrap());
    let row = accounts::load(&mut database, newest).await.unwrap().unwrap();
    assert_eq!(row.status, AccountStatus::Connecting);
    assert!(!plans::end_hold(&mut database, tenant.user, tenant.writer, true, now).await.unwrap(), "it is not paused");
    accounts::log_out(&mut database, newest, now).await.unwrap();
    assert_eq!(plans::stale(&mut database, 10).await.unwrap(), [tenant.user], "it may have left room");
}
