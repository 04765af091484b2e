//! Messages: where they are filed, how they are removed, and the counting of every step (`pts`).

use std::sync::Arc;

use super::World;
use super::event::{Effect, Holder, Post};
use super::model::{Action, Change, Content, LogEntry, Message, Reply, Sent, Topic};
use super::peer::Peer;

impl World {
    /// Files a message: once in a channel, or a copy for every participant elsewhere.
    pub(super) fn post(&mut self, post: Post) -> Vec<Effect> {
        let Post { to, reply, mut content } = post;
        let author = content.author;
        match to {
            Peer::Channel(id) => self.post_to_channel(id, reply, content),
            Peer::User(other) => {
                self.last_uid += 1;
                content.uid = self.last_uid;
                let content = Arc::new(content);
                // The writer's copy comes first: its id is the answer to the writer.
                let mut effects = vec![self.file_copy(author, to, reply, &content)];
                if other != author {
                    let reply = reply.and_then(|r| self.reply_seen_by(author, r, other));
                    effects.push(self.file_copy(other, Peer::User(author), reply, &content));
                }
                effects
            }
            Peer::Group(id) => {
                let Some(group) = self.groups.get(&id) else { return Vec::new() };
                let mut holders: Vec<i64> =
                    group.members.iter().filter(|(_, m)| m.role.is_inside()).map(|(user, _)| *user).collect();
                holders.sort_by_key(|user| *user != author);
                self.last_uid += 1;
                content.uid = self.last_uid;
                let content = Arc::new(content);
                let mut effects = Vec::with_capacity(holders.len());
                for holder in holders {
                    let reply = reply.and_then(|r| self.reply_seen_by(author, r, holder));
                    effects.push(self.file_copy(holder, to, reply, &content));
                }
                effects
            }
        }
    }

    fn post_to_channel(&mut self, id: i64, reply: Option<Reply>, content: Content) -> Vec<Effect> {
        let Some(channel) = self.channels.get_mut(&id) else { return Vec::new() };
        channel.last_id += 1;
        let message_id = channel.last_id;
        let (author, date) = (content.author, content.date);
        if let Some(Action::TopicCreate { title }) = &content.action {
            channel.topics.insert(message_id, Topic { title: title.clone(), creator: author, date });
        }
        if let Some(account) = self.accounts.get_mut(&author) {
            account.channels.insert(id, message_id);
        }
        channel.ids.push(message_id);
        let random_id = content.random_id;
        let message = Message { id: message_id, peer: Peer::Channel(id), reply, content: Arc::new(content) };
        channel.messages.insert(message_id, message);
        let effect = self.step(Holder::Channel(id), Change::New(message_id), 1, date);
        self.remember_sent(author, random_id, Peer::Channel(id), &effect);
        vec![effect]
    }

    fn remember_sent(&mut self, author: i64, random_id: Option<i64>, peer: Peer, effect: &Effect) {
        if let (Some(random_id), Effect::Step { entry: LogEntry { pts, change: Change::New(id), .. }, .. }) =
            (random_id, effect)
            && let Some(account) = self.accounts.get_mut(&author)
        {
            account.sent.insert(random_id, Sent { peer, id: *id, pts: *pts });
        }
    }

    fn file_copy(&mut self, holder: i64, peer: Peer, reply: Option<Reply>, content: &Arc<Content>) -> Effect {
        let account = self.accounts.entry(holder).or_default();
        account.last_id += 1;
        let id = account.last_id;
        let dialog = account.dialogs.entry(peer).or_default();
        dialog.ids.push(id);
        if content.author == holder {
            // Whoever writes has read what stands above.
            dialog.read_inbox = id;
        }
        account.messages.insert(id, Message { id, peer, reply, content: Arc::clone(content) });
        self.copies.entry(content.uid).or_default().push((holder, id));
        let effect = self.step(Holder::Account(holder), Change::New(id), 1, content.date);
        if content.author == holder {
            self.remember_sent(holder, content.random_id, peer, &effect);
        }
        effect
    }

