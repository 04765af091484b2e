//! What tenants have on account, what staff change of it by hand, and the books as staff see them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness, histories,
    member::{self, Member},
    staff::Staff,
};

/// What was answered: the status and the body.
type Answer = (u16, Value);

/// A change of a member's balance by staff.
async fn change(staff: &Staff, member: &Member, key: Option<&str>, body: &Value) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/admin/users/{}/balance", staff.http.base(), member.id());
    let request = client.post(url).bearer_auth(staff.http.token().unwrap()).json(body);
    let request = if let Some(key) = key { request.header("Idempotency-Key", key) } else { request };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn body(direction: &str, amount: &str) -> Value {
    let amount = json!({ "amount": amount, "currency": "USD" });
    json!({ "direction": direction, "amount": amount, "reason": "a test", "note": "with thanks" })
}

async fn balances(member: &Member) -> Value {
    member::get(&member.api(), "/billing/balance").await.unwrap()["balances"].clone()
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.0, &answer.1["code"]), (status, &json!(code)), "{answer:?}");
}

#[tokio::test]
async fn staff_change_a_balance_once_and_the_tenant_sees_it() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "admin").await, Member::new(&stack).await);
    assert_eq!(balances(&member).await, json!([]));
    let credit = body("credit", "12.5");
    let first = change(&staff, &member, Some("first"), &credit).await;
    assert_eq!((first.0, &first.1["replayed"]), (200, &json!(false)), "{first:?}");
    let expected = json!({ "currency": "USD", "posted": "12.50", "held": "0.00", "available": "12.50" });
    assert_eq!(first.1["balance"], expected);
    let again = change(&staff, &member, Some("first"), &credit).await;
    assert_eq!((again.0, &again.1["replayed"], &again.1["entry"]), (200, &json!(true), &first.1["entry"]));
    refused(&change(&staff, &member, Some("first"), &body("credit", "12.51")).await, 409, "idempotency_key_reused");
    assert_eq!(balances(&member).await, json!([expected]));
    // The key is one user's.
    let other = Member::new(&stack).await;
    assert_eq!(change(&staff, &other, Some("first"), &credit).await.1["replayed"], false);

    let debit = change(&staff, &member, Some("second"), &body("debit", "2.50")).await;
    assert_eq!(debit.1["balance"]["available"], "10.00", "{debit:?}");
    refused(&change(&staff, &member, Some("third"), &body("debit", "10.01")).await, 409, "balance_insufficient");
    let entries = member::get(&member.api(), "/billing/balance/entries").await.unwrap();
    let listed = entries["entries"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{entries:#}");
    assert_eq!(listed[0]["amounts"], json!([{ "amount": "-2.50", "currency": "USD" }]));
    assert_eq!((&listed[1]["kind"], &listed[1]["note"]), (&json!("adjustment"), &json!("with thanks")));
    let page = member::get(&member.api(), "/billing/balance/entries?limit=1").await.unwrap();
    let path = format!("/billing/balance/entries?limit=1&before={}", page["next"].as_str().unwrap());
    let next = member::get(&member.api(), &path).await.unwrap();
    assert_eq!((&next["entries"][0]["id"], &next["next"]), (&first.1["entry"], &Value::Null));

    let seen = staff.get(&format!("/users/{}/balance", member.id())).await;
    assert_eq!(
        (&seen["balances"][0]["available"], seen["entries"].as_array().map(Vec::len)),
        (&json!("10.00"), Some(2))
    );
    let log = staff.audit(&member.id(), "user.balance").await;
    assert_eq!(log.len(), 2, "what was repeated or refused is not there: {log:#?}");
    assert_eq!((&log[1]["old"]["balance"], &log[1]["new"]["balance"]), (&json!("0.00 USD"), &json!("12.50 USD")));
    assert_eq!(log[1]["reason"], "a test");
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "admin").await, Member::new(&stack).await);
    let good = body("credit", "1.00");
    refused(&change(&staff, &member, None, &good).await, 422, "idempotency_key_invalid");
    refused(&change(&staff, &member, Some("a b"), &good).await, 422, "idempotency_key_invalid");
    for amount in ["0", "-1", "0.001", "1e3", "99999999999999"] {
        refused(&change(&staff, &member, Some("k"), &body("credit", amount)).await, 422, "amount_invalid");
    }
    let mut wrong = good.clone();
    wrong["amount"]["currency"] = json!("XXX");
    refused(&change(&staff, &member, Some("k"), &wrong).await, 422, "currency_unknown");
    let mut wrong = good.clone();
    wrong["reason"] = json!(" ");
    refused(&change(&staff, &member, Some("k"), &wrong).await, 422, "reason_length");
    wrong["reason"] = json!("x");
    wrong["note"] = json!("x".repeat(501));
    refused(&change(&staff, &member, Some("k"), &wrong).await, 422, "note_length");
    let support = Staff::new(&stack, "support").await;
    refused(&change(&support, &member, Some("k"), &good).await, 403, "role_missing");
    assert_eq!(balances(&member).await, json!([]));
    let nobody = "/users/user_00000000000000000000000000000000/balance";
    let missing = staff.try_call(Method::GET, nobody, &Value::Null).await.unwrap_err();
    assert_eq!(missing.code(), "user_not_found");
}

#[tokio::test]
async fn the_books_are_proved_and_shown_to_staff() {
    let stack = harness::shared().await;
    let (staff, member) = (Staff::new(&stack, "admin").await, Member::new(&stack).await);
    assert_eq!(change(&staff, &member, Some("k"), &body("credit", "3.00")).await.0, 200);
    let (_, report) = histories::prove_books(&histories::temporal(&stack).await).await;
    assert!(report.accounts >= 2 && report.entries >= 1 && report.discrepancies == 0, "{report:?}");
    let books = staff.get("/billing/ledger").await;
    assert_eq!(books["proof"]["discrepancies"], json!([]), "{books:#}");
    let accounts = books["accounts"].as_array().unwrap();
    assert!(accounts.iter().any(|account| account["kind"] == "adjustments" && account["provider"].is_null()));
    let dollars = books["credits"].as_array().unwrap().iter().find(|one| one["balance"]["currency"] == "USD");
    assert!(dollars.is_some_and(|one| one["accounts"].as_i64() >= Some(1)), "{books:#}");
}
