//! Which chats the account has and what it may do in them.

use std::collections::HashMap;

use domain::{ChatFacts, ChatId, ChatKind, Platform};
use grammers_tl_types::{enums, functions, types};

use super::{
    account::Account,
    history::Page,
    names::{Dialog, channel_dialog, dialog_id, display_name, public_name},
    normalise,
};
use crate::platform::PlatformError;

/// Chats listed per account: enough for every person, and a bound on the requests of one refresh (10 pages).
const DIALOGS_MAX: usize = 1_000;
/// Dialogs per request; Telegram gives at most 100.
const DIALOGS_PAGE: i32 = 100;

/// The answer to one request for dialogs.
struct DialogPage {
    dialogs: Vec<types::Dialog>,
    page: Page,
    /// There are no more.
    complete: bool,
}

impl Account {
    /// All chats that the account is in, most recently active first. Remembers how to address them.
    pub(super) async fn dialogs(&self) -> Result<Vec<ChatFacts>, PlatformError> {
        let mut found: Vec<ChatFacts> = Vec::new();
        let mut from = (0, 0, enums::InputPeer::Empty);
        while found.len() < DIALOGS_MAX {
            let batch = self.dialog_page(&from).await?;
            let before = found.len();
            for facts in batch.facts(self.identity.external_id) {
                if found.iter().all(|known| known.id != facts.id) {
                    found.push(facts);
                }
            }
            if batch.complete || found.len() == before {
                break;
            }
            let Some(next) = self.after(&batch) else { break };
            from = next;
        }
        Ok(found)
    }

    /// One chat, asked of the platform now.
    pub(super) async fn facts(&self, chat: ChatId) -> Result<ChatFacts, PlatformError> {
        let peer = self.input_peer(chat).await?;
        // The newest message also proves that the account may read here.
        let newest = self.newest(peer, 0, 1).await?;
        let last = newest.messages.iter().map(normalise::id_of).max().map_or(0, i64::from);
        let facts = match Dialog::from(chat) {
            Dialog::User(user_id) => {
                let id = self.input_user(chat, user_id);
                let users = self.link.ask(&functions::users::GetUsers { id: vec![id] }).await?;
                self.names.learn(&users, &[]);
                users.iter().find_map(|user| person(user, last, self.identity.external_id))
            }
            Dialog::Group(id) => {
                let answer = self.link.ask(&functions::messages::GetChats { id: vec![id] }).await?;
                self.group_facts(&chats_of(answer), chat, last)
            }
            Dialog::Channel(_) => {
                let id = self.input_channel(chat).await?.into_iter().collect();
                let answer = self.link.ask(&functions::channels::GetChannels { id }).await?;
                self.group_facts(&chats_of(answer), chat, last)
            }
        };
        facts.ok_or_else(|| PlatformError::Chat {
            code: "chat_closed".to_owned(),
            detail: "the account is not in this chat any more".to_owned(),
        })
    }

    fn group_facts(&self, chats: &[enums::Chat], chat: ChatId, last: i64) -> Option<ChatFacts> {
        self.learn(&[], chats);
        chats.iter().filter_map(|found| group(found, last)).find(|facts| facts.id == chat)
    }

    fn input_user(&self, chat: ChatId, user_id: i64) -> enums::InputUser {
        if user_id == self.identity.external_id {
            return enums::InputUser::UserSelf;
        }
        let hash = self.link.session().known(chat.get()).and_then(|peer| peer.auth());
        types::InputUser { user_id, access_hash: hash.unwrap_or_default().hash() }.into()
    }

    async fn dialog_page(&self, from: &(i32, i32, enums::InputPeer)) -> Result<DialogPage, PlatformError> {
        use enums::messages::Dialogs;
        let request = functions::messages::GetDialogs {
            exclude_pinned: false,
            folder_id: None,
            offset_date: from.0,
            offset_id: from.1,
            offset_peer: from.2.clone(),
            limit: DIALOGS_PAGE,
            hash: 0,
        };
        let (dialogs, page, complete) = match self.link.ask(&request).await? {
            Dialogs::Dialogs(all) => {
                (all.dialogs, Page { messages: all.messages, users: all.users, chats: all.chats }, true)
            }
            Dialogs::Slice(some) => {
                (some.dialogs, Page { messages: some.messages, users: some.users, chats: some.chats }, false)
            }
            Dialogs::NotModified(_) => {
                (Vec::new(), Page { messages: Vec::new(), users: Vec::new(), chats: Vec::new() }, true)
            }
        };
        let dialogs: Vec<types::Dialog> = dialogs
            .into_iter()
            .filter_map(|dialog| match dialog {
                enums::Dialog::Dialog(dialog) => Some(dialog),
                _ => None,
            })
            .collect();
        self.learn(&page.users, &page.chats);
        let people: Vec<i64> = dialogs.iter().map(|dialog| dialog_id(&dialog.peer)).filter(|id| *id > 0).collect();
        self.learn_direct(&page.users, &people);
        Ok(DialogPage { complete: complete || dialogs.is_empty(), dialogs, page })
    }

