//! What was sent, what is held back, and sending it wrong or again.

use salvo::prelude::{Depot, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::paypal::{
    delivery::{self, Tamper},
    error::{Answer, ApiError, Reply},
    front,
    weather::Weather,
    world::EventState,
};

/// Copies that may be asked for at once.
const TIMES_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forecast {
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    hold: bool,
    #[serde(default)]
    lose_percent: u8,
    #[serde(default)]
    lose_only: Vec<String>,
    #[serde(default)]
    double_percent: u8,
    #[serde(default)]
    late_ms_max: u64,
}

/// In which order what was held back is sent.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    AsMade,
    Reversed,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Release {
    order: Order,
    /// Also those that were lost.
    lost: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Delivery {
    times: Option<u32>,
    tamper: Option<Tamper>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToSign {
    body: String,
}

/// What was made, oldest first; of one resource, or of one type.
#[handler]
pub async fn list(request: &mut Request, depot: &mut Depot) -> Answer {
    let (resource, kind) = (request.query::<String>("resource"), request.query::<String>("event_type"));
    let sandbox = front::sandbox(depot)?;
    let world = sandbox.world();
    let events = world.events.iter().filter(|event| {
        resource.as_ref().is_none_or(|id| event.resource == *id)
            && kind.as_ref().is_none_or(|kind| event.event_type == *kind)
    });
    let shown: Vec<Value> = events
        .map(|event| {
            let mut shown = event.shown();
            shown["body"] = json!(event.body);
            shown
        })
        .collect();
    Ok(Reply::ok(json!({ "webhooks": shown })))
}

#[handler]
pub async fn weather(depot: &mut Depot) -> Answer {
    Ok(Reply::ok(json!(front::sandbox(depot)?.postman.weather())))
}

/// The weather for new webhooks, whole: what is not named is as in good weather.
#[handler]
pub async fn set_weather(request: &mut Request, depot: &mut Depot) -> Answer {
    let sandbox = front::sandbox(depot)?;
    let Forecast { seed, hold, lose_percent, lose_only, double_percent, late_ms_max } =
        front::json(&front::body(request).await?)?;
    if let Some(seed) = seed {
        sandbox.postman.seed(seed);
    }
    sandbox.postman.set_weather(Weather { hold, lose_percent, lose_only, double_percent, late_ms_max });
    Ok(Reply::ok(json!({})))
}

/// Sends what was held back, one after the other.
#[handler]
pub async fn release_held(request: &mut Request, depot: &mut Depot) -> Answer {
    let release: Release = front::json(&front::body(request).await?)?;
    let sandbox = front::sandbox(depot)?;
    let kept = |state| state == EventState::Held || (release.lost && state == EventState::Lost);
    let mut events: Vec<String> = {
        let world = sandbox.world();
        world.events.iter().filter(|event| kept(event.state)).map(|event| event.id.clone()).collect()
    };
    match release.order {
        Order::AsMade => {}
        Order::Reversed => events.reverse(),
    }
    let count = events.len();
    for event in events {
        delivery::send_in_turn(&sandbox, event).await;
    }
    Ok(Reply::ok(json!({ "released": count })))
}

/// Sends an event again, so many times, or a copy of it that is wrong.
#[handler]
pub async fn deliver(request: &mut Request, depot: &mut Depot) -> Answer {
    let wanted: Delivery = front::json(&front::body(request).await?)?;
    let (sandbox, id) = (front::sandbox(depot)?, front::param(request, "id")?);
    let body = sandbox.world().event(&id)?.body.clone();
    let mut answers = Vec::new();
    for _ in 0..wanted.times.unwrap_or(1).min(TIMES_MAX) {
        answers.push(
            delivery::send_once(&sandbox, &id, body.clone(), wanted.tamper).await.map_err(|error| failed(&error))?,
        );
    }
    Ok(Reply::ok(json!({ "answers": answers })))
}

/// Any body with the headers of a genuine webhook, for whoever sends many of them.
#[handler]
pub async fn sign(request: &mut Request, depot: &mut Depot) -> Answer {
    let wanted: ToSign = front::json(&front::body(request).await?)?;
    let sandbox = front::sandbox(depot)?;
    let webhook_id = sandbox.settings().webhook_id;
    let headers = delivery::headers(&sandbox, &webhook_id, wanted.body.as_bytes()).map_err(|error| failed(&error))?;
    let headers: serde_json::Map<String, Value> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(Reply::ok(json!({ "headers": headers })))
}

fn failed(error: &anyhow::Error) -> ApiError {
    ApiError::new(500, "INTERNAL_SERVER_ERROR", format!("{error:#}"))
}
