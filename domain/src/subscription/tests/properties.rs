//! What holds whatever happens.

use chrono::Datelike as _;
use proptest::prelude::*;

use super::*;

fn any_interval() -> impl Strategy<Value = Interval> {
    prop_oneof![Just(Interval::Month), Just(Interval::Year)]
}

fn any_price() -> impl Strategy<Value = Price> {
    (prop_oneof![Just(PlanId::PRO), Just(PlanId::ELITE)], any_interval())
        .prop_map(|(plan, interval)| price(plan, interval))
}

/// Something that happens, and how many hours later.
#[derive(Clone, Debug)]
enum Deed {
    Time,
    Pay(PaymentPurpose, Price, bool),
    Change(Price),
    Cancel(CancelWhen),
    Resume,
    TakeBack,
}

fn any_deed() -> impl Strategy<Value = (i64, Deed)> {
    let purpose =
        prop_oneof![Just(PaymentPurpose::Subscribe), Just(PaymentPurpose::Renew), Just(PaymentPurpose::Upgrade)];
    let deed = prop_oneof![
        4 => Just(Deed::Time),
        4 => (purpose, any_price(), any::<bool>()).prop_map(|(purpose, price, own)| Deed::Pay(purpose, price, own)),
        1 => any_price().prop_map(Deed::Change),
        1 => prop_oneof![Just(CancelWhen::Now), Just(CancelWhen::PeriodEnd)].prop_map(Deed::Cancel),
        1 => Just(Deed::Resume),
        1 => Just(Deed::TakeBack),
    ];
    (0_i64..900, deed)
}

/// Does what is due, as the store does, and returns how many steps that took.
fn settle(one: &mut Subscription, schedule: &Schedule, now: DateTime<Utc>) -> usize {
    for steps in 0..100 {
        match one.step(schedule, now) {
            Step::Wait(until) => {
                assert!(until.is_none_or(|until| until > now), "a wait is for later");
                return steps;
            }
            Step::Remind { days } => one.reminded(days),
            Step::Roll => {
                one.roll();
            }
            Step::Collect { .. } => {
                one.unpaid(schedule, now);
            }
            Step::End { status, reason } => {
                one.end(status, reason, now);
            }
        }
    }
    panic!("there is always something to do: {one:?}");
}

/// What the columns of its row demand.
fn check(one: &Subscription) {
    assert!(one.period.start < one.period.end && one.period.end <= one.paid_until, "{one:?}");
    assert!((1..=31).contains(&one.anchor_day));
    assert_eq!(one.status.entitles(), one.ended.is_none(), "{one:?}");
    assert_eq!(one.status == SubscriptionStatus::Grace, one.grace_until.is_some(), "{one:?}");
    assert!(one.status != SubscriptionStatus::PastDue || one.past_due_since.is_some(), "{one:?}");
    assert!(one.next.is_none_or(|next| next.price.amount.currency == one.price.amount.currency));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn periods_follow_one_another_on_the_anchor_day(
        start in 0_i64..4_000_000_000, interval in any_interval(), count in 1_usize..40,
    ) {
        let start = DateTime::from_timestamp(start, 0).unwrap();
        let mut end = start;
        for _ in 0..count {
            let next = following(end, interval, start.day());
            let days = (next - end).num_days();
            let lengths = if interval == Interval::Month { 28..=31 } else { 365..=366 };
            prop_assert!(lengths.contains(&days), "{end} is followed by {next}");
            let short = next.day() < start.day();
            prop_assert!(!short || (next + TimeDelta::days(1)).day() == 1, "{next} is no last day");
            prop_assert!(next.day() <= start.day() && next.time() == start.time());
            end = next;
        }
    }

    #[test]
    fn credit_is_at_most_what_was_paid_and_never_grows(
        paid in 0_i64..10_000_000, seconds in 1_i64..40_000_000, at_one in 0_i64..50_000_000, later in 0_i64..1_000_000,
    ) {
        let start = at(2026, 1, 1);
        let covers = Period { start, end: start + TimeDelta::seconds(seconds) };
        let segments = [Segment { value: usd(paid), covers }];
        let left = |at: i64| credit(&segments, Currency::USD, start + TimeDelta::seconds(at)).minor;
        prop_assert!(left(at_one) <= paid && left(at_one) >= 0);
        prop_assert!(left(at_one + later) <= left(at_one));
        prop_assert_eq!(left(0), paid);
        prop_assert_eq!(left(seconds), 0);
        // Rounded down here and up there: together never less than the whole.
        let rest = charge(usd(paid), &[covers], start + TimeDelta::seconds(at_one)).minor;
        prop_assert!(rest >= left(at_one) && rest <= left(at_one) + 1);
    }

    #[test]
    fn any_life_keeps_its_rows_in_order_and_comes_to_rest(deeds in prop::collection::vec(any_deed(), 1..60)) {
        let schedule = Schedule::default();
        let mut now = at(2026, 1, 31);
        let (mut one, first) = subscribed(pro(), now);
        let mut segments = vec![Segment { value: first.value, covers: first.covers }];
        let mut paid = first.value.minor;
        let mut given_back = 0;
        for (hours, deed) in deeds {
            now += TimeDelta::hours(hours);
            match deed {
                Deed::Time => {
                    settle(&mut one, &schedule, now);
                }
                Deed::Pay(purpose, price, own) => {
                    let wanted = Wanted { price, shift: shift(&one, &price) };
                    let asked = quote(Some(&one), wanted, &segments, now);
                    let due = asked.map_or(price.amount, |asked| asked.due);
                    let agreement = own.then(|| agreement(now));
                    let payment = Purchase { purpose, price, due, net: due, agreement };
                    let before = one.clone();
                    let outcome = one.buy(&payment, wanted.shift, &segments, now);
                    match outcome.bought {
                        Ok(bought) => {
                            prop_assert!(bought.covers.end > now, "what is over is not sold");
                            prop_assert_eq!(one.status, SubscriptionStatus::Active);
                            if bought.replaces {
                                segments.clear();
                            }
                            segments.push(Segment { value: bought.value, covers: bought.covers });
                            paid += due.minor;
                            given_back += bought.surplus.minor;
                        }
                        Err(_) => {
                            let agreement = one.agreement;
                            prop_assert_eq!(&one, &Subscription { agreement, ..before });
                        }
                    }
                    prop_assert!(outcome.dropped.is_none() || outcome.dropped != one.agreement);
                }
                Deed::Change(price) => {
                    let shift = shift(&one, &price);
                    one.change(price, shift, now).ok();
                }
                Deed::Cancel(when) => {
                    one.cancel(when, EndReason::Requested, now).ok();
                }
                Deed::Resume => {
                    one.resume().ok();
                }
                Deed::TakeBack => {
                    if let Some(last) = segments.pop() {
                        one.take_back(last.covers, now);
                    }
                }
            }
            check(&one);
            prop_assert!(given_back <= paid, "more went back than came");
            prop_assert!(credit(&segments, Currency::USD, now).minor <= paid);
        }
        // Nobody pays any more: it ends by itself.
        for _ in 0..200 {
            settle(&mut one, &schedule, now);
            check(&one);
            match one.step(&schedule, now) {
                Step::Wait(Some(until)) => now = until,
                Step::Wait(None) => break,
                step => prop_assert!(false, "{step:?} is left over"),
            }
        }
        prop_assert!(!one.status.entitles(), "{one:?}");
    }
}