    /// Where the next page starts: at the last dialog of this one.
    fn after(&self, batch: &DialogPage) -> Option<(i32, i32, enums::InputPeer)> {
        let last = batch.dialogs.last()?;
        let chat = dialog_id(&last.peer);
        let date = batch.page.messages.iter().find_map(|message| match message {
            enums::Message::Message(message) if is_top(last, &message.peer_id, message.id) => Some(message.date),
            enums::Message::Service(message) if is_top(last, &message.peer_id, message.id) => Some(message.date),
            _ => None,
        })?;
        let hash = self.link.session().known(chat).and_then(|peer| peer.auth()).unwrap_or_default().hash();
        let peer = match Dialog::from(ChatId::new(chat)) {
            Dialog::User(user_id) => types::InputPeerUser { user_id, access_hash: hash }.into(),
            Dialog::Group(chat_id) => types::InputPeerChat { chat_id }.into(),
            Dialog::Channel(channel_id) => types::InputPeerChannel { channel_id, access_hash: hash }.into(),
        };
        Some((date, last.top_message, peer))
    }
}

impl DialogPage {
    fn facts(&self, me: i64) -> Vec<ChatFacts> {
        let last: HashMap<i64, i64> =
            self.dialogs.iter().map(|dialog| (dialog_id(&dialog.peer), i64::from(dialog.top_message))).collect();
        let people = self.page.users.iter().filter_map(|user| person(user, *last.get(&user.id())?, me));
        let groups = self.page.chats.iter().filter_map(|chat| {
            let facts = group(chat, 0)?;
            Some(ChatFacts { last_message_id: *last.get(&facts.id.get())?, ..facts })
        });
        let mut facts: HashMap<i64, ChatFacts> = people.chain(groups).map(|facts| (facts.id.get(), facts)).collect();
        self.dialogs.iter().filter_map(|dialog| facts.remove(&dialog_id(&dialog.peer))).collect()
    }
}

fn is_top(dialog: &types::Dialog, peer: &enums::Peer, id: i32) -> bool {
    dialog.top_message == id && dialog_id(&dialog.peer) == dialog_id(peer)
}

fn chats_of(answer: enums::messages::Chats) -> Vec<enums::Chat> {
    match answer {
        enums::messages::Chats::Chats(chats) => chats.chats,
        enums::messages::Chats::Slice(chats) => chats.chats,
    }
}

fn facts(id: i64, kind: ChatKind, title: String, rights: (bool, bool), last: i64) -> ChatFacts {
    ChatFacts {
        id: ChatId::new(id),
        platform: Platform::Telegram,
        kind,
        title,
        guild_id: None,
        guild_name: None,
        username: None,
        file_bytes_max: None,
        can_read: rights.0,
        can_write: rights.0 && rights.1,
        last_message_id: last,
    }
}

fn person(user: &enums::User, last: i64, me: i64) -> Option<ChatFacts> {
    let enums::User::User(user) = user else { return None };
    let title = if user.id == me { "Saved Messages".to_owned() } else { display_name(user) };
    Some(facts(user.id, ChatKind::Direct, title, (true, !user.deleted), last))
}

/// What we may do in a group or channel; `None` when it is closed to us or has moved elsewhere.
fn group(chat: &enums::Chat, last: i64) -> Option<ChatFacts> {
    match chat {
        enums::Chat::Chat(chat) if chat.migrated_to.is_none() => {
            let admin = chat.creator || chat.admin_rights.is_some();
            let rights = (!chat.left && !chat.deactivated, admin || may_write(chat.default_banned_rights.as_ref()));
            Some(facts(-chat.id, ChatKind::Group, chat.title.clone(), rights, last))
        }
        enums::Chat::Channel(channel) => {
            let id = channel_dialog(channel.id);
            let (kind, write) = if channel.broadcast {
                (ChatKind::Channel, channel.creator || may_post(channel.admin_rights.as_ref()))
            } else {
                let kind = if channel.forum { ChatKind::Forum } else { ChatKind::Group };
                (kind, may_write_in_supergroup(channel))
            };
            let facts = facts(id, kind, channel.title.clone(), (!channel.left, write), last);
            let username = public_name(channel.username.as_deref(), channel.usernames.as_deref());
            Some(ChatFacts { username: username.map(str::to_owned), ..facts })
        }
        _ => None,
    }
}

const fn may_post(rights: Option<&enums::ChatAdminRights>) -> bool {
    matches!(rights, Some(enums::ChatAdminRights::Rights(rights)) if rights.post_messages)
}

fn may_write_in_supergroup(channel: &types::Channel) -> bool {
    let admin = channel.creator || channel.admin_rights.is_some();
    // In a gigagroup only administrators write.
    admin
        || !channel.gigagroup
            && may_write(channel.banned_rights.as_ref())
            && may_write(channel.default_banned_rights.as_ref())
}

/// True when text may be sent: what is absent is not forbidden.
const fn may_write(banned: Option<&enums::ChatBannedRights>) -> bool {
    !matches!(banned, Some(enums::ChatBannedRights::Rights(banned)) if banned.send_messages || banned.send_plain)
}

#[cfg(test)]
#[path = "chats_tests.rs"]
mod tests;
