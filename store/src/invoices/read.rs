//! What was made out, as it is shown.

use chrono::{DateTime, Utc};
use domain::{
    Currency, InvoiceId, Money, PaymentId, UserId,
    billing::invoice::{Customer, Document, DocumentKind, Issuer, Line, LineKind},
};
use secrecy::ExposeSecret as _;
use serde::de::Error as _;
use sqlx::PgConnection;

use super::place;
use crate::{StoreError, seal::Sealer};

/// One document.
#[derive(Clone, Debug)]
pub struct Invoice {
    /// Which.
    pub id: InvoiceId,
    /// Whose; `None` when they have left.
    pub user: Option<UserId>,
    /// The payment that it is for.
    pub payment: PaymentId,
    /// The invoice that a credit note takes back.
    pub corrects: Option<InvoiceId>,
    /// What stands on it.
    pub document: Document,
}

/// One document in a list.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Which.
    pub id: InvoiceId,
    /// Whose; `None` when they have left.
    pub user: Option<UserId>,
    /// Invoice or credit note.
    pub kind: DocumentKind,
    /// Its number.
    pub number: String,
    /// The payment that it is for.
    pub payment: PaymentId,
    /// The invoice that a credit note takes back.
    pub corrects: Option<InvoiceId>,
    /// The sum.
    pub total: Money,
    /// When it was made out.
    pub issued_at: DateTime<Utc>,
}

/// What staff look for; everything that is `None` is any.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Of this tenant.
    pub user: Option<UserId>,
    /// Of this payment.
    pub payment: Option<PaymentId>,
    /// Of this kind.
    pub kind: Option<DocumentKind>,
    /// Of this year of numbers.
    pub year: Option<i32>,
    /// With this number.
    pub number: Option<String>,
    /// Made out before this one.
    pub before: Option<InvoiceId>,
}

/// The tenant's document, if it is theirs.
pub async fn find(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    id: InvoiceId,
) -> Result<Option<Invoice>, StoreError> {
    let found = find_any(connection, sealer, id).await?;
    Ok(found.filter(|invoice| invoice.user == Some(user)))
}

/// The document, whosever it is.
pub async fn find_any(
    connection: &mut PgConnection,
    sealer: &Sealer,
    id: InvoiceId,
) -> Result<Option<Invoice>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT i.user_id, i.payment_id, i.kind, i.number, i.corrects, c.number AS "corrects_number?", i.currency,
                  i.total, i.from_balance, i.paid_by, i.period_start, i.period_end, i.issuer, i.customer, i.issued_at
           FROM invoices i LEFT JOIN invoices c ON c.id = i.corrects WHERE i.id = $1"#,
        id as InvoiceId
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let currency = currency(&row.currency)?;
    let customer: Option<Customer> = match &row.customer {
        None => None,
        Some(sealed) => Some(serde_json::from_str(sealer.open(&place(id), sealed)?.expose_secret())?),
    };
    let issuer: Issuer = serde_json::from_value(row.issuer)?;
    let document = Document {
        kind: row.kind,
        number: row.number,
        corrects: row.corrects_number,
        issued_at: row.issued_at,
        issuer,
        customer,
        period: row.period_start.zip(row.period_end),
        lines: lines(connection, id, currency).await?,
        total: Money::new(row.total, currency),
        from_balance: Money::new(row.from_balance, currency),
        paid_by: row.paid_by,
    };
    Ok(Some(Invoice { id, user: row.user_id, payment: row.payment_id, corrects: row.corrects, document }))
}

async fn lines(connection: &mut PgConnection, id: InvoiceId, currency: Currency) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT kind AS "kind: LineKind", description, amount FROM invoice_lines
           WHERE invoice_id = $1 ORDER BY position"#,
        id as InvoiceId
    )
    .fetch_all(connection)
    .await?;
    let line = |amount| Money::new(amount, currency);
    Ok(rows
        .into_iter()
        .map(|row| Line { kind: row.kind, description: row.description, amount: line(row.amount) })
        .collect())
}

struct Row {
    id: InvoiceId,
    user: Option<UserId>,
    kind: DocumentKind,
    number: String,
    payment: PaymentId,
    corrects: Option<InvoiceId>,
    currency: String,
    total: i64,
    issued_at: DateTime<Utc>,
}

impl TryFrom<Row> for Summary {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { id, user, kind, number, payment, corrects, issued_at, .. } = row;
        let total = Money::new(row.total, currency(&row.currency)?);
        Ok(Self { id, user, kind, number, payment, corrects, total, issued_at })
    }
}

/// The tenant's documents from before `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    user: UserId,
    before: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Summary>, StoreError> {
    let asked = Asked { user: Some(user), before, ..Asked::default() };
    list_all(connection, &asked, limit).await
}

/// All documents that staff look for, newest first.
pub async fn list_all(connection: &mut PgConnection, asked: &Asked, limit: i64) -> Result<Vec<Summary>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, user_id AS user, kind, number, payment_id AS payment, corrects, currency, total, issued_at FROM invoices
         WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR payment_id = $2)
           AND ($3::billing_document_kind IS NULL OR kind = $3) AND ($4::integer IS NULL OR year = $4)
           AND ($5::text IS NULL OR number = $5) AND ($6::uuid IS NULL OR id < $6)
         ORDER BY id DESC LIMIT $7",
        asked.user.map(|id| id.as_uuid()),
        asked.payment.map(|id| id.as_uuid()),
        asked.kind as Option<DocumentKind>,
        asked.year,
        asked.number,
        asked.before.map(|id| id.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Summary::try_from).collect()
}

fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|error| serde_json::Error::custom(error).into())
}
