//! What is asked for without paying.

use super::*;

#[test]
fn a_lower_plan_begins_when_what_is_paid_is_over() {
    let (mut one, _) = subscribed(elite(), at(2026, 4, 1));
    let now = at(2026, 4, 10);
    let scheduled = Changed::Event { kind: EventKind::ChangeScheduled, dropped: None };
    assert_eq!(one.change(pro(), Shift::Down, now), Ok(scheduled));
    assert_eq!(one.change(pro(), Shift::Down, now), Ok(Changed::Nothing), "twice is once");
    assert_eq!(one.price, elite(), "not yet");
    assert_eq!(one.renewal_due(), Some(pro()));
    let bought = renew(&mut one, at(2026, 4, 25));
    assert_eq!(bought.covers, Period { start: at(2026, 5, 1), end: at(2026, 6, 1) });
    assert_eq!(one.step(&Schedule::default(), at(2026, 5, 1)), Step::Roll);
    assert_eq!(one.roll(), EventKind::PlanChanged);
    assert_eq!((one.price, one.next), (pro(), None));
}

#[test]
fn a_lower_plan_begins_with_its_late_payment_too() {
    let (mut one, _) = subscribed(elite(), at(2026, 4, 1));
    one.change(pro(), Shift::Down, at(2026, 4, 10)).unwrap();
    one.unpaid(&Schedule::default(), at(2026, 5, 1));
    let bought = renew(&mut one, at(2026, 5, 2));
    assert_eq!((bought.value, one.price), (usd(1_000), pro()));
}

#[test]
fn what_was_scheduled_is_withdrawn_by_the_plan_of_now_or_by_paying_for_it() {
    let (mut one, _) = subscribed(elite(), at(2026, 4, 1));
    let now = at(2026, 4, 10);
    one.change(pro(), Shift::Down, now).unwrap();
    let kept = Changed::Event { kind: EventKind::ChangeWithdrawn, dropped: None };
    assert_eq!(one.change(elite(), Shift::Same, now), Ok(kept));
    assert_eq!(one.next, None);
    one.change(pro(), Shift::Down, now).unwrap();
    let stays = purchase(PaymentPurpose::Renew, elite());
    assert!(one.buy(&stays, Shift::Same, &[], now).bought.is_ok());
    assert_eq!(one.next, None);
}

#[test]
fn a_higher_plan_is_paid_first() {
    let (mut one, _) = subscribed(pro(), at(2026, 4, 1));
    let before = one.clone();
    assert_eq!(one.change(elite(), Shift::Up, at(2026, 4, 10)), Ok(Changed::Nothing));
    assert_eq!(one, before);
}

#[test]
fn it_ends_now_or_when_what_is_paid_is_over_and_may_go_on_until_then() {
    let (mut one, _) = subscribed(pro(), at(2026, 4, 1));
    let now = at(2026, 4, 10);
    let ends = Changed::Event { kind: EventKind::CancelScheduled, dropped: None };
    assert_eq!(one.cancel(CancelWhen::PeriodEnd, EndReason::Requested, now), Ok(ends));
    assert_eq!(one.cancel(CancelWhen::PeriodEnd, EndReason::Requested, now), Ok(Changed::Nothing), "twice is once");
    assert_eq!((one.cancel_at, one.renewal_due()), (Some(at(2026, 5, 1)), None));
    assert_eq!(one.resume(), Ok(Changed::Event { kind: EventKind::Resumed, dropped: None }));
    assert_eq!(one.resume(), Ok(Changed::Nothing));
    one.cancel(CancelWhen::PeriodEnd, EndReason::Requested, now).unwrap();
    assert_eq!(lives(&mut one.clone(), &Schedule::default(), now), [(21, "canceled")], "nobody is reminded");
    let ended = Changed::Event { kind: EventKind::Canceled, dropped: None };
    assert_eq!(one.cancel(CancelWhen::Now, EndReason::Staff, now), Ok(ended));
    assert_eq!(one.ended, Some((now, EndReason::Staff)));
    assert_eq!(one.cancel(CancelWhen::Now, EndReason::Staff, now), Err(Refusal::NoSubscription));
    assert_eq!(one.resume(), Err(Refusal::NoSubscription));
    assert_eq!(one.change(elite(), Shift::Up, now), Err(Refusal::NoSubscription));
}

