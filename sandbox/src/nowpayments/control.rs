//! The control API: being payers, chains and the provider's people, looking into the books, and breaking things. JSON over
//! plain HTTP on loopback.

mod books;

use serde_json::{Value, json};

use super::{
    acts::{self, Change, Deposit},
    api::chosen,
    faults::Fault,
    ipn::{Sequence, State},
    model::{Payment, Status},
    reply::{Answer, Call, Refusal, Reply},
    server::Sandbox,
};

/// Answers a request. Documented in `docs/sandbox.md`.
pub fn answer(sandbox: &Sandbox, call: &Call) -> Answer {
    let segments = call.segments();
    match (call.method.as_str(), &segments[..]) {
        ("GET", ["health"]) => Ok(Reply::value(&json!({ "ok": true }))),
        ("GET", ["books"]) => Ok(Reply::value(&books::books(&sandbox.core().journal))),
        ("GET", ["payments"]) => payments(sandbox, call),
        ("GET", ["payments", id]) => {
            let core = sandbox.core();
            let payment = core.journal.payment(number(id)?).ok_or_else(|| Refusal::missing("Payment"))?;
            Ok(Reply::value(&books::payment(payment)))
        }
        ("POST", ["payments", id, act]) => act_on(sandbox, call, number(id)?, act),
        ("GET", ["invoices"]) => invoices(sandbox, call),
        ("POST", ["invoices", id, "payments"]) => choose(sandbox, call, number(id)?),
        ("GET", ["delivery"]) => Ok(Reply::value(&json!(sandbox.core().delivery))),
        ("PUT", ["delivery"]) => set_delivery(sandbox, call),
        ("GET", ["ipns"]) => ipns(sandbox, call),
        ("POST", ["ipns", "release"]) => release(sandbox, call),
        ("DELETE", ["ipns"]) => {
            let payment = call.query("payment")?;
            Ok(Reply::value(&json!({ "dropped": sandbox.core().ipns.release(payment, State::Dropped).len() })))
        }
        ("DELETE", ["tokens"]) => {
            sandbox.core().forget_tokens();
            Ok(Reply::value(&json!({})))
        }
        (_, ["faults", rest @ ..]) => faults(sandbox, call, rest),
        _ => Err(Refusal::missing("Route")),
    }
}

fn payments(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    let (order, status) = (call.query.get("order_id"), call.query.get("status"));
    let invoice: Option<u64> = call.query("invoice")?;
    let wanted = |payment: &&Payment| {
        order.is_none_or(|order| payment.order_id.as_ref() == Some(order))
            && status.is_none_or(|status| payment.status.name() == status)
            && invoice.is_none_or(|id| payment.invoice == Some(id))
    };
    let found: Vec<Value> = core.journal.payments().filter(wanted).map(books::payment).collect();
    Ok(Reply::value(&json!({ "payments": found })))
}

fn act_on(sandbox: &Sandbox, call: &Call, id: u64, act: &str) -> Answer {
    let set = |status| {
        let asked: Value = call.body()?;
        acts::set(sandbox, id, &Change { status, paid: None, delivery: asked.get("delivery").cloned() })
    };
    let payment = match act {
        "pay" => acts::pay(sandbox, id, &call.body::<Deposit>()?)?,
        "deposit" => acts::deposit(sandbox, id, &call.body::<Deposit>()?)?,
        "status" => acts::set(sandbox, id, &call.body::<Change>()?)?,
        "refund" => set(Status::Refunded)?,
        "fail" => set(Status::Failed)?,
        "expire" => set(Status::Expired)?,
        "ipn" => acts::repeat(sandbox, id, call.body::<Value>()?.get("delivery"))?,
        _ => return Err(Refusal::missing("Route")),
    };
    Ok(Reply::value(&books::payment(&payment)))
}

fn invoices(sandbox: &Sandbox, call: &Call) -> Answer {
    let (core, order) = (sandbox.core(), call.query.get("order_id"));
    let found = core.journal.invoices().filter(|invoice| order.is_none_or(|id| invoice.order_id.as_ref() == Some(id)));
    let found: Vec<Value> = found.map(books::invoice).collect();
    Ok(Reply::value(&json!({ "invoices": found })))
}

fn choose(sandbox: &Sandbox, call: &Call, invoice: u64) -> Answer {
    let asked: Value = call.body()?;
    let coin = asked["coin"].as_str().ok_or_else(|| Refusal::invalid("coin is required"))?;
    let delivery = asked.get("delivery").map(|changes| acts::delivery(&sandbox.core(), Some(changes))).transpose()?;
    Ok(Reply::value(&books::payment(&chosen(sandbox, invoice, coin, delivery)?)))
}

fn set_delivery(sandbox: &Sandbox, call: &Call) -> Answer {
    let mut core = sandbox.core();
    core.delivery = acts::delivery(&core, Some(&call.body::<Value>()?))?;
    Ok(Reply::value(&json!(core.delivery)))
}

fn ipns(sandbox: &Sandbox, call: &Call) -> Answer {
    let (payment, order): (Option<u64>, _) = (call.query("payment")?, call.query.get("order_id"));
    let after: u64 = call.query("after")?.unwrap_or(0);
    let core = sandbox.core();
    let found = core.ipns.iter().filter(|ipn| {
        ipn.number > after
            && payment.is_none_or(|id| ipn.payment == id)
            && order.is_none_or(|order| ipn.order_id.as_ref() == Some(order))
    });
    let found: Vec<_> = found.collect();
    Ok(Reply::value(&json!({ "ipns": found })))
}

/// Sends what was held back, in the order that is asked for.
fn release(sandbox: &Sandbox, call: &Call) -> Answer {
    let asked: Value = call.body()?;
    let order: Sequence = serde_json::from_value(asked.get("order").cloned().unwrap_or_else(|| json!("in_order")))
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    let mut released = sandbox.core().ipns.release(asked["payment"].as_u64(), State::Sending);
    for ipn in &mut released {
        ipn.delivery.order = order;
    }
    let count = released.len();
    sandbox.send(released);
    Ok(Reply::value(&json!({ "released": count })))
}

fn faults(sandbox: &Sandbox, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", []) => Ok(Reply::value(&json!(sandbox.faults().active()))),
        ("POST", []) => {
            let fault: Fault = call.body()?;
            if fault.status.is_some_and(|status| !(400..600).contains(&status)) {
                return Err(Refusal::invalid("status is 400 to 599"));
            }
            Ok(Reply::value(&json!({ "id": sandbox.faults().add(fault) })))
        }
        ("DELETE", []) => {
            sandbox.faults().remove(None);
            Ok(Reply::value(&json!({})))
        }
        ("DELETE", [id]) => {
            sandbox.faults().remove(Some(number(id)?));
            Ok(Reply::value(&json!({})))
        }
        _ => Err(Refusal::missing("Route")),
    }
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::missing("Number"))
}
