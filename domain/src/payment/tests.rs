use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{Currency, FixedClock, billing::PaymentPurpose, clock::Clock as _};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn came<'a>(minor: i64) -> Came<'a> {
    Came { amount: usd(minor), review: None }
}

#[test]
fn less_than_what_was_to_be_paid_is_never_enough_and_more_is() {
    assert_eq!(worth(usd(1_000), &[]), Worth::Nothing);
    assert_eq!(worth(usd(1_000), &[came(1_000)]), Worth::Enough(usd(1_000)));
    assert_eq!(worth(usd(1_000), &[came(999)]), Worth::Doubtful("underpaid"));
    assert_eq!(worth(usd(1_000), &[came(999), came(1)]), Worth::Enough(usd(1_000)));
    assert_eq!(worth(usd(1_000), &[came(1_200)]), Worth::Enough(usd(1_200)));
    let euros = Came { amount: Money::new(1_000, Currency::EUR), review: None };
    assert_eq!(worth(usd(1_000), &[euros]), Worth::Doubtful("wrong_currency"));
    let other = Came { amount: usd(5_000), review: Some("wrong_asset") };
    assert_eq!(worth(usd(1_000), &[came(1_000), other]), Worth::Doubtful("wrong_asset"));
    assert_eq!(worth(usd(1_000), &[came(i64::MAX), came(1)]), Worth::Doubtful("amount_too_large"));
}

#[test]
fn what_is_final_stays_so_whatever_a_late_word_says() {
    for state in [
        PaymentState::Review,
        PaymentState::Settled,
        PaymentState::Refunded,
        PaymentState::ChargedBack,
        PaymentState::Failed,
        PaymentState::Expired,
        PaymentState::Canceled,
    ] {
        for phase in [Phase::Waiting, Phase::Approved, Phase::Processing, Phase::Done, Phase::Failed, Phase::Expired] {
            assert_eq!(after(state, phase), state, "{phase:?}");
        }
    }
    assert_eq!(after(PaymentState::Processing, Phase::Waiting), PaymentState::Pending, "declined: asked again");
    assert_eq!(after(PaymentState::Pending, Phase::Done), PaymentState::Pending);
}

fn deal() -> Deal {
    Deal {
        purpose: PaymentPurpose::Subscribe,
        list: usd(1_000),
        credit: usd(0),
        discount: usd(100),
        from_balance: usd(200),
        amount: usd(700),
        is_late: false,
    }
}

fn offer() -> Offer {
    Offer {
        purpose: PaymentPurpose::Subscribe,
        list: usd(1_000),
        credit: usd(0),
        discount: usd(100),
        from_balance: usd(200),
    }
}

fn granted(bargain: Bargain) -> Grant {
    match bargain {
        Bargain::Grant(grant) => grant,
        Bargain::Credit => panic!("nothing was granted"),
    }
}

#[test]
fn in_time_the_terms_that_were_agreed_on_hold_whatever_it_costs_now() {
    let dearer = Offer { list: usd(5_000), discount: usd(0), from_balance: usd(0), ..offer() };
    let grant = granted(bargain(&deal(), usd(700), Some(&dearer)));
    assert!(grant.is_as_agreed);
    assert_eq!((grant.list, grant.from_balance, grant.surplus), (usd(1_000), usd(200), usd(0)));
    let grant = granted(bargain(&deal(), usd(750), Some(&dearer)));
    assert_eq!(grant.surplus, usd(50));
}

#[test]
fn late_money_buys_what_it_is_worth_or_is_credit() {
    let late = Deal { is_late: true, ..deal() };
    let grant = granted(bargain(&late, usd(700), Some(&offer())));
    assert_eq!((grant.paid, grant.from_balance, grant.surplus), (usd(700), usd(200), usd(0)));
    let poor = Offer { from_balance: usd(199), ..offer() };
    assert_eq!(bargain(&late, usd(700), Some(&poor)), Bargain::Credit);
    let without_coupon = Offer { discount: usd(0), ..offer() };
    assert_eq!(bargain(&late, usd(700), Some(&without_coupon)), Bargain::Credit);
    let cheaper = Offer { list: usd(500), ..offer() };
    let grant = granted(bargain(&late, usd(700), Some(&cheaper)));
    assert_eq!((grant.paid, grant.from_balance, grant.surplus), (usd(400), usd(0), usd(300)));
    assert_eq!(bargain(&late, usd(700), None), Bargain::Credit, "there is nothing to buy any more");
}

#[test]
fn late_money_may_buy_something_else_by_now() {
    let renewal = Offer { purpose: PaymentPurpose::Renew, ..offer() };
    let grant = granted(bargain(&Deal { is_late: true, ..deal() }, usd(700), Some(&renewal)));
    assert_eq!((grant.purpose, grant.is_as_agreed), (PaymentPurpose::Renew, false));
    assert_eq!(bargain(&deal(), usd(699), Some(&renewal)), Bargain::Credit, "it is too little");
}

fn facts(state: PaymentState) -> Facts {
    Facts {
        state,
        is_known: true,
        ask_at: Some(at(20)),
        asked_at: None,
        expires_at: at(3_600),
        end_at: None,
        refund: None,
    }
}

