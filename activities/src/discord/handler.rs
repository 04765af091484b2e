//! What serenity calls on the gateway's thread.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use domain::{ChatId, Deletion, Update};
use serde::Deserialize;
use serde_json::Value;
use serenity::all::{Context, Event, Message, MessageReferenceKind, MessageUpdateEvent, RawEventHandler, UnknownEvent};

use super::gateway::GatewaySettings;
use super::link::Link;
use super::normalise::Normaliser;
use super::snowflake::signed;

/// Edits remembered to tell a new one from a later notice of the same: Discord repeats the time of an edit when it has
/// looked at the links of the text.
const EDITS_MAX: usize = 2_000;

/// Queues events; no method waits for anything, so that each event is queued in its task's first poll.
///
/// A raw handler, because serenity hands events that it cannot decode to no other: they must not vanish.
pub(super) struct Handler {
    settings: Arc<GatewaySettings>,
    link: Arc<Link>,
    edits: Mutex<Edits>,
}

impl Handler {
    /// A handler that also marks the link as up.
    pub(super) fn new(settings: Arc<GatewaySettings>, link: Arc<Link>) -> Self {
        Self { settings, link, edits: Mutex::default() }
    }

    fn normaliser(&self) -> Normaliser<'_> {
        Normaliser { me: self.settings.me, names: &self.settings.names }
    }

    /// The event says that the message was edited, once per edit. One that does not hold the whole message is looked up.
    fn edited(&self, event: &MessageUpdateEvent) {
        let Some(at) = event.edited_timestamp else { return };
        let message_id = signed(event.id.get());
        let edit = (at.timestamp_micros(), digest(event.content.as_deref()));
        if !self.edits.lock().unwrap_or_else(PoisonError::into_inner).is_new(message_id, edit) {
            return;
        }
        match whole(event) {
            Some(source) => self.settings.events.update(Update::Edited(self.normaliser().message(&source))),
            None => self.settings.events.look_up(ChatId::new(signed(event.channel_id.get())), message_id),
        }
    }

    fn deleted(&self, chat: i64, message_ids: Vec<i64>) {
        let chat = Some(ChatId::new(chat));
        self.settings.events.update(Update::Deleted(Deletion { chat, message_ids }));
    }

    /// An event that serenity could not decode. What concerns messages is read as far as it can be; where even that
    /// fails the history has to be read again.
    fn undecodable(&self, event: &UnknownEvent) {
        let events = &self.settings.events;
        let understood = match event.kind.as_str() {
            "MESSAGE_CREATE" => {
                self.normaliser().raw(&event.value).map(|message| events.update(Update::Posted(message))).is_some()
            }
            "MESSAGE_UPDATE" => match Named::deserialize(&event.value).ok().and_then(|named| named.numbers()) {
                Some((_, ids)) if ids.is_empty() => false,
                Some((chat, ids)) => {
                    if !event.value["edited_timestamp"].is_null() {
                        ids.into_iter().for_each(|id| events.look_up(ChatId::new(chat), id));
                    }
                    true
                }
                None => false,
            },
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                let named = Named::deserialize(&event.value).ok().and_then(|named| named.numbers());
                named.map(|(chat, ids)| self.deleted(chat, ids)).is_some()
            }
            kind => {
                if kind.starts_with("GUILD_CREATE") || kind.starts_with("CHANNEL_") || kind.starts_with("THREAD_") {
                    self.settings.names.learn(&event.value);
                }
                true
            }
        };
        if !understood {
            tracing::warn!(discord.event = event.kind, "A Discord event cannot be read; history will be.");
            events.connected();
        }
    }
}

