//! Invoices through the API: whose they are, what they say, as a file, and to whom they are made out.

use chrono::{DateTime, Utc};
use domain::{
    Clock as _, Currency, InvoiceId, Money, PaymentId, SystemClock, UserId,
    billing::invoice::{Bill, InvoiceSettings, Parts},
};
use reqwest::Method;
use sandbox::{client::Http, stack::Stack};
use serde_json::{Value, json};
use store::invoices::{NewCreditNote, NewInvoice};

use crate::{
    harness,
    member::{Member, call, get, text},
    staff::Staff,
    world::assert_refused,
};

const DETAILS: [&str; 3] = ["Công ty Đặng", "1 Phố Huế\nHà Nội", "VN0101234567"];

/// An invoice of 7.50 and a credit note of 2.50 for the tenant, made out as a payment makes them out.
pub struct Issued {
    pub payment: PaymentId,
    pub invoice: InvoiceId,
    pub note: InvoiceId,
}

pub async fn issue(stack: &Stack, user: &str) -> Issued {
    let pool = store::connect(&stack.urls().database.clone().into()).expect("the URL is good");
    let (user, now): (UserId, DateTime<Utc>) = (user.parse().expect("an id"), SystemClock.now());
    let (payment, settings, sealer) = (PaymentId::new(&SystemClock), InvoiceSettings::default(), harness::sealer());
    let usd = |minor| Money::new(minor, Currency::USD);
    let parts = Parts {
        what: "Pro, one month",
        list: usd(1_000),
        discount: usd(250),
        coupons: &["SPRING".to_owned()],
        credit: usd(0),
        from_balance: usd(50),
    };
    let bill = Bill::of(&parts).expect("it adds up");
    let new = NewInvoice {
        key: &format!("payment/{payment}"),
        user: Some(user),
        payment,
        bill: &bill,
        paid_by: Some("PayPal"),
        period: Some((now, now + chrono::TimeDelta::days(30))),
        settings: &settings,
    };
    let mut transaction = pool.begin().await.expect("the database answers");
    let invoice = store::invoices::issue(&mut transaction, &sealer, &new, now).await.expect("an invoice");
    let credit = NewCreditNote {
        key: &format!("refund/{payment}"),
        payment,
        amount: usd(250),
        description: "Refund",
        settings: &settings,
    };
    let note =
        store::invoices::credit_note(&mut transaction, &sealer, &credit, now + chrono::TimeDelta::milliseconds(5));
    let note = note.await.expect("the database answers").expect("a credit note");
    transaction.commit().await.expect("it is made out");
    Issued { payment, invoice, note }
}

async fn set_details(member: &Member, [name, address, tax_id]: [&str; 3]) -> Value {
    let body = json!({ "name": name, "address": address, "tax_id": tax_id });
    call(&member.api(), Method::PUT, "/billing/details", &body).await.expect("they can be printed")
}

/// A file with its headers, as a browser gets it.
async fn download(http: &Http, path: &str) -> (reqwest::header::HeaderMap, Vec<u8>) {
    let token = http.token().expect("somebody is signed in");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
    let answer = client.get(format!("{}{path}", http.base())).bearer_auth(token).send().await.expect("the API answers");
    assert_eq!(answer.status(), 200, "{path}");
    (answer.headers().clone(), answer.bytes().await.expect("the whole file").to_vec())
}

#[tokio::test]
async fn a_tenant_reads_their_invoices_and_nobody_elses() {
    let stack = harness::shared().await;
    let (member, stranger) = (Member::new(&stack).await, Member::new(&stack).await);
    set_details(&member, DETAILS).await;
    let issued = issue(&stack, &member.id()).await;
    let (invoice, note) = (issued.invoice.to_string(), issued.note.to_string());
    let api = member.api();

    let page = get(&api, "/billing/invoices?limit=1").await.unwrap();
    assert_eq!((text(&page["invoices"][0], "id"), text(&page, "next")), (note.clone(), note.clone()), "{page:#}");
    let rest = get(&api, &format!("/billing/invoices?before={note}")).await.unwrap();
    assert_eq!((text(&rest["invoices"][0], "id"), &rest["next"]), (invoice.clone(), &Value::Null), "{rest:#}");
    let listed = &rest["invoices"][0];
    assert_eq!(listed["total"], json!({ "amount": "7.50", "currency": "USD" }));
    assert_eq!((text(listed, "kind"), text(listed, "payment")), ("invoice".into(), issued.payment.to_string()));

    let one = get(&api, &format!("/billing/invoices/{invoice}")).await.unwrap();
    let [name, address, tax_id] = DETAILS;
    let customer = json!({ "name": name, "address": address, "tax_id": tax_id, "email": member.email });
    assert_eq!(one["customer"], customer, "{one:#}");
    assert_eq!(one["lines"][0]["description"], "Pro, one month");
    assert_eq!(one["lines"][1]["amount"]["amount"], "-2.50");
    assert_eq!((&one["from_balance"]["amount"], &one["paid_by"]), (&json!("0.50"), &json!("PayPal")));
    let other = get(&api, &format!("/billing/invoices/{note}")).await.unwrap();
    assert_eq!((text(&other, "kind"), text(&other, "corrects")), ("credit_note".into(), invoice.clone()));

    let (headers, file) = download(&api, &format!("/billing/invoices/{invoice}/pdf")).await;
    assert!(file.starts_with(b"%PDF-") && file.len() > 10_000, "{} bytes", file.len());
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    let named = format!("attachment; filename=\"{}.pdf\"", text(&one, "number"));
    assert_eq!((header("content-disposition"), header("cache-control")), (named, "private, no-store".into()));

    assert_eq!(get(&stranger.api(), "/billing/invoices").await.unwrap()["invoices"], json!([]));
    for path in [format!("/billing/invoices/{invoice}"), format!("/billing/invoices/{invoice}/pdf")] {
        assert_refused(&get(&stranger.api(), &path).await.unwrap_err(), 404, "invoice_not_found");
    }
    for (query, status) in [("limit=0", 422), ("before=nothing", 422)] {
        let refusal = get(&api, &format!("/billing/invoices?{query}")).await.unwrap_err();
        assert_refused(&refusal, status, "invalid_query");
    }
}

