//! The world in memory, with the indexes that keep every request away from scans over all messages.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    id::Id,
    model::{Account, Author, Channel, Guild, Message, Record, Webhook},
};

/// How long a nonce is remembered. Discord says "a few minutes".
pub const NONCE_MEMORY_MS: u64 = 5 * 60 * 1000;

/// The nonce of one author, in whatever channel.
type NonceKey = (Id, String);

/// All that is known. Changed only by [`Store::apply`], so that memory and disk cannot differ.
#[derive(Debug, Default)]
pub struct Store {
    /// People and bots.
    pub accounts: HashMap<Id, Account>,
    /// Guilds, oldest first.
    pub guilds: BTreeMap<Id, Guild>,
    /// Channels and threads, oldest first.
    pub channels: BTreeMap<Id, Channel>,
    /// Webhooks, oldest first.
    pub webhooks: BTreeMap<Id, Webhook>,
    messages: HashMap<Id, BTreeMap<Id, Arc<Message>>>,
    tokens: HashMap<String, Id>,
    /// Channel and message of each nonce.
    nonces: HashMap<NonceKey, (Id, Id)>,
    nonce_order: VecDeque<(Id, NonceKey)>,
}

impl Store {
    /// Makes a change true.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Account(account) => {
                if let Some(bot) = &account.bot {
                    self.tokens.insert(bot.token.clone(), account.id);
                }
                self.accounts.insert(account.id, account);
            }
            Record::Guild(guild) => {
                self.guilds.insert(guild.id, guild);
            }
            Record::Channel(channel) => {
                self.channels.insert(channel.id, channel);
            }
            Record::ChannelGone(id) => {
                self.channels.remove(&id);
                self.messages.remove(&id);
            }
            Record::Message(message) => {
                self.remember_nonce(&message);
                self.messages.entry(message.channel).or_default().insert(message.id, Arc::new(*message));
            }
            Record::MessageGone { channel, id } => {
                if let Some(messages) = self.messages.get_mut(&channel) {
                    messages.remove(&id);
                }
            }
            Record::Webhook(webhook) => {
                self.webhooks.insert(webhook.id, webhook);
            }
            Record::WebhookGone(id) => {
                self.webhooks.remove(&id);
            }
        }
    }

    /// The whole world as records, in an order that can be applied again.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let messages = self.messages.values().flat_map(BTreeMap::values);
        (self.accounts.values().cloned().map(Record::Account))
            .chain(self.guilds.values().cloned().map(Record::Guild))
            .chain(self.channels.values().cloned().map(Record::Channel))
            .chain(self.webhooks.values().cloned().map(Record::Webhook))
            .chain(messages.map(|message| Record::Message(Box::new(Message::clone(message)))))
    }

    /// The greatest id in use.
    #[must_use]
    pub fn greatest_id(&self) -> Id {
        let last_messages = self.messages.values().filter_map(|messages| messages.keys().next_back());
        let attachments =
            self.messages.values().flat_map(BTreeMap::values).flat_map(|message| &message.attachments).map(|it| &it.id);
        let roles = self.guilds.values().flat_map(|guild| &guild.roles).map(|role| &role.id);
        (self.accounts.keys().chain(self.guilds.keys()).chain(self.channels.keys()).chain(self.webhooks.keys()))
            .chain(last_messages)
            .chain(attachments)
            .chain(roles)
            .max()
            .copied()
            .unwrap_or_default()
    }

    /// The bot that holds this token, revoked or not.
    #[must_use]
    pub fn bot_by_token(&self, token: &str) -> Option<&Account> {
        self.accounts.get(self.tokens.get(token)?)
    }

    /// A message where it stands.
    #[must_use]
    pub fn message(&self, channel: Id, id: Id) -> Option<&Arc<Message>> {
        self.messages.get(&channel)?.get(&id)
    }

    /// A channel's messages, oldest first.
    #[must_use]
    pub fn messages(&self, channel: Id) -> Option<&BTreeMap<Id, Arc<Message>>> {
        self.messages.get(&channel)
    }

    /// The message that this author wrote with this nonce, if it is still remembered and still there.
    #[must_use]
    pub fn by_nonce(&self, author: Id, nonce: &Value, now_ms: u64) -> Option<&Arc<Message>> {
        let (channel, id) = self.nonces.get(&(author, nonce_text(nonce)))?;
        (id.created_ms() + NONCE_MEMORY_MS >= now_ms).then(|| self.message(*channel, *id)).flatten()
    }

    fn remember_nonce(&mut self, message: &Message) {
        let (Some(nonce), Author::Account(author)) = (&message.nonce, &message.author) else { return };
        let oldest = Id::floor_at(message.id.created_ms().saturating_sub(NONCE_MEMORY_MS));
        while let Some((id, key)) = self.nonce_order.pop_front_if(|(id, _)| *id < oldest) {
            if self.nonces.get(&key).is_some_and(|(_, known)| *known == id) {
                self.nonces.remove(&key);
            }
        }
        let key = (*author, nonce_text(nonce));
        if self.nonces.get(&key).is_none_or(|(_, known)| *known < message.id) {
            self.nonces.insert(key.clone(), (message.channel, message.id));
            self.nonce_order.push_back((message.id, key));
        }
    }
}

fn nonce_text(nonce: &Value) -> String {
    nonce.as_str().map_or_else(|| nonce.to_string(), str::to_owned)
}