#[serenity::async_trait]
impl RawEventHandler for Handler {
    async fn raw_event(&self, _context: Context, event: Event) {
        let (events, names) = (&self.settings.events, &self.settings.names);
        match event {
            Event::MessageCreate(event) => {
                events.update(Update::Posted(self.normaliser().message(&event.message)));
            }
            Event::MessageUpdate(event) => self.edited(&event),
            Event::MessageDelete(event) => {
                self.deleted(signed(event.channel_id.get()), vec![signed(event.message_id.get())]);
            }
            Event::MessageDeleteBulk(event) => {
                self.deleted(signed(event.channel_id.get()), event.ids.iter().map(|id| signed(id.get())).collect());
            }
            // A new session: whatever was said before it has to be read from history.
            Event::Ready(_) => {
                self.link.set_up(true);
                events.connected();
            }
            // The old session with everything replayed before this event: only a reported break needs an end.
            Event::Resumed(_) => {
                let was_up = self.link.set_up(true);
                if !was_up {
                    events.connected();
                }
            }
            Event::GuildCreate(event) => {
                event.guild.channels.values().chain(&event.guild.threads).for_each(|it| names.put_channel(it));
                event.guild.roles.values().for_each(|role| names.put(signed(role.id.get()), &role.name));
            }
            Event::ChannelCreate(event) => names.put_channel(&event.channel),
            Event::ChannelUpdate(event) => names.put_channel(&event.channel),
            Event::ThreadCreate(event) => names.put_channel(&event.thread),
            Event::ThreadUpdate(event) => names.put_channel(&event.thread),
            Event::ThreadListSync(event) => event.threads.iter().for_each(|thread| names.put_channel(thread)),
            Event::GuildRoleCreate(event) => names.put(signed(event.role.id.get()), &event.role.name),
            Event::GuildRoleUpdate(event) => names.put(signed(event.role.id.get()), &event.role.name),
            Event::Unknown(event) => self.undecodable(&event),
            _ => (),
        }
    }
}

/// The message after an edit, if the event holds all of it. Events never hold what a forward forwards.
fn whole(event: &MessageUpdateEvent) -> Option<Message> {
    let forwards = event.message_reference.iter().flatten().any(|it| it.kind == MessageReferenceKind::Forward);
    if forwards || event.author.is_none() || event.content.is_none() || event.attachments.is_none() {
        return None;
    }
    let mut value = serde_json::to_value(event).ok()?;
    value.as_object_mut()?.retain(|_, field| !field.is_null());
    Message::deserialize(value).ok()
}

/// The messages that an event names.
#[derive(Deserialize)]
struct Named {
    channel_id: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    ids: Vec<Value>,
}

impl Named {
    /// The channel and the messages; `None` when some are not numbers.
    fn numbers(&self) -> Option<(i64, Vec<i64>)> {
        let many = self.ids.iter().map(|id| id.as_str()?.parse().ok());
        let one = self.id.iter().map(|id| id.parse().ok());
        Some((self.channel_id.parse().ok()?, many.chain(one).collect::<Option<Vec<i64>>>()?))
    }
}

/// Tells two texts apart: two edits may bear the same time.
fn digest(content: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// The latest edits, by message: when, and what they say.
#[derive(Default)]
struct Edits {
    at: HashMap<i64, (i64, u64)>,
    order: VecDeque<i64>,
}

impl Edits {
    fn is_new(&mut self, message: i64, edit: (i64, u64)) -> bool {
        match self.at.insert(message, edit) {
            Some(known) => known != edit,
            None => {
                self.order.push_back(message);
                if self.order.len() > EDITS_MAX
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.at.remove(&oldest);
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_edit_is_told_once() {
        let mut edits = Edits::default();
        let (one, other) = (digest(Some("one")), digest(Some("other")));
        assert!(edits.is_new(1, (10, one)));
        assert!(!edits.is_new(1, (10, one)));
        assert!(edits.is_new(1, (10, other)), "another text at the same time");
        assert!(edits.is_new(1, (11, other)));
        (2..3 + i64::try_from(EDITS_MAX).unwrap()).for_each(|message| assert!(edits.is_new(message, (10, one))));
        assert!(edits.is_new(1, (11, other)), "the oldest is forgotten");
        assert_eq!((edits.at.len(), edits.order.len()), (EDITS_MAX, EDITS_MAX));
    }
}
