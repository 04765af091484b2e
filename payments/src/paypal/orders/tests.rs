//! States of orders and captures, and any answer that `PayPal` might give.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn capture(status: &str) -> Capture {
    serde_json::from_value(json!({
        "id": "3C679366HH908993F", "status": status, "amount": { "currency_code": "USD", "value": "10.00" },
        "seller_receivable_breakdown": { "paypal_fee": { "currency_code": "USD", "value": "0.84" } },
        "create_time": "2026-11-22T10:00:00Z",
    }))
    .unwrap()
}

fn of(order: &str, captures: &[&str]) -> (Phase, Option<String>) {
    let captures: Vec<Capture> = captures.iter().map(|status| capture(status)).collect();
    let (phase, reason) = phase(order, &captures.iter().collect::<Vec<_>>());
    (phase, reason.map(|(code, _)| code))
}

#[test]
fn an_order_stands_where_its_captures_stand() {
    for open in ["CREATED", "SAVED", "PAYER_ACTION_REQUIRED"] {
        assert_eq!(of(open, &[]), (Phase::Waiting, None));
    }
    assert_eq!(of("APPROVED", &[]), (Phase::Approved, None));
    assert_eq!(of("VOIDED", &[]), (Phase::Expired, Some("order_voided".into())));
    // The order is complete, the money is not there.
    assert_eq!(of("COMPLETED", &["PENDING"]), (Phase::Processing, Some("pending".into())));
    assert_eq!(of("COMPLETED", &["DECLINED"]), (Phase::Failed, Some("declined".into())));
    assert_eq!(of("COMPLETED", &["FAILED"]).0, Phase::Failed);
    assert_eq!(of("COMPLETED", &[]), (Phase::Processing, Some("no_capture".into())));
    for come in ["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED", "REVERSED"] {
        assert_eq!(of("COMPLETED", &[come]), (Phase::Done, None));
        assert_eq!(of("COMPLETED", &["DECLINED", come]), (Phase::Done, None));
        assert_eq!(of("COMPLETED", &[come, "PENDING"]).0, Phase::Processing);
    }
    assert_eq!(of("SOMETHING_NEW", &[]), (Phase::Processing, Some("unknown_state".into())));
}

#[test]
fn texts_for_people_are_cut_and_cleaned() {
    assert_eq!(shortened("Pro,\n1 month"), "Pro,1 month");
    assert_eq!(shortened(&"ü".repeat(200)).chars().count(), 127);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_is_an_order_or_refused(
        status in "[A-Z_]{0,12}|COMPLETED", capture in "[A-Z_]{0,12}|COMPLETED|PENDING", value in "[0-9.-]{0,14}|.{0,6}",
        currency in "[A-Z]{0,4}|USD", at in "[0-9TZ:+-]{0,30}", text in r"\PC{0,60}",
    ) {
        let amount = json!({ "currency_code": currency, "value": value });
        let body = json!({ "id": text, "status": status, "links": null, "purchase_units": [{ "payments": {
            "captures": [{ "id": text, "status": capture, "amount": amount, "create_time": at, "status_details": null }],
            "refunds": [{ "id": text, "status": capture, "amount": amount, "links": [{ "rel": "up", "href": text }] }],
        }}]});
        let order: WireOrder = serde_json::from_value(body).unwrap();
        let captures: Vec<&Capture> = order.purchase_units.iter().flat_map(|unit| &unit.payments.captures).collect();
        let (phase, _) = phase(&order.status, &captures);
        prop_assert!(phase != Phase::Done || has_come(&capture));
        prop_assert!(serde_json::from_str::<WireOrder>(&text).is_err());
    }
}
