//! Invoices' rows, against a real PostgreSQL: numbers without gaps whatever fails, contents that stay, credit notes that
//! take back no more than there is.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use domain::{
    Clock as _, Currency, Email, FixedClock, InvoiceId, Money, PaymentId, UserId,
    billing::invoice::{Bill, BillingDetails, DocumentKind, InvoiceSettings, LineKind, Parts},
    notification::Channel,
};
use store::{
    PgConnection, StoreError, billing_details,
    invoices::{self, Asked, NewCreditNote, NewInvoice},
    notifications,
    seal::{Sealer, columns::SEALED, reseal},
};

use crate::{
    harness, ledger,
    store_seal::{NEW, OLD, keys},
};

struct Scene {
    clock: FixedClock,
    pool: store::PgPool,
    sealer: Sealer,
    user: UserId,
    settings: InvoiceSettings,
}

async fn scene() -> Scene {
    let stack = harness::shared().await;
    let pool = harness::database(&stack).await;
    let clock = ledger::clock();
    let user = UserId::new(&clock);
    let email = Email::parse(&format!("{user}@example.org")).unwrap();
    let mut database = pool.acquire().await.unwrap();
    store::users::insert(&mut database, user, &email, "hash", clock.now()).await.unwrap();
    Scene { clock, pool, sealer: keys(&[OLD]), user, settings: InvoiceSettings::default() }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn bill(list: i64, discount: i64, from_balance: i64) -> Bill {
    let parts = Parts {
        what: "Pro, one month",
        list: usd(list),
        discount: usd(discount),
        coupons: &[],
        credit: usd(0),
        from_balance: usd(from_balance),
    };
    Bill::of(&parts).unwrap()
}

impl Scene {
    /// Makes an invoice out within the caller's transaction.
    async fn issue_in(
        &self,
        connection: &mut PgConnection,
        payment: PaymentId,
        bill: &Bill,
        now: DateTime<Utc>,
    ) -> Result<InvoiceId, StoreError> {
        let new = NewInvoice {
            key: &format!("payment/{payment}"),
            user: Some(self.user),
            payment,
            bill,
            paid_by: Some("PayPal"),
            period: Some((now, now + TimeDelta::days(30))),
            settings: &self.settings,
        };
        invoices::issue(connection, &self.sealer, &new, now).await
    }

    async fn issue(&self, payment: PaymentId, bill: &Bill) -> InvoiceId {
        let mut transaction = self.pool.begin().await.unwrap();
        let id = self.issue_in(&mut transaction, payment, bill, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        id
    }

    async fn credit(&self, payment: PaymentId, key: &str, amount: Money) -> Option<InvoiceId> {
        let mut transaction = self.pool.begin().await.unwrap();
        let new = NewCreditNote { key, payment, amount, description: "Refund", settings: &self.settings };
        let note = invoices::credit_note(&mut transaction, &self.sealer, &new, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        note
    }

    async fn find(&self, id: InvoiceId) -> invoices::Invoice {
        let mut database = self.pool.acquire().await.unwrap();
        invoices::find_any(&mut database, &self.sealer, id).await.unwrap().unwrap()
    }

    /// The serials of a series, which have to be 1, 2, 3 and so on.
    async fn serials(&self, kind: DocumentKind, year: i32) -> Vec<i64> {
        let sql = "SELECT serial FROM invoices WHERE kind = $1::billing_document_kind AND year = $2 ORDER BY serial";
        sqlx::query_scalar(sql).bind(kind.as_str()).bind(year).fetch_all(&self.pool).await.unwrap()
    }
}

fn assert_gapless(serials: &[i64]) {
    let expected: Vec<i64> = (1..).take(serials.len()).collect();
    assert_eq!(serials, expected);
}

#[tokio::test]
async fn an_invoice_reads_as_it_was_made_out_and_is_made_out_once() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    let mut database = scene.pool.acquire().await.unwrap();
    let details = BillingDetails::parse("Công ty Đặng", Some("1 Phố Huế\nHà Nội"), Some("VN1")).unwrap();
    billing_details::set(&mut database, &scene.sealer, scene.user, &details, scene.clock.now()).await.unwrap();
    let bill = bill(1_000, 250, 100);
    let id = scene.issue(payment, &bill).await;
    // The same once more, with other details: the first one stays.
    billing_details::delete(&mut database, scene.user).await.unwrap();
    billing_details::delete(&mut database, scene.user).await.unwrap();
    assert_eq!(scene.issue(payment, &bill).await, id);

    let found = scene.find(id).await;
    let document = found.document;
    let year = scene.clock.now().format("%Y").to_string();
    assert_eq!((found.user, found.payment, found.corrects), (Some(scene.user), payment, None));
    assert_eq!(document.number, format!("INV-{year}-000001"));
    assert_eq!((document.kind, document.issuer), (DocumentKind::Invoice, scene.settings.issuer.clone()));
    assert_eq!((document.total, document.from_balance), (usd(750), usd(100)));
    assert_eq!(document.paid_by.as_deref(), Some("PayPal"));
    assert_eq!(document.lines, bill.lines());
    assert_eq!(document.period, Some((scene.clock.now(), scene.clock.now() + TimeDelta::days(30))));
    let customer = document.customer.unwrap();
    assert_eq!((customer.email, customer.details), (format!("{}@example.org", scene.user), Some(details)));
    let stranger = UserId::new(&scene.clock);
    assert!(invoices::find(&mut database, &scene.sealer, stranger, id).await.unwrap().is_none());
    assert!(invoices::find(&mut database, &scene.sealer, scene.user, id).await.unwrap().is_some());
}

#[tokio::test]
async fn numbers_have_no_gaps_whatever_fails_at_the_same_time() {
    let scene = scene().await;
    let turn = Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap();
    let work = (0..60_i64).map(|index| {
        let scene = &scene;
        async move {
            // Half of them in either year, every third one fails after it has its number.
            let now = turn + TimeDelta::seconds(if index % 2 == 0 { -1 } else { 1 });
            let (payment, bill) = (PaymentId::new(&FixedClock::at(now)), bill(1_000 + index, 0, 0));
            let mut transaction = scene.pool.begin().await.unwrap();
            let id = scene.issue_in(&mut transaction, payment, &bill, now).await.unwrap();
            if index % 3 == 0 {
                transaction.rollback().await.unwrap();
                return None;
            }
            transaction.commit().await.unwrap();
            if index % 5 == 0 {
                let new = NewCreditNote {
                    key: &format!("refund/{index}"),
                    payment,
                    amount: usd(10),
                    description: "Refund",
                    settings: &scene.settings,
                };
                let mut transaction = scene.pool.begin().await.unwrap();
                invoices::credit_note(&mut transaction, &scene.sealer, &new, now).await.unwrap().unwrap();
                match index % 2 {
                    0 => transaction.rollback().await.unwrap(),
                    _ => transaction.commit().await.unwrap(),
                }
            }
            Some(id)
        }
    });
    let made = futures::future::join_all(work).await;
    assert_eq!(made.iter().flatten().collect::<BTreeSet<_>>().len(), 40);
    let (before, after) =
        (scene.serials(DocumentKind::Invoice, 2026).await, scene.serials(DocumentKind::Invoice, 2027).await);
    assert_eq!((before.len(), after.len()), (20, 20));
    assert_gapless(&before);
    assert_gapless(&after);
    for year in [2026, 2027] {
        assert_gapless(&scene.serials(DocumentKind::CreditNote, year).await);
    }
    // 5, 25, 35 and 55 are odd and not divisible by three: their credit notes stay.
    assert_eq!(scene.serials(DocumentKind::CreditNote, 2027).await.len(), 4);
    assert_eq!(scene.serials(DocumentKind::CreditNote, 2026).await.len(), 0);
}

#[tokio::test]
async fn many_who_make_out_the_same_make_out_one() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    let bill = bill(1_000, 0, 0);
    let made = futures::future::join_all((0..12).map(|_| scene.issue(payment, &bill))).await;
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 1, "{made:?}");
    let notes = futures::future::join_all((0..12).map(|_| scene.credit(payment, "refund/1", usd(400)))).await;
    assert_eq!(notes.iter().collect::<BTreeSet<_>>().len(), 1, "{notes:?}");
    let year = scene.clock.now().format("%Y").to_string().parse().unwrap();
    assert_eq!(scene.serials(DocumentKind::Invoice, year).await, [1]);
    assert_eq!(scene.serials(DocumentKind::CreditNote, year).await, [1]);
}

