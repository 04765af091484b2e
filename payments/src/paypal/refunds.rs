//! Giving money back: Payments v2, as `PayPal`'s OpenAPI description `payments_payment_v2` has it, and version 1 for sales
//! of subscriptions that version 2 does not find.

use serde::{Deserialize, Serialize};

use super::{
    client::Client,
    failure::Failure,
    orders::shortened,
    wire::{Amount, OldAmount, StatusDetails},
};
use crate::{
    error::ProviderError,
    provider::{RefundOrder, RefundStanding, RefundState},
};

#[derive(Serialize)]
struct NewRefund {
    amount: Amount,
    custom_id: String,
    invoice_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    note_to_payer: String,
}

#[derive(Serialize)]
struct NewOldRefund {
    amount: OldAmount,
    invoice_number: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// A refund of either version.
#[derive(Deserialize)]
struct WireRefund {
    id: String,
    #[serde(default, alias = "state")]
    status: Option<String>,
    #[serde(default)]
    status_details: Option<StatusDetails>,
}

/// Gives money back, or sees what has become of it.
pub(super) async fn refund(client: &Client, refund: &RefundOrder) -> Result<RefundStanding, ProviderError> {
    let answer = match &refund.external {
        Some(external) => look(client, external).await?,
        None => ask(client, refund).await?,
    };
    Ok(standing(answer))
}

async fn ask(client: &Client, refund: &RefundOrder) -> Result<WireRefund, Failure> {
    let (request_id, note_to_payer) = (format!("{}-refund", refund.refund), shortened(&refund.note));
    let wanted = NewRefund {
        amount: refund.amount.into(),
        custom_id: refund.refund.to_string(),
        invoice_id: refund.refund.to_string(),
        note_to_payer: note_to_payer.clone(),
    };
    let path = ["v2", "payments", "captures", refund.receipt.as_str(), "refund"];
    match client.post(&path, &request_id, &wanted).await {
        Err(failure) if failure.is_missing() => {
            let path = ["v1", "payments", "sale", refund.receipt.as_str(), "refund"];
            let wanted = NewOldRefund {
                amount: refund.amount.into(),
                invoice_number: refund.refund.to_string(),
                reason: note_to_payer.chars().take(30).collect(),
            };
            client.post(&path, &request_id, &wanted).await
        }
        answer => answer,
    }
}

async fn look(client: &Client, external: &str) -> Result<WireRefund, Failure> {
    match client.get(&["v2", "payments", "refunds", external], &[]).await {
        Err(failure) if failure.is_missing() => client.get(&["v1", "payments", "refund", external], &[]).await,
        answer => answer,
    }
}

fn standing(refund: WireRefund) -> RefundStanding {
    let status = refund.status.unwrap_or_default().to_ascii_uppercase();
    let state = match status.as_str() {
        "COMPLETED" => RefundState::Done,
        "CANCELLED" | "FAILED" => RefundState::Failed,
        // `PENDING`, and a state of tomorrow, which is not taken for an end.
        _ => RefundState::Pending,
    };
    let reason = refund.status_details.and_then(|details| details.reason).map(|reason| reason.to_ascii_lowercase());
    let reason = reason.or_else(|| (state == RefundState::Failed).then(|| status.to_ascii_lowercase()));
    RefundStanding { external: refund.id, state, reason }
}
