//! Orders v2, as merchants ask for them.

use salvo::prelude::{Depot, Request, handler};

use crate::paypal::{
    error::{Answer, Reply},
    front,
    world::NewOrder,
};

#[handler]
pub async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key, whole) = (front::sandbox(depot)?, front::request_id(request), front::wants_whole(request));
    let body = front::body(request).await?;
    sandbox.change(|world, now| {
        if let Some(id) = world.replay("order", key.as_deref(), &body) {
            return Ok(Reply::ok(world.order_wire(&id, whole)?));
        }
        let id = world.create_order(front::json::<NewOrder>(&body)?, now)?;
        world.store("order", key.as_deref(), &body, &id);
        Ok(Reply::new(201, world.order_wire(&id, whole)?))
    })
}

#[handler]
pub async fn show(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    Ok(Reply::ok(front::sandbox(depot)?.world().order_wire(&id, true)?))
}

/// An answer without the captures would be of no use, so it is always whole.
#[handler]
pub async fn capture(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key, id) = (front::sandbox(depot)?, front::request_id(request), front::param(request, "id")?);
    let body = front::body(request).await?;
    front::json::<serde_json::Value>(&body)?;
    let kind = format!("capture {id}");
    sandbox.change(|world, now| {
        if world.replay(&kind, key.as_deref(), &body).is_some() {
            return Ok(Reply::ok(world.order_wire(&id, true)?));
        }
        world.capture_order(&id, now)?;
        world.store(&kind, key.as_deref(), &body, &id);
        Ok(Reply::new(201, world.order_wire(&id, true)?))
    })
}
