//! Subscriptions v1, as merchants ask for them.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use salvo::prelude::{Depot, Request, handler};
use serde::Deserialize;

use crate::paypal::{
    error::{Answer, ApiError, Reply},
    front,
    money::{Amount, Wire},
    world::{NewSubscription, Revision, World},
};

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 128;

#[derive(Deserialize)]
struct Because {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct NewCapture {
    note: Option<String>,
    capture_type: Option<String>,
    amount: Option<Wire>,
}

#[handler]
pub async fn create(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key) = (front::sandbox(depot)?, front::request_id(request));
    let body = front::body(request).await?;
    sandbox.change(|world, now| {
        let before = world.replay("subscription", key.as_deref(), &body);
        let replayed = before.is_some();
        let id = match before {
            Some(id) => id,
            None => {
                let id = world.create_subscription(front::json::<NewSubscription>(&body)?, now)?;
                world.store("subscription", key.as_deref(), &body, &id);
                id
            }
        };
        Ok(front::made(replayed, 201, world.subscription_wire(world.subscription(&id)?)))
    })
}

#[handler]
pub async fn show(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    Ok(Reply::ok(world.subscription_wire(world.subscription(&id)?)))
}

#[handler]
pub async fn activate(request: &mut Request, depot: &mut Depot) -> Answer {
    act(request, depot, false, |world, id, reason, now| world.activate(id, Some(reason), now)).await
}

#[handler]
pub async fn cancel(request: &mut Request, depot: &mut Depot) -> Answer {
    act(request, depot, true, World::cancel_subscription).await
}

#[handler]
pub async fn suspend(request: &mut Request, depot: &mut Depot) -> Answer {
    act(request, depot, true, World::suspend).await
}

#[handler]
pub async fn revise(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let body = front::body(request).await?;
    front::sandbox(depot)?.change(|world, _| {
        world.revise(&id, front::json::<Revision>(&body)?)?;
        Ok(Reply::ok(world.subscription_wire(world.subscription(&id)?)))
    })
}

#[handler]
pub async fn capture(request: &mut Request, depot: &mut Depot) -> Answer {
    let (sandbox, key, id) = (front::sandbox(depot)?, front::request_id(request), front::param(request, "id")?);
    let body = front::body(request).await?;
    let kind = format!("outstanding {id}");
    sandbox.change(|world, now| {
        if world.replay(&kind, key.as_deref(), &body).is_none() {
            let new: NewCapture = front::json(&body)?;
            new.note.ok_or_else(|| ApiError::missing("/note"))?;
            if new.capture_type.as_deref() != Some("OUTSTANDING_BALANCE") {
                return Err(ApiError::missing("/capture_type"));
            }
            let amount = new.amount.map(|amount| Amount::read_positive(&amount, "/amount")).transpose()?;
            world.capture_outstanding(&id, amount, now)?;
            world.store(&kind, key.as_deref(), &body, &id);
        }
        Ok(Reply::new(202, serde_json::Value::Null))
    })
}

#[handler]
pub async fn transactions(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let (from, to) = (time(request, "start_time")?, time(request, "end_time")?);
    Ok(Reply::ok(front::sandbox(depot)?.world().transactions(&id, from, to)?))
}

/// What is done to a subscription for a reason.
async fn act(
    request: &mut Request,
    depot: &mut Depot,
    needs_reason: bool,
    act: impl FnOnce(&mut World, &str, &str, DateTime<Utc>) -> Result<(), ApiError>,
) -> Answer {
    let id = front::param(request, "id")?;
    let reason = reason(&front::body(request).await?, needs_reason)?;
    front::sandbox(depot)?.change(|world, now| act(world, &id, &reason, now)).map(|()| Reply::empty())
}

fn reason(body: &Bytes, needed: bool) -> Result<String, ApiError> {
    let because: Because = front::json(body)?;
    let reason = because.reason.unwrap_or_default();
    if reason.chars().count() > REASON_CHARS_MAX {
        let text = "The value of a field is either too short or too long.";
        return Err(ApiError::invalid("/reason", "INVALID_STRING_LENGTH", text));
    }
    if reason.is_empty() && needed { Err(ApiError::missing("/reason")) } else { Ok(reason) }
}

fn time(request: &Request, name: &str) -> Result<DateTime<Utc>, ApiError> {
    let text = request.query::<String>(name).ok_or_else(|| ApiError::missing(name))?;
    text.parse().map_err(|_| ApiError::invalid(name, "INVALID_PARAMETER_SYNTAX", "The value of a field is not a time."))
}
