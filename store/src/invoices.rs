//! Invoices and credit notes: made out in the transaction of the payment or refund, with numbers without gaps, and never
//! changed.
//!
//! The number comes from a row of `invoice_series` that stays locked until the transaction ends: call [`issue`] and
//! [`credit_note`] after everything else of the transaction that is locked, the ledger's accounts too, and always in that
//! order.

use chrono::{DateTime, Utc};
use domain::{
    FixedClock, InvoiceId, Money, PaymentId, UserId,
    billing::invoice::{Bill, Customer, DocumentKind, InvoiceSettings, Line, LineKind, number, year_of},
};
use sqlx::PgConnection;

use crate::{StoreError, billing_details, seal::Sealer};

mod letters;
mod read;

pub use letters::{receipt, refunded};
pub use read::{Asked, Invoice, Summary, find, find_any, list, list_all};

/// A purchase to be put on an invoice.
#[derive(Clone, Copy, Debug)]
pub struct NewInvoice<'a> {
    /// The same key is the same invoice: made from what was paid, such as `payment/<id>`.
    pub key: &'a str,
    /// Who has bought; `None` when they have left meanwhile.
    pub user: Option<UserId>,
    /// With which payment.
    pub payment: PaymentId,
    /// What.
    pub bill: &'a Bill,
    /// By what it was paid beside the balance, for people, such as `PayPal`.
    pub paid_by: Option<&'a str>,
    /// What is paid for: from, and up to.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Who makes it out.
    pub settings: &'a InvoiceSettings,
}

/// Money of an invoice that was given or taken back.
#[derive(Clone, Copy, Debug)]
pub struct NewCreditNote<'a> {
    /// The same key is the same credit note: made from what was given back, such as `refund/<id>`.
    pub key: &'a str,
    /// Of which payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// What it is, for people, such as `Refund`.
    pub description: &'a str,
    /// Who makes it out.
    pub settings: &'a InvoiceSettings,
}

/// Makes an invoice out, to whom the tenant has set now. With a known key: the invoice that there is.
pub async fn issue(
    connection: &mut PgConnection,
    sealer: &Sealer,
    new: &NewInvoice<'_>,
    now: DateTime<Utc>,
) -> Result<InvoiceId, StoreError> {
    if let Some(known) = find_by_key(connection, new.key).await? {
        return Ok(known);
    }
    let (user, customer) = customer_now(connection, sealer, new.user).await?;
    let draft = Draft {
        kind: DocumentKind::Invoice,
        key: new.key,
        user,
        customer: customer.as_ref(),
        payment: new.payment,
        corrects: None,
        bill: new.bill,
        paid_by: new.paid_by,
        period: new.period,
        settings: new.settings,
    };
    insert(connection, sealer, &draft, now).await
}

/// Takes back what was given back of the payment's invoice, to whom it was made out, and no more than is left of it.
/// `None` when there is no invoice, or nothing of it is left. With a known key: the credit note that there is.
pub async fn credit_note(
    connection: &mut PgConnection,
    sealer: &Sealer,
    new: &NewCreditNote<'_>,
    now: DateTime<Utc>,
) -> Result<Option<InvoiceId>, StoreError> {
    // Others who take back of the same invoice wait here, and see below what was taken.
    let invoice = sqlx::query_scalar!(
        "SELECT id FROM invoices WHERE payment_id = $1 AND kind = 'invoice' AND currency = $2
         ORDER BY year DESC, serial DESC LIMIT 1 FOR NO KEY UPDATE",
        new.payment as PaymentId,
        new.amount.currency.code()
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(known) = find_by_key(connection, new.key).await? {
        return Ok(Some(known));
    }
    let Some(invoice) = invoice else { return Ok(None) };
    let Some(invoice) = find_any(connection, sealer, invoice).await? else { return Ok(None) };
    let credited = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(total), 0)::bigint AS "sum!" FROM invoices WHERE corrects = $1"#,
        invoice.id as InvoiceId
    )
    .fetch_one(&mut *connection)
    .await?;
    let amount = new.amount.minor.min(invoice.document.total.minor - credited);
    if amount <= 0 {
        return Ok(None);
    }
    let description = format!("{}, invoice {}", new.description, invoice.document.number);
    let amount = Money::new(amount, new.amount.currency);
    let line = Line { kind: LineKind::Refund, description, amount };
    let Ok(bill) = Bill::new(vec![line], Money::zero(amount.currency)) else { return Ok(None) };
    let draft = Draft {
        kind: DocumentKind::CreditNote,
        key: new.key,
        user: invoice.user,
        customer: invoice.document.customer.as_ref(),
        payment: new.payment,
        corrects: Some(invoice.id),
        bill: &bill,
        paid_by: invoice.document.paid_by.as_deref(),
        period: None,
        settings: new.settings,
    };
    insert(connection, sealer, &draft, now).await.map(Some)
}

