//! The pages on which a payer approves or gives up, for people who try something out. Programs use the control API.

use salvo::{
    http::StatusCode,
    prelude::{Depot, Redirect, Request, Response, Scribe, Text, handler},
};

use crate::paypal::{error::ApiError, front};

#[handler]
pub async fn show_order(request: &mut Request, depot: &mut Depot) -> Result<Text<String>, ApiError> {
    let id = query(request, "token")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    let order = world.order(&id)?;
    let what = format!("pay {} {}", order.amount.decimal(), order.amount.currency);
    Ok(page(&what, &format!("/checkoutnow?token={id}")))
}

#[handler]
pub async fn decide_order(request: &mut Request, depot: &mut Depot, response: &mut Response) -> Result<(), ApiError> {
    let (id, agrees) = (query(request, "token")?, agrees(request).await?);
    let sandbox = front::sandbox(depot)?;
    let address = {
        let world = sandbox.world();
        let order = world.order(&id)?;
        if agrees { order.return_url.clone() } else { order.cancel_url.clone() }
    };
    if agrees {
        sandbox.change(|world, now| world.approve_order(&id, None, now))?;
    }
    go(response, address, &[("token", id.as_str()), ("PayerID", "SANDBOXPAYER0")]);
    Ok(())
}

#[handler]
pub async fn show_subscription(request: &mut Request, depot: &mut Depot) -> Result<Text<String>, ApiError> {
    let id = query(request, "ba_token")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    world.subscription(&id)?;
    Ok(page("pay again and again until you end it", &format!("/webapps/billing/subscriptions?ba_token={id}")))
}

#[handler]
pub async fn decide_subscription(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) -> Result<(), ApiError> {
    let (id, agrees) = (query(request, "ba_token")?, agrees(request).await?);
    let sandbox = front::sandbox(depot)?;
    let address = {
        let world = sandbox.world();
        let subscription = world.subscription(&id)?;
        if agrees { subscription.return_url.clone() } else { subscription.cancel_url.clone() }
    };
    if agrees {
        sandbox.change(|world, now| world.approve_subscription(&id, None, false, now))?;
    }
    go(response, address, &[("subscription_id", id.as_str()), ("ba_token", id.as_str())]);
    Ok(())
}

fn query(request: &Request, name: &str) -> Result<String, ApiError> {
    request.query::<String>(name).ok_or_else(ApiError::not_found)
}

async fn agrees(request: &mut Request) -> Result<bool, ApiError> {
    let body = front::body(request).await?;
    Ok(url::form_urlencoded::parse(&body).any(|(name, value)| name == "decision" && value == "approve"))
}

/// Sends the payer's browser back to the merchant.
fn go(response: &mut Response, address: Option<String>, more: &[(&str, &str)]) {
    match address.and_then(|address| url::Url::parse(&address).ok()) {
        Some(mut address) => {
            address.query_pairs_mut().extend_pairs(more);
            if let Ok(to) = Redirect::with_status_code(StatusCode::SEE_OTHER, address.as_str()) {
                to.render(response);
            }
        }
        None => Text::Plain("Done. You may close this page.").render(response),
    }
}

/// `what` and `action` are made of ids and amounts, so nothing has to be escaped.
fn page(what: &str, action: &str) -> Text<String> {
    Text::Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><title>PayPal sandbox</title>\
         <h1>PayPal sandbox</h1><p>Do you agree to {what}?</p><form method=\"post\" action=\"{action}\">\
         <button name=\"decision\" value=\"approve\">Approve</button> \
         <button name=\"decision\" value=\"cancel\">Give up</button></form>"
    ))
}
