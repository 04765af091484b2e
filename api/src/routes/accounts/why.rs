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
    #[salvo(schema(value_type = crate::wire::PairStatusDoc))]
    status: PairStatus,
    /// The deliveries that the message caused: the first one, then those of its edits and deletion.
    deliveries: Vec<DeliveryOut>,
    /// Why there is none: `before_pair`, `other_topic`, `not_routed` (the message was recorded for others), or the same
    /// as in `explanation_code`; null when there is one.
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
    /// `recorded`, `no_pair`, `before_pair`, `other_topic`, `account_offline`, `not_in_history` or `not_seen_yet`.
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
        ("chat" = crate::wire::ChatIdDoc, Path, description = "The platform's id of the chat."),
        ("message" = crate::wire::NumberDoc, Path, description = "The platform's id of the message.")
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
    let reading = store::why::reading(&mut database, &app.sealer, actor.user, id.0, chat, message_id).await?;
    let reading = reading.ok_or(ApiError::NotFound(Thing::Account))?;
    let readers = store::why::readers(&mut database, actor.user, id.0, chat, message_id).await?;
    let (explanation_code, explanation) = explain(&reading, &readers, message_id);
    let mut pairs = Vec::with_capacity(readers.len());
    for reader in readers {
        let wanted = Page { seqs: Some(reader.deliveries.clone()), ..Page::default() };
        let limit = i64::try_from(reader.deliveries.len()).unwrap_or(i64::MAX);
        let mut deliveries = store::deliveries::list(&mut database, actor.user, reader.pair, &wanted, limit).await?;
        deliveries.reverse();
        let missing_code = deliveries.is_empty().then(|| missing(&reading, &reader, message_id, explanation_code));
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

/// Why a pair has no delivery of the message.
fn missing(reading: &Reading, reader: &Reader, message_id: i64, explanation_code: &'static str) -> &'static str {
    match explanation_code {
        _ if message_id <= reader.start_id => "before_pair",
        _ if stands_elsewhere(reading, reader) => "other_topic",
        "recorded" => "not_routed",
        other => other,
    }
}

/// The message is known to stand in another topic than the pair reads.
fn stands_elsewhere(reading: &Reading, reader: &Reader) -> bool {
    reading.message.as_ref().is_some_and(|message| !message.is_in_topic(reader.topic))
}

fn explain(reading: &Reading, readers: &[Reader], message_id: i64) -> (&'static str, &'static str) {
    if reading.received_at.is_some() {
        let passed_by = |reader: &Reader| reader.deliveries.is_empty() && stands_elsewhere(reading, reader);
        if !readers.is_empty() && readers.iter().all(passed_by) {
            return (
                "other_topic",
                "the message is on record, but stands in another topic than the pairs of the chat read",
            );
        }
        return ("recorded", "the message is on record; each pair says what it did with it");
    }
    if readers.is_empty() {
        return match reading.cursor {
            Some(_) => ("no_pair", "no pair reads this chat, so its messages are not recorded"),
            None => (
                "no_pair",
                "no pair reads this chat, as far as is known: a thread is known to belong to its channel once a \
                 message of it was recorded",
            ),
        };
    }
    let mut concerned = readers.iter().filter(|reader| message_id > reader.start_id).peekable();
    if concerned.peek().is_none() {
        return ("before_pair", "the message is older than every pair of the chat");
    }
    unrecorded(reading, concerned.all(|reader| reader.topic.is_some()), message_id)
}

/// Why there is no record of a message that is new enough for some pair. `by_topic`: each of these pairs reads one topic,
/// and of which topic the message is, nobody has told us.
fn unrecorded(reading: &Reading, by_topic: bool, message_id: i64) -> (&'static str, &'static str) {
    let is_past = reading.cursor.is_some_and(|cursor| cursor >= message_id);
    let is_online = reading.status == AccountStatus::Online;
    match (is_past, is_online, by_topic) {
        (true, _, false) => (
            "not_in_history",
            "the chat was read past this message and it was not there: it was deleted before we saw it, or it is no \
             message of this chat",
        ),
        (true, _, true) => (
            "other_topic",
            "every pair of the chat reads one topic only, and the chat was read past this message: it stands in \
             another topic, it was deleted before we saw it, or it is no message of this chat",
        ),
        (false, false, false) => {
            ("account_offline", "the account is not online; the message is fetched when it is back")
        }
        (false, false, true) => (
            "account_offline",
            "the account is not online; when it is back, the message is fetched if it stands in a topic that a pair \
             reads",
        ),
        (false, true, false) => ("not_seen_yet", "the platform has not told the account of this message"),
        (false, true, true) => (
            "not_seen_yet",
            "the platform has not told the account of this message; every pair of the chat reads one topic only, so \
             it is recorded only if it stands in one of these",
        ),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Clock as _, Message, SystemClock};

    use super::*;

    const CHAT: ChatId = ChatId::new(-1_001);

    fn reader(start_id: i64, topic: Option<i64>) -> Reader {
        Reader {
            pair: PairId::new(&SystemClock),
            name: "news".into(),
            status: PairStatus::Active,
            topic,
            start_id,
            created_at: SystemClock.now(),
            deliveries: Vec::new(),
        }
    }

    fn absent(cursor: Option<i64>, status: AccountStatus) -> Reading {
        Reading { status, cursor, received_at: None, message: None }
    }

    /// Message 50, recorded with this topic.
    fn recorded(topic: Option<i64>) -> Reading {
        let message = Message { topic, ..Message::new(CHAT, 50, SystemClock.now()) };
        Reading { received_at: Some(SystemClock.now()), message: Some(message), ..absent(None, AccountStatus::Online) }
    }

    fn code(reading: &Reading, readers: &[Reader]) -> &'static str {
        explain(reading, readers, 50).0
    }

    #[test]
    fn every_absence_has_its_reason() {
        use AccountStatus::{Online, Reconnecting};
        let whole = |start_ids: &[i64]| start_ids.iter().map(|id| reader(*id, None)).collect::<Vec<_>>();
        assert_eq!(code(&Reading { status: Reconnecting, ..recorded(None) }, &[]), "recorded");
        assert_eq!(code(&absent(Some(99), Online), &[]), "no_pair");
        assert_eq!(code(&absent(None, Online), &[]), "no_pair");
        assert_eq!(code(&absent(Some(99), Online), &whole(&[60, 50])), "before_pair");
        assert_eq!(code(&absent(Some(50), Online), &whole(&[60, 10])), "not_in_history");
        assert_eq!(code(&absent(Some(49), Reconnecting), &whole(&[10])), "account_offline");
        assert_eq!(code(&absent(None, Online), &whole(&[10])), "not_seen_yet");
    }

    #[test]
    fn where_pairs_read_topics_another_topic_is_a_reason() {
        use AccountStatus::{Online, Reconnecting};
        let topics = [reader(10, Some(5)), reader(10, Some(6))];
        assert_eq!(code(&absent(Some(50), Online), &topics), "other_topic");
        assert_eq!(code(&absent(Some(50), Online), &[reader(10, Some(5)), reader(10, None)]), "not_in_history");
        // The pair that reads the whole chat was made after the message, so the topics decide.
        assert_eq!(code(&absent(Some(50), Online), &[reader(10, Some(5)), reader(50, None)]), "other_topic");
        for (reading, wanted) in
            [(absent(Some(49), Online), "not_seen_yet"), (absent(Some(49), Reconnecting), "account_offline")]
        {
            let (code, text) = explain(&reading, &topics, 50);
            assert_eq!(code, wanted);
            assert!(text.contains("topic"), "{text}");
        }
    }

    #[test]
    fn a_recorded_message_is_compared_with_the_topic_of_each_pair() {
        let of = |reading: &Reading, reader: &Reader| missing(reading, reader, 50, "recorded");
        assert_eq!(code(&recorded(Some(7)), &[reader(10, Some(5))]), "other_topic");
        assert_eq!(code(&recorded(Some(7)), &[reader(10, Some(5)), reader(10, Some(7))]), "recorded");
        let carried = Reader { deliveries: vec![1], ..reader(10, Some(5)) };
        assert_eq!(code(&recorded(Some(7)), &[carried]), "recorded");
        assert_eq!(of(&recorded(Some(7)), &reader(10, Some(5))), "other_topic");
        assert_eq!(of(&recorded(Some(7)), &reader(10, None)), "not_routed");
        assert_eq!(of(&recorded(None), &reader(10, Some(5))), "other_topic");
        assert_eq!(of(&recorded(None), &reader(10, Some(domain::message::GENERAL_TOPIC))), "not_routed");
        assert_eq!(of(&recorded(Some(7)), &reader(50, Some(5))), "before_pair");
    }
}
