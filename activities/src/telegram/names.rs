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
    /// The name after the `@`.
    pub(super) username: Option<String>,
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
                let known = names.get(&user.id);
                // That of a `min` user works only where the user was mentioned.
                let hash = user.access_hash.filter(|_| !user.min);
                let access_hash = hash.or_else(|| known.and_then(|known| known.access_hash));
                let username = public_name(user.username.as_deref(), user.usernames.as_deref());
                // A `min` user may come without the name that the person has.
                let former = || known.filter(|_| user.min).and_then(|known| known.username.as_deref());
                let username = username.or_else(former).map(str::to_owned);
                let name = Name { title: display_name(user), username, bot: user.bot, photo_id, access_hash };
                names.insert(user.id, name);
            }
        }
        for chat in chats {
            if let Some((id, title, username)) = chat_names(chat) {
                // Every update names its chat, so the usual case must cost nothing.
                let is_new = |known: &Name| known.title != title || known.username.as_deref() != username;
                if names.get(&id).is_none_or(is_new) {
                    let (title, username) = (title.to_owned(), username.map(str::to_owned));
                    names.insert(id, Name { title, username, bot: false, photo_id: None, access_hash: None });
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

/// The name after the `@` of mentions and in links: the one that is set, else the first of a collection that is in use.
pub(super) fn public_name<'a>(set: Option<&'a str>, collection: Option<&'a [enums::Username]>) -> Option<&'a str> {
    let listed = collection.into_iter().flatten().find_map(|name| {
        let enums::Username::Username(name) = name;
        name.active.then_some(name.username.as_str())
    });
    set.or(listed)
}

/// A chat's id, title and public name.
fn chat_names(chat: &enums::Chat) -> Option<(i64, &str, Option<&str>)> {
    match chat {
        enums::Chat::Chat(chat) => Some((-chat.id, &chat.title, None)),
        enums::Chat::Forbidden(chat) => Some((-chat.id, &chat.title, None)),
        enums::Chat::Channel(chat) => {
            let username = public_name(chat.username.as_deref(), chat.usernames.as_deref());
            Some((channel_dialog(chat.id), &chat.title, username))
        }
        enums::Chat::ChannelForbidden(chat) => Some((channel_dialog(chat.id), &chat.title, None)),
        enums::Chat::Empty(_) | enums::Chat::Community(_) | enums::Chat::CommunityForbidden(_) => None,
    }
}

/// The Bot API dialog id of a channel or supergroup.
pub(super) const fn channel_dialog(id: i64) -> i64 {
    id.saturating_neg().saturating_sub(CHANNEL_BASE)
}

/// The Bot API dialog id of a peer.
pub(super) const fn dialog_id(peer: &enums::Peer) -> i64 {
    match peer {
        enums::Peer::User(user) => user.user_id,
        enums::Peer::Chat(chat) => chat.chat_id.saturating_neg(),
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
    fn the_public_name_is_the_one_that_is_in_use() {
        let listed = |active, name: &str| {
            let (editable, deletable, expired) = (false, false, false);
            enums::Username::from(types::Username { editable, active, deletable, expired, username: name.to_owned() })
        };
        let both = [listed(false, "former"), listed(true, "ada")];
        assert_eq!(public_name(None, Some(&both)), Some("ada"));
        assert_eq!(public_name(Some("lovelace"), Some(&both)), Some("lovelace"));
        assert_eq!(public_name(None, Some(&both[..1])), None);
        assert_eq!(public_name(None, None), None);
    }

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
