use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn terms(reduction: Reduction) -> Terms {
    let currency = match reduction {
        Reduction::Percent(_) => None,
        Reduction::Fixed(amount) => Some(amount.currency),
    };
    Terms {
        reduction,
        duration: Duration::Once,
        currency,
        minimum: None,
        plans: Vec::new(),
        interval: None,
        first_purchase: false,
        combinable: true,
        per_user_max: None,
        redemptions_max: None,
        starts_at: None,
        ends_at: None,
    }
}

fn coupon(number: u128, terms: Terms) -> Coupon {
    let code = Code::parse(&format!("code-{number}")).unwrap();
    Coupon { id: CouponId::from_uuid(Uuid::from_u128(number)), code, terms, is_active: true }
}

fn purchase(minor: i64) -> Purchase {
    let (plan, interval, purpose) = (PlanId::PRO, Interval::Month, PaymentPurpose::Subscribe);
    Purchase { plan, interval, purpose, list: usd(minor) }
}

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

#[test]
fn a_code_is_folded_or_none() {
    for text in ["summer-26", " SUMMER-26\n", "Summer-26"] {
        assert_eq!(Code::parse(text).unwrap().as_str(), "SUMMER-26");
    }
    for wrong in ["", "ab", "-abc", "a b c", "straße", "ＡＢＣ", "a\0bc", &"x".repeat(41)] {
        assert_eq!(Code::parse(wrong), None, "{wrong:?}");
    }
}

/// Breaks every rule from the first to the last, and mends them one by one: the reason is always the first one left.
#[test]
fn the_first_reason_is_told() {
    let hour = TimeDelta::hours(1);
    let mut wrong = coupon(1, terms(Reduction::Fixed(Money::new(500, Currency::EUR))));
    wrong.is_active = false;
    wrong.terms = Terms {
        minimum: Some(Money::new(2_000, Currency::EUR)),
        plans: vec![PlanId::ELITE],
        interval: Some(Interval::Year),
        first_purchase: true,
        per_user_max: Some(1),
        redemptions_max: Some(10),
        starts_at: Some(NOW + hour),
        ends_at: Some(NOW),
        ..wrong.terms
    };
    let mut usage = Usage { has_paid: true, by_user: 1, by_all: 10 };
    type Mend = fn(&mut Coupon, &mut Usage);
    let mends: [(Refusal, Mend); 10] = [
        (Refusal::Inactive, |coupon, _| coupon.is_active = true),
        (Refusal::NotStarted, |coupon, _| coupon.terms.starts_at = Some(NOW)),
        (Refusal::Expired, |coupon, _| coupon.terms.ends_at = Some(NOW + TimeDelta::hours(1))),
        (Refusal::Plan, |coupon, _| coupon.terms.plans.push(PlanId::PRO)),
        (Refusal::Interval, |coupon, _| coupon.terms.interval = Some(Interval::Month)),
        (Refusal::Currency, |coupon, _| coupon.terms.currency = Some(Currency::USD)),
        (Refusal::Minimum, |coupon, _| coupon.terms.minimum = Some(usd(1_000))),
        (Refusal::FirstPurchase, |_, usage| usage.has_paid = false),
        (Refusal::UserLimit, |_, usage| usage.by_user = 0),
        (Refusal::Exhausted, |_, usage| usage.by_all = 9),
    ];
    for (expected, mend) in mends {
        assert_eq!(wrong.check(Some(&purchase(1_000)), usage, NOW), Err(expected));
        mend(&mut wrong, &mut usage);
    }
    assert_eq!(wrong.check(Some(&purchase(1_000)), usage, NOW), Ok(()));
    assert_eq!(wrong.check(Some(&purchase(999)), usage, NOW), Err(Refusal::Minimum));
}

#[test]
fn what_is_kept_or_running_has_passed_its_limits() {
    let mut held = coupon(1, terms(Reduction::Percent(50)));
    held.terms.ends_at = Some(NOW);
    held.terms.redemptions_max = Some(1);
    held.terms.first_purchase = true;
    let bought = purchase(1_000);
    assert_eq!(held.check_kept(&bought, false), Ok(()));
    assert_eq!(held.check_kept(&bought, true), Err(Refusal::FirstPurchase));
    held.is_active = false;
    assert_eq!(held.check_kept(&bought, false), Err(Refusal::Inactive));
    assert_eq!(held.check_running(&bought), Ok(()));
    held.terms.plans = vec![PlanId::ELITE];
    assert_eq!(held.check_running(&bought), Err(Refusal::Plan));
}

