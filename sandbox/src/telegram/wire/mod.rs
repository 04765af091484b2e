//! From the model to the protocol's objects, as one account sees them.

pub(crate) mod chat;
pub(crate) mod extra;
pub(crate) mod file;
pub(crate) mod message;
pub(crate) mod update;
pub(crate) mod user;

use std::collections::BTreeSet;

use grammers_tl_types::{Deserializable, enums};

use super::world::World;
use super::world::event::Holder;
use super::world::model::{Action, Message};
use super::world::peer::Peer;

/// An all-absent value of a type without mandatory enums or vectors: the types have no `Default`, but zero bytes decode
/// to one. `prefix` supplies the mandatory fields where there are some.
#[expect(clippy::expect_used, reason = "the callers are constant templates; a wrong one fails in every test")]
pub(crate) fn template<T: Deserializable>(prefix: &[u8]) -> T {
    let mut bytes = prefix.to_vec();
    bytes.extend([0; 256]);
    T::from_bytes(&bytes).expect("a template decodes")
}

/// The world seen by one account, collecting the peers that an answer mentions.
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) me: i64,
    peers: BTreeSet<Peer>,
}

impl<'a> View<'a> {
    pub(crate) fn new(world: &'a World, me: i64) -> Self {
        Self { world, me, peers: BTreeSet::new() }
    }

    /// A view in which these peers are mentioned already.
    pub(crate) fn with(world: &'a World, me: i64, peers: BTreeSet<Peer>) -> Self {
        Self { world, me, peers }
    }

    /// Who was mentioned.
    pub(crate) fn into_mentioned(self) -> BTreeSet<Peer> {
        self.peers
    }

    /// Makes sure that the answer describes `peer`.
    pub(crate) fn mention(&mut self, peer: Peer) {
        self.peers.insert(peer);
    }

    /// Makes sure that the answer describes everybody whom the message names.
    pub(crate) fn mention_all_of(&mut self, message: &Message) {
        let content = &message.content;
        self.mention(message.peer);
        let is_post = matches!(message.peer, Peer::Channel(id)
            if self.world.channels.get(&id).is_some_and(|c| c.is_broadcast()));
        if !is_post {
            self.mention(Peer::User(content.author));
        }
        if let Some(forward) = content.forward.as_ref().filter(|forward| forward.hidden_name.is_none()) {
            self.mention(forward.from);
        }
        if let Some(bot) = content.via_bot {
            self.mention(Peer::User(bot));
        }
        match &content.action {
            Some(Action::AddUser { users } | Action::GroupCreate { users, .. }) => {
                self.peers.extend(users.iter().map(|user| Peer::User(*user)));
            }
            Some(Action::DeleteUser { user }) => self.mention(Peer::User(*user)),
            _ => {}
        }
    }

    /// The holder whose state a private chat's or channel's messages count in.
    pub(crate) fn holder_of(&self, peer: Peer) -> Holder {
        match peer {
            Peer::Channel(id) => Holder::Channel(id),
            Peer::User(_) | Peer::Group(_) => Holder::Account(self.me),
        }
    }

    /// The users and the chats that were mentioned.
    pub(crate) fn peers(&self) -> (Vec<enums::User>, Vec<enums::Chat>) {
        let (mut users, mut chats) = (Vec::new(), Vec::new());
        for peer in &self.peers {
            match peer {
                Peer::User(id) => users.extend(self.user(*id)),
                Peer::Group(id) => chats.extend(self.group(*id)),
                Peer::Channel(id) => chats.extend(self.channel(*id)),
            }
        }
        (users, chats)
    }
}
