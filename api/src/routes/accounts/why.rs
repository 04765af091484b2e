//! Why was this message not forwarded? For any message of a chat that an account can see.

use chrono::{DateTime, Utc};
use domain::{AccountId, AccountStatus, ChatId, PairId, PairStatus};
use salvo::prelude::*;
use serde::Serialize;
use store::{
    deliveries::Page,
    why::{Reader, Reading},
};

use crate::{
    auth::{Actor, PathId},
    error::{ApiError, Thing},
    routes::pairs::DeliveryOut,
    state::AppState,
};

/// What one pair did with the message.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MessageOnPair))]
pub(crate) struct OnPairOut {
    /// `pair_…`.
    #[salvo(schema(value_type = String))]
    pair: PairId,
    /// Its name.
    name: String,
    /// `active`, `paused` or `blocked`.
    #[salvo(schema(value_type = String))]
    status: PairStatus,
    /// The deliveries that the message caused: the first one, then those of its edits and deletion.
    deliveries: Vec<DeliveryOut>,
    /// Why there is none: `before_pair`, or the same as in `explanation_code`; null when there is one.
    missing_code: Option<&'static str>,
}

/// What is known of a source message.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MessageTrace))]
pub(crate) struct TraceOut {
    /// `acc_…`: the account that reads.
    #[salvo(schema(value_type = String))]
    account: AccountId,
    /// The platform's id of the chat.
    #[salvo(schema(value_type = String))]
    chat: ChatId,
    /// The platform's id of the message.
    message_id: String,
    /// When we had it; null when we never did.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    received_at: Option<DateTime<Utc>>,
    /// `recorded`, `no_pair`, `before_pair`, `account_offline`, `not_in_history` or `not_seen_yet`.
    explanation_code: &'static str,
    /// The same for people.
    explanation: &'static str,
    /// What each pair of the chat did with it.
    pairs: Vec<OnPairOut>,
}

/// Explains what became of a message of one of the account's chats.
#[endpoint(
    operation_id = "trace_message",
    tags("accounts"),
    parameters(
        ("chat" = String, Path, description = "The platform's id of the chat."),
        ("message" = String, Path, description = "The platform's id of the message.")
    )
)]
pub(crate) async fn trace(
    actor: Actor,
    app: AppState,
    id: PathId<AccountId>,
    req: &mut Request,
) -> Result<Json<TraceOut>, ApiError> {
    let message = |req: &Request, name: &str| req.param::<String>(name);
    let chat: Option<ChatId> = message(req, "chat").and_then(|text| text.parse().ok());
    let message_id: Option<i64> = message(req, "message").and_then(|text| text.parse().ok());
    let (Some(chat), Some(message_id)) = (chat, message_id) else { return Err(ApiError::NotFound(Thing::Message)) };
    let mut database = app.database().await?;
    let reading = store::why::reading(&mut database, actor.user, id.0, chat, message_id).await?;
    let reading = reading.ok_or(ApiError::NotFound(Thing::Account))?;
    let readers = store::why::readers(&mut database, actor.user, id.0, chat, message_id).await?;
    let (explanation_code, explanation) = explain(&reading, &readers, message_id);
    let mut pairs = Vec::with_capacity(readers.len());
    for reader in readers {
        let wanted = Page { seqs: Some(reader.deliveries.clone()), ..Page::default() };
        let limit = i64::try_from(reader.deliveries.len()).unwrap_or(i64::MAX);
        let mut deliveries = store::deliveries::list(&mut database, actor.user, reader.pair, &wanted, limit).await?;
        deliveries.reverse();
        let missing_code = deliveries.is_empty().then_some(match explanation_code {
            _ if message_id <= reader.start_id => "before_pair",
            "recorded" => "not_routed",
            other => other,
        });
        pairs.push(OnPairOut {
            pair: reader.pair,
            name: reader.name,
            status: reader.status,
            deliveries: deliveries.into_iter().map(DeliveryOut::from).collect(),
            missing_code,
        });
    }
    let (account, received_at) = (id.0, reading.received_at);
    let message_id = message_id.to_string();
    Ok(Json(TraceOut { account, chat, message_id, received_at, explanation_code, explanation, pairs }))
}

fn explain(reading: &Reading, readers: &[Reader], message_id: i64) -> (&'static str, &'static str) {
    if reading.received_at.is_some() {
        return ("recorded", "the message is on record; each pair says what it did with it");
    }
    if readers.is_empty() {
        return ("no_pair", "no pair reads this chat, so its messages are not recorded");
    }
    if readers.iter().all(|reader| message_id <= reader.start_id) {
        return ("before_pair", "the message is older than every pair of the chat");
    }
    if reading.cursor.is_some_and(|cursor| cursor >= message_id) {
        return (
            "not_in_history",
            "the chat was read past this message and it was not there: it was deleted before we saw it, or it is no \
             message of this chat",
        );
    }
    if reading.status != AccountStatus::Online {
        return ("account_offline", "the account is not online; the message is fetched when it is back");
    }
    ("not_seen_yet", "the platform has not told the account of this message")
}

#[cfg(test)]
mod tests {
    use domain::{Clock as _, SystemClock};

    use super::*;

    fn code(received: bool, start_ids: &[i64], cursor: Option<i64>, status: AccountStatus) -> &'static str {
        let now = SystemClock.now();
        let reader = |start_id: &i64| Reader {
            pair: PairId::new(&SystemClock),
            name: "news".into(),
            status: PairStatus::Active,
            start_id: *start_id,
            created_at: now,
            deliveries: Vec::new(),
        };
        let readers: Vec<Reader> = start_ids.iter().map(reader).collect();
        explain(&Reading { status, cursor, received_at: received.then_some(now) }, &readers, 50).0
    }

    #[test]
    fn every_absence_has_its_reason() {
        use AccountStatus::{Online, Reconnecting};
        assert_eq!(code(true, &[], None, Reconnecting), "recorded");
        assert_eq!(code(false, &[], Some(99), Online), "no_pair");
        assert_eq!(code(false, &[60, 50], Some(99), Online), "before_pair");
        assert_eq!(code(false, &[60, 10], Some(50), Online), "not_in_history");
        assert_eq!(code(false, &[10], Some(49), Reconnecting), "account_offline");
        assert_eq!(code(false, &[10], None, Online), "not_seen_yet");
    }
}
