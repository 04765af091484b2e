//! A tenant's invoices and credit notes, as JSON and as PDF.

use domain::InvoiceId;
use salvo::{
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue},
    prelude::*,
};
use store::invoices::{self, Invoice};

use super::page;
use crate::{
    auth::{Actor, PathId},
    error::{ApiError, Thing},
    state::AppState,
};

mod wire;

pub(crate) use wire::{InvoiceOut, InvoiceSummaryOut, InvoicesOut};

/// Lists your invoices and credit notes, newest first.
#[endpoint(
    operation_id = "list_invoices",
    tags("billing"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Documents on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::InvoiceIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<InvoicesOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let found = invoices::list(&mut *app.database().await?, actor.user, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |one| one.id);
    Ok(Json(InvoicesOut { invoices: found.into_iter().map(InvoiceSummaryOut::from).collect(), next }))
}

/// Reads one invoice or credit note.
#[endpoint(operation_id = "read_invoice", tags("billing"))]
pub(crate) async fn read(actor: Actor, app: AppState, id: PathId<InvoiceId>) -> Result<Json<InvoiceOut>, ApiError> {
    Ok(Json(found(&app, &actor, id.0).await?.into()))
}

/// Reads one invoice or credit note as a file.
#[endpoint(
    operation_id = "download_invoice",
    tags("billing"),
    responses((status_code = 200, description = "The document, to be saved.", body = String, content_type = "application/pdf"))
)]
pub(crate) async fn pdf(
    actor: Actor,
    app: AppState,
    id: PathId<InvoiceId>,
    res: &mut Response,
) -> Result<(), ApiError> {
    let invoice = found(&app, &actor, id.0).await?;
    send(res, invoice).await
}

async fn found(app: &AppState, actor: &Actor, id: InvoiceId) -> Result<Invoice, ApiError> {
    let found = invoices::find(&mut *app.database().await?, &app.sealer, actor.user, id).await?;
    found.ok_or(ApiError::NotFound(Thing::Invoice))
}

/// Answers with the document as a file that has its number as its name.
pub(crate) async fn send(res: &mut Response, invoice: Invoice) -> Result<(), ApiError> {
    let Invoice { document, .. } = invoice;
    // Numbers are letters, digits and dashes.
    let name = format!("attachment; filename=\"{}.pdf\"", document.number);
    let name = HeaderValue::from_str(&name).map_err(ApiError::internal)?;
    // Some milliseconds of counting glyphs: not on a thread that serves others.
    let bytes = tokio::task::spawn_blocking(move || documents::invoice::pdf(&document));
    let bytes = bytes.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    let headers = res.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    headers.insert(CONTENT_DISPOSITION, name);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    res.status_code(StatusCode::OK);
    res.write_body(bytes).map_err(ApiError::internal)
}
