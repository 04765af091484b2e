//! Breaking things on purpose, and rate limits.

use serde_json::{Value, json};

use crate::discord::{
    call::{Answer, Call, Reply},
    clock::now_ms,
    error::ApiError,
    faults::{Fault, Kind},
    gateway::Outgoing,
    ratelimit::Limits,
    server::Sandbox,
};

pub fn limits(sandbox: &Sandbox, _call: &Call) -> Answer {
    Ok(Reply::json(&json!(sandbox.limits())))
}

/// Sets what is named; what is not named has Discord's value.
pub fn set_limits(sandbox: &Sandbox, call: &Call) -> Answer {
    let limits: Limits = call.json()?;
    sandbox.limiter().set(limits);
    Ok(Reply::json(&json!(limits)))
}

/// What clients have used up of Discord's budgets since the start.
pub fn usage(sandbox: &Sandbox, _call: &Call) -> Answer {
    Ok(Reply::json(&sandbox.usage().shown(now_ms())))
}

pub fn list(sandbox: &Sandbox, _call: &Call) -> Answer {
    Ok(Reply::json(&json!(sandbox.faults().active())))
}

/// Adds a fault. Those of the gateway strike now and are not kept.
pub fn add(sandbox: &Sandbox, call: &Call) -> Answer {
    let fault: Fault = call.json()?;
    let (kind, bot) = (fault.kind, fault.bot);
    let mut answer = json!({ "id": 0 });
    let now = now_ms();
    let mut core = sandbox.core();
    match kind {
        Kind::DropGateway => {
            if let Some(ms) = fault.ms {
                core.hub.close_until(now + ms);
            }
            answer["struck"] = json!(core.hub.order(bot, &Outgoing::Drop));
        }
        Kind::InvalidSession => {
            let text = json!({ "t": null, "s": null, "op": 9, "d": false }).to_string();
            answer["struck"] = json!(core.hub.order(bot, &Outgoing::Text(text.into())));
            core.hub.order(bot, &Outgoing::Close(4000, "Session invalidated."));
            core.hub.forget(bot);
        }
        Kind::Reconnect => {
            let text = json!({ "t": null, "s": null, "op": 7, "d": null }).to_string();
            answer["struck"] = json!(core.hub.order(bot, &Outgoing::Text(text.into())));
        }
        Kind::RefuseConnections => {
            // The gateway goes with the rest: its connections end and new ones are refused like all others.
            core.hub.order(None, &Outgoing::Drop);
            answer["id"] = json!(sandbox.faults().add(fault, now));
        }
        Kind::RateLimit | Kind::RateLimitGlobal | Kind::ServerError | Kind::LoseAnswer | Kind::Delay => {
            answer["id"] = json!(sandbox.faults().add(fault, now));
        }
    }
    Ok(Reply::json(&answer))
}

pub fn clear(sandbox: &Sandbox, _call: &Call) -> Answer {
    sandbox.faults().remove(None);
    sandbox.core().hub.close_until(0);
    Ok(Reply::json(&json!({})))
}

pub fn remove(sandbox: &Sandbox, call: &Call) -> Answer {
    let id: Option<u64> = call.params.get("fault").and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| ApiError::new(404, 0, "404: Not Found"))?;
    sandbox.faults().remove(Some(id));
    Ok(Reply::json(&Value::Object(serde_json::Map::new())))
}