#[test]
fn a_payment_is_created_asked_about_and_given_up() {
    let new = Facts { is_known: false, ask_at: None, ..facts(PaymentState::Created) };
    assert_eq!(next(&new, at(0)), Step::Create);
    let failed = Facts { ask_at: Some(at(5)), ..new };
    assert_eq!(next(&failed, at(0)), Step::Wait(at(5)));
    assert_eq!(next(&failed, at(5)), Step::Create);
    assert_eq!(next(&failed, at(3_600)), Step::Expire, "the provider never knew of it");
    let pending = facts(PaymentState::Pending);
    assert_eq!(next(&pending, at(0)), Step::Wait(at(20)));
    assert_eq!(next(&pending, at(20)), Step::Ask);
    let asked = Facts { ask_at: Some(at(4_000)), asked_at: Some(at(3_500)), ..pending };
    assert_eq!(next(&asked, at(3_500)), Step::Wait(at(3_600)));
    let heard = Facts { asked_at: Some(at(3_600)), ..asked };
    assert_eq!(next(&heard, at(3_600)), Step::Expire);
    let silent = Facts { ask_at: Some(at(9_000)), asked_at: None, ..pending };
    assert_eq!(next(&silent, at(3_600 + 3_600)), Step::Expire, "the provider does not answer");
    let processing = Facts { ask_at: Some(at(90_000)), ..facts(PaymentState::Processing) };
    assert_eq!(next(&processing, at(80_000)), Step::Wait(at(90_000)), "money on its way does not expire");
}

#[test]
fn a_payment_that_is_over_rests_until_it_is_asked_about_once_more() {
    let settled = Facts { ask_at: Some(at(86_400)), ..facts(PaymentState::Settled) };
    assert_eq!(next(&settled, at(10)), Step::Rest(Some(at(86_400))));
    assert_eq!(next(&settled, at(86_400)), Step::Ask);
    assert_eq!(next(&Facts { ask_at: None, ..settled }, at(10)), Step::Rest(None));
    let refund = RefundId::new(&FixedClock::at(at(0)));
    let refunding = Facts { refund: Some((refund, at(30))), ..settled };
    assert_eq!(next(&refunding, at(10)), Step::Wait(at(30)));
    assert_eq!(next(&refunding, at(30)), Step::Refund(refund));
    let ending = Facts { end_at: Some(at(0)), ask_at: None, ..settled };
    assert_eq!(next(&ending, at(10)), Step::End);
}

#[test]
fn polls_grow_rare_and_end() {
    let clock = FixedClock::at(at(0));
    assert_eq!(poll_after(TimeDelta::zero()), TimeDelta::seconds(20));
    assert_eq!(poll_after(TimeDelta::days(30)), TimeDelta::hours(1));
    assert_eq!(late_watch(at(0), clock.now()), Some(at(600)));
    assert_eq!(late_watch(at(0), at(8 * 86_400)), None);
    assert_eq!(settled_watch(at(0), at(3_600)), Some(at(86_400)));
    assert_eq!(
        (backoff(0), backoff(1), backoff(3)),
        (TimeDelta::seconds(1), TimeDelta::seconds(1), TimeDelta::seconds(4))
    );
    assert_eq!(backoff(u32::MAX), TimeDelta::minutes(5));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bargain_makes_or_loses_money(
        list in 0_i64..10_000, credit in 0_i64..10_000, discount in 0_i64..10_000, held in 0_i64..10_000,
        now in (0_i64..10_000, 0_i64..10_000, 0_i64..10_000, 0_i64..10_000), came in 0_i64..20_000, is_late: bool,
    ) {
        let rest = (list - credit).max(0);
        let discount = discount.min(rest);
        let held = held.min(rest - discount);
        let amount = rest - discount - held;
        let deal = Deal {
            purpose: PaymentPurpose::Upgrade, list: usd(list), credit: usd(credit), discount: usd(discount),
            from_balance: usd(held), amount: usd(amount), is_late,
        };
        let purpose = PaymentPurpose::Renew;
        let offer = Offer {
            purpose, list: usd(now.0), credit: usd(now.1), discount: usd(now.2), from_balance: usd(now.3),
        };
        if let Bargain::Grant(grant) = bargain(&deal, usd(came), Some(&offer)) {
            prop_assert_eq!(grant.paid.minor + grant.surplus.minor, came);
            let rest = (grant.list.minor - grant.credit.minor).max(0);
            prop_assert_eq!(grant.paid.minor + grant.from_balance.minor + grant.discount.minor, rest);
            prop_assert!([grant.paid, grant.surplus, grant.from_balance, grant.discount].iter().all(|it| it.minor >= 0));
            prop_assert!(grant.from_balance.minor <= held.max(now.3));
        }
    }

    #[test]
    fn a_step_that_is_due_is_never_waited_for_in_the_past(
        state in prop::sample::select(PaymentState::ALL), is_known: bool, ask in prop::option::of(0_i64..10_000),
        asked in prop::option::of(0_i64..10_000), now in 0_i64..20_000, end in prop::option::of(0_i64..10_000),
    ) {
        let facts = Facts {
            state, is_known, ask_at: ask.map(at), asked_at: asked.map(at), expires_at: at(3_600), end_at: end.map(at),
            refund: None,
        };
        match next(&facts, at(now)) {
            Step::Wait(until) => prop_assert!(until > at(now), "{facts:?} {until}"),
            Step::Rest(Some(until)) => prop_assert!(until > at(now), "{facts:?} {until}"),
            Step::Create => prop_assert!(!is_known && state == PaymentState::Created),
            Step::Expire => prop_assert!(is_unpaid(state) && now >= 3_600),
            Step::Ask => prop_assert!(is_known),
            Step::Refund(_) | Step::End | Step::Rest(None) => (),
        }
    }
}
