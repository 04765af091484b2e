use proptest::prelude::*;

use super::*;
use crate::clock::SystemClock;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

#[test]
fn every_name_is_the_one_that_serde_gives_it() {
    for kind in AccountKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for kind in EntryKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(EntryKind::parse(kind.as_str()), Some(*kind));
    }
    for state in HoldState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn an_account_is_named_by_whose_it_is() {
    let user = UserId::new(&SystemClock);
    assert_eq!(Account::User(user).to_string(), format!("user/{user}"));
    assert_eq!(Account::provider("paypal").to_string(), "provider/paypal");
    assert_eq!(Account::Revenue.to_string(), "revenue");
    assert!(!Account::User(user).kind().may_be_negative());
    let systems = AccountKind::ALL.iter().filter(|kind| kind.may_be_negative()).count();
    assert_eq!(systems, AccountKind::ALL.len() - 1);
}

#[test]
fn what_could_never_be_posted_is_refused() {
    let user = Account::User(UserId::new(&SystemClock));
    let posting = |from: &Account, to: &Account, minor| Posting::new(from.clone(), to.clone(), usd(minor));
    let refused = |postings: &[Posting]| net(postings).unwrap_err();
    assert_eq!(refused(&[]), EntryError::Postings);
    assert_eq!(refused(&vec![posting(&user, &Account::Revenue, 1); POSTINGS_MAX + 1]), EntryError::Postings);
    for minor in [0, -1, AMOUNT_MINOR_MAX + 1, i64::MIN, i64::MAX] {
        assert_eq!(refused(&[posting(&user, &Account::Revenue, minor)]), EntryError::Amount, "{minor}");
    }
    assert_eq!(refused(&[posting(&user, &user, 1)]), EntryError::SameAccount);
    for code in ["", "PayPal", "a b", "a/b", &"x".repeat(33)] {
        assert_eq!(refused(&[posting(&Account::provider(code), &user, 1)]), EntryError::Provider, "{code}");
    }
    assert!(net(&[posting(&Account::provider("now_payments2"), &user, AMOUNT_MINOR_MAX)]).is_ok());
    for (key, good) in [("", false), ("a\0", false), ("payment/1", true)] {
        assert_eq!(check_key(key).is_ok(), good, "{key}");
    }
    assert!(check_key(&"ä".repeat(KEY_CHARS_MAX)).is_ok());
    assert_eq!(check_key(&"ä".repeat(KEY_CHARS_MAX + 1)), Err(EntryError::Key));
    assert_eq!(check_note(&"x".repeat(NOTE_CHARS_MAX + 1)), Err(EntryError::Note));
    assert_eq!(check_note(""), Ok(()));
    assert_eq!(check_kind(EntryKind::Reversal), Err(EntryError::Kind));
}

#[test]
fn a_settlement_leaves_its_tenant_with_what_they_had_less_what_they_used() {
    let user = Account::User(UserId::new(&SystemClock));
    let paypal = Account::provider("paypal");
    let postings = [
        Posting::new(paypal.clone(), user.clone(), usd(700)),
        Posting::new(Account::Discounts, user.clone(), usd(200)),
        Posting::new(user.clone(), Account::Revenue, usd(1_000)),
        Posting::new(Account::Fees, paypal.clone(), usd(54)),
    ];
    let net = net(&postings).unwrap();
    let of = |account: &Account| net.get(&(account.clone(), Currency::USD)).copied();
    assert_eq!(of(&user), Some(-100));
    assert_eq!(of(&Account::Revenue), Some(1_000));
    assert_eq!(of(&Account::Discounts), Some(-200));
    assert_eq!(of(&paypal), Some(-646));
    assert_eq!(of(&Account::Fees), Some(-54));
}

#[test]
fn a_fingerprint_is_of_what_moves_and_for_what() {
    let (user, other) = (UserId::new(&SystemClock), UserId::new(&SystemClock));
    let one = Posting::new(Account::Adjustments, Account::User(user), usd(5));
    let two = Posting::new(Account::User(other), Account::Revenue, usd(7));
    let reference = Some(other.as_uuid());
    let print = |kind, reference, postings: &[Posting]| fingerprint(kind, reference, postings);
    let same = print(EntryKind::Adjustment, None, &[one.clone(), two.clone()]);
    assert_eq!(print(EntryKind::Adjustment, None, &[two.clone(), one.clone()]), same);
    let euros = Posting { amount: Money::new(5, Currency::EUR), ..one.clone() };
    let turned = Posting::new(Account::User(user), Account::Adjustments, usd(5));
    for others in [
        print(EntryKind::Deposit, None, &[one.clone(), two.clone()]),
        print(EntryKind::Adjustment, reference, &[one.clone(), two.clone()]),
        print(EntryKind::Adjustment, None, &[euros, two.clone()]),
        print(EntryKind::Adjustment, None, &[turned, two]),
        print(EntryKind::Adjustment, None, &[one]),
    ] {
        assert_ne!(others, same);
    }
    assert_ne!(fingerprint_hold(user, usd(5), None), fingerprint_hold(other, usd(5), None));
    assert_ne!(fingerprint_hold(user, usd(5), None), fingerprint_hold(user, usd(6), None));
    assert_ne!(fingerprint_hold(user, usd(5), None), fingerprint_hold(user, usd(5), reference));
}

#[test]
fn what_is_held_is_not_available() {
    let balance = Balance { posted: usd(1_000), held: usd(300) };
    assert_eq!(balance.available(), usd(700));
    assert_eq!(Balance::zero(Currency::EUR).available(), Money::zero(Currency::EUR));
}

fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        (0_u128..4).prop_map(|number| Account::User(UserId::from_uuid(Uuid::from_u128(number)))),
        "[a-c]".prop_map(Account::Provider),
        Just(Account::Revenue),
        Just(Account::Discounts),
        Just(Account::Adjustments),
    ]
}

fn posting() -> impl Strategy<Value = Posting> {
    (account(), account(), 1..=AMOUNT_MINOR_MAX, 0_usize..3).prop_map(|(from, to, minor, currency)| {
        let currency = Currency::all().nth(currency).unwrap();
        Posting::new(from, to, Money::new(minor, currency))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entry_sums_to_zero_in_every_currency(postings in prop::collection::vec(posting(), 1..=POSTINGS_MAX)) {
        let to_itself = postings.iter().any(|posting| posting.from == posting.to);
        match net(&postings) {
            Err(error) => prop_assert!(to_itself && error == EntryError::SameAccount),
            Ok(net) => {
                prop_assert!(!to_itself);
                let mut sums = BTreeMap::new();
                for ((_, currency), change) in net {
                    *sums.entry(currency).or_insert(0_i64) += change;
                }
                prop_assert!(sums.values().all(|sum| *sum == 0));
            }
        }
    }

    #[test]
    fn the_order_of_postings_is_no_part_of_what_they_are(postings in prop::collection::vec(posting(), 1..8)) {
        let turned: Vec<Posting> = postings.iter().rev().cloned().collect();
        prop_assert_eq!(
            fingerprint(EntryKind::Settlement, None, &postings),
            fingerprint(EntryKind::Settlement, None, &turned)
        );
    }
}