#[test]
fn the_rest_of_a_period_is_no_other_period() {
    use PaymentPurpose::{Renew, Subscribe, Upgrade};
    assert!(!Terms::counts(true, Upgrade));
    for (is_running, purpose) in [(false, Upgrade), (true, Renew), (true, Subscribe), (false, Subscribe)] {
        assert!(Terms::counts(is_running, purpose));
    }
    for (duration, periods) in [(Duration::Once, Some(1)), (Duration::Repeating(3), Some(3)), (Duration::Forever, None)]
    {
        assert_eq!((duration.periods_max(), Duration::of(periods)), (periods, duration));
    }
}

#[test]
fn terms_that_cannot_be_are_refused() {
    let good = terms(Reduction::Fixed(usd(500)));
    assert_eq!(good.validate(), Ok(()));
    let wrong: [(TermsError, Terms); 9] = [
        (TermsError::Percent, terms(Reduction::Percent(0))),
        (TermsError::Percent, terms(Reduction::Percent(101))),
        (TermsError::Amount, terms(Reduction::Fixed(usd(0)))),
        (TermsError::Currency, Terms { currency: None, ..good.clone() }),
        (TermsError::Currency, Terms { minimum: Some(Money::new(1, Currency::EUR)), ..good.clone() }),
        (TermsError::Periods, Terms { duration: Duration::Repeating(1), ..good.clone() }),
        (TermsError::Plans, Terms { plans: vec![PlanId::PRO, PlanId::PRO], ..good.clone() }),
        (TermsError::PerUser, Terms { per_user_max: Some(0), ..good.clone() }),
        (TermsError::Times, Terms { starts_at: Some(NOW), ends_at: Some(NOW), ..good.clone() }),
    ];
    for (error, terms) in wrong {
        assert_eq!(terms.validate(), Err(error), "{terms:?}");
    }
    assert!(good.promises_the_same(&Terms { per_user_max: Some(1), ..good.clone() }));
    assert!(!good.promises_the_same(&Terms { duration: Duration::Forever, ..good.clone() }));
}

fn cut(list: i64, named: &[Coupon], standing: &[Coupon]) -> Result<Vec<(u128, i64)>, Refusal> {
    let cuts = choose(usd(list), Candidates { named, standing })?;
    Ok(cuts.iter().map(|cut| (cut.coupon.id.as_uuid().as_u128(), cut.amount.minor)).collect())
}

#[test]
fn percentages_come_before_amounts_and_nothing_is_taken_twice() {
    let five = coupon(1, terms(Reduction::Fixed(usd(500))));
    let half = coupon(2, terms(Reduction::Percent(50)));
    let third = coupon(3, terms(Reduction::Percent(33)));
    assert_eq!(cut(1_000, &[five.clone(), half.clone()], &[]), Ok(vec![(2, 500), (1, 500)]));
    assert_eq!(cut(999, std::slice::from_ref(&third), &[]), Ok(vec![(3, 329)]), "the odd unit stays");
    assert_eq!(cut(100, std::slice::from_ref(&five), &[]), Ok(vec![(1, 100)]));
    assert_eq!(cut(1_000, &[half.clone(), third], std::slice::from_ref(&five)), Ok(vec![(2, 500), (3, 165), (1, 335)]));
    assert_eq!(cut(0, &[half], &[five]), Ok(vec![]));
}

#[test]
fn what_may_not_be_combined_goes_alone() {
    let alone = |number, reduction| coupon(number, Terms { combinable: false, ..terms(reduction) });
    let (half, five) = (alone(1, Reduction::Percent(50)), coupon(2, terms(Reduction::Fixed(usd(500)))));
    let tenth = coupon(3, terms(Reduction::Percent(10)));
    assert_eq!(cut(1_000, &[half.clone(), five.clone()], &[]), Err(Refusal::NotCombinable));
    assert_eq!(cut(1_000, std::slice::from_ref(&half), std::slice::from_ref(&five)), Ok(vec![(1, 500)]));
    assert_eq!(cut(1_000, std::slice::from_ref(&five), std::slice::from_ref(&half)), Ok(vec![(2, 500)]));
    let standing = [half, tenth, five];
    assert_eq!(cut(1_000, &[], &standing), Ok(vec![(3, 100), (2, 500)]), "together they take more");
    assert_eq!(cut(2_000, &[], &standing), Ok(vec![(1, 1_000)]), "alone it takes more");
}

