//! To whom a tenant's invoices are made out from now on.

use domain::billing::invoice::BillingDetails;
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::billing_details;

use super::Gone;
use crate::{auth::Actor, body::JsonBody, error::ApiError, state::AppState};

/// To whom your invoices are made out.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = BillingDetailsChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct DetailsIn {
    /// Of a person or a company: 1 to 150 characters.
    #[salvo(schema(max_length = 150))]
    name: String,
    /// At most 8 lines and 500 characters.
    #[salvo(schema(required = false, max_length = 500))]
    #[serde(default)]
    address: Option<String>,
    /// Such as a VAT number: at most 40 characters. It is printed as it is, not checked.
    #[salvo(schema(required = false, max_length = 40))]
    #[serde(default)]
    tax_id: Option<String>,
}

/// To whom your invoices are made out, beside your e-mail address.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BillingDetails))]
pub(crate) struct DetailsOut {
    /// Of a person or a company; null: not set.
    name: Option<String>,
    /// In lines.
    address: Option<String>,
    /// Such as a VAT number.
    tax_id: Option<String>,
}

impl From<Option<BillingDetails>> for DetailsOut {
    fn from(details: Option<BillingDetails>) -> Self {
        match details {
            Some(BillingDetails { name, address, tax_id }) => Self { name: Some(name), address, tax_id },
            None => Self { name: None, address: None, tax_id: None },
        }
    }
}

/// Reads to whom your invoices are made out.
#[endpoint(operation_id = "read_billing_details", tags("billing"))]
pub(crate) async fn read(actor: Actor, app: AppState) -> Result<Json<DetailsOut>, ApiError> {
    let details = billing_details::find(&mut *app.database().await?, &app.sealer, actor.user).await?;
    Ok(Json(details.into()))
}

/// Sets to whom your invoices are made out from now on. Invoices that were made out stay as they are.
#[endpoint(operation_id = "set_billing_details", tags("billing"))]
pub(crate) async fn set(actor: Actor, app: AppState, body: JsonBody<DetailsIn>) -> Result<Json<DetailsOut>, ApiError> {
    let DetailsIn { name, address, tax_id } = body.0;
    let details = BillingDetails::parse(&name, address.as_deref(), tax_id.as_deref())?;
    let (mut database, now) = (app.database().await?, app.clock.now());
    billing_details::set(&mut database, &app.sealer, actor.user, &details, now).await?;
    Ok(Json(Some(details).into()))
}

/// Forgets to whom your invoices are made out: from now on they have your e-mail address alone.
#[endpoint(operation_id = "delete_billing_details", tags("billing"))]
pub(crate) async fn delete(actor: Actor, app: AppState) -> Result<Gone, ApiError> {
    billing_details::delete(&mut *app.database().await?, actor.user).await?;
    Ok(Gone)
}
