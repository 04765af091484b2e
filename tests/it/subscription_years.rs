//! Whole years of subscriptions in seconds: the real workflow, the real activity and a real PostgreSQL, on Temporal's test
//! server, which skips the time in which nobody works.

mod world;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use domain::{
    PlanId,
    billing::{Interval, PaymentPurpose, SubscriptionStatus},
    subscription::{CancelWhen, EndReason, following},
};
use store::subscriptions::{self, GoneBack};
use workflows::{contract::subscription_workflow_id, subscription::SubscriptionWorkflow};

use self::world::{Years, price};
use crate::histories;

/// How often each kind of event is there.
fn counts(events: &[(String, DateTime<Utc>)], kinds: &[&str]) -> Vec<usize> {
    kinds.iter().map(|kind| events.iter().filter(|(found, _)| found == kind).count()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_months_are_paid_from_the_balance_each_on_the_last_day_until_it_is_spent() {
    let years = Years::start().await;
    years.pass_until_day(1, 31).await;
    let began = years.now().await;
    let bought = years.buy(price(PlanId::PRO, Interval::Month)).await;
    // Continued as new every few weeks, so that nothing hangs on the workflow's memory.
    years.start_workflow(60).await;
    years.deposit(24 * 1_000).await;
    assert_eq!(bought.period.map(|(start, _)| start.day()), Some(31));
    assert_eq!(years.plan().await, "pro");

    for _ in 0..27 {
        years.pass(TimeDelta::days(30)).await;
    }
    let segments = years.segments().await;
    assert_eq!(segments.len(), 25, "the first month and 24 from the balance");
    let mut start = segments[0].0;
    for (from, to, value) in &segments {
        assert_eq!(*from, start, "no gap and no overlap");
        assert_eq!(*to, following(*from, Interval::Month, 31), "on the last day of every month");
        assert_eq!(*value, 1_000);
        start = *to;
    }
    assert!((start - began).num_days() > 700, "two years have passed");
    assert_eq!(years.balance().await, 0);
    let events = years.events().await;
    let kinds = ["renewed", "past_due", "payment_retried", "grace_started", "expired"];
    assert_eq!(counts(&events, &kinds), [24, 1, 3, 1, 1]);
    let dunning: Vec<i64> = events
        .iter()
        .filter(|(kind, _)| kinds[1..].contains(&kind.as_str()))
        .map(|(_, at)| (*at - start).num_days())
        .collect();
    assert_eq!(dunning, [0, 1, 3, 5, 7, 14], "on the days that the schedule says");
    assert_eq!(years.plan().await, "free");
    // The balance pays by itself: said once for each period, and three times when it does not suffice.
    let letters = years.letters().await;
    assert_eq!(letters.iter().filter(|key| key.contains("/reminded/")).count(), 24 + 3);
    assert_eq!(letters.iter().filter(|key| key.contains("/expired/")).count(), 1);
    let workflow = years.client.get_workflow_handle::<SubscriptionWorkflow>(subscription_workflow_id(years.user));
    workflow.get_result(Default::default()).await.expect("it ends with the subscription");
    years.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_becomes_years_that_are_renewed_late_changed_canceled_resumed_and_taken_back() {
    let years = Years::start().await;
    let yearly = price(PlanId::PRO, Interval::Year);
    years.start_trial(PlanId::PRO).await;
    assert_eq!(years.plan().await, "pro");
    years.pass(TimeDelta::days(5)).await;
    let trial_end = years.subscription().await.period.end;
    let first = years.pay(yearly).await.period.unwrap();
    assert_eq!(first.0, trial_end, "what is left of the trial is kept");

    // Canceled and resumed in the middle of the year.
    years.pass(TimeDelta::days(100)).await;
    years.cancel(CancelWhen::PeriodEnd).await;
    years.pass(TimeDelta::days(100)).await;
    years.resume().await;
    // Nobody pays in time: a year later it is past due, and paid on the fourth day.
    years.pass_to(first.1 + TimeDelta::days(4)).await;
    assert_eq!(years.subscription().await.status, SubscriptionStatus::PastDue);
    let second = years.pay(yearly).await.period.unwrap();
    assert_eq!(second, (first.1, following(first.1, Interval::Year, years.subscription().await.anchor_day)));

    // On to Elite for the rest of the year, and back to Pro at its end, which the balance pays.
    years.pass(TimeDelta::days(120)).await;
    let upgrade = years.pay(price(PlanId::ELITE, Interval::Year)).await;
    assert_eq!(upgrade.period.unwrap().1, second.1);
    assert_eq!(years.plan().await, "elite");
    years.change(yearly).await;
    years.deposit(10_000).await;
    years.pass_to(second.1 + TimeDelta::days(1)).await;
    let third = years.subscription().await;
    assert_eq!((third.price.plan, third.status), (PlanId::PRO, SubscriptionStatus::Active));
    assert_eq!((years.plan().await.as_str(), years.balance().await), ("pro", 0));

    // The bank takes the year back.
    let payment = years.last_payment().await;
    let gone = years.taken_back(payment, GoneBack::ChargedBack).await;
    assert!(gone.is_some() && years.taken_back(payment, GoneBack::ChargedBack).await.is_none(), "twice is once");
    years.pass(TimeDelta::days(1)).await;
    let ended = years.subscription().await;
    assert_eq!(ended.ended.map(|(_, reason)| reason), Some(EndReason::TakenBack));
    assert_eq!(years.plan().await, "free");
    let workflow = years.client.get_workflow_handle::<SubscriptionWorkflow>(subscription_workflow_id(years.user));
    workflow.get_result(Default::default()).await.expect("it ends with the subscription");
    let email = years.email();
    histories::check("subscription", workflow.fetch_history(Default::default()), &[&email]).await;
    years.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_after_the_end_begins_anew_and_a_given_plan_holds_before_what_is_paid() {
    let years = Years::start().await;
    let (pro, elite) = (price(PlanId::PRO, Interval::Month), price(PlanId::ELITE, Interval::Month));
    years.pay(pro).await;
    years.pass(TimeDelta::days(60)).await;
    assert_eq!(years.subscription().await.status, SubscriptionStatus::Expired);
    years.pass(TimeDelta::days(200)).await;
    let now = years.now().await;
    let again = years.pay(pro).await.period.unwrap();
    assert!((again.0 - now).num_seconds().abs() <= 5, "from now on");

    // Staff gives Elite for a week: it holds, and what is paid goes on below it.
    years.give(PlanId::ELITE, now + TimeDelta::days(7)).await;
    assert_eq!(years.plan().await, "elite");
    let mut database = years.pool.acquire().await.unwrap();
    let refused = subscriptions::quote(&mut database, years.user, elite, now).await.unwrap();
    assert_eq!(refused.unwrap_err().code(), "plan_granted");
    drop(database);
    years.pass(TimeDelta::days(8)).await;
    years.expire_plans().await;
    assert_eq!(years.plan().await, "pro", "what is subscribed to holds again");

    // Whoever buys more than was given has it at once.
    years.give(PlanId::PRO, now + TimeDelta::days(300)).await;
    let mut database = years.pool.acquire().await.unwrap();
    let asked = subscriptions::quote(&mut database, years.user, elite, years.now().await).await.unwrap().unwrap();
    assert_eq!(asked.purpose, PaymentPurpose::Upgrade);
    drop(database);
    years.pay(elite).await;
    assert_eq!(years.plan().await, "elite");
    years.pass(TimeDelta::days(60)).await;
    assert_eq!(years.plan().await, "free");
    years.stop().await;
}
