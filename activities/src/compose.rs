//! From a source message to the sends that it becomes at the destination.

use domain::{Message, PartText, Platform, RichText};
use store::{media::StoredMedia, pairs::Pair};

use crate::platform::SendBody;

/// What a message becomes.
pub(crate) enum Composed {
    /// Sends, in order.
    Parts(Vec<SendBody>),
    /// Nothing, by a rule.
    Nothing {
        /// Stable code of the rule.
        code: &'static str,
        /// For people.
        text: &'static str,
    },
}

/// Composes the sends of `message` for the pair's destination.
pub(crate) fn compose(pair: &Pair, message: &Message, _stored: Vec<StoredMedia>) -> Composed {
    let text = match pair.destination_platform {
        Platform::Telegram => PartText::Telegram(RichText::plain(message.text.text.clone())),
        Platform::Discord => PartText::Discord(message.text.text.clone()),
    };
    if text.is_empty() {
        return Composed::Nothing { code: "empty", text: "nothing of the message can be carried" };
    }
    Composed::Parts(vec![SendBody::Text(text)])
}
