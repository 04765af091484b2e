//! Steps of a log as updates, and updates with the peers that they mention.

use grammers_tl_types::{enums, types};

use super::View;
use crate::telegram::clock;
use crate::telegram::world::event::Holder;
use crate::telegram::world::model::{Change, LogEntry};
use crate::telegram::world::peer::Peer;

impl View<'_> {
    /// The update that tells of one step; None when it concerns a message that is gone since.
    pub(crate) fn update(&mut self, holder: Holder, entry: &LogEntry) -> Option<enums::Update> {
        let (pts, pts_count) = (entry.pts, entry.count);
        match holder {
            Holder::Channel(channel_id) => {
                self.mention(Peer::Channel(channel_id));
                Some(match &entry.change {
                    Change::New(id) => {
                        let message = self.held(holder, *id)?;
                        types::UpdateNewChannelMessage { message, pts, pts_count }.into()
                    }
                    Change::Edit(id) => {
                        let message = self.held(holder, *id)?;
                        types::UpdateEditChannelMessage { message, pts, pts_count }.into()
                    }
                    Change::Delete(ids) => {
                        types::UpdateDeleteChannelMessages { channel_id, messages: ids.clone(), pts, pts_count }.into()
                    }
                    Change::ReadInbox { .. } | Change::ReadOutbox { .. } => return None,
                })
            }
            Holder::Account(_) => Some(match &entry.change {
                Change::New(id) => types::UpdateNewMessage { message: self.held(holder, *id)?, pts, pts_count }.into(),
                Change::Edit(id) => {
                    types::UpdateEditMessage { message: self.held(holder, *id)?, pts, pts_count }.into()
                }
                Change::Delete(ids) => types::UpdateDeleteMessages { messages: ids.clone(), pts, pts_count }.into(),
                Change::ReadInbox { peer, max_id } => {
                    self.mention(*peer);
                    types::UpdateReadHistoryInbox {
                        folder_id: None,
                        peer: peer.to_tl(),
                        top_msg_id: None,
                        max_id: *max_id,
                        still_unread_count: self.unread(*peer),
                        pts,
                        pts_count,
                    }
                    .into()
                }
                Change::ReadOutbox { peer, max_id } => {
                    self.mention(*peer);
                    types::UpdateReadHistoryOutbox { peer: peer.to_tl(), max_id: *max_id, pts, pts_count }.into()
                }
            }),
        }
    }

    /// A message of a mailbox or channel; None when it is gone.
    pub(crate) fn held(&mut self, holder: Holder, id: i32) -> Option<enums::Message> {
        let world = self.world;
        let message = match holder {
            Holder::Account(user) => world.accounts.get(&user)?.messages.get(&id)?,
            Holder::Channel(channel) => world.channels.get(&channel)?.messages.get(&id)?,
        };
        Some(self.message(message))
    }

    /// How many messages of others stand above what the account has read.
    pub(crate) fn unread(&self, peer: Peer) -> i32 {
        let ids = self.world.ids(self.me, peer);
        let read = self.read_inbox(peer);
        let above = &ids[ids.partition_point(|id| *id <= read)..];
        let foreign = above
            .iter()
            .filter(|id| self.world.message(self.me, peer, **id).is_some_and(|m| m.content.author != self.me));
        super::chat::count(foreign.count())
    }

    /// The last message that the account has read.
    pub(crate) fn read_inbox(&self, peer: Peer) -> i32 {
        let Some(account) = self.world.accounts.get(&self.me) else { return 0 };
        match peer {
            Peer::Channel(id) => account.channels.get(&id).copied().unwrap_or(0),
            _ => account.dialogs.get(&peer).map_or(0, |dialog| dialog.read_inbox),
        }
    }

    /// Wraps updates with what they mention. `seq` is 0: the states of mailbox and channels order everything.
    pub(crate) fn updates(&self, updates: Vec<enums::Update>) -> enums::Updates {
        let (users, chats) = self.peers();
        types::Updates { updates, users, chats, date: clock::now(), seq: 0 }.into()
    }
}
