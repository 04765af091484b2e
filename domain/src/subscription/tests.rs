//! Whole lives of subscriptions, walked through step by step.

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};

use super::*;
use crate::{
    billing::{Interval, PaymentPurpose},
    clock::FixedClock,
    ids::PlanId,
    money::{Currency, Money},
};

mod money;
mod properties;
mod wishes;

pub(super) fn at(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 10, 30, 0).unwrap()
}

pub(super) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// Pro costs 10 a month, Elite 30; a year is ten months.
pub(super) fn price(plan: PlanId, interval: Interval) -> Price {
    let month = if plan == PlanId::ELITE { 3_000 } else { 1_000 };
    let months = if interval == Interval::Year { 10 } else { 1 };
    Price { plan, interval, amount: usd(month * months) }
}

pub(super) fn pro() -> Price {
    price(PlanId::PRO, Interval::Month)
}

pub(super) fn elite() -> Price {
    price(PlanId::ELITE, Interval::Month)
}

pub(super) fn shift(one: &Subscription, wanted: &Price) -> Shift {
    let position = |price: &Price| if price.plan == PlanId::ELITE { 3 } else { 2 };
    Shift::between((position(&one.price), &one.price), (position(wanted), wanted))
}

pub(super) fn purchase(purpose: PaymentPurpose, price: Price) -> Purchase {
    Purchase { purpose, price, due: price.amount, net: price.amount, agreement: None }
}

pub(super) fn agreement(now: DateTime<Utc>) -> AgreementId {
    AgreementId::new(&FixedClock::at(now))
}

/// Paid for the first time.
pub(super) fn subscribed(price: Price, now: DateTime<Utc>) -> (Subscription, Bought) {
    Subscription::begin(&purchase(PaymentPurpose::Subscribe, price), now).unwrap()
}

/// Renews at `now`, without anything to be counted.
fn renew(one: &mut Subscription, now: DateTime<Utc>) -> Bought {
    let renewal = purchase(PaymentPurpose::Renew, one.renewal());
    let shift = shift(one, &renewal.price);
    one.buy(&renewal, shift, &[], now).bought.unwrap()
}

/// What time brings until `end`, as whoever never pays sees it: the moment and what happened.
fn lives(one: &mut Subscription, schedule: &Schedule, mut now: DateTime<Utc>) -> Vec<(i64, &'static str)> {
    let start = now;
    let mut seen = Vec::new();
    loop {
        let kind = match one.step(schedule, now) {
            Step::Wait(None) => return seen,
            Step::Wait(Some(until)) => {
                assert!(until > now, "a wait ends later than it begins");
                now = until;
                continue;
            }
            Step::Remind { days } => {
                one.reminded(days);
                EventKind::Reminded
            }
            Step::Roll => one.roll(),
            Step::Collect { .. } => one.unpaid(schedule, now),
            Step::End { status, reason } => {
                one.end(status, reason, now);
                if status == SubscriptionStatus::Canceled { EventKind::Canceled } else { EventKind::Expired }
            }
        };
        seen.push(((now - start).num_days(), kind.as_str()));
    }
}

