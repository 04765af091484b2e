//! What is to be paid, and what payments buy.

use super::*;

fn wanted(one: &Subscription, price: Price) -> Wanted {
    Wanted { price, shift: shift(one, &price) }
}

fn segment(bought: &Bought) -> Segment {
    Segment { value: bought.value, covers: bought.covers }
}

/// A month of thirty days, half of which is over on the 16th.
fn april() -> (Subscription, Bought) {
    subscribed(pro(), at(2026, 4, 1))
}

#[test]
fn an_upgrade_in_the_middle_costs_half_the_difference() {
    let (mut one, bought) = april();
    let (segments, now) = ([segment(&bought)], at(2026, 4, 16));
    let asked = quote(Some(&one), wanted(&one, elite()), &segments, now).unwrap();
    assert_eq!(asked.purpose, PaymentPurpose::Upgrade);
    assert_eq!((asked.list, asked.credit, asked.due, asked.surplus), (usd(1_500), usd(500), usd(1_000), usd(0)));
    let payment = Purchase { due: asked.due, net: asked.due, ..purchase(PaymentPurpose::Upgrade, elite()) };
    let got = one.buy(&payment, Shift::Up, &segments, now).bought.unwrap();
    assert_eq!(got.covers, Period { start: now, end: at(2026, 5, 1) });
    assert_eq!((got.value, got.replaces, got.kind), (usd(1_500), true, EventKind::Upgraded));
    assert_eq!((one.price, one.period.end), (elite(), at(2026, 5, 1)));
    // The same payment again, under another name, has nothing left to buy.
    assert_eq!(one.buy(&payment, Shift::Same, &[segment(&got)], now).bought, Err(Unfit::OtherPlan));
}

#[test]
fn what_was_paid_is_counted_not_what_it_costs() {
    let (one, bought) = april();
    let half = Segment { value: usd(501), ..segment(&bought) };
    let asked = quote(Some(&one), wanted(&one, elite()), &[half], at(2026, 4, 16)).unwrap();
    assert_eq!((asked.list, asked.credit, asked.due), (usd(1_500), usd(250), usd(1_250)), "rounded down");
}

#[test]
fn an_upgrade_to_another_interval_is_a_whole_period_and_what_is_left_goes_to_the_balance() {
    let yearly = price(PlanId::PRO, Interval::Year);
    let (mut one, bought) = subscribed(yearly, at(2026, 1, 1));
    let (segments, now) = ([segment(&bought)], at(2026, 1, 1) + TimeDelta::hours(365 * 12));
    let asked = quote(Some(&one), wanted(&one, elite()), &segments, now).unwrap();
    assert_eq!((asked.list, asked.credit), (usd(3_000), usd(5_000)));
    assert_eq!((asked.due, asked.surplus), (usd(0), usd(2_000)));
    let payment = Purchase { due: usd(0), net: usd(0), ..purchase(PaymentPurpose::Upgrade, elite()) };
    let got = one.buy(&payment, Shift::Up, &segments, now).bought.unwrap();
    assert_eq!((got.surplus, got.value), (usd(2_000), usd(3_000)));
    assert_eq!((one.period.start, one.price), (now, elite()));
    assert_eq!(one.period.end, following(now, Interval::Month, one.anchor_day));
    let (monthly, _) = april();
    let asked = quote(Some(&monthly), wanted(&monthly, yearly), &[], at(2026, 4, 2)).unwrap();
    assert_eq!((asked.purpose, asked.list), (PaymentPurpose::Upgrade, usd(10_000)), "paid by the year from now on");
}

#[test]
fn an_upgrade_pays_for_periods_that_were_paid_ahead_too() {
    let (mut one, first) = april();
    let second = renew(&mut one, at(2026, 4, 10));
    let segments = [segment(&first), segment(&second)];
    let asked = quote(Some(&one), wanted(&one, elite()), &segments, at(2026, 4, 16)).unwrap();
    assert_eq!((asked.list, asked.credit, asked.due), (usd(4_500), usd(1_500), usd(3_000)));
}

#[test]
fn an_upgrade_that_was_quoted_for_another_period_buys_nothing() {
    let (mut one, bought) = april();
    let late = at(2026, 4, 30);
    let asked = quote(Some(&one), wanted(&one, elite()), &[segment(&bought)], late).unwrap();
    let payment = Purchase { due: asked.due, net: asked.due, ..purchase(PaymentPurpose::Upgrade, elite()) };
    // The next period has begun meanwhile: a day's difference does not buy a month.
    let next = renew(&mut one, late);
    assert_eq!(one.step(&Schedule::default(), at(2026, 5, 1)), Step::Roll);
    one.roll();
    let outcome = one.buy(&payment, Shift::Up, &[segment(&next)], at(2026, 5, 1));
    assert_eq!(outcome.bought, Err(Unfit::OtherPeriod));
    assert_eq!(one.price, pro());
}

#[test]
fn whoever_stays_pays_what_was_agreed_on() {
    let (one, _) = april();
    let dearer = Price { amount: usd(1_200), ..pro() };
    let asked = quote(Some(&one), wanted(&one, dearer), &[], at(2026, 4, 20)).unwrap();
    assert_eq!((asked.purpose, asked.price, asked.due), (PaymentPurpose::Renew, pro(), usd(1_000)));
    let mut ended = one.clone();
    ended.end(SubscriptionStatus::Expired, EndReason::Unpaid, at(2026, 6, 1));
    let asked = quote(Some(&ended), wanted(&ended, dearer), &[], at(2026, 6, 2)).unwrap();
    assert_eq!((asked.purpose, asked.due), (PaymentPurpose::Subscribe, usd(1_200)));
}

