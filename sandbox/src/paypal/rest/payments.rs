//! Payments v2 and the old sales: what has come, and giving it back.

use std::sync::Arc;

use bytes::Bytes;
use salvo::prelude::{Depot, Request, handler};
use serde::Deserialize;
use serde_json::Value;

use crate::paypal::{
    error::{Answer, ApiError, Reply},
    front,
    money::{Amount, Wire},
    server::Sandbox,
    world::{Back, Refund, World},
};

/// The longest note to a payer, in characters.
const NOTE_CHARS_MAX: usize = 255;

#[derive(Default, Deserialize)]
struct NewRefund {
    amount: Option<Wire>,
    custom_id: Option<String>,
    #[serde(alias = "invoice_number")]
    invoice_id: Option<String>,
    #[serde(alias = "description")]
    note_to_payer: Option<String>,
}

#[handler]
pub async fn show_capture(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.capture_wire(world.payment(&id)?)))
}

#[handler]
pub async fn show_sale(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.sale_wire(world.payment(&id)?)))
}

#[handler]
pub async fn show_refund(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.refund_wire(world.refunds.get(&id).ok_or_else(ApiError::not_found)?)))
}

#[handler]
pub async fn show_sale_refund(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.sale_refund_wire(world.refunds.get(&id).ok_or_else(ApiError::not_found)?)))
}

#[handler]
pub async fn refund_capture(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key, id) = (front::sandbox(depot)?, front::request_id(request), front::param(request, "id")?);
    let body = front::body(request).await?;
    give_back(&sandbox, key, &id, &body, World::refund_wire)
}

#[handler]
pub async fn refund_sale(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key, id) = (front::sandbox(depot)?, front::request_id(request), front::param(request, "id")?);
    let body = front::body(request).await?;
    give_back(&sandbox, key, &id, &body, World::sale_refund_wire)
}

fn give_back(
    sandbox: &Arc<Sandbox>,
    key: Option<String>,
    payment: &str,
    body: &Bytes,
    wire: impl Fn(&World, &Refund) -> Value,
) -> Answer {
    let kind = format!("refund {payment}");
    sandbox.change(|world, now| {
        let before = world.replay(&kind, key.as_deref(), body);
        let replayed = before.is_some();
        let id = match before {
            Some(id) => id,
            None => {
                let new: NewRefund = front::json(body)?;
                let amount = new.amount.map(|amount| Amount::read_positive(&amount, "/amount")).transpose()?;
                if new.note_to_payer.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS_MAX) {
                    let text = "The value of a field is either too short or too long.";
                    return Err(ApiError::invalid("/note_to_payer", "INVALID_STRING_LENGTH", text));
                }
                let asked = Refund {
                    custom_id: new.custom_id,
                    invoice_id: new.invoice_id,
                    note: new.note_to_payer,
                    ..Refund::asked(payment, Back::Refund, world.refund_outcome, now)
                };
                let id = world.refund(asked, amount, now)?;
                world.store(&kind, key.as_deref(), body, &id);
                id
            }
        };
        let refund = world.refunds.get(&id).ok_or_else(ApiError::not_found)?;
        Ok(front::made(replayed, 201, wire(world, refund)))
    })
}
