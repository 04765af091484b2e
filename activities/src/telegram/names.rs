//! Names of people and chats as Telegram mentioned them last, and conversions between kinds of ids.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::ChatId;
use grammers_tl_types::enums;

/// Names kept per account. A busy group mentions thousands of people, and a forgotten name comes back with the next
/// message of its owner.
const NAMES_MAX: usize = 20_000;
/// Bot API ids of channels and supergroups start here, downwards.
const CHANNEL_BASE: i64 = 1_000_000_000_000;

/// A person or chat as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) title: String,
    pub(super) bot: bool,
    /// The profile photo that the person wears.
    pub(super) photo_id: Option<i64>,
    /// By which this account may address the person.
    pub(super) access_hash: Option<i64>,
}

/// Names by Bot API dialog id.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<i64, Name>>);

impl Names {
    /// Remembers what an answer or update says about people and chats.
    pub(super) fn learn(&self, users: &[enums::User], chats: &[enums::Chat]) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() > NAMES_MAX {
            names.clear();
        }
        for user in users {
            if let enums::User::User(user) = user {
                let photo_id = match &user.photo {
                    Some(enums::UserProfilePhoto::Photo(photo)) => Some(photo.photo_id),
                    _ => None,
                };
                // That of a `min` user works only where the user was mentioned.
                let hash = user.access_hash.filter(|_| !user.min);
                let access_hash = hash.or_else(|| names.get(&user.id).and_then(|known| known.access_hash));
                names.insert(user.id, Name { title: display_name(user), bot: user.bot, photo_id, access_hash });
            }
        }
        for chat in chats {
            if let Some((id, title)) = chat_title(chat) {
                // Every update names its chat, so the usual case must cost nothing.
                if names.get(&id).is_none_or(|known| known.title != title) {
                    names.insert(id, Name { title: title.to_owned(), bot: false, photo_id: None, access_hash: None });
                }
            }
        }
    }

    /// The name behind a Bot API dialog id.
    pub(super) fn get(&self, id: i64) -> Option<Name> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// The name that people see: first and last name, else the user name, else the number.
pub(super) fn display_name(user: &grammers_tl_types::types::User) -> String {
    let names = [user.first_name.as_deref(), user.last_name.as_deref()];
    let full = names.into_iter().flatten().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
    if !full.is_empty() {
        return full;
    }
    user.username.as_ref().map_or_else(|| format!("user {}", user.id), |name| format!("@{name}"))
}

fn chat_title(chat: &enums::Chat) -> Option<(i64, &str)> {
    match chat {
        enums::Chat::Chat(chat) => Some((-chat.id, &chat.title)),
        enums::Chat::Forbidden(chat) => Some((-chat.id, &chat.title)),
        enums::Chat::Channel(chat) => Some((channel_dialog(chat.id), &chat.title)),
        enums::Chat::ChannelForbidden(chat) => Some((channel_dialog(chat.id), &chat.title)),
        enums::Chat::Empty(_) | enums::Chat::Community(_) | enums::Chat::CommunityForbidden(_) => None,
    }
}

/// The Bot API dialog id of a channel or supergroup.
pub(super) const fn channel_dialog(id: i64) -> i64 {
    -CHANNEL_BASE - id
}

/// The Bot API dialog id of a peer.
pub(super) const fn dialog_id(peer: &enums::Peer) -> i64 {
    match peer {
        enums::Peer::User(user) => user.user_id,
        enums::Peer::Chat(chat) => -chat.chat_id,
        enums::Peer::Channel(channel) => channel_dialog(channel.channel_id),
    }
}

/// What a Bot API dialog id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// A person or bot.
    User(i64),
    /// A basic group.
    Group(i64),
    /// A channel or supergroup.
    Channel(i64),
}

impl From<ChatId> for Dialog {
    fn from(chat: ChatId) -> Self {
        match chat.get() {
            id if id > 0 => Self::User(id),
            id if id > -CHANNEL_BASE => Self::Group(id.wrapping_neg()),
            id => Self::Channel(id.saturating_add(CHANNEL_BASE).saturating_neg()),
        }
    }
}

#[cfg(test)]
mod tests {
    use grammers_tl_types::types;

    use super::*;

    #[test]
    fn dialog_ids_are_those_of_the_bot_api() {
        for (peer, id, dialog) in [
            (enums::Peer::User(types::PeerUser { user_id: 5 }), 5, Dialog::User(5)),
            (enums::Peer::Chat(types::PeerChat { chat_id: 5 }), -5, Dialog::Group(5)),
            (enums::Peer::Channel(types::PeerChannel { channel_id: 5 }), -1_000_000_000_005, Dialog::Channel(5)),
        ] {
            assert_eq!(dialog_id(&peer), id);
            assert_eq!(Dialog::from(ChatId::new(id)), dialog);
        }
    }
}