#[test]
fn what_needs_no_payment_is_refused_one() {
    let (mut one, _) = subscribed(elite(), at(2026, 4, 1));
    let now = at(2026, 4, 10);
    assert_eq!(quote(Some(&one), wanted(&one, pro()), &[], now), Err(Refusal::ChangesAtPeriodEnd));
    renew(&mut one, now);
    assert_eq!(quote(Some(&one), wanted(&one, elite()), &[], now), Err(Refusal::RenewedAlready));
    let euros = Price { amount: Money::new(3_000, Currency::EUR), ..elite() };
    let (cheap, _) = april();
    assert_eq!(quote(Some(&cheap), wanted(&cheap, euros), &[], now), Err(Refusal::OtherCurrency));
}

#[test]
fn two_first_payments_are_two_periods() {
    let (mut one, _) = april();
    let late = purchase(PaymentPurpose::Subscribe, pro());
    let bought = one.buy(&late, Shift::Same, &[], at(2026, 4, 3)).bought.unwrap();
    assert_eq!(bought.covers, Period { start: at(2026, 5, 1), end: at(2026, 6, 1) });
    let other = purchase(PaymentPurpose::Subscribe, elite());
    assert_eq!(one.buy(&other, Shift::Up, &[], at(2026, 4, 3)).bought, Err(Unfit::OtherPlan));
}

#[test]
fn a_payment_after_the_end_begins_anew() {
    for status in [SubscriptionStatus::Canceled, SubscriptionStatus::Expired] {
        let (mut one, _) = april();
        one.trial_at = Some(at(2026, 3, 1));
        one.end(status, EndReason::Unpaid, at(2026, 5, 15));
        let now = at(2026, 7, 31);
        let bought = one.buy(&purchase(PaymentPurpose::Renew, pro()), Shift::Same, &[], now).bought.unwrap();
        assert_eq!(bought.covers, Period { start: now, end: at(2026, 8, 31) });
        assert_eq!((one.status, one.ended, one.anchor_day), (SubscriptionStatus::Active, None, 31));
        assert_eq!(one.trial_at, Some(at(2026, 3, 1)), "nobody tries out twice");
        let upgrade = purchase(PaymentPurpose::Upgrade, elite());
        one.end(status, EndReason::Unpaid, now);
        assert_eq!(one.buy(&upgrade, Shift::Up, &[], now).bought, Err(Unfit::OtherPeriod));
    }
}

#[test]
fn a_missing_payment_may_be_made_for_another_plan() {
    let (mut one, _) = subscribed(elite(), at(2026, 4, 1));
    let (schedule, now) = (Schedule::default(), at(2026, 5, 3));
    one.unpaid(&schedule, at(2026, 5, 1));
    let asked = quote(Some(&one), wanted(&one, pro()), &[], now).unwrap();
    assert_eq!((asked.purpose, asked.due), (PaymentPurpose::Renew, usd(1_000)));
    let bought = one.buy(&purchase(PaymentPurpose::Renew, pro()), Shift::Down, &[], now).bought.unwrap();
    assert_eq!(bought.covers.start, at(2026, 5, 1));
    assert_eq!((one.status, one.price), (SubscriptionStatus::Active, pro()));
}

#[test]
fn an_agreement_of_another_price_ends_with_the_change() {
    let now = at(2026, 4, 1);
    let old = agreement(now);
    let first = Purchase { agreement: Some(old), ..purchase(PaymentPurpose::Subscribe, pro()) };
    let (mut one, bought) = Subscription::begin(&first, now).unwrap();
    let segments = [segment(&bought)];
    let asked = quote(Some(&one), wanted(&one, elite()), &segments, at(2026, 4, 16)).unwrap();
    let upgrade = Purchase { due: asked.due, net: asked.due, ..purchase(PaymentPurpose::Upgrade, elite()) };
    let outcome = one.buy(&upgrade, Shift::Up, &segments, at(2026, 4, 16));
    assert_eq!((outcome.dropped, one.agreement), (Some(old), None));
    // It has charged once more before it heard.
    let stray = Purchase { purpose: PaymentPurpose::Renew, ..first };
    let outcome = one.buy(&stray, Shift::Down, &[], at(2026, 5, 1) - TimeDelta::hours(1));
    assert_eq!((outcome.bought, outcome.dropped), (Err(Unfit::OtherPlan), Some(old)));
}

#[test]
fn an_agreement_that_was_given_up_does_not_revive_what_was_canceled() {
    let now = at(2026, 4, 1);
    let old = agreement(now);
    let first = Purchase { agreement: Some(old), ..purchase(PaymentPurpose::Subscribe, pro()) };
    for when in [CancelWhen::Now, CancelWhen::PeriodEnd] {
        let (mut one, _) = Subscription::begin(&first, now).unwrap();
        let done = one.cancel(when, EndReason::Requested, at(2026, 4, 5)).unwrap();
        assert!(matches!(done, Changed::Event { dropped, .. } if dropped == Some(old)));
        let stray = Purchase { purpose: PaymentPurpose::Renew, ..first };
        let outcome = one.buy(&stray, Shift::Same, &[], at(2026, 4, 30));
        assert_eq!((outcome.bought, outcome.dropped), (Err(Unfit::AgreementEnded), Some(old)));
        assert!(one.agreement.is_none());
    }
}
