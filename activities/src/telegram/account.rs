//! What the parts of one hosted account share: the link, the names, who we are, and how to address a chat.

use std::sync::Arc;

use domain::{ChatId, RichText};
use grammers_session::{
    types::{PeerAuth, PeerInfo},
    updates::UpdatesLike,
};
use grammers_tl_types::{enums, types};
use tokio::sync::mpsc;

use super::{
    entities::from_rich_text,
    link::Link,
    names::{Dialog, Names},
    topics::Topics,
};
use crate::platform::{Identity, Mentions, PlatformError};

/// One signed-in account on its link.
pub(super) struct Account {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    pub(super) topics: Topics,
    pub(super) identity: Identity,
    /// Tells the update loop what Telegram tells only to the one who asked.
    pub(super) own: mpsc::UnboundedSender<UpdatesLike>,
}

impl Account {
    /// Remembers names, and the access hashes of chats and channels.
    pub(super) fn learn(&self, users: &[enums::User], chats: &[enums::Chat]) {
        self.names.learn(users, chats);
        for chat in chats {
            if let Some(peer) = addressable(chat) {
                self.link.session().remember(peer);
            }
        }
    }

    /// Remembers how to address the persons in `ids`, with whom there is a private conversation. Others are not kept:
    /// a busy group would fill the session with people that nobody writes to.
    pub(super) fn learn_direct(&self, users: &[enums::User], ids: &[i64]) {
        for user in users {
            if let enums::User::User(user) = user
                && !user.min
                && ids.contains(&user.id)
            {
                self.link.session().remember(PeerInfo::from(user));
            }
        }
    }

    /// How to address `chat`; looks through the dialogs once when it is not known yet.
    pub(super) async fn input_peer(&self, chat: ChatId) -> Result<enums::InputPeer, PlatformError> {
        if let Some(peer) = self.known_peer(chat) {
            return Ok(peer);
        }
        self.dialogs().await?;
        self.known_peer(chat).ok_or_else(|| PlatformError::Chat {
            code: "chat_unknown".to_owned(),
            detail: "the account is not in this chat".to_owned(),
        })
    }

    /// How to address `chat` as a channel; `None` for private conversations and basic groups.
    pub(super) async fn input_channel(&self, chat: ChatId) -> Result<Option<enums::InputChannel>, PlatformError> {
        if !matches!(Dialog::from(chat), Dialog::Channel(_)) {
            return Ok(None);
        }
        match self.input_peer(chat).await? {
            enums::InputPeer::Channel(channel) => Ok(Some(
                types::InputChannel { channel_id: channel.channel_id, access_hash: channel.access_hash }.into(),
            )),
            _ => Ok(None),
        }
    }

    /// How to address a person; `None` when the account has not met them.
    pub(super) fn known_user(&self, user_id: i64) -> Option<enums::InputUser> {
        if user_id == self.identity.external_id {
            return Some(enums::InputUser::UserSelf);
        }
        let kept = self.link.session().known(user_id).and_then(|peer| peer.auth()).map(PeerAuth::hash);
        let access_hash = kept.or_else(|| self.names.get(user_id).and_then(|name| name.access_hash))?;
        Some(types::InputUser { user_id, access_hash }.into())
    }

    /// The entities of a text; mentions are among them when people may be notified and the account has met them.
    pub(super) fn entities(&self, text: &RichText, mentions: Mentions) -> Option<Vec<enums::MessageEntity>> {
        from_rich_text(text, |id| self.known_user(id).filter(|_| mentions == Mentions::Allowed))
    }

    fn known_peer(&self, chat: ChatId) -> Option<enums::InputPeer> {
        let hash = || self.link.session().known(chat.get()).and_then(|peer| peer.auth()).map(PeerAuth::hash);
        Some(match Dialog::from(chat) {
            Dialog::User(id) if id == self.identity.external_id => enums::InputPeer::PeerSelf,
            Dialog::User(user_id) => types::InputPeerUser { user_id, access_hash: hash()? }.into(),
            Dialog::Group(chat_id) => types::InputPeerChat { chat_id }.into(),
            Dialog::Channel(channel_id) => types::InputPeerChannel { channel_id, access_hash: hash()? }.into(),
        })
    }
}

/// What the session keeps of a chat: not those that the account is not in (forwards name many), and not `min` ones,
/// whose hash only works where they were mentioned.
fn addressable(chat: &enums::Chat) -> Option<PeerInfo> {
    match chat {
        enums::Chat::Chat(chat) if !chat.left => Some(PeerInfo::Chat { id: chat.id }),
        enums::Chat::Channel(channel) if !channel.min && !channel.left => Some(PeerInfo::from(channel)),
        _ => None,
    }
}