/// A document without its number.
struct Draft<'a> {
    kind: DocumentKind,
    key: &'a str,
    user: Option<UserId>,
    customer: Option<&'a Customer>,
    payment: PaymentId,
    corrects: Option<InvoiceId>,
    bill: &'a Bill,
    paid_by: Option<&'a str>,
    period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    settings: &'a InvoiceSettings,
}

async fn insert(
    connection: &mut PgConnection,
    sealer: &Sealer,
    draft: &Draft<'_>,
    now: DateTime<Utc>,
) -> Result<InvoiceId, StoreError> {
    let (id, year) = (InvoiceId::new(&FixedClock::at(now)), year_of(now));
    let last = lock_series(connection, draft.kind, year).await?;
    // Whoever held the series before may have made the same out.
    if let Some(known) = find_by_key(connection, draft.key).await? {
        return Ok(known);
    }
    let serial = last + 1;
    sqlx::query!(
        "UPDATE invoice_series SET last = $3 WHERE kind = $1 AND year = $2",
        draft.kind as DocumentKind,
        year,
        serial
    )
    .execute(&mut *connection)
    .await?;
    let customer = match draft.customer {
        None => None,
        Some(customer) => Some(sealer.seal(&place(id), &serde_json::to_string(customer)?.into())?),
    };
    let currency = draft.bill.currency();
    let number = number(&draft.settings.prefix, draft.kind, year, serial);
    sqlx::query!(
        "INSERT INTO invoices (id, kind, year, serial, number, key, user_id, payment_id, corrects, currency, total,
                               from_balance, paid_by, period_start, period_end, issuer, customer, issued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        id as InvoiceId,
        draft.kind as DocumentKind,
        year,
        serial,
        number,
        draft.key,
        draft.user as Option<UserId>,
        draft.payment as PaymentId,
        draft.corrects as Option<InvoiceId>,
        currency.code(),
        draft.bill.total().minor,
        draft.bill.from_balance().minor,
        draft.paid_by,
        draft.period.map(|(from, _)| from),
        draft.period.map(|(_, to)| to),
        serde_json::to_value(&draft.settings.issuer)?,
        customer,
        now
    )
    .execute(&mut *connection)
    .await?;
    insert_lines(connection, id, draft.bill.lines()).await?;
    Ok(id)
}

/// The last number given out in the series, which nobody else changes until the transaction ends.
async fn lock_series(connection: &mut PgConnection, kind: DocumentKind, year: i32) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!(
        "INSERT INTO invoice_series (kind, year, last) VALUES ($1, $2, 0)
         ON CONFLICT ON CONSTRAINT invoice_series_pkey DO UPDATE SET last = invoice_series.last RETURNING last",
        kind as DocumentKind,
        year
    )
    .fetch_one(connection)
    .await?;
    Ok(last)
}

async fn insert_lines(connection: &mut PgConnection, id: InvoiceId, lines: &[Line]) -> Result<(), StoreError> {
    let kinds: Vec<_> = lines.iter().map(|line| line.kind.as_str().to_owned()).collect();
    let descriptions: Vec<_> = lines.iter().map(|line| line.description.clone()).collect();
    let amounts: Vec<_> = lines.iter().map(|line| line.amount.minor).collect();
    sqlx::query!(
        "INSERT INTO invoice_lines (invoice_id, position, kind, description, amount)
         SELECT $1, l.place - 1, l.kind::invoice_line_kind, l.description, l.amount
         FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS l (kind, description, amount, place)",
        id as InvoiceId,
        &kinds,
        &descriptions,
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<InvoiceId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT id FROM invoices WHERE key = $1", key).fetch_optional(connection).await?;
    Ok(id)
}

/// The tenant, if they are still there, and what stands on their invoices now.
async fn customer_now(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: Option<UserId>,
) -> Result<(Option<UserId>, Option<Customer>), StoreError> {
    let Some(user) = user else { return Ok((None, None)) };
    let email = sqlx::query_scalar!("SELECT email FROM users WHERE id = $1", user as UserId)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(email) = email else { return Ok((None, None)) };
    let details = billing_details::find(connection, sealer, user).await?;
    Ok((Some(user), Some(Customer { email, details })))
}

/// What the sealed customer is bound to.
pub(crate) fn place(id: InvoiceId) -> String {
    format!("invoices/{id}/customer")
}
