//! Why was this not forwarded? Each message's steps, with times and reasons.

use chrono::{DateTime, Utc};
use domain::{DeliveryState, Operation, PairId};
use salvo::prelude::*;
use serde::Serialize;
use store::deliveries::{Delivery, Page, Step};

use super::find;
use crate::{
    auth::{Actor, PathId},
    error::ApiError,
    routes::page,
    state::AppState,
};

/// One step of a message on its way.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Step))]
pub(crate) struct StepOut {
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
    /// `received`, `edit_received`, `delete_received`, `joined` (an album), `folded` (a change into a delivery that
    /// waited), `waiting`, `sent`, `edited`, `deleted`, `skipped`, `dead`, `retried` or
    /// `discarded`.
    kind: String,
    /// For people.
    detail: Option<String>,
}

impl From<Step> for StepOut {
    fn from(step: Step) -> Self {
        Self { at: step.at, kind: step.kind, detail: step.detail }
    }
}

/// One message on its way along a pair.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Delivery))]
pub(crate) struct DeliveryOut {
    /// Its place in the pair's order; `before` takes it.
    seq: i64,
    /// `post`, or `edit` or `delete` of what an earlier delivery posted.
    #[salvo(schema(value_type = crate::wire::OperationDoc))]
    operation: Operation,
    /// The `seq` of the delivery that this one changes, or with which it travels as part of an album.
    root_seq: Option<i64>,
    /// The source platform's id of the message.
    source_message_id: String,
    /// `pending`, `sending`, `sent`, `skipped` or `dead`.
    #[salvo(schema(value_type = crate::wire::DeliveryStateDoc))]
    state: DeliveryState,
    /// Stable code of why.
    reason_code: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// Tries so far.
    attempts: i32,
    /// When we had it.
    #[salvo(schema(value_type = String, format = DateTime))]
    received_at: DateTime<Utc>,
    /// When it may be sent.
    #[salvo(schema(value_type = String, format = DateTime))]
    due_at: DateTime<Utc>,
    /// When it stood at the destination; null unless `state` is `sent`.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    sent_at: Option<DateTime<Utc>>,
    /// What stands at the destination, in order.
    destination_message_ids: Vec<String>,
    /// Its history, oldest first.
    steps: Vec<StepOut>,
}

impl From<Delivery> for DeliveryOut {
    fn from(delivery: Delivery) -> Self {
        Self {
            seq: delivery.seq,
            operation: delivery.operation,
            root_seq: delivery.root_seq,
            source_message_id: delivery.source_message_id.to_string(),
            state: delivery.state,
            reason_code: delivery.reason_code,
            reason: delivery.reason,
            attempts: delivery.attempts,
            received_at: delivery.received_at,
            due_at: delivery.due_at,
            sent_at: delivery.settled_at.filter(|_| delivery.state == DeliveryState::Sent),
            destination_message_ids: delivery.destination_message_ids.iter().map(i64::to_string).collect(),
            steps: delivery.steps.into_iter().map(StepOut::from).collect(),
        }
    }
}

/// A page of a pair's messages.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Deliveries))]
pub(crate) struct DeliveriesOut {
    /// Newest first.
    messages: Vec<DeliveryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    next: Option<i64>,
}

/// Lists a pair's messages, newest first, each with its steps.
#[endpoint(
    operation_id = "list_messages",
    tags("pairs"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Messages on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, description = "Only messages below this `seq`."),
        ("state" = Option<crate::wire::DeliveryStateDoc>, Query, description = "Only `pending`, `sending`, `sent`, `skipped` or `dead` ones.")
    )
)]
pub(crate) async fn list(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    req: &mut Request,
) -> Result<Json<DeliveriesOut>, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let state = state(req)?;
    find(&app, actor, id.0).await?;
    let wanted = Page { before, state, seqs: None };
    let deliveries = store::deliveries::list(&mut *app.database().await?, actor.user, id.0, &wanted, limit + 1).await?;
    let (deliveries, next) = page::cut(deliveries, limit, |one| one.seq);
    Ok(Json(DeliveriesOut { messages: deliveries.into_iter().map(DeliveryOut::from).collect(), next }))
}

/// The state in the query, if there is one.
fn state(req: &Request) -> Result<Option<DeliveryState>, ApiError> {
    let detail = "`state` is `pending`, `sending`, `sent`, `skipped` or `dead`";
    let text: Option<String> = req.query("state");
    let parsed = text.map(|text| serde_json::from_value(serde_json::Value::String(text)));
    parsed.transpose().map_err(|_| ApiError::Query { field: "state", detail })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routes::page::query;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_state_in_the_query_is_one_or_refused(text in "[a-z]{0,8}|.{0,12}") {
            let known = ["pending", "sending", "sent", "skipped", "dead"].contains(&text.as_str());
            prop_assert_eq!(state(&query(&[("state", &text)])).is_ok(), known);
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_there() {
        assert!(state(&query(&[])).unwrap().is_none());
    }
}
