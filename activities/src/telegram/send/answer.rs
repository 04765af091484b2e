//! What Telegram's answer to a send says of the messages that it made.

use grammers_tl_types::enums;

use crate::{
    platform::{PlatformError, SendRequest, Sent},
    telegram::errors::retryable,
};

/// The ids that the answer gives to the messages with our `random_id`s, in order.
pub(in crate::telegram) fn sent_ids(
    updates: &enums::Updates,
    request: &SendRequest,
    count: usize,
) -> Result<Sent, PlatformError> {
    let updates = match updates {
        enums::Updates::UpdateShortSentMessage(sent) => return Ok(Sent::one(sent.id.into())),
        enums::Updates::Updates(updates) => &updates.updates,
        enums::Updates::Combined(updates) => &updates.updates,
        _ => return Err(unreadable()),
    };
    let id_of = |random_id| {
        updates.iter().find_map(|update| match update {
            enums::Update::MessageId(named) if named.random_id == random_id => Some(i64::from(named.id)),
            _ => None,
        })
    };
    let ids: Option<Vec<i64>> = (0..count).map(|index| id_of(request.key.item(index).random_id())).collect();
    let message_ids = ids.filter(|ids| !ids.is_empty()).ok_or_else(unreadable)?;
    Ok(Sent { message_ids, thread: None })
}

/// It was sent, but we do not know as what: the next try with the same key finds out.
fn unreadable() -> PlatformError {
    retryable("unreadable_answer", "Telegram's answer does not name the sent message")
}

#[cfg(test)]
mod tests {
    use grammers_tl_types::types;

    use super::*;
    use crate::telegram::send::tests::request;

    #[test]
    fn the_answer_names_the_sent_messages() {
        let request = request();
        let updates = |updates| {
            enums::Updates::Updates(types::Updates { updates, users: vec![], chats: vec![], date: 0, seq: 0 })
        };
        let named = |id, index| types::UpdateMessageId { id, random_id: request.key.item(index).random_id() }.into();
        let both = updates(vec![named(5, 1), named(4, 0)]);
        assert_eq!(sent_ids(&both, &request, 1).unwrap().message_ids, [4]);
        assert_eq!(sent_ids(&both, &request, 2).unwrap().message_ids, [4, 5]);
        assert!(matches!(sent_ids(&both, &request, 3), Err(PlatformError::Retryable { .. })));
        let short = types::UpdateShortSentMessage {
            out: true,
            id: 7,
            pts: 1,
            pts_count: 1,
            date: 0,
            media: None,
            entities: None,
            ttl_period: None,
        };
        let short = enums::Updates::UpdateShortSentMessage(short);
        assert_eq!(sent_ids(&short, &request, 1).unwrap().message_ids, [7]);
        assert!(sent_ids(&enums::Updates::TooLong, &request, 1).is_err());
    }
}
