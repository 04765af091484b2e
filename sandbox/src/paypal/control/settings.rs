//! Settings, the clock, the books and faults.

use salvo::prelude::{Depot, Request, Text, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::paypal::{
    error::{Answer, ApiError, Reply},
    faults::Fault,
    front,
    server::Settings,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: i64,
}

#[handler]
pub async fn health() -> Reply {
    Reply::ok(json!({ "ok": true }))
}

#[handler]
pub async fn authority(depot: &mut Depot) -> Result<Text<String>, ApiError> {
    Ok(Text::Plain(front::sandbox(depot)?.identity.ca.clone()))
}

#[handler]
pub async fn show(depot: &mut Depot) -> Answer {
    Ok(Reply::ok(json!(front::sandbox(depot)?.settings())))
}

/// What is not named stays as it is.
#[handler]
pub async fn change(request: &mut Request, depot: &mut Depot) -> Answer {
    let sandbox = front::sandbox(depot)?;
    let changes: Value = front::json(&front::body(request).await?)?;
    let mut settings = sandbox.settings_mut();
    let mut merged = json!(*settings);
    for (name, value) in changes.as_object().into_iter().flatten() {
        merged[name] = value.clone();
    }
    let changed: Settings = front::json(merged.to_string().as_bytes())?;
    *settings = changed;
    Ok(Reply::ok(json!(*settings)))
}

/// Every token ends now.
#[handler]
pub async fn revoke_tokens(depot: &mut Depot) -> Answer {
    front::sandbox(depot)?.world().tokens.clear();
    Ok(Reply::ok(json!({})))
}

/// The service's clock goes ahead, and every payment that is due by then is made.
#[handler]
pub async fn advance_clock(request: &mut Request, depot: &mut Depot) -> Answer {
    let advance: Advance = front::json(&front::body(request).await?)?;
    let sandbox = front::sandbox(depot)?;
    sandbox.world().shift_ms += advance.seconds.saturating_mul(1_000);
    let renewed = sandbox.change(|world, now| Ok(world.renew_due(now)))?;
    Ok(Reply::ok(json!({ "now": sandbox.now(), "renewed": renewed })))
}

#[handler]
pub async fn books(depot: &mut Depot) -> Answer {
    Ok(Reply::ok(front::sandbox(depot)?.world().books()))
}

#[handler]
pub async fn faults(depot: &mut Depot) -> Answer {
    Ok(Reply::ok(json!(front::sandbox(depot)?.faults().active())))
}

#[handler]
pub async fn add_fault(request: &mut Request, depot: &mut Depot) -> Answer {
    let fault: Fault = front::json(&front::body(request).await?)?;
    Ok(Reply::ok(json!({ "id": front::sandbox(depot)?.faults().add(fault) })))
}

#[handler]
pub async fn clear_faults(depot: &mut Depot) -> Answer {
    front::sandbox(depot)?.faults().remove(None);
    Ok(Reply::ok(json!({})))
}

#[handler]
pub async fn remove_fault(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?.parse().map_err(|_| ApiError::not_found())?;
    front::sandbox(depot)?.faults().remove(Some(id));
    Ok(Reply::ok(json!({})))
}
