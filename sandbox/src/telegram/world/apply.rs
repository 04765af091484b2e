//! How each event changes the world. The same code runs when something happens and when the journal is read back, so it
//! must depend on nothing but the world and the event.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::World;
use super::event::{Effect, Event, Holder, NewChat, Post, Target};
use super::model::{Action, Change, Channel, ChatKind, Content, Group, Login, Member, Role, User};
use super::peer::Peer;
use crate::telegram::net::crypto;

impl World {
    /// Applies one event and says what connected clients have to learn of it.
    pub(crate) fn apply(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::UserSaved { user } => self.save_user(user),
            Event::KeyMade { key } => self.save_key(&key),
            Event::KeyBound { key_id, login } => self.bind_key(key_id, login),
            Event::KeyFreed { key_id } => self.free_key(key_id),
            Event::CodeSet { code } => drop(self.codes.insert(code.phone.clone(), code)),
            Event::CodeGone { phone } => drop(self.codes.remove(&phone)),
            Event::PhoneBanned { phone } => drop(self.banned.insert(phone)),
            Event::FileSaved { file } => {
                self.take_id(file.id);
                self.files.insert(file.id, file);
            }
            Event::CommandsSet { bot, commands } => drop(self.commands.insert(bot, commands)),
            Event::BlockSet { by, user, blocked: true } => drop(self.blocks.insert((by, user))),
            Event::BlockSet { by, user, blocked: false } => drop(self.blocks.remove(&(by, user))),
            Event::ChatMade { chat } => return self.make_chat(chat),
            Event::MemberSet { chat, user, role, by, date } => return self.set_member(chat, user, role, by, date),
            Event::TitleSet { chat, title, by, date } => return self.set_title(chat, title, by, date),
            Event::Posted { post } => return self.post(*post),
            Event::Edited { target, text, entities, attached, no_webpage, date } => {
                let rewrite = |old: &Content| Content {
                    text: text.clone(),
                    entities: entities.clone(),
                    attached: attached.clone(),
                    no_webpage,
                    edit_date: Some(date),
                    ..old.clone()
                };
                return self.rewrite(target, date, rewrite);
            }
            Event::Deleted { holder, ids, date } => return self.delete(holder, &ids, date),
            Event::Read { user, peer, max_id, date } => return self.read(user, peer, max_id, date),
        }
        Vec::new()
    }

    fn take_id(&mut self, id: i64) {
        self.last_id = self.last_id.max(id);
    }

    fn save_user(&mut self, user: User) {
        self.take_id(user.id);
        if let Some(phone) = &user.phone {
            self.phones.insert(phone.clone(), user.id);
        }
        if let Some(token) = &user.bot_token {
            self.tokens.insert(token.clone(), user.id);
        }
        if let Some(username) = &user.username {
            self.usernames.insert(username.to_lowercase(), Peer::User(user.id));
        }
        self.accounts.entry(user.id).or_default();
        self.users.insert(user.id, user);
    }

    fn save_key(&mut self, key: &str) {
        let mut bytes = [0; 256];
        if hex::decode_to_slice(key, &mut bytes).is_ok() {
            self.keys.insert(crypto::key_id(&bytes), bytes);
        }
    }

    fn bind_key(&mut self, key_id: i64, login: Login) {
        self.free_key(key_id);
        if let Login::User(user) = login {
            self.keys_of.entry(user).or_default().insert(key_id);
        }
        self.logins.insert(key_id, login);
    }

    fn free_key(&mut self, key_id: i64) {
        if let Some(Login::User(user)) = self.logins.remove(&key_id)
            && let Some(keys) = self.keys_of.get_mut(&user)
        {
            keys.remove(&key_id);
        }
    }

    fn make_chat(&mut self, new: NewChat) -> Vec<Effect> {
        self.take_id(new.id);
        let NewChat { id, kind, title, username, creator, members: invited, date } = new;
        let mut members = BTreeMap::new();
        for user in &invited {
            members.insert(*user, Member { role: Role::Member, date, inviter: creator });
        }
        members.insert(creator, Member { role: Role::Creator, date, inviter: creator });
        if kind == ChatKind::Group {
            self.groups.insert(id, Group { id, title: title.clone(), date, version: 1, members });
            return self.announce(Peer::Group(id), creator, date, Action::GroupCreate { title, users: invited });
        }
        if let Some(username) = &username {
            self.usernames.insert(username.to_lowercase(), Peer::Channel(id));
        }
        let mut effects = Vec::new();
        for user in members.keys() {
            self.accounts.entry(*user).or_default().channels.insert(id, 0);
            effects.push(Effect::Membership { user: *user, channel: id });
        }
        let channel = Channel {
            id,
            kind,
            title: title.clone(),
            username,
            date,
            members,
            pts: 1,
            last_id: 0,
            messages: BTreeMap::new(),
            ids: Vec::new(),
            log: Vec::new(),
            topics: BTreeMap::new(),
        };
        self.channels.insert(id, channel);
        effects.extend(self.announce(Peer::Channel(id), creator, date, Action::ChannelCreate { title }));
        effects
    }

    fn set_member(&mut self, chat: Peer, user: i64, role: Role, by: i64, date: i32) -> Vec<Effect> {
        match chat {
            Peer::Group(id) => self.set_group_member(id, user, role, by, date),
            Peer::Channel(id) => self.set_channel_member(id, user, role, by, date),
            Peer::User(_) => Vec::new(),
        }
    }

    fn set_group_member(&mut self, id: i64, user: i64, role: Role, by: i64, date: i32) -> Vec<Effect> {
        let Some(group) = self.groups.get_mut(&id) else { return Vec::new() };
        let was_inside = group.members.get(&user).is_some_and(|m| m.role.is_inside());
        group.version += 1;
        let member = Member { role, date, inviter: by };
        if role.is_inside() {
            group.members.insert(user, member);
            if was_inside {
                return Vec::new();
            }
            return self.announce(Peer::Group(id), by, date, Action::AddUser { users: vec![user] });
        }
        // The one who goes still gets the announcement, as its last message of the group.
        let effects = match was_inside {
            true => self.announce(Peer::Group(id), by, date, Action::DeleteUser { user }),
            false => Vec::new(),
        };
        if let Some(group) = self.groups.get_mut(&id) {
            group.members.insert(user, member);
        }
        effects
    }

    fn set_channel_member(&mut self, id: i64, user: i64, role: Role, by: i64, date: i32) -> Vec<Effect> {
        let Some(channel) = self.channels.get_mut(&id) else { return Vec::new() };
        let was_inside = channel.role(user).is_some_and(Role::is_inside);
        channel.members.insert(user, Member { role, date, inviter: by });
        let announces = !channel.is_broadcast() && role.is_inside() && !was_inside;
        self.accounts.entry(user).or_default().channels.entry(id).or_insert(0);
        let mut effects = vec![Effect::Membership { user, channel: id }];
        if announces {
            effects.extend(self.announce(Peer::Channel(id), by, date, Action::AddUser { users: vec![user] }));
        }
        effects
    }

    fn set_title(&mut self, chat: Peer, title: String, by: i64, date: i32) -> Vec<Effect> {
        match chat {
            Peer::Group(id) => {
                if let Some(group) = self.groups.get_mut(&id) {
                    group.title.clone_from(&title);
                }
            }
            Peer::Channel(id) => {
                if let Some(channel) = self.channels.get_mut(&id) {
                    channel.title.clone_from(&title);
                }
            }
            Peer::User(_) => return Vec::new(),
        }
        self.announce(chat, by, date, Action::EditTitle { title })
    }

    fn announce(&mut self, to: Peer, author: i64, date: i32, action: Action) -> Vec<Effect> {
        let content = Content { action: Some(action), ..Content::by(author, date) };
        self.post(Post { to, reply: None, content })
    }

    fn rewrite(&mut self, target: Target, date: i32, rewrite: impl Fn(&Content) -> Content) -> Vec<Effect> {
        match target {
            Target::Channel { channel: id, id: message_id } => {
                let Some(channel) = self.channels.get_mut(&id) else { return Vec::new() };
                let Some(message) = channel.messages.get_mut(&message_id) else { return Vec::new() };
                message.content = Arc::new(rewrite(&message.content));
                vec![self.step(Holder::Channel(id), Change::Edit(message_id), 1, date)]
            }
            Target::Copies(uid) => {
                let mut effects = Vec::new();
                let mut content = None;
                for (user, id) in self.copies_of(uid).to_vec() {
                    let message = self.accounts.get_mut(&user).and_then(|a| a.messages.get_mut(&id));
                    let Some(message) = message else { continue };
                    let fresh = content.get_or_insert_with(|| Arc::new(rewrite(&message.content)));
                    message.content = Arc::clone(fresh);
                    effects.push(self.step(Holder::Account(user), Change::Edit(id), 1, date));
                }
                effects
            }
        }
    }
}