#[test]
fn whoever_stops_paying_is_reminded_asked_again_and_expires_in_the_end() {
    let (mut one, _) = subscribed(pro(), at(2026, 1, 15));
    let seen = lives(&mut one, &Schedule::default(), at(2026, 1, 15));
    let expected = [
        (24, "reminded"),
        (28, "reminded"),
        (30, "reminded"),
        (31, "past_due"),
        (32, "payment_retried"),
        (34, "payment_retried"),
        (36, "payment_retried"),
        (38, "grace_started"),
        (45, "expired"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(one.status, SubscriptionStatus::Expired);
    assert_eq!(one.ended.map(|(_, reason)| reason), Some(EndReason::Unpaid));
}

#[test]
fn a_trial_ends_unless_it_is_paid_and_what_is_left_of_it_is_kept() {
    let mut one = Subscription::begin_trial(pro(), 14, at(2026, 3, 1));
    assert_eq!(
        lives(&mut one.clone(), &Schedule::default(), at(2026, 3, 1)),
        [(7, "reminded"), (11, "reminded"), (13, "reminded"), (14, "expired")]
    );
    let bought = renew(&mut one, at(2026, 3, 5));
    assert_eq!(bought.covers, Period { start: at(2026, 3, 15), end: at(2026, 4, 15) });
    assert_eq!(one.status, SubscriptionStatus::Active);
    let mut other = Subscription::begin_trial(pro(), 14, at(2026, 3, 1));
    let outcome = other.buy(&purchase(PaymentPurpose::Subscribe, elite()), Shift::Up, &[], at(2026, 3, 5));
    assert_eq!(outcome.bought.unwrap().covers.start, at(2026, 3, 5), "a trial of another plan is not kept");
    assert_eq!(other.trial_at, Some(at(2026, 3, 1)));
}

#[test]
fn a_month_that_begins_on_its_last_day_ends_on_the_last_day_of_shorter_months_and_comes_back() {
    let (mut one, _) = subscribed(pro(), at(2027, 1, 31));
    let mut ends = vec![one.period.end];
    for _ in 0..13 {
        let now = one.period.end;
        renew(&mut one, now);
        ends.push(one.period.end);
    }
    let expected = [
        (2027, 2, 28),
        (2027, 3, 31),
        (2027, 4, 30),
        (2027, 5, 31),
        (2027, 6, 30),
        (2027, 7, 31),
        (2027, 8, 31),
        (2027, 9, 30),
        (2027, 10, 31),
        (2027, 11, 30),
        (2027, 12, 31),
        (2028, 1, 31),
        (2028, 2, 29),
        (2028, 3, 31),
    ];
    assert_eq!(ends, expected.map(|(year, month, day)| at(year, month, day)));
}

#[test]
fn a_year_from_a_leap_day_comes_back_to_it() {
    let mut end = at(2028, 2, 29);
    let mut ends = Vec::new();
    for _ in 0..4 {
        end = following(end, Interval::Year, 29);
        ends.push(end);
    }
    assert_eq!(ends, [at(2029, 2, 28), at(2030, 2, 28), at(2031, 2, 28), at(2032, 2, 29)]);
}

#[test]
fn a_late_renewal_counts_from_the_old_end() {
    let (mut one, _) = subscribed(pro(), at(2026, 1, 31));
    let schedule = Schedule::default();
    let (end, late) = (at(2026, 2, 28), at(2026, 3, 6));
    assert_eq!(one.step(&schedule, end), Step::Collect { from_balance: true });
    assert_eq!(one.unpaid(&schedule, end), EventKind::PastDue);
    let bought = renew(&mut one, late);
    assert_eq!((one.status, bought.covers), (SubscriptionStatus::Active, Period { start: end, end: at(2026, 3, 31) }));
    assert_eq!((one.past_due_since, one.attempts, one.reminded_days), (None, 0, None));
}

#[test]
fn an_early_renewal_is_a_period_more_and_needs_no_reminder() {
    let (mut one, _) = subscribed(pro(), at(2026, 1, 15));
    let bought = renew(&mut one, at(2026, 2, 10));
    assert_eq!(bought.covers, Period { start: at(2026, 2, 15), end: at(2026, 3, 15) });
    assert_eq!((one.period.end, one.paid_until), (at(2026, 2, 15), at(2026, 3, 15)));
    assert_eq!(one.renewal_due(), None);
    let schedule = Schedule::default();
    assert_eq!(one.step(&schedule, at(2026, 2, 14)), Step::Wait(Some(at(2026, 2, 15))));
    assert_eq!(one.step(&schedule, at(2026, 2, 15)), Step::Roll);
    assert_eq!(one.roll(), EventKind::PeriodStarted);
    assert_eq!(one.period, bought.covers);
    assert_eq!(one.renewal_due(), Some(pro()));
}

#[test]
fn whoever_was_not_looked_after_for_months_gets_all_attempts_and_all_of_grace() {
    let (mut one, _) = subscribed(pro(), at(2026, 1, 15));
    let (schedule, late) = (Schedule::default(), at(2026, 9, 1));
    let seen = lives(&mut one, &schedule, late);
    let expected = [
        (0, "past_due"),
        (1, "payment_retried"),
        (3, "payment_retried"),
        (5, "payment_retried"),
        (7, "grace_started"),
        (14, "expired"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_payment_by_agreement_is_waited_for_and_its_failure_is_not() {
    let now = at(2026, 1, 15);
    let first = Purchase { agreement: Some(agreement(now)), ..purchase(PaymentPurpose::Subscribe, pro()) };
    let (one, _) = Subscription::begin(&first, now).unwrap();
    let (schedule, end) = (Schedule::default(), one.period.end);
    assert_eq!(one.step(&schedule, now), Step::Wait(Some(end)), "nobody is reminded of what is paid by itself");
    let patient_until = end + TimeDelta::days(2);
    assert_eq!(one.step(&schedule, end), Step::Wait(Some(patient_until)));
    assert_eq!(one.step(&schedule, patient_until), Step::Collect { from_balance: false });
    let mut failed = one.clone();
    let change = AgreementChange::PaymentFailed { reason: "no money".into() };
    let done = failed.agreement_changed(first.agreement.unwrap(), &change, end - TimeDelta::hours(1));
    assert_eq!(done, Changed::Event { kind: EventKind::AgreementFailed, dropped: None });
    assert_eq!(failed.step(&schedule, end), Step::Collect { from_balance: false });
    assert_eq!(failed.unpaid(&schedule, end), EventKind::PastDue);
    // The provider has tried again by itself.
    let renewal = Purchase { purpose: PaymentPurpose::Renew, ..first };
    let outcome = failed.buy(&renewal, Shift::Same, &[], end + TimeDelta::days(5));
    assert_eq!(outcome.dropped, None);
    assert_eq!(outcome.bought.unwrap().covers.start, end);
    assert_eq!(failed.past_due_since, None);
}

#[test]
fn a_schedule_is_in_order_and_short_enough() {
    let with = |days: &[u16], grace| Schedule::default().with_dunning(days, grace);
    assert!(with(&[0], 0).is_ok());
    assert_eq!(with(&[1, 2], 7), Err(ScheduleError::Dunning));
    assert_eq!(with(&[0, 2, 2], 7), Err(ScheduleError::Dunning));
    assert_eq!(with(&[], 7), Err(ScheduleError::Dunning));
    assert_eq!(with(&[0, 7], 21), Err(ScheduleError::Arrears));
    assert!(with(&[0, 7], 20).is_ok());
    assert_eq!(Schedule::default().with_reminders(&[1, 3]), Err(ScheduleError::Reminders));
    assert_eq!(Schedule::default().with_reminders(&[]), Err(ScheduleError::Reminders));
    assert!(Schedule::default().with_reminders(&[14, 1]).is_ok());
    assert_eq!(Schedule::parse_days("0, 1,3"), Ok(vec![0, 1, 3]));
    assert_eq!(Schedule::parse_days(""), Err(ScheduleError::List));
    assert_eq!(Schedule::parse_days("1,-1"), Err(ScheduleError::List));
}

#[test]
fn without_attempts_and_grace_a_missing_payment_ends_it_at_once() {
    let schedule = Schedule::default().with_dunning(&[0], 0).unwrap();
    let (mut one, _) = subscribed(pro(), at(2026, 1, 15));
    let seen = lives(&mut one, &schedule, at(2026, 2, 15));
    assert_eq!(seen, [(0, "grace_started"), (0, "expired")]);
}
