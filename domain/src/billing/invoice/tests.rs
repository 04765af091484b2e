use chrono::TimeZone as _;
use proptest::prelude::*;

use super::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn parts(list: i64, discount: i64, credit: i64, from_balance: i64) -> Parts<'static> {
    Parts {
        what: "Pro, one month",
        list: usd(list),
        discount: usd(discount),
        coupons: &[],
        credit: usd(credit),
        from_balance: usd(from_balance),
    }
}

#[test]
fn a_purchase_becomes_lines_that_add_up() {
    let bill = Bill::of(&parts(3_000, 300, 500, 200)).unwrap();
    let amounts: Vec<_> = bill.lines().iter().map(|line| (line.kind, line.amount.minor)).collect();
    assert_eq!(amounts, [(LineKind::Item, 3_000), (LineKind::Discount, -300), (LineKind::Credit, -500)]);
    assert_eq!((bill.total(), bill.from_balance(), bill.currency()), (usd(2_200), usd(200), Currency::USD));
    let free = Bill::of(&parts(1_000, 1_000, 0, 0)).unwrap();
    assert_eq!((free.lines().len(), free.total()), (2, usd(0)));
    let surplus = Bill::of(&parts(1_000, 100, 5_000, 0)).unwrap();
    assert_eq!((surplus.total(), surplus.lines()[2].amount), (usd(0), usd(-900)), "the rest goes to the balance");
}

#[test]
fn what_is_no_document_is_refused() {
    let line = |kind, minor, currency| Line { kind, description: "x".into(), amount: Money::new(minor, currency) };
    let item = line(LineKind::Item, 100, Currency::USD);
    let check = |lines: Vec<Line>, from_balance, wrong| assert_eq!(Bill::new(lines, usd(from_balance)), Err(wrong));
    check(vec![], 0, BillError::Count);
    check(vec![item.clone(); LINES_MAX + 1], 0, BillError::Count);
    check(vec![item.clone(), line(LineKind::Item, 1, Currency::EUR)], 0, BillError::Currency);
    check(vec![line(LineKind::Item, -1, Currency::USD)], 0, BillError::Amount);
    check(vec![item.clone(), line(LineKind::Discount, 1, Currency::USD)], 0, BillError::Amount);
    check(vec![item.clone(), line(LineKind::Discount, -101, Currency::USD)], 0, BillError::Amount);
    check(vec![line(LineKind::Item, i64::MAX, Currency::USD), item.clone()], 0, BillError::Amount);
    check(vec![item.clone()], 101, BillError::Amount);
    check(vec![item], -1, BillError::Amount);
    assert_eq!(Bill::of(&parts(100, -1, 0, 0)), Err(BillError::Amount));
    assert_eq!(Bill::of(&parts(100, 101, 0, 0)), Err(BillError::Amount));
}

#[test]
fn each_kind_has_numbers_of_its_own_in_each_year() {
    assert_eq!(number("INV", DocumentKind::Invoice, 2026, 42), "INV-2026-000042");
    assert_eq!(number("INV", DocumentKind::CreditNote, 2026, 7), "INV-CN-2026-000007");
    assert_eq!(number("A", DocumentKind::Invoice, 2027, 12_345_678), "A-2027-12345678");
    let year = |year, month, day, hour| year_of(Utc.with_ymd_and_hms(year, month, day, hour, 59, 59).unwrap());
    assert_eq!((year(2026, 12, 31, 23), year(2027, 1, 1, 0)), (2026, 2027));
}

#[test]
fn details_are_tidied_or_refused() {
    let details = BillingDetails::parse(" Ada Ltd ", Some("\n 1 Road \r\n\r\nTown \n"), Some("")).unwrap();
    assert_eq!(
        (details.name.as_str(), details.address.as_deref(), details.tax_id),
        ("Ada Ltd", Some("1 Road\n\nTown"), None)
    );
    let long = |chars: usize| "ў".repeat(chars);
    let parse = BillingDetails::parse;
    assert_eq!(parse("  ", None, None), Err(DetailsError::Name));
    assert_eq!(parse("a\nb", None, None), Err(DetailsError::Name));
    assert_eq!(parse(&long(151), None, None), Err(DetailsError::Name));
    assert!(parse(&long(150), Some(&long(500)), Some(&long(40))).is_ok());
    assert_eq!(parse("a", Some(&long(501)), None), Err(DetailsError::Address));
    assert_eq!(parse("a", Some("1\n2\n3\n4\n5\n6\n7\n8\n9"), None), Err(DetailsError::Address));
    assert_eq!(parse("a", Some("a\tb"), None), Err(DetailsError::Address));
    assert_eq!(parse("a", None, Some("1\n2")), Err(DetailsError::TaxId));
    assert_eq!(format!("{:?}", parse("Ada", None, None).unwrap()), "BillingDetails(..)");
}

#[test]
fn settings_are_read_or_named() {
    let read =
        |name: &str, value: &str| InvoiceSettings::read(&|asked: &str| (asked == name).then(|| value.to_owned()));
    assert_eq!(read("", ""), Ok(InvoiceSettings::default()));
    let address = read("INVOICE_ISSUER_ADDRESS", r"1 Road\nTown").unwrap().issuer.address;
    assert_eq!(address.as_deref(), Some("1 Road\nTown"));
    assert_eq!(read("INVOICE_PREFIX", "ACME-1").unwrap().prefix, "ACME-1");
    for wrong in ["A B", "Ä", "a/b", "123456789012345678901"] {
        assert!(read("INVOICE_PREFIX", wrong).unwrap_err()[0].starts_with("INVOICE_PREFIX"), "{wrong}");
    }
    let long = "x".repeat(501);
    for name in ["INVOICE_ISSUER_NAME", "INVOICE_ISSUER_ADDRESS", "INVOICE_ISSUER_TAX_ID", "INVOICE_NOTE"] {
        assert!(read(name, &long).unwrap_err()[0].starts_with(name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_purchase_adds_up_or_is_refused(
        list in 0..2_000_i64, discount in -1..2_100_i64, credit in -1..3_000_i64, from_balance in -1..2_000_i64,
    ) {
        if let Ok(bill) = Bill::of(&parts(list, discount, credit, from_balance)) {
            let sum: i64 = bill.lines().iter().map(|line| line.amount.minor).sum();
            prop_assert_eq!(sum, bill.total().minor);
            prop_assert_eq!(sum, (list - discount - credit).max(0));
            prop_assert!((0..=sum).contains(&bill.from_balance().minor));
        } else {
            prop_assert!(discount < 0 || credit < 0 || discount > list || from_balance < 0
                || from_balance > (list - discount - credit).max(0));
        }
    }

    #[test]
    fn any_text_is_details_or_refused(name in ".{0,160}", address in "(.{0,60}\n){0,10}", tax_id in ".{0,45}") {
        if let Ok(details) = BillingDetails::parse(&name, Some(&address), Some(&tax_id)) {
            let again = BillingDetails::parse(&details.name, details.address.as_deref(), details.tax_id.as_deref());
            prop_assert_eq!(again, Ok(details));
        }
    }
}