#[tokio::test]
async fn staff_find_and_read_everybodys() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let issued = issue(&stack, &member.id()).await;
    let staff = Staff::new(&stack, "support").await;
    for query in [format!("user={}", member.id()), format!("payment={}", issued.payment)] {
        let found = staff.get(&format!("/billing/invoices?{query}")).await;
        let ids: Vec<_> = found["invoices"].as_array().unwrap().iter().map(|one| text(&one["invoice"], "id")).collect();
        assert_eq!(ids, [issued.note.to_string(), issued.invoice.to_string()], "{found:#}");
        assert_eq!(text(&found["invoices"][0], "user"), member.id());
    }
    let notes = staff.get(&format!("/billing/invoices?user={}&kind=credit_note", member.id())).await;
    assert_eq!(notes["invoices"].as_array().unwrap().len(), 1);
    let one = staff.get(&format!("/billing/invoices/{}", issued.invoice)).await;
    assert_eq!(text(&one, "user"), member.id());
    let number = text(&one["invoice"], "number");
    let found = staff.get(&format!("/billing/invoices?number={number}")).await;
    assert_eq!(found["invoices"].as_array().unwrap().len(), 1, "{found:#}");
    let (_, file) = download(&staff.http, &format!("/admin/billing/invoices/{}/pdf", issued.note)).await;
    assert!(file.starts_with(b"%PDF-"));
    for (path, status, code) in [
        (format!("/billing/invoices/{}", InvoiceId::new(&SystemClock)), 404, "invoice_not_found"),
        ("/billing/invoices?kind=receipt".into(), 422, "invalid_query"),
        ("/billing/invoices?year=26".into(), 422, "invalid_query"),
    ] {
        assert_refused(&get(&staff.http, &format!("/admin{path}")).await.unwrap_err(), status, code);
    }
}

#[tokio::test]
async fn details_hold_for_invoices_from_then_on() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let api = member.api();
    let none = json!({ "name": null, "address": null, "tax_id": null });
    assert_eq!(get(&api, "/billing/details").await.unwrap(), none);
    let first = issue(&stack, &member.id()).await;
    let [name, address, tax_id] = DETAILS;
    let set = json!({ "name": name, "address": address, "tax_id": tax_id });
    for _ in 0..2 {
        assert_eq!(set_details(&member, DETAILS).await, set);
    }
    assert_eq!(get(&api, "/billing/details").await.unwrap(), set);
    let second = issue(&stack, &member.id()).await;
    for (issued, name) in [(first, json!(null)), (second, json!(name))] {
        let one = get(&api, &format!("/billing/invoices/{}", issued.invoice)).await.unwrap();
        assert_eq!((&one["customer"]["name"], &one["customer"]["email"]), (&name, &json!(member.email)));
    }
    for (body, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "a", "address": "1\n2\n3\n4\n5\n6\n7\n8\n9" }), "address"),
        (json!({ "name": "a", "tax_id": "x".repeat(41) }), "tax_id"),
    ] {
        let refusal = call(&api, Method::PUT, "/billing/details", &body).await.unwrap_err();
        assert_refused(&refusal, 422, "billing_details_invalid");
        assert!(refusal.to_string().contains(&format!("\"field\":\"{field}\"")), "{refusal}");
    }
    for _ in 0..2 {
        call(&api, Method::DELETE, "/billing/details", &Value::Null).await.unwrap();
    }
    assert_eq!(get(&api, "/billing/details").await.unwrap(), none);
}