prop_compose! {
    fn any_coupon()(percent in any::<bool>(), size in 1_i64..5_000, combinable in any::<bool>(), number in 1_u128..9)
        -> Coupon {
        let reduction = match percent {
            true => Reduction::Percent(u8::try_from(size % 100 + 1).unwrap()),
            false => Reduction::Fixed(usd(size)),
        };
        coupon(number, Terms { combinable, ..terms(reduction) })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_choice_takes_more_than_the_price(
        list in 0_i64..10_000,
        named in prop::collection::vec(any_coupon(), 0..4),
        standing in prop::collection::vec(any_coupon(), 0..4),
    ) {
        match cut(list, &named, &standing) {
            Err(refusal) => {
                prop_assert_eq!(refusal, Refusal::NotCombinable);
                prop_assert!(named.len() > 1 && named.iter().any(|coupon| !coupon.terms.combinable));
            }
            Ok(cuts) => {
                prop_assert!(cuts.iter().all(|(_, amount)| *amount > 0));
                let total: i64 = cuts.iter().map(|(_, amount)| amount).sum();
                prop_assert!(total <= list);
                for coupon in &named {
                    prop_assert!(named.len() > 1 || total >= coupon.terms.reduction.of(usd(list)).minor);
                }
            }
        }
    }

    #[test]
    fn a_percentage_is_floored_and_the_whole_is_the_whole(list in 0_i64..i64::MAX, percent in 1_u8..=100) {
        let taken = Reduction::Percent(percent).of(usd(list)).minor;
        prop_assert_eq!(i128::from(taken), i128::from(list) * i128::from(percent) / 100);
        prop_assert_eq!(Reduction::Percent(100).of(usd(list)), usd(list));
    }

    #[test]
    fn an_amount_takes_no_more_than_there_is(list in i64::MIN..i64::MAX, amount in 1_i64..i64::MAX) {
        let taken = Reduction::Fixed(usd(amount)).of(usd(list)).minor;
        prop_assert!(taken >= 0 && taken <= list.max(0) && taken <= amount);
        prop_assert_eq!(Reduction::Fixed(Money::new(amount, Currency::EUR)).of(usd(list)).minor, 0);
    }

    #[test]
    fn any_text_is_a_code_or_none(text in "[ a-zA-Z0-9_-]{0,44}|.{0,12}") {
        if let Some(code) = Code::parse(&text) {
            prop_assert_eq!(Code::parse(code.as_str()), Some(code.clone()));
            prop_assert_eq!(Code::parse(&text.to_lowercase()), Some(code));
        }
    }
}

#[test]
fn a_run_of_payments_ends_with_the_first_coupon_that_has_none_left() {
    let (half, fixed) = (coupon(1, terms(Reduction::Percent(50))), coupon(2, terms(Reduction::Fixed(usd(100)))));
    let of = |coupons: &[(&Coupon, Option<u32>)]| {
        let coupons: Vec<_> = coupons.iter().map(|(coupon, left)| ((*coupon).clone(), *left)).collect();
        run(usd(1_000), &coupons).map(|run| (run.discount.minor, run.payments))
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[(&half, Some(0))]), None, "it was good for the first payment alone");
    assert_eq!(of(&[(&half, Some(2))]), Some((500, Some(2))));
    assert_eq!(of(&[(&half, None)]), Some((500, None)));
    assert_eq!(of(&[(&half, Some(0)), (&fixed, Some(3))]), Some((100, Some(3))));
    assert_eq!(of(&[(&half, Some(2)), (&fixed, None)]), Some((600, Some(2))));
    let other = coupon(3, terms(Reduction::Fixed(Money::new(100, Currency::EUR))));
    assert_eq!(of(&[(&other, None)]), None);
}
