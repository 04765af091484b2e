//! A tenant's payments: by which providers one can pay, checkouts, what was paid, and what a payer needs.

mod checkout;
pub(crate) mod wire;

pub(crate) use checkout::create;
use wire::{PaymentOut, PaymentsOut, ProviderOut, ProvidersOut};

use domain::{PaymentId, payment::is_unpaid};
use salvo::{http::HeaderValue, http::header::CONTENT_TYPE, prelude::*};
use store::{StoreError, payments as stored, payments::Closing};

use super::page;
use crate::{
    auth::{Actor, PathId},
    error::{ApiError, Thing},
    payments,
    state::AppState,
};

/// Lists the payment providers that one can pay by.
#[endpoint(operation_id = "list_payment_providers", tags("billing"))]
pub(crate) async fn providers(_actor: Actor, app: AppState) -> Result<Json<ProvidersOut>, ApiError> {
    let known = app.payments.iter().map(|provider| ProviderOut::of(provider.as_ref()));
    Ok(Json(ProvidersOut { providers: known.collect() }))
}

/// Lists payments, newest first.
#[endpoint(
    operation_id = "list_payments",
    tags("billing"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Payments on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::PaymentIdDoc>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<PaymentsOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let mut database = app.database().await?;
    let found = stored::list(&mut database, actor.user, before, limit + 1).await?;
    let catalogue = store::plans::catalogue(&mut database).await?;
    let (found, next) = page::cut(found, limit, |payment| payment.id);
    Ok(Json(PaymentsOut { payments: found.iter().map(|one| PaymentOut::new(one, &catalogue)).collect(), next }))
}

/// Reads a payment, with what the payer needs while it waits for them.
#[endpoint(operation_id = "read_payment", tags("billing"))]
pub(crate) async fn read(actor: Actor, app: AppState, id: PathId<PaymentId>) -> Result<Json<PaymentOut>, ApiError> {
    let mut database = app.database().await?;
    let payment = stored::find(&mut database, actor.user, id.0).await?.ok_or(ApiError::NotFound(Thing::Payment))?;
    let catalogue = store::plans::catalogue(&mut database).await?;
    Ok(Json(PaymentOut::new(&payment, &catalogue)))
}

/// Gives up a payment that nobody has paid: coupons and what was set aside of the balance are free again. `409
/// payment_under_way` when money is on its way or has come. It can be called again.
#[endpoint(operation_id = "cancel_payment", tags("billing"))]
pub(crate) async fn cancel(actor: Actor, app: AppState, id: PathId<PaymentId>) -> Result<Json<PaymentOut>, ApiError> {
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    let closing = stored::cancel(&mut transaction, actor.user, id.0, now).await?;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    match closing {
        None => Err(ApiError::NotFound(Thing::Payment)),
        Some(Closing::Refused(_)) => Err(ApiError::PaymentUnderWay),
        Some(Closing::Closed(payment, effects)) => {
            transaction.commit().await.map_err(StoreError::from)?;
            payments::follow_up(&app, &effects, now).await;
            Ok(Json(PaymentOut::new(&payment, &catalogue)))
        }
    }
}

/// What the payer's phone reads: the address of the coins, or of the provider's page, as a picture. A memo or tag is no part
/// of it.
#[endpoint(
    operation_id = "read_payment_qr_svg",
    tags("billing"),
    responses((status_code = 200, description = "The picture.", body = String, content_type = "image/svg+xml"))
)]
pub(crate) async fn qr_svg(
    actor: Actor,
    app: AppState,
    id: PathId<PaymentId>,
    res: &mut Response,
) -> Result<(), ApiError> {
    let text = scanned(&app, actor, id.0).await?;
    let picture = documents::qr::svg(&text).map_err(ApiError::internal)?;
    picture_out(res, "image/svg+xml", picture.into_bytes())
}

/// The same as a PNG.
#[endpoint(
    operation_id = "read_payment_qr_png",
    tags("billing"),
    responses((status_code = 200, description = "The picture.", body = String, content_type = "image/png"))
)]
pub(crate) async fn qr_png(
    actor: Actor,
    app: AppState,
    id: PathId<PaymentId>,
    res: &mut Response,
) -> Result<(), ApiError> {
    let text = scanned(&app, actor, id.0).await?;
    let picture = documents::qr::png(&text).map_err(ApiError::internal)?;
    picture_out(res, "image/png", picture)
}

/// What is in the picture, while somebody is to pay.
async fn scanned(app: &AppState, actor: Actor, id: PaymentId) -> Result<String, ApiError> {
    let payment = stored::find(&mut *app.database().await?, actor.user, id).await?;
    let payment = payment.ok_or(ApiError::NotFound(Thing::Payment))?;
    let handover = payment.handover.filter(|_| is_unpaid(payment.state)).ok_or(ApiError::NothingToPay)?;
    Ok(handover.scanned().to_owned())
}

fn picture_out(res: &mut Response, kind: &'static str, picture: Vec<u8>) -> Result<(), ApiError> {
    res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    res.status_code(StatusCode::OK);
    res.write_body(picture).map_err(ApiError::internal)
}
