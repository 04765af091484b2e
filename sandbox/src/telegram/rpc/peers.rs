//! Which chat or person a request means, and what the caller may do there.

use grammers_tl_types::enums::{InputChannel, InputPeer, InputUser};

use super::Call;
use super::failure::Failure;
use crate::telegram::world::bot::Closed;
use crate::telegram::world::model::{Channel, Role};
use crate::telegram::world::peer::{Peer, access_hash};

impl Call<'_> {
    /// The chat to read from.
    pub(super) fn readable(&self, peer: &InputPeer) -> Result<Peer, Failure> {
        match peer {
            InputPeer::PeerSelf => Ok(Peer::User(self.me)),
            InputPeer::User(user) => self.known_user(user.user_id, user.access_hash, "PEER_ID_INVALID"),
            InputPeer::UserFromMessage(user) => self.known_user_by_sight(user.user_id),
            InputPeer::Chat(chat) => self.known_group(chat.chat_id),
            InputPeer::Channel(channel) => self.known_channel(channel.channel_id, channel.access_hash),
            InputPeer::ChannelFromMessage(channel) => {
                self.known_channel(channel.channel_id, access_hash(self.me, Peer::Channel(channel.channel_id)))
            }
            InputPeer::Empty => Err(Failure::bad("PEER_ID_INVALID")),
        }
    }

    /// The chat to write to.
    pub(super) fn writable(&self, peer: &InputPeer) -> Result<Peer, Failure> {
        if let InputPeer::Chat(chat) = peer
            && self.state.world.groups.get(&chat.chat_id).is_some_and(|g| g.members.contains_key(&self.me))
            && !self.state.may_read(self.me, Peer::Group(chat.chat_id))
        {
            return Err(Failure::forbidden("CHAT_WRITE_FORBIDDEN"));
        }
        let peer = self.readable(peer)?;
        match peer {
            Peer::User(id) => match self.state.world.closed(self.me, id) {
                None => Ok(peer),
                Some(Closed::BotToBot) => Err(Failure::forbidden("USER_IS_BOT")),
                Some(Closed::BlockedByWriter) => Err(Failure::bad("YOU_BLOCKED_USER")),
                Some(Closed::BlockedByOther) if self.is_bot() => Err(Failure::forbidden("USER_IS_BLOCKED")),
                Some(Closed::BlockedByOther) => Err(Failure::bad("USER_IS_BLOCKED")),
                Some(Closed::NeverStarted) => Err(Failure::bad("PEER_ID_INVALID")),
            },
            Peer::Group(id) => {
                let role = self.state.world.groups.get(&id).and_then(|g| g.members.get(&self.me)).map(|m| m.role);
                match role {
                    Some(Role::Creator | Role::Admin | Role::Member) => Ok(peer),
                    _ => Err(Failure::forbidden("CHAT_WRITE_FORBIDDEN")),
                }
            }
            Peer::Channel(id) => {
                let channel = self.channel(id)?;
                match channel.role(self.me) {
                    Some(role) if role.is_admin() => Ok(peer),
                    _ if channel.is_broadcast() => Err(Failure::bad("CHAT_ADMIN_REQUIRED")),
                    Some(Role::Member) => Ok(peer),
                    _ => Err(Failure::forbidden("CHAT_WRITE_FORBIDDEN")),
                }
            }
        }
    }

    /// The channel of an `InputChannel`, to read from.
    pub(super) fn input_channel(&self, channel: &InputChannel) -> Result<i64, Failure> {
        let (id, hash) = match channel {
            InputChannel::Channel(channel) => (channel.channel_id, channel.access_hash),
            InputChannel::FromMessage(channel) => {
                (channel.channel_id, access_hash(self.me, Peer::Channel(channel.channel_id)))
            }
            InputChannel::Empty => return Err(Failure::bad("CHANNEL_INVALID")),
        };
        self.known_channel(id, hash)?;
        Ok(id)
    }

    /// The channel of an `InputChannel`, with the hash checked but not the access.
    pub(super) fn any_channel(&self, channel: &InputChannel) -> Result<i64, Failure> {
        match channel {
            InputChannel::Channel(c) => {
                self.check_hash(Peer::Channel(c.channel_id), c.access_hash, "CHANNEL_INVALID")?;
                self.channel(c.channel_id)?;
                Ok(c.channel_id)
            }
            InputChannel::FromMessage(c) => self.channel(c.channel_id).map(|c| c.id),
            InputChannel::Empty => Err(Failure::bad("CHANNEL_INVALID")),
        }
    }

    /// The user of an `InputUser`.
    pub(super) fn input_user(&self, user: &InputUser) -> Result<i64, Failure> {
        let peer = match user {
            InputUser::UserSelf => return Ok(self.me),
            InputUser::User(user) => self.known_user(user.user_id, user.access_hash, "USER_ID_INVALID")?,
            InputUser::FromMessage(user) => self.known_user_by_sight(user.user_id)?,
            InputUser::Empty => return Err(Failure::bad("USER_ID_INVALID")),
        };
        match peer {
            Peer::User(id) => Ok(id),
            Peer::Group(_) | Peer::Channel(_) => Err(Failure::bad("USER_ID_INVALID")),
        }
    }

    /// A channel that exists.
    pub(super) fn channel(&self, id: i64) -> Result<&Channel, Failure> {
        self.state.world.channels.get(&id).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))
    }

    pub(super) fn is_bot(&self) -> bool {
        self.state.world.is_bot(self.me)
    }

    /// Fails unless the caller manages the chat.
    pub(super) fn require_admin(&self, peer: Peer) -> Result<(), Failure> {
        let world = &self.state.world;
        let role = match peer {
            Peer::Group(id) => world.groups.get(&id).and_then(|g| g.members.get(&self.me)).map(|m| m.role),
            Peer::Channel(id) => world.channels.get(&id).and_then(|c| c.role(self.me)),
            Peer::User(_) => None,
        };
        match role {
            Some(role) if role.is_admin() => Ok(()),
            _ => Err(Failure::bad("CHAT_ADMIN_REQUIRED")),
        }
    }

    fn known_user(&self, id: i64, hash: i64, error: &str) -> Result<Peer, Failure> {
        if id == self.me {
            return Ok(Peer::User(id));
        }
        self.check_hash(Peer::User(id), hash, error)?;
        self.known_user_by_sight(id)
    }

    fn known_user_by_sight(&self, id: i64) -> Result<Peer, Failure> {
        match self.state.world.users.contains_key(&id) {
            true => Ok(Peer::User(id)),
            false => Err(Failure::bad("PEER_ID_INVALID")),
        }
    }

    fn known_group(&self, id: i64) -> Result<Peer, Failure> {
        let member = self.state.world.groups.get(&id).and_then(|g| g.members.get(&self.me)).map(|m| m.role);
        match member {
            // Who has left keeps what is in the mailbox.
            Some(role) if role != Role::Kicked => Ok(Peer::Group(id)),
            _ => Err(Failure::bad("PEER_ID_INVALID")),
        }
    }

    fn known_channel(&self, id: i64, hash: i64) -> Result<Peer, Failure> {
        self.check_hash(Peer::Channel(id), hash, "CHANNEL_INVALID")?;
        self.channel(id)?;
        match self.state.may_read(self.me, Peer::Channel(id)) {
            true => Ok(Peer::Channel(id)),
            false => Err(Failure::bad("CHANNEL_PRIVATE")),
        }
    }

    /// Bots may leave the hash out, as on the real service.
    fn check_hash(&self, peer: Peer, hash: i64, error: &str) -> Result<(), Failure> {
        let is_right = hash == access_hash(self.me, peer) || (hash == 0 && self.is_bot());
        if is_right { Ok(()) } else { Err(Failure::bad(error)) }
    }
}