    /// The same reply in another mailbox, if that one still has the answered message.
    fn reply_seen_by(&self, author: i64, reply: Reply, holder: i64) -> Option<Reply> {
        let uid = self.accounts.get(&author)?.messages.get(&reply.to)?.content.uid;
        let (_, id) = self.copies_of(uid).iter().find(|(user, _)| *user == holder)?;
        Some(Reply { to: *id, topic: None })
    }

    /// Moves a holder's state by `count` and notes the change.
    pub(super) fn step(&mut self, holder: Holder, change: Change, count: i32, date: i32) -> Effect {
        let (pts, log) = match holder {
            Holder::Account(user) => {
                let account = self.accounts.entry(user).or_default();
                (&mut account.pts, &mut account.log)
            }
            Holder::Channel(id) => match self.channels.get_mut(&id) {
                Some(channel) => (&mut channel.pts, &mut channel.log),
                None => return Effect::Step { holder, entry: LogEntry { pts: 0, count, date, change } },
            },
        };
        *pts += count;
        let entry = LogEntry { pts: *pts, count, date, change };
        log.push(entry.clone());
        Effect::Step { holder, entry }
    }

    /// Removes those of `ids` that exist; nothing happens when none does.
    pub(super) fn delete(&mut self, holder: Holder, ids: &[i32], date: i32) -> Vec<Effect> {
        let mut gone = Vec::new();
        for id in ids {
            let removed = match holder {
                Holder::Account(user) => self.remove_copy(user, *id),
                Holder::Channel(channel) => self.remove_post(channel, *id),
            };
            if removed {
                gone.push(*id);
            }
        }
        if gone.is_empty() {
            return Vec::new();
        }
        let count = i32::try_from(gone.len()).unwrap_or(i32::MAX);
        vec![self.step(holder, Change::Delete(gone), count, date)]
    }

    fn remove_copy(&mut self, user: i64, id: i32) -> bool {
        let Some(account) = self.accounts.get_mut(&user) else { return false };
        let Some(message) = account.messages.remove(&id) else { return false };
        if let Some(dialog) = account.dialogs.get_mut(&message.peer)
            && let Ok(at) = dialog.ids.binary_search(&id)
        {
            dialog.ids.remove(at);
        }
        if let Some(copies) = self.copies.get_mut(&message.content.uid) {
            copies.retain(|copy| *copy != (user, id));
        }
        true
    }

    fn remove_post(&mut self, channel: i64, id: i32) -> bool {
        let Some(channel) = self.channels.get_mut(&channel) else { return false };
        if channel.messages.remove(&id).is_none() {
            return false;
        }
        if let Ok(at) = channel.ids.binary_search(&id) {
            channel.ids.remove(at);
        }
        true
    }

    /// Marks a conversation as read up to `max_id`.
    pub(super) fn read(&mut self, user: i64, peer: Peer, max_id: i32, date: i32) -> Vec<Effect> {
        let Some(account) = self.accounts.get_mut(&user) else { return Vec::new() };
        if let Peer::Channel(id) = peer {
            let read = account.channels.entry(id).or_insert(0);
            *read = (*read).max(max_id);
            return Vec::new();
        }
        let Some(dialog) = account.dialogs.get_mut(&peer) else { return Vec::new() };
        if dialog.read_inbox >= max_id {
            return Vec::new();
        }
        dialog.read_inbox = max_id;
        let last_read = dialog.ids.iter().rev().find(|id| **id <= max_id).copied();
        let uid = last_read.and_then(|id| account.messages.get(&id)).map(|m| m.content.uid);
        let mut effects = vec![self.step(Holder::Account(user), Change::ReadInbox { peer, max_id }, 1, date)];
        if let (Peer::User(other), Some(uid)) = (peer, uid)
            && other != user
            && let Some((_, id)) = self.copies_of(uid).iter().find(|(holder, _)| *holder == other).copied()
        {
            if let Some(dialog) = self.accounts.get_mut(&other).and_then(|a| a.dialogs.get_mut(&Peer::User(user))) {
                dialog.read_outbox = dialog.read_outbox.max(id);
            }
            let change = Change::ReadOutbox { peer: Peer::User(user), max_id: id };
            effects.push(self.step(Holder::Account(other), change, 1, date));
        }
        effects
    }
}
