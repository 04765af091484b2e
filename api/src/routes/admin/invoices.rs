//! Invoices and credit notes of all tenants.

use domain::{InvoiceId, UserId};
use salvo::prelude::*;
use serde::Serialize;
use store::invoices::{self, Asked, Invoice, Summary};

use super::page;
use crate::{
    auth::{PathId, Staff},
    error::{ApiError, Thing},
    routes::invoices::{InvoiceOut, InvoiceSummaryOut, send},
    state::AppState,
};

/// The years that numbers can have.
const YEARS: std::ops::RangeInclusive<i32> = 2_000..=9_999;

/// An invoice or a credit note in the list of staff.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminInvoiceSummary))]
pub(crate) struct AdminInvoiceSummaryOut {
    /// Whose; null: they have left.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// The document.
    invoice: InvoiceSummaryOut,
}

impl From<Summary> for AdminInvoiceSummaryOut {
    fn from(one: Summary) -> Self {
        Self { user: one.user, invoice: one.into() }
    }
}

/// A page of invoices and credit notes.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminInvoices))]
pub(crate) struct AdminInvoicesOut {
    /// Newest first.
    invoices: Vec<AdminInvoiceSummaryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::InvoiceIdDoc>))]
    next: Option<InvoiceId>,
}

/// An invoice or a credit note with its tenant.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminInvoice))]
pub(crate) struct AdminInvoiceOut {
    /// Whose; null: they have left.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// The document.
    invoice: InvoiceOut,
}

fn asked(req: &Request) -> Result<Asked, ApiError> {
    let detail = "`year` is a year such as 2026";
    let year = page::parsed(req, "year", detail)?;
    if year.is_some_and(|year| !YEARS.contains(&year)) {
        return Err(ApiError::Query { field: "year", detail });
    }
    Ok(Asked {
        user: page::parsed(req, "user", "`user` is the id of a user")?,
        payment: page::parsed(req, "payment", "`payment` is the id of a payment")?,
        kind: page::named(req, "kind", "`kind` is `invoice` or `credit_note`")?,
        year,
        number: page::text(req, "number")?,
        before: page::parsed(req, "before", "`before` is the `next` of the page before")?,
    })
}

/// Lists invoices and credit notes of all tenants, newest first.
#[endpoint(
    operation_id = "admin_list_invoices",
    tags("admin"),
    parameters(
        ("user" = Option<String>, Query, description = "Of this user."),
        ("payment" = Option<crate::wire::PaymentIdDoc>, Query, description = "Of this payment."),
        ("kind" = Option<crate::wire::DocumentKindDoc>, Query, description = "Of this kind."),
        ("year" = Option<i32>, Query, minimum = 2000, maximum = 9999, description = "With a number of this year."),
        ("number" = Option<String>, Query, description = "With this number."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Documents on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::InvoiceIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(_staff: Staff, app: AppState, req: &mut Request) -> Result<Json<AdminInvoicesOut>, ApiError> {
    let (asked, limit) = (asked(req)?, page::limit(req)?);
    let found = invoices::list_all(&mut *app.database().await?, &asked, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |one| one.id);
    Ok(Json(AdminInvoicesOut { invoices: found.into_iter().map(AdminInvoiceSummaryOut::from).collect(), next }))
}

/// Reads an invoice or a credit note, whosever it is.
#[endpoint(operation_id = "admin_read_invoice", tags("admin"))]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<InvoiceId>,
) -> Result<Json<AdminInvoiceOut>, ApiError> {
    let invoice = found(&app, id.0).await?;
    Ok(Json(AdminInvoiceOut { user: invoice.user, invoice: invoice.into() }))
}

/// Reads an invoice or a credit note as a file, whosever it is.
#[endpoint(
    operation_id = "admin_download_invoice",
    tags("admin"),
    responses((status_code = 200, description = "The document, to be saved.", body = String, content_type = "application/pdf"))
)]
pub(crate) async fn pdf(
    _staff: Staff,
    app: AppState,
    id: PathId<InvoiceId>,
    res: &mut Response,
) -> Result<(), ApiError> {
    send(res, found(&app, id.0).await?).await
}

async fn found(app: &AppState, id: InvoiceId) -> Result<Invoice, ApiError> {
    let found = invoices::find_any(&mut *app.database().await?, &app.sealer, id).await?;
    found.ok_or(ApiError::NotFound(Thing::Invoice))
}
