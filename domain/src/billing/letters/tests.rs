use chrono::TimeZone as _;

use super::*;
use crate::{
    Currency,
    billing::invoice::{Bill, DocumentKind, InvoiceSettings, Parts},
    notification::Block,
};

fn at(month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, day, 12, 0, 0).unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn all(content: &Content) -> String {
    let blocks = content.blocks.iter().map(|block| match block {
        Block::Paragraph(text) | Block::Code(text) => text.clone(),
        Block::List(items) => items.join("\n"),
    });
    blocks.fold(content.subject.clone(), |text, block| format!("{text}\n{block}"))
}

fn document(from_balance: i64) -> Document {
    let coupons = ["SPRING".to_owned()];
    let parts = Parts {
        what: "Pro, one month",
        list: usd(1_000),
        discount: usd(250),
        coupons: &coupons,
        credit: usd(0),
        from_balance: usd(from_balance),
    };
    let bill = Bill::of(&parts).unwrap();
    Document {
        kind: DocumentKind::Invoice,
        number: "INV-2026-000001".into(),
        corrects: None,
        issued_at: at(11, 24),
        issuer: InvoiceSettings::default().issuer,
        customer: None,
        period: Some((at(11, 24), at(12, 24))),
        lines: bill.lines().to_vec(),
        total: bill.total(),
        from_balance: bill.from_balance(),
        paid_by: Some("PayPal".into()),
    }
}

#[test]
fn a_receipt_says_what_was_paid_by_what_and_for_what() {
    let content = receipt(&document(200), Some("https://causeway.example"));
    assert_eq!(content.subject, "Receipt for 7.50 USD: invoice INV-2026-000001");
    assert_eq!(
        all(&content).lines().skip(1).collect::<Vec<_>>(),
        [
            "Thank you. It was paid by PayPal.",
            "Pro, one month: 10.00 USD",
            "Discount, coupon SPRING: -2.50 USD",
            "Total: 7.50 USD",
            "From your balance: 2.00 USD",
            "From 24 November 2026 to 24 December 2026",
        ]
    );
    assert!(content.button.is_some_and(|button| button.is_link()));
    assert!(receipt(&document(0), None).button.is_none(), "without an address there is nowhere to go");
}

#[test]
fn reminders_say_who_pays() {
    for (paying, subject, says) in [
        (Paying::Tenant, "Your plan Pro ends in 7 days", "Pay 10.00 USD"),
        (Paying::Balance, "Your plan Pro is renewed in 7 days", "from your balance"),
        (Paying::Agreement("PayPal"), "Your plan Pro is renewed in 7 days", "through PayPal"),
    ] {
        let content = renewal(&Renewal { plan: "Pro", due: usd(1_000), ends_at: at(12, 1), days: 7, paying }, None);
        assert_eq!(content.subject, subject);
        assert!(all(&content).contains(says) && all(&content).contains("1 December 2026"), "{}", all(&content));
    }
    assert_eq!((in_days(0), in_days(1), in_days(3)), ("today".into(), "tomorrow".into(), "in 3 days".into()));
}

#[test]
fn every_letter_names_what_it_is_about() {
    let site = Some("https://causeway.example");
    let letters = [
        past_due("Pro", usd(1_000), Next::Attempt(at(12, 1)), site),
        past_due("Pro", usd(1_000), Next::Grace(at(12, 1)), site),
        grace("Pro", usd(1_000), at(12, 1), site),
        expired("Pro", site),
        canceled("Pro", Ending::AtPeriodEnd(at(12, 1)), site),
        canceled("Pro", Ending::AgreementEnded(at(12, 1)), site),
        canceled("Pro", Ending::Canceled, site),
        canceled("Pro", Ending::ByStaff, site),
        canceled("Pro", Ending::Refunded, site),
        canceled("Pro", Ending::ChargedBack, site),
        plan_changed("Free", "Pro", TakesHold::Now, site),
        plan_changed("Elite", "Pro", TakesHold::At(at(12, 1)), site),
        trial_ending("Pro", usd(1_000), at(12, 1), 3, site),
        charged_back(usd(1_000), "Pro, one month", site),
        in_review("Pro, one month", site),
    ];
    let mut said: Vec<_> = letters.iter().map(all).collect();
    for (content, text) in letters.iter().zip(&said) {
        assert!(text.contains("Pro"), "{text}");
        assert!(content.button.as_ref().is_some_and(|button| button.is_link()), "{text}");
        assert!(!text.contains("  ") && !content.blocks.is_empty(), "{text}");
    }
    said.sort();
    said.dedup();
    assert_eq!(said.len(), letters.len(), "each says something else");
    let payment = PaymentId::from_uuid(uuid::Uuid::nil());
    assert!(all(&review_wanted(payment, "underpaid")).contains(&payment.to_string()));
}

#[test]
fn a_refund_names_both_documents() {
    let note = Document {
        kind: DocumentKind::CreditNote,
        number: "INV-CN-2026-000001".into(),
        corrects: Some("INV-2026-000001".into()),
        ..document(0)
    };
    let text = all(&refunded(&note, None));
    assert!(text.contains("INV-CN-2026-000001") && text.contains("INV-2026-000001"), "{text}");
}
