//! Everything else that goes wrong: faults of the payment providers, and webhooks that are lost, doubled and late.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::sleep_until;

use super::{
    plot::{Plot, What},
    stage::Stage,
};

/// Webhooks that are lost for good: those whose news the product asks for by itself within a minute. Of what has been
/// settled it asks much more seldom, and the service itself sends for three days.
const LOST: [&str; 5] = [
    "CHECKOUT.ORDER.",
    "PAYMENT.CAPTURE.COMPLETED",
    "BILLING.SUBSCRIPTION.CREATED",
    "BILLING.SUBSCRIPTION.ACTIVATED",
    "BILLING.SUBSCRIPTION.UPDATED",
];

/// Makes bad weather, injects the faults, each at its time, and makes good weather again.
///
/// # Errors
/// When a sandbox does not know a fault.
pub async fn disturb(stage: &Stage, plot: &Plot, start: Instant, bad_weather: bool) -> anyhow::Result<()> {
    if bad_weather {
        let weather = json!({
            "seed": plot.seed, "lose_percent": 8, "lose_only": LOST, "double_percent": 25, "late_ms_max": 2_000,
        });
        stage.paypal.weather(&weather).await?;
    }
    for fault in &plot.faults {
        sleep_until((start + fault.at).into()).await;
        match &fault.what {
            What::Paypal(fault) => stage.paypal.fault(fault).await?,
            What::Nowpayments(fault) => stage.nowpayments.fault(fault).await?,
            What::Delivery(changes) => stage.nowpayments.set_delivery(changes).await?,
        }
    }
    sleep_until((start + plot.lasting).into()).await;
    clear(stage).await
}

async fn clear(stage: &Stage) -> anyhow::Result<()> {
    stage.paypal.weather(&Value::Object(serde_json::Map::new())).await?;
    stage.paypal.clear_faults().await?;
    stage.nowpayments.clear_faults().await?;
    stage.nowpayments.set_delivery(&json!({ "copies": 1, "order": "in_order", "drop": false })).await?;
    Ok(())
}