#[tokio::test]
async fn credit_notes_take_back_no_more_than_the_invoice_says() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    assert_eq!(scene.credit(payment, "refund/0", usd(100)).await, None, "there is no invoice");
    let invoice = scene.issue(payment, &bill(1_000, 0, 0)).await;
    // More than enough, by many at once: each gets what is left.
    let keys: Vec<String> = (1..=8).map(|number| format!("refund/{number}")).collect();
    let notes = futures::future::join_all(keys.iter().map(|key| scene.credit(payment, key, usd(300)))).await;
    let mut amounts = Vec::new();
    for note in notes.into_iter().flatten() {
        let note = scene.find(note).await;
        assert_eq!((note.corrects, note.payment, note.user), (Some(invoice), payment, Some(scene.user)));
        assert_eq!(note.document.corrects, Some(scene.find(invoice).await.document.number));
        assert_eq!(note.document.lines[0].kind, LineKind::Refund);
        amounts.push(note.document.total.minor);
    }
    amounts.sort_unstable();
    assert_eq!(amounts, [100, 300, 300, 300]);
    let euros = Money::new(100, Currency::EUR);
    assert_eq!(scene.credit(payment, "refund/9", euros).await, None, "of another currency there is none");
}

#[tokio::test]
async fn what_was_made_out_cannot_be_changed_and_forgets_who_leaves() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    let id = scene.issue(payment, &bill(1_000, 0, 0)).await;
    scene.credit(payment, "refund/1", usd(100)).await.unwrap();
    for sql in [
        "UPDATE invoices SET total = total + 1",
        "UPDATE invoices SET number = 'X'",
        "UPDATE invoices SET user_id = gen_random_uuid()",
        "UPDATE invoices SET customer = NULL, paid_by = 'nobody'",
        "DELETE FROM invoices",
        "UPDATE invoice_lines SET amount = 0",
        "DELETE FROM invoice_lines",
        "INSERT INTO invoice_lines SELECT id, 7, 'item', 'more', 1 FROM invoices",
    ] {
        sqlx::query(sql).execute(&scene.pool).await.expect_err(sql);
    }
    let mut database = scene.pool.acquire().await.unwrap();
    let details = BillingDetails::parse("Ada", None, None).unwrap();
    billing_details::set(&mut database, &scene.sealer, scene.user, &details, scene.clock.now()).await.unwrap();
    assert!(store::erasure::delete_user(&mut database, scene.user).await.unwrap());
    let found = scene.find(id).await;
    assert_eq!((found.user, found.document.customer, found.document.total), (None, None, usd(1_000)));
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM billing_details) + (SELECT count(*) FROM invoices WHERE customer IS NOT NULL)",
    )
    .fetch_one(&mut *database)
    .await
    .unwrap();
    assert_eq!(left, 0);
    // Money that comes back, or comes in, after they have left still has its document.
    let note = scene.credit(payment, "refund/2", usd(100)).await.unwrap();
    assert_eq!(scene.find(note).await.document.customer, None);
    let late = scene.issue(PaymentId::new(&scene.clock), &bill(500, 0, 0)).await;
    assert_eq!((scene.find(late).await.user, scene.find(late).await.document.customer), (None, None));
}

