//! What payers, banks and the service itself do.

use salvo::prelude::{Depot, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::paypal::{
    error::{Answer, ApiError, Reply},
    front,
    money::{Amount, Wire},
    world::{Back, Outcome, Refund, RefundOutcome, World},
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Approval {
    email: Option<String>,
    /// The first payment of a subscription fails.
    fails: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Part {
    amount: Option<Wire>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Times {
    times: Option<u32>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refunds {
    outcome: RefundOutcome,
}

#[handler]
pub async fn show_order(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    Ok(Reply::ok(front::sandbox(depot)?.world().order_wire(&id, true)?))
}

#[handler]
pub async fn approve_order(request: &mut Request, depot: &mut Depot) -> Answer {
    let approval: Approval = front::json(&front::body(request).await?)?;
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| {
        world.approve_order(&id, approval.email.as_deref(), now)?;
        Ok(Reply::ok(world.order_wire(&id, true)?))
    })
}

#[handler]
pub async fn show_outcome(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    let sandbox = front::sandbox(depot)?;
    let outcome = sandbox.world().order(&id)?.outcome.clone();
    Ok(Reply::ok(outcome.map_or_else(|| json!({}), |outcome| json!(outcome))))
}

/// `{}` takes an outcome back.
#[handler]
pub async fn set_outcome(request: &mut Request, depot: &mut Depot) -> Answer {
    let body: Value = front::json(&front::body(request).await?)?;
    let outcome: Option<Outcome> = match body.get("outcome") {
        Some(_) => Some(front::json(body.to_string().as_bytes())?),
        None => None,
    };
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, _| world.set_outcome(&id, outcome)).map(|()| Reply::ok(json!({})))
}

#[handler]
pub async fn void_order(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| {
        world.void_order(&id, now)?;
        Ok(Reply::ok(world.order_wire(&id, true)?))
    })
}

#[handler]
pub async fn complete(request: &mut Request, depot: &mut Depot) -> Answer {
    on_payment(request, depot, |world, id, now| world.end_pending(id, true, now))
}

#[handler]
pub async fn deny(request: &mut Request, depot: &mut Depot) -> Answer {
    on_payment(request, depot, |world, id, now| world.end_pending(id, false, now))
}

/// The merchant gives money back by hand, in the service's own pages.
#[handler]
pub async fn refund_by_hand(request: &mut Request, depot: &mut Depot) -> Answer {
    let part: Part = front::json(&front::body(request).await?)?;
    let amount = part.amount.map(|amount| Amount::read_positive(&amount, "/amount")).transpose()?;
    on_payment(request, depot, |world, id, now| {
        let asked = Refund::asked(id, Back::Refund, world.refund_outcome, now);
        world.refund(asked, amount, now).map(drop)
    })
}

#[handler]
pub async fn reverse(request: &mut Request, depot: &mut Depot) -> Answer {
    on_payment(request, depot, |world, id, now| world.reverse(id, now).map(drop))
}

#[handler]
pub async fn refund_outcome(request: &mut Request, depot: &mut Depot) -> Answer {
    let refunds: Refunds = front::json(&front::body(request).await?)?;
    front::sandbox(depot)?.world().refund_outcome = refunds.outcome;
    Ok(Reply::ok(json!({})))
}

#[handler]
pub async fn complete_refund(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| world.end_refund(&id, true, now)).map(|()| Reply::ok(json!({})))
}

#[handler]
pub async fn fail_refund(request: &mut Request, depot: &mut Depot) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| world.end_refund(&id, false, now)).map(|()| Reply::ok(json!({})))
}

#[handler]
pub async fn show_subscription(request: &mut Request, depot: &mut Depot) -> Answer {
    on_subscription(request, depot, |_, _, _| Ok(()))
}

#[handler]
pub async fn approve_subscription(request: &mut Request, depot: &mut Depot) -> Answer {
    let approval: Approval = front::json(&front::body(request).await?)?;
    on_subscription(request, depot, |world, id, now| {
        world.approve_subscription(id, approval.email.as_deref(), approval.fails, now)
    })
}

#[handler]
pub async fn renew(request: &mut Request, depot: &mut Depot) -> Answer {
    let times: Times = front::json(&front::body(request).await?)?;
    on_subscription(request, depot, |world, id, now| {
        (0..times.times.unwrap_or(1)).try_for_each(|_| world.renew(id, now))
    })
}

#[handler]
pub async fn fail_renewal(request: &mut Request, depot: &mut Depot) -> Answer {
    let times: Times = front::json(&front::body(request).await?)?;
    on_subscription(request, depot, |world, id, now| {
        (0..times.times.unwrap_or(1)).try_for_each(|_| world.fail_renewal(id, now))
    })
}

/// The service tries once more what failed, and gets it.
#[handler]
pub async fn retry(request: &mut Request, depot: &mut Depot) -> Answer {
    on_subscription(request, depot, |world, id, now| world.capture_outstanding(id, None, now))
}

#[handler]
pub async fn cancel(request: &mut Request, depot: &mut Depot) -> Answer {
    let times: Times = front::json(&front::body(request).await?)?;
    let reason = times.reason.unwrap_or_else(|| "The payer has ended it".to_owned());
    on_subscription(request, depot, |world, id, now| world.cancel_subscription(id, &reason, now))
}

#[handler]
pub async fn suspend(request: &mut Request, depot: &mut Depot) -> Answer {
    let times: Times = front::json(&front::body(request).await?)?;
    let reason = times.reason.unwrap_or_else(|| "The payer has suspended it".to_owned());
    on_subscription(request, depot, |world, id, now| world.suspend(id, &reason, now))
}

#[handler]
pub async fn expire(request: &mut Request, depot: &mut Depot) -> Answer {
    on_subscription(request, depot, World::expire_subscription)
}

type At = chrono::DateTime<chrono::Utc>;

fn on_payment(
    request: &Request,
    depot: &Depot,
    act: impl FnOnce(&mut World, &str, At) -> Result<(), ApiError>,
) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| {
        act(world, &id, now)?;
        Ok(Reply::ok(world.capture_wire(world.payment(&id)?)))
    })
}

fn on_subscription(
    request: &Request,
    depot: &Depot,
    act: impl FnOnce(&mut World, &str, At) -> Result<(), ApiError>,
) -> Answer {
    let id = front::param(request, "id")?;
    front::sandbox(depot)?.change(|world, now| {
        act(world, &id, now)?;
        Ok(Reply::ok(world.subscription_wire(world.subscription(&id)?)))
    })
}
