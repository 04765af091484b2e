use chrono::TimeZone as _;
use domain::{
    Currency,
    billing::invoice::{BillingDetails, InvoiceSettings, Issuer, LineKind},
};
use printpdf::{PdfParseOptions, PdfSaveOptions};
use proptest::prelude::*;

use super::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn line(kind: LineKind, description: &str, minor: i64) -> Line {
    Line { kind, description: description.into(), amount: usd(minor) }
}

fn invoice(lines: Vec<Line>) -> Document {
    let at = |month| Utc.with_ymd_and_hms(2026, month, 24, 12, 0, 0).unwrap();
    let total = usd(lines.iter().map(|line| line.amount.minor).sum());
    Document {
        kind: DocumentKind::Invoice,
        number: "INV-2026-000042".into(),
        corrects: None,
        issued_at: at(11),
        issuer: Issuer {
            name: "Causeway Example GmbH".into(),
            address: Some("Lange Straße 1\n10115 Berlin\nGermany".into()),
            tax_id: Some("DE123456789".into()),
            note: Some("No VAT is charged (§ 19 UStG).\nThank you.".into()),
        },
        customer: Some(Customer {
            email: "nguyen@example.org".into(),
            details: Some(BillingDetails {
                name: "Công ty TNHH Nguyễn Thị Đặng".into(),
                address: Some(
                    "12 Phố Huế, Hà Nội\nул. Щедріка 7, Київ\nΟδός Ερμού 3, Αθήνα\nشارع السلام 12\n漢字 🦦".into(),
                ),
                tax_id: Some("VN0101234567".into()),
            }),
        }),
        period: Some((at(11), at(12))),
        lines,
        total,
        from_balance: usd(0),
        paid_by: Some("PayPal".into()),
    }
}

fn usual() -> Document {
    let document = invoice(vec![
        line(LineKind::Item, "Elite, one year", 123_456_700),
        line(LineKind::Discount, "Discount, coupon SPRING", -5_000),
        line(LineKind::Credit, "Credit for the unused rest of the period", -1_250),
    ]);
    Document { from_balance: usd(2_000), ..document }
}

fn long() -> Document {
    let many = (0..50).map(|index| {
        let text = format!(
            "Item {index}: {}",
            "a description that takes more than one line of the page ".repeat(index % 4 + 1)
        );
        line(LineKind::Item, &text, 1_000)
    });
    invoice(many.collect())
}

/// What a reader finds on each page.
fn pages(document: &Document) -> Vec<String> {
    let bytes = pdf(document).unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    let read = printpdf::PdfDocument::parse(&bytes, &PdfParseOptions::default(), &mut Vec::new()).unwrap();
    read.extract_text().into_iter().map(|page| page.join("\n")).collect()
}

#[test]
fn an_invoice_says_who_sells_what_to_whom_for_how_much() {
    let pages = pages(&usual());
    assert_eq!(pages.len(), 1);
    for text in [
        "Invoice",
        "INV-2026-000042",
        "24 November 2026",
        "24 November 2026 to 24 December 2026",
        "Causeway Example GmbH",
        "Lange Straße 1",
        "Tax number: DE123456789",
        "Công ty TNHH Nguyễn Thị Đặng",
        "ул. Щедріка 7, Київ",
        "Οδός Ερμού 3, Αθήνα",
        "\u{fffd}\u{fffd} \u{fffd}",
        "nguyen@example.org",
        "Amount (USD)",
        "1,234,567.00",
        "-50.00",
        "-12.50",
        "1,234,504.50 USD",
        "Paid from the balance",
        "Paid by PayPal",
        "No VAT is charged (§ 19 UStG).",
        "Page 1 of 1",
    ] {
        assert!(pages[0].contains(text), "{text} in {}", pages[0]);
    }
}

#[test]
fn a_long_one_has_its_number_and_the_columns_on_every_page() {
    let pages = pages(&long());
    assert!(pages.len() >= 3, "{}", pages.len());
    for (index, page) in pages.iter().enumerate() {
        assert!(page.contains("Description") && page.contains("Amount (USD)"), "{page}");
        assert!(page.contains(&format!("Page {} of {}", index + 1, pages.len())));
        assert!(page.contains("INV-2026-000042"));
    }
    let all = pages.join("\n");
    for index in 0..50 {
        assert_eq!(all.matches(&format!("Item {index}:")).count(), 1);
    }
    assert!(pages.last().unwrap().contains("500.00 USD"));
}

#[test]
fn a_credit_note_names_the_invoice_that_it_takes_back() {
    let note = Document {
        kind: DocumentKind::CreditNote,
        number: "INV-CN-2026-000001".into(),
        corrects: Some("INV-2026-000042".into()),
        period: None,
        customer: None,
        ..invoice(vec![line(LineKind::Refund, "Refund, invoice INV-2026-000042", 250)])
    };
    let page = pages(&note).remove(0);
    for text in
        ["Credit note", "INV-CN-2026-000001", "For invoice", "Total credited", "2.50 USD", "A customer who has left"]
    {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[test]
fn a_document_embeds_only_what_it_shows() {
    let bytes = pdf(&usual()).unwrap();
    assert!(bytes.len() < 60_000, "{}", bytes.len());
    let issuer = InvoiceSettings::default().issuer;
    let bare =
        Document { issuer, customer: None, period: None, paid_by: None, ..invoice(vec![line(LineKind::Item, "", 0)]) };
    assert!(pages(&bare)[0].contains("0.00 USD"));
}

#[test]
fn thousands_are_told_apart() {
    for (minor, text) in
        [(0, "0.00"), (-5, "-0.05"), (99_999, "999.99"), (100_000, "1,000.00"), (-123_456_789, "-1,234,567.89")]
    {
        assert_eq!(grouped(usd(minor)), text);
    }
    assert_eq!(grouped(Money::new(1_250_000, Currency::VND)), "1,250,000");
}

/// Writes the pages where somebody can look at them: `DOCUMENTS_OUT=<folder>`.
#[test]
fn the_pages_can_be_looked_at() {
    let Ok(folder) = std::env::var("DOCUMENTS_OUT") else { return };
    for (name, document) in [("usual", usual()), ("long", long())] {
        std::fs::write(format!("{folder}/{name}.pdf"), pdf(&document).unwrap()).unwrap();
    }
    std::fs::write(format!("{folder}/qr.png"), crate::qr::png("bitcoin:bc1q?amount=1").unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn anything_that_was_written_is_set(
        name in ".{0,150}", address in "(.{0,80}\n){0,8}", texts in prop::collection::vec(".{0,300}", 1..50), number in ".{0,40}",
    ) {
        let lines = texts.iter().map(|text| line(LineKind::Item, text, i64::MAX / 100));
        let mut document = Document { number, ..invoice(lines.collect()) };
        document.issuer.name = name.clone();
        document.issuer.address = Some(address.clone());
        document.customer = Some(Customer {
            email: name.clone(),
            details: Some(BillingDetails { name, address: Some(address), tax_id: None }),
        });
        let bytes = pdf(&document).unwrap();
        let read = printpdf::PdfDocument::parse(&bytes, &PdfParseOptions::default(), &mut Vec::new()).unwrap();
        prop_assert!(!read.pages.is_empty());
        let _again = read.save(&PdfSaveOptions::default(), &mut Vec::new());
    }
}