#[tokio::test]
async fn staff_find_documents_by_what_they_know_of_them() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    let first = scene.issue(payment, &bill(1_000, 0, 0)).await;
    scene.clock.advance(TimeDelta::seconds(1));
    let note = scene.credit(payment, "refund/1", usd(100)).await.unwrap();
    scene.clock.advance(TimeDelta::seconds(1));
    let second = scene.issue(PaymentId::new(&scene.clock), &bill(2_000, 0, 0)).await;
    let mut database = scene.pool.acquire().await.unwrap();
    let any = Asked::default();
    let number = scene.find(first).await.document.number;
    let year = scene.clock.now().format("%Y").to_string().parse().unwrap();
    for (asked, expected) in [
        (any.clone(), vec![second, note, first]),
        (Asked { kind: Some(DocumentKind::CreditNote), ..any.clone() }, vec![note]),
        (Asked { payment: Some(payment), ..any.clone() }, vec![note, first]),
        (Asked { number: Some(number), ..any.clone() }, vec![first]),
        (Asked { year: Some(year), before: Some(second), ..any.clone() }, vec![note, first]),
        (Asked { year: Some(year + 1), ..any.clone() }, vec![]),
        (Asked { user: Some(UserId::new(&scene.clock)), ..any.clone() }, vec![]),
    ] {
        let found = invoices::list_all(&mut database, &asked, 10).await.unwrap();
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), expected, "{asked:?}");
    }
    let page = invoices::list(&mut database, scene.user, Some(note), 10).await.unwrap();
    assert_eq!(page.iter().map(|one| (one.id, one.total)).collect::<Vec<_>>(), [(first, usd(1_000))]);
}

#[tokio::test]
async fn a_receipt_is_sent_once() {
    let scene = scene().await;
    let payment = PaymentId::new(&scene.clock);
    let id = scene.issue(payment, &bill(1_000, 0, 0)).await;
    let note = scene.credit(payment, "refund/1", usd(100)).await.unwrap();
    let (mut database, now) = (scene.pool.acquire().await.unwrap(), scene.clock.now());
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(&mut *database).await.unwrap();
    for _ in 0..2 {
        let site = Some("https://causeway.example");
        invoices::receipt(&mut database, &scene.sealer, id, site, now).await.unwrap();
        invoices::refunded(&mut database, &scene.sealer, note, site, now).await.unwrap();
    }
    let backlog = notifications::backlog(&mut database, Channel::Email, now).await.unwrap();
    assert_eq!(backlog.waiting, 2);
}

#[tokio::test]
async fn customers_and_details_come_under_the_new_key() {
    let scene = scene().await;
    let mut database = scene.pool.acquire().await.unwrap();
    let details = BillingDetails::parse("Ada", None, None).unwrap();
    billing_details::set(&mut database, &scene.sealer, scene.user, &details, scene.clock.now()).await.unwrap();
    let id = scene.issue(PaymentId::new(&scene.clock), &bill(1_000, 0, 0)).await;
    let (both, new) = (keys(&[NEW, OLD]), keys(&[NEW]));
    for column in SEALED.iter().filter(|one| ["billing_details", "invoices"].contains(&one.table)) {
        assert_eq!(reseal::column(&scene.pool, &both, column, |_| ()).await.unwrap().resealed, 1, "{column:?}");
    }
    assert_eq!(billing_details::find(&mut database, &new, scene.user).await.unwrap(), Some(details.clone()));
    let found = invoices::find_any(&mut database, &new, id).await.unwrap().unwrap();
    assert_eq!(found.document.customer.unwrap().details, Some(details));
}