#[test]
fn what_is_not_paid_ends_at_once() {
    let (mut one, _) = subscribed(pro(), at(2026, 4, 1));
    one.unpaid(&Schedule::default(), at(2026, 5, 1));
    let done = one.cancel(CancelWhen::PeriodEnd, EndReason::Requested, at(2026, 5, 2)).unwrap();
    assert_eq!(done, Changed::Event { kind: EventKind::Canceled, dropped: None });
    let mut trial = Subscription::begin_trial(pro(), 14, at(2026, 4, 1));
    trial.cancel(CancelWhen::PeriodEnd, EndReason::Requested, at(2026, 4, 2)).unwrap();
    assert_eq!(lives(&mut trial, &Schedule::default(), at(2026, 4, 2)), [(13, "canceled")]);
}

#[test]
fn a_period_whose_payment_is_taken_back_ends_now_and_a_later_one_does_not_come() {
    let (mut one, first) = subscribed(pro(), at(2026, 4, 1));
    let second = renew(&mut one, at(2026, 4, 10));
    let now = at(2026, 4, 12);
    let mut later = one.clone();
    let gone = later.take_back(second.covers, now);
    assert_eq!(gone, Changed::Event { kind: EventKind::RenewalTakenBack, dropped: None });
    assert_eq!((later.paid_until, later.status), (later.period.end, SubscriptionStatus::Active));
    assert_eq!(later.renewal_due(), Some(pro()));
    let ended = one.take_back(first.covers, now);
    assert_eq!(ended, Changed::Event { kind: EventKind::Canceled, dropped: None });
    assert_eq!(one.ended, Some((now, EndReason::TakenBack)));
    assert_eq!(one.take_back(first.covers, now), Changed::Nothing, "twice is once");
    let (mut third, over) = subscribed(pro(), at(2026, 4, 1));
    renew(&mut third, at(2026, 4, 10));
    assert_eq!(third.take_back(over.covers, at(2026, 5, 2)), Changed::Nothing, "that time is over");
}

#[test]
fn an_agreement_that_ends_at_the_provider_is_an_end_when_what_is_paid_is_over() {
    let now = at(2026, 4, 1);
    let own = agreement(now);
    let first = Purchase { agreement: Some(own), ..purchase(PaymentPurpose::Subscribe, pro()) };
    let (one, _) = Subscription::begin(&first, now).unwrap();
    let mut ended = one.clone();
    let done = ended.agreement_changed(own, &AgreementChange::Ended, at(2026, 4, 5));
    assert_eq!(done, Changed::Event { kind: EventKind::AgreementEnded, dropped: None });
    assert_eq!((ended.agreement, ended.cancel_at), (None, Some(at(2026, 5, 1))));
    assert_eq!(ended.agreement_changed(own, &AgreementChange::Ended, at(2026, 4, 5)), Changed::Nothing);
    let mut suspended = one.clone();
    let done = suspended.agreement_changed(own, &AgreementChange::Suspended, at(2026, 4, 5));
    assert_eq!(done, Changed::Event { kind: EventKind::AgreementEnded, dropped: Some(own) });
    assert_eq!((suspended.agreement, suspended.cancel_at), (None, None), "it may be paid by hand");
    let mut other = one;
    let foreign = agreement(at(2026, 4, 2));
    assert_eq!(other.agreement_changed(foreign, &AgreementChange::Ended, at(2026, 4, 5)), Changed::Nothing);
}
