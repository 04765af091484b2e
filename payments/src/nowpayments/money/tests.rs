//! Every way in which money may come, and what becomes of it.

use domain::Currency;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::nowpayments::canonical::Json;

fn terms(minor: i64) -> Terms<'static> {
    Terms { amount: Money::new(minor, Currency::USD), coin: Some("btc"), since: DateTime::UNIX_EPOCH }
}

fn payment(changes: &[(&str, Value)]) -> Payment {
    let mut body = json!({
        "payment_id": 5_077_125_051_u64, "payment_status": "finished", "price_amount": 10, "price_currency": "usd",
        "pay_amount": 0.000_083, "actually_paid": 0.000_083, "pay_currency": "btc", "actually_paid_at_fiat": 0,
        "updated_at": "2026-11-21T12:00:00.000Z",
    });
    for (key, value) in changes {
        body[*key] = value.clone();
    }
    Payment::read(&Json::parse(body.to_string().as_bytes()).unwrap()).unwrap()
}

/// The amount in cents and the code of the reason.
fn judged(changes: &[(&str, Value)]) -> Option<(i64, Option<String>)> {
    receipt(&payment(changes), terms(1_000)).map(|receipt| (receipt.amount.minor, receipt.review.map(|(code, _)| code)))
}

fn reviewed(minor: i64, code: &str) -> Option<(i64, Option<String>)> {
    Some((minor, Some(code.to_owned())))
}

#[test]
fn what_was_agreed_is_granted() {
    assert_eq!(judged(&[]), Some((1_000, None)));
    assert_eq!(judged(&[("actually_paid", json!("8.30e-5")), ("price_amount", json!("10.00"))]), Some((1_000, None)));
    assert_eq!(judged(&[("price_currency", json!("USD")), ("pay_currency", json!("BTC"))]), Some((1_000, None)));
    let receipt = receipt(&payment(&[]), terms(1_000)).unwrap();
    assert_eq!((receipt.external.as_str(), receipt.fee), ("payment:5077125051", None));
    assert_eq!(receipt.at.to_rfc3339(), "2026-11-21T12:00:00+00:00");
}

#[test]
fn nothing_is_granted_before_it_is_finished() {
    for status in ["waiting", "confirming", "confirmed", "sending", "expired", "something new"] {
        assert_eq!(judged(&[("payment_status", json!(status))]), None, "{status}");
    }
    assert_eq!(judged(&[("payment_status", json!("failed")), ("actually_paid", json!(0))]), None);
    assert_eq!(judged(&[("payment_status", json!("failed"))]), reviewed(1_000, "not_finished"));
    assert_eq!(judged(&[("payment_status", json!("partially_paid"))]), reviewed(1_000, "underpaid"));
}

#[test]
fn too_little_is_reviewed_and_too_much_counts_whole() {
    assert_eq!(judged(&[("actually_paid", json!(0.000_041_5))]), reviewed(500, "underpaid"));
    assert_eq!(judged(&[("actually_paid", json!(0.000_082_9))]), reviewed(998, "underpaid"));
    assert_eq!(judged(&[("actually_paid", json!(null))]), reviewed(0, "underpaid"));
    assert_eq!(judged(&[("pay_amount", json!(0))]), reviewed(0, "underpaid"));
    assert_eq!(judged(&[("actually_paid", json!(0.000_166))]), Some((2_000, None)));
    assert_eq!(judged(&[("actually_paid", json!(0.000_083_000_1))]), Some((1_000, None)));
    let absurd = [("actually_paid", json!("79228162514264337593543950335")), ("pay_amount", json!("0.000000001"))];
    assert_eq!(judged(&absurd), Some((1_000, None)), "a surplus that cannot be counted is none");
}

#[test]
fn another_price_asset_or_deposit_is_reviewed() {
    assert_eq!(judged(&[("price_amount", json!(9.99))]), reviewed(999, "other_price"));
    assert_eq!(judged(&[("price_amount", json!("10.001"))]), reviewed(1_000, "other_price"));
    assert_eq!(judged(&[("price_currency", json!("eur"))]), reviewed(0, "other_price"));
    assert_eq!(judged(&[("pay_currency", json!("ltc"))]), reviewed(1_000, "other_asset"));
    assert_eq!(judged(&[("parent_payment_id", json!(5_077_125_050_u64))]), reviewed(1_000, "second_deposit"));
    let child = [
        ("parent_payment_id", json!(1)),
        ("pay_currency", json!("ltc")),
        ("pay_amount", json!(null)),
        ("actually_paid_at_fiat", json!(3.219)),
    ];
    assert_eq!(judged(&child), reviewed(321, "second_deposit"), "what the provider says it was worth");
    let free = Terms { coin: None, ..terms(1_000) };
    assert_eq!(receipt(&payment(&[("pay_currency", json!("ltc"))]), free).unwrap().review, None);
}

#[test]
fn what_was_sent_back_is_a_receipt_and_its_reversal() {
    let payment = payment(&[("payment_status", json!("refunded"))]);
    let receipt = receipt(&payment, terms(1_000)).unwrap();
    assert_eq!(receipt.review.as_ref().unwrap().0, "sent_back");
    let back = reversal(&payment, &receipt).unwrap();
    assert_eq!((back.external.as_str(), back.receipt.as_str()), ("payment:5077125051:refunded", "payment:5077125051"));
    assert_eq!((back.amount, back.chargeback, back.refund), (receipt.amount, false, None));
    assert_eq!(reversal(&self::payment(&[]), &receipt), None);
}

#[test]
fn the_fee_is_counted_at_the_agreed_rate_and_rounded_up() {
    let fee = |fee: Value| receipt(&payment(&[("fee", fee)]), terms(1_000)).unwrap().fee.map(|fee| fee.minor);
    let parts =
        |coin: &str| json!({ "currency": coin, "depositFee": 8.3e-7, "withdrawalFee": 0, "serviceFee": 4.2e-7 });
    assert_eq!(fee(parts("btc")), Some(16));
    assert_eq!(fee(parts("trx")), None);
    assert_eq!(fee(json!({ "currency": "btc", "depositFee": 1 })), None, "never more than has come");
    assert_eq!(fee(json!(null)), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_granted_is_the_price_at_least_and_less_is_never_granted(
        minor in 1_i64..10_000_000, asked in 1_u64..u64::from(u32::MAX), paid in 0_u64..u64::from(u32::MAX), scale in 0_u32..18,
    ) {
        let coins = |units: u64| Decimal::from_i128_with_scale(i128::from(units), scale);
        let mut payment = payment(&[]);
        payment.price = Some(Decimal::new(minor, 2));
        (payment.pay_amount, payment.paid) = (Some(coins(asked)), Some(coins(paid)));
        let receipt = receipt(&payment, terms(minor)).unwrap();
        prop_assert_eq!(receipt.review.is_none(), paid >= asked);
        prop_assert_eq!(receipt.amount.minor >= minor, paid >= asked);
        let exact = i128::from(minor) * i128::from(paid) / i128::from(asked);
        prop_assert_eq!(i128::from(receipt.amount.minor), exact);
    }
}
