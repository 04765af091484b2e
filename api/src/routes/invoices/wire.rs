//! Invoices and credit notes on the wire.

use chrono::{DateTime, Utc};
use domain::{
    InvoiceId, PaymentId,
    billing::invoice::{Customer, Document, DocumentKind, Issuer, Line, LineKind},
};
use salvo::prelude::*;
use serde::Serialize;
use store::invoices::{Invoice, Summary};

use crate::money::MoneyOut;

/// An invoice or a credit note in a list.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = InvoiceSummary))]
pub(crate) struct InvoiceSummaryOut {
    /// Names it; `before` takes it.
    #[salvo(schema(value_type = crate::wire::InvoiceIdDoc))]
    id: InvoiceId,
    /// `invoice` or `credit_note`.
    #[salvo(schema(value_type = crate::wire::DocumentKindDoc))]
    kind: DocumentKind,
    /// As it is printed.
    number: String,
    /// The payment that it is for.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    payment: PaymentId,
    /// The invoice that a credit note takes back, in part or whole.
    #[salvo(schema(value_type = Option<crate::wire::InvoiceIdDoc>))]
    corrects: Option<InvoiceId>,
    /// The sum.
    total: MoneyOut,
    /// When it was made out.
    #[salvo(schema(value_type = String, format = DateTime))]
    issued_at: DateTime<Utc>,
}

impl From<Summary> for InvoiceSummaryOut {
    fn from(one: Summary) -> Self {
        let Summary { id, kind, number, payment, corrects, total, issued_at, .. } = one;
        Self { id, kind, number, payment, corrects, total: total.into(), issued_at }
    }
}

/// A page of invoices and credit notes.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Invoices))]
pub(crate) struct InvoicesOut {
    /// Newest first.
    pub(crate) invoices: Vec<InvoiceSummaryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::InvoiceIdDoc>))]
    pub(crate) next: Option<InvoiceId>,
}

/// One line of an invoice or a credit note.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = InvoiceLine))]
pub(crate) struct LineOut {
    /// `item`, `discount`, `credit` or `refund`.
    #[salvo(schema(value_type = crate::wire::LineKindDoc))]
    kind: LineKind,
    /// What it is.
    description: String,
    /// Negative for discounts and credits.
    amount: MoneyOut,
}

impl From<Line> for LineOut {
    fn from(line: Line) -> Self {
        Self { kind: line.kind, description: line.description, amount: line.amount.into() }
    }
}

/// Who has made a document out, or to whom.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = InvoiceParty))]
pub(crate) struct PartyOut {
    /// Of a person or a company; null: not known.
    name: Option<String>,
    /// In lines.
    address: Option<String>,
    /// Such as a VAT number.
    tax_id: Option<String>,
    /// Of the customer.
    email: Option<String>,
}

impl From<Customer> for PartyOut {
    fn from(customer: Customer) -> Self {
        let (name, address, tax_id) = match customer.details {
            Some(details) => (Some(details.name), details.address, details.tax_id),
            None => (None, None, None),
        };
        Self { name, address, tax_id, email: Some(customer.email) }
    }
}

/// An invoice or a credit note, whole.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Invoice))]
pub(crate) struct InvoiceOut {
    /// Names it.
    #[salvo(schema(value_type = crate::wire::InvoiceIdDoc))]
    id: InvoiceId,
    /// `invoice` or `credit_note`.
    #[salvo(schema(value_type = crate::wire::DocumentKindDoc))]
    kind: DocumentKind,
    /// As it is printed.
    number: String,
    /// The payment that it is for.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    payment: PaymentId,
    /// The invoice that a credit note takes back, in part or whole.
    #[salvo(schema(value_type = Option<crate::wire::InvoiceIdDoc>))]
    corrects: Option<InvoiceId>,
    /// When it was made out.
    #[salvo(schema(value_type = String, format = DateTime))]
    issued_at: DateTime<Utc>,
    /// By whom.
    issuer: PartyOut,
    /// To whom, as they were then; null: they have left.
    customer: Option<PartyOut>,
    /// What is paid for begins.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    period_start: Option<DateTime<Utc>>,
    /// What is paid for ends.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    period_end: Option<DateTime<Utc>>,
    /// In order.
    lines: Vec<LineOut>,
    /// Their sum.
    total: MoneyOut,
    /// What of the sum was paid from the balance.
    from_balance: MoneyOut,
    /// By what the rest was paid.
    paid_by: Option<String>,
    /// What the operator has to say, such as why there is no tax.
    note: Option<String>,
}

impl From<Invoice> for InvoiceOut {
    fn from(invoice: Invoice) -> Self {
        let Invoice { id, payment, corrects, document, .. } = invoice;
        let Document { kind, number, issued_at, issuer, customer, period, lines, total, from_balance, paid_by, .. } =
            document;
        let Issuer { name, address, tax_id, note } = issuer;
        Self {
            id,
            kind,
            number,
            payment,
            corrects,
            issued_at,
            issuer: PartyOut { name: Some(name), address, tax_id, email: None },
            customer: customer.map(PartyOut::from),
            period_start: period.map(|(from, _)| from),
            period_end: period.map(|(_, to)| to),
            lines: lines.into_iter().map(LineOut::from).collect(),
            total: total.into(),
            from_balance: from_balance.into(),
            paid_by,
            note,
        }
    }
}
