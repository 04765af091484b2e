//! The whole table of events, and any body that might come.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PAYMENT: &str = "pay_0192e4c1b2a37c408d5e6f708192a3b4";

fn event(kind: &str, resource: Value) -> Event {
    let body =
        json!({ "id": "WH-1", "event_type": kind, "create_time": "2026-11-22T10:00:00.000Z", "resource": resource });
    read(body.to_string().as_bytes()).unwrap()
}

fn ids(event: &Event) -> Vec<&str> {
    event.externals.iter().map(String::as_str).collect()
}

#[test]
fn orders_and_captures_name_the_payment_and_the_order() {
    let order =
        json!({ "id": "5O190127TN364715T", "status": "APPROVED", "purchase_units": [{ "custom_id": PAYMENT }] });
    let approved = event("CHECKOUT.ORDER.APPROVED", order);
    assert_eq!((ids(&approved), approved.ignorable), (vec!["5O190127TN364715T"], false));
    assert_eq!(approved.payment.map(|payment| payment.to_string()).as_deref(), Some(PAYMENT));
    assert_eq!(approved.at, time(Some("2026-11-22T10:00:00Z")));
    let units = json!([{ "invoice_id": PAYMENT }]);
    let lost = event(
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        json!({ "order_id": "5O190127TN364715T", "purchase_units": units }),
    );
    assert_eq!((ids(&lost), lost.payment.is_some(), lost.ignorable), (vec!["5O190127TN364715T"], true, false));
    for word in ["COMPLETED", "PENDING", "DECLINED", "DENIED"] {
        let capture = json!({
            "id": "3C679366HH908993F", "custom_id": PAYMENT,
            "supplementary_data": { "related_ids": { "order_id": "5O190127TN364715T" } },
        });
        let captured = event(&format!("PAYMENT.CAPTURE.{word}"), capture);
        assert_eq!(ids(&captured), ["5O190127TN364715T", "3C679366HH908993F"]);
        assert!(captured.payment.is_some() && !captured.ignorable, "{word}");
    }
}

#[test]
fn what_went_back_names_its_receipt() {
    let links = json!([{ "rel": "up", "href": "https://api.paypal.com/v2/payments/captures/3C679366HH908993F" }]);
    for kind in ["PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"] {
        let back = event(kind, json!({ "id": "1JU08902781691411", "links": links }));
        assert_eq!((ids(&back), back.ignorable), (vec!["3C679366HH908993F", "1JU08902781691411"], false));
    }
    for kind in ["PAYMENT.SALE.REFUNDED", "PAYMENT.SALE.REVERSED"] {
        let back = event(kind, json!({ "id": "6YX43824R4443062K", "sale_id": "9T0916710M1105906" }));
        assert_eq!((ids(&back), back.ignorable), (vec!["9T0916710M1105906", "6YX43824R4443062K"], false));
    }
    let disputed =
        json!({ "dispute_id": "PP-D-1", "disputed_transactions": [{ "seller_transaction_id": "3C679366HH908993F" }] });
    assert_eq!(ids(&event("CUSTOMER.DISPUTE.CREATED", disputed)), ["3C679366HH908993F"]);
}

#[test]
fn subscriptions_and_their_payments_name_the_agreement() {
    for word in
        ["CREATED", "ACTIVATED", "UPDATED", "EXPIRED", "CANCELLED", "SUSPENDED", "RE-ACTIVATED", "PAYMENT.FAILED"]
    {
        let told =
            event(&format!("BILLING.SUBSCRIPTION.{word}"), json!({ "id": "I-BW452GLLEP1G", "custom_id": PAYMENT }));
        assert_eq!(
            (ids(&told), told.payment.is_some(), told.ignorable),
            (vec!["I-BW452GLLEP1G"], true, false),
            "{word}"
        );
    }
    let sale = json!({ "id": "80021663DE681814L", "billing_agreement_id": "I-BW452GLLEP1G", "custom": PAYMENT });
    let renewed = event("PAYMENT.SALE.COMPLETED", sale);
    assert_eq!(ids(&renewed), ["I-BW452GLLEP1G", "80021663DE681814L"]);
    assert!(renewed.payment.is_some() && !renewed.ignorable);
    // A sale without an agreement is no renewal.
    assert!(event("PAYMENT.SALE.COMPLETED", json!({ "id": "80021663DE681814L" })).ignorable);
}

#[test]
fn what_is_none_of_ours_is_kept_and_no_more() {
    for kind in ["CATALOG.PRODUCT.UPDATED", "BILLING.PLAN.CREATED", "INVOICING.INVOICE.PAID", "SOMETHING.NEW"] {
        let told = event(kind, json!({ "id": "PROD-1" }));
        assert!(told.ignorable && told.externals.is_empty(), "{kind}");
    }
}

#[test]
fn a_resource_of_another_shape_has_no_ids() {
    for resource in [json!(null), json!("text"), json!([1]), json!({ "id": 7 }), json!({ "id": "../../x" })] {
        assert_eq!(event("PAYMENT.CAPTURE.COMPLETED", resource).externals, [] as [String; 0]);
    }
    for body in
        ["", "[]", "{}", r#"{"id":"WH-1"}"#, r#"{"id":"","event_type":"X"}"#, r#"{"id":"a b","event_type":"X"}"#]
    {
        assert!(matches!(read(body.as_bytes()), Err(WebhookError::Malformed(_))), "{body}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_read_or_refused(
        body in proptest::collection::vec(any::<u8>(), 0..200), kind in "[A-Z.]{0,40}", text in r"\PC{0,80}",
    ) {
        let _ = read(&body);
        let body = json!({ "id": text, "event_type": kind, "create_time": text, "resource": {
            "id": text, "custom_id": text, "links": [{ "rel": "up", "href": text }], "purchase_units": [{ "custom_id": text }],
        }});
        if let Ok(event) = read(body.to_string().as_bytes()) {
            prop_assert!(event.externals.iter().all(|id| is_id(id)) && event.externals.len() <= EXTERNALS_MAX);
            prop_assert!((1..=KEY_CHARS_MAX).contains(&event.key.len()));
        }
    }
}
