use chrono::DateTime;
use domain::{Currency, FixedClock, Money};
use serde_json::{Value, json};

use super::*;
use crate::nowpayments::canonical::Json;

fn payment(id: u64, status: &str, changes: &[(&str, Value)]) -> Payment {
    let mut body = json!({
        "payment_id": id, "payment_status": status, "price_amount": 10, "price_currency": "usd", "pay_amount": 2,
        "actually_paid": 0, "pay_currency": "btc", "created_at": DateTime::UNIX_EPOCH.to_rfc3339(),
    });
    for (key, value) in changes {
        body[*key] = value.clone();
    }
    Payment::read(&Json::parse(body.to_string().as_bytes()).unwrap()).unwrap()
}

fn stands(known: &[Payment], first: Option<&str>) -> (Phase, usize, Option<String>) {
    let amount = Money::new(1_000, Currency::USD);
    let standing = standing(known, first, Terms { amount, coin: Some("btc"), since: DateTime::UNIX_EPOCH });
    (standing.phase, standing.receipts.len(), standing.reason.map(|(code, _)| code))
}

fn said(phase: Phase, receipts: usize, code: &str) -> (Phase, usize, Option<String>) {
    (phase, receipts, (!code.is_empty()).then(|| code.to_owned()))
}

fn paid(coins: u32) -> [(&'static str, Value); 1] {
    [("actually_paid", json!(coins))]
}

#[test]
fn one_payment_stands_where_its_status_says() {
    let one = |status, coins| stands(&[payment(1, status, &paid(coins))], Some("1"));
    assert_eq!(one("waiting", 0), said(Phase::Waiting, 0, ""));
    assert_eq!(one("confirming", 2), said(Phase::Processing, 0, "confirming"));
    assert_eq!(one("sending", 2), said(Phase::Processing, 0, "sending"));
    assert_eq!(one("finished", 2), said(Phase::Done, 1, ""));
    assert_eq!(one("partially_paid", 1), said(Phase::Done, 1, "underpaid"));
    assert_eq!(one("expired", 0), said(Phase::Expired, 0, ""));
    assert_eq!(one("failed", 0), said(Phase::Failed, 0, "failed"));
    assert_eq!(one("failed", 1), said(Phase::Done, 1, "not_finished"));
    assert_eq!(one("refunded", 2), said(Phase::Done, 1, "sent_back"));
}

#[test]
fn coins_that_come_after_the_end_are_on_their_way() {
    assert_eq!(stands(&[payment(1, "expired", &paid(2))], Some("1")), said(Phase::Processing, 0, "expired"));
    assert_eq!(stands(&[payment(1, "finished", &paid(2))], Some("1")), said(Phase::Done, 1, ""));
}

#[test]
fn a_second_deposit_hinders_no_first_one() {
    let child = |status, coins| payment(2, status, &[("parent_payment_id", json!(1)), ("actually_paid", json!(coins))]);
    let whole = payment(1, "finished", &paid(2));
    assert_eq!(stands(&[whole.clone(), child("confirming", 1)], Some("1")), said(Phase::Done, 1, ""));
    assert_eq!(stands(&[whole, child("finished", 1)], Some("1")), said(Phase::Done, 2, ""));
    let part = payment(1, "partially_paid", &paid(1));
    assert_eq!(stands(&[part.clone(), child("confirming", 1)], Some("1")), said(Phase::Processing, 1, "confirming"));
    assert_eq!(stands(&[part, child("finished", 2)], Some("1")), said(Phase::Done, 2, "underpaid"));
}

#[test]
fn a_page_waits_until_something_is_paid() {
    assert_eq!(stands(&[], None), said(Phase::Waiting, 0, ""));
    let given_up = payment(1, "expired", &[]);
    assert_eq!(stands(std::slice::from_ref(&given_up), None), said(Phase::Waiting, 0, ""));
    assert_eq!(stands(&[given_up, payment(2, "finished", &paid(2))], None), said(Phase::Done, 1, ""));
}

#[test]
fn no_answer_leads_back() {
    let (old, new) = (payment(1, "confirming", &paid(2)), payment(1, "finished", &paid(2)));
    assert_eq!(newer(new.clone(), old.clone()).status, Status::Finished);
    assert_eq!(newer(old, new).status, Status::Finished);
    let (one, other) = (payment(1, "sending", &paid(1)), payment(1, "partially_paid", &paid(1)));
    assert_eq!(newer(one, other).status, Status::PartiallyPaid, "of one rank the one that was asked for by itself");
}

#[test]
fn a_payment_is_of_the_order_that_it_names() {
    let order = PaymentId::new(&FixedClock::at(DateTime::UNIX_EPOCH));
    assert!(is_of(&payment(1, "waiting", &[("order_id", json!(order.to_string()))]), order));
    assert!(!is_of(&payment(1, "waiting", &[("order_id", json!("sub_42"))]), order));
    assert!(!is_of(&payment(1, "waiting", &[]), order));
}
