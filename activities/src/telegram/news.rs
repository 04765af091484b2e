//! From grammers' updates to what happened to messages, in our words.

use domain::{ChatId, Deletion, Message, Update};
use grammers_session::updates::UpdateAndPeers;
use grammers_tl_types::enums;

use super::{
    engine::Engine,
    names::{channel_dialog, dialog_id},
    normalise,
};
use crate::platform::PlatformEvent;

/// Updates without a message after which the reader gets an empty batch, so that the cursors are saved.
const QUIET_UPDATES_MAX: usize = 200;

impl Engine {
    /// Hands out what happened to messages, in the order of each chat.
    pub(super) async fn publish(&mut self, (updates, users, chats): UpdateAndPeers) {
        self.account.learn(&users, &chats);
        self.quiet += updates.len();
        let (mut posted, mut changed) = (Vec::new(), Vec::new());
        for (update, _) in &updates {
            self.learn_from(update, &users);
            match self.happened(update) {
                Some(Update::Posted(message)) => posted.push(message),
                Some(change) => changed.push(change),
                None => {}
            }
        }
        if posted.is_empty() && changed.is_empty() && self.quiet < QUIET_UPDATES_MAX {
            return;
        }
        self.quiet = 0;
        // A change always follows what it changes, because no number is given twice in a chat.
        posted.sort_by_key(|message| (message.sent_at, message.message_id));
        let mut updates: Vec<Update> = posted.into_iter().map(Update::Posted).chain(changed).collect();
        self.name_topics(&mut updates).await;
        let cursors = Some(self.boxes.session_state());
        self.tell(PlatformEvent::Updates(updates), cursors).await;
    }

    fn learn_from(&self, update: &enums::Update, users: &[enums::User]) {
        let message = match update {
            enums::Update::NewMessage(update) => &update.message,
            enums::Update::NewChannelMessage(update) => &update.message,
            _ => return,
        };
        self.account.topics.learn(message);
        if let Some(peer @ enums::Peer::User(_)) = normalise::peer_of(message) {
            self.account.learn_direct(users, &[dialog_id(peer)]);
        }
    }

    /// The update in our words; `None` when it is not about messages.
    fn happened(&self, update: &enums::Update) -> Option<Update> {
        let read = |message| normalise::message(message, &self.account.names, self.account.identity.external_id);
        let ids = |ids: &[i32]| ids.iter().copied().map(i64::from).collect::<Vec<_>>();
        let deleted = match update {
            enums::Update::NewMessage(update) => return read(&update.message).map(Update::Posted),
            enums::Update::NewChannelMessage(update) => return read(&update.message).map(Update::Posted),
            enums::Update::EditMessage(update) => return read(&update.message).map(Update::Edited),
            enums::Update::EditChannelMessage(update) => return read(&update.message).map(Update::Edited),
            enums::Update::DeleteMessages(update) => Deletion { chat: None, message_ids: ids(&update.messages) },
            enums::Update::DeleteChannelMessages(update) => {
                let chat = Some(ChatId::new(channel_dialog(update.channel_id)));
                Deletion { chat, message_ids: ids(&update.messages) }
            }
            _ => return None,
        };
        (!deleted.message_ids.is_empty()).then_some(Update::Deleted(deleted))
    }

    async fn name_topics(&self, updates: &mut [Update]) {
        let mut in_topics: Vec<&mut Message> = updates
            .iter_mut()
            .filter_map(|update| match update {
                Update::Posted(message) | Update::Edited(message) if message.topic.is_some() => Some(message),
                _ => None,
            })
            .collect();
        if !in_topics.is_empty() {
            self.account.name_topics(&mut in_topics).await;
        }
    }
}
