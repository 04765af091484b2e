//! The way from the gateway's thread to the host's loop: in order, never blocking, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{ChatId, Message, Update};
use secrecy::SecretString;
use serenity::http::Route;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, error::TryRecvError, unbounded_channel};

use crate::platform::{EventStream, PlatformError, PlatformEvent};

use super::names::Names;
use super::normalise::Normaliser;
use super::rest::Rest;
use super::snowflake;

/// Messages handed over at once; more would make one ingest transaction long.
const BATCH_MAX: usize = 256;
/// Messages that may wait for the host, some 2 kB each. Beyond it they are dropped and fetched again by history.
const QUEUE_MAX: usize = 20_000;
/// Attempts at looking up an edited message before history is asked for instead.
const LOOK_UPS_MAX: u32 = 4;
/// The wait before the second attempt; later ones wait longer.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(500);

/// One event on its way.
enum Event {
    Update(Box<Update>),
    /// An edited message that has to be looked up before the host hears of it.
    Edited(ChatId, i64),
    Connected,
    Disconnected(String),
    Gone(PlatformError),
}

/// Where edited messages are looked up.
pub(super) struct Lookup {
    pub(super) rest: Arc<Rest>,
    pub(super) me: i64,
    pub(super) names: Arc<Names>,
}

impl Lookup {
    /// The message as it stands; `None` when it is gone, or when it has no edit (any more) to tell of.
    async fn edited(&self, chat: ChatId, message_id: i64) -> Result<Option<Message>, PlatformError> {
        let route =
            Route::ChannelMessage { channel_id: snowflake::channel(chat)?, message_id: snowflake::message(message_id) };
        let value: serde_json::Value = self.rest.get(route, Vec::new()).await?;
        let normaliser = Normaliser { me: self.me, names: &self.names };
        Ok(normaliser.raw(&value).filter(|message| message.edited_at.is_some() || message.unsupported.is_some()))
    }
}

/// Makes the two ends of the queue.
pub(super) fn queue(lookup: Lookup) -> (EventSender, DiscordEvents) {
    let (sender, receiver) = unbounded_channel();
    let load = Arc::new(Load::default());
    let events = DiscordEvents { receiver, load: Arc::clone(&load), held: None, lookup, tries: 0 };
    (EventSender { sender, load }, events)
}

/// How full the queue is.
#[derive(Default)]
struct Load {
    updates: AtomicUsize,
    overflowed: AtomicBool,
}

/// The gateway's end.
#[derive(Clone)]
pub(super) struct EventSender {
    sender: UnboundedSender<Event>,
    load: Arc<Load>,
}

impl EventSender {
    /// Queues what happened to a message.
    pub(super) fn update(&self, update: Update) {
        self.bounded(Event::Update(Box::new(update)));
    }

    /// Queues the edit of a message that the host's side has to look up.
    pub(super) fn look_up(&self, chat: ChatId, message_id: i64) {
        self.bounded(Event::Edited(chat, message_id));
    }

    /// After an overflow everything is dropped until the host has emptied the queue and been told to fetch history:
    /// letting a later message through would carry its cursor past those that were dropped.
    fn bounded(&self, event: Event) {
        if self.load.overflowed.load(Ordering::Acquire) {
            return;
        }
        if self.load.updates.fetch_add(1, Ordering::AcqRel) >= QUEUE_MAX {
            self.load.updates.fetch_sub(1, Ordering::AcqRel);
            self.load.overflowed.store(true, Ordering::Release);
            tracing::warn!(queue.updates_max = QUEUE_MAX, "The host is slow: messages will be fetched by history.");
            return;
        }
        self.push(event);
    }

    /// A new session has begun, or the old one is back after it was reported down.
    pub(super) fn connected(&self) {
        self.push(Event::Connected);
    }

    /// The link is down.
    pub(super) fn disconnected(&self, detail: String) {
        self.push(Event::Disconnected(detail));
    }

    /// The account is out.
    pub(super) fn gone(&self, error: PlatformError) {
        self.push(Event::Gone(error));
    }

    /// A receiver that is gone means that the host has ended: there is nobody left to lose anything.
    fn push(&self, event: Event) {
        let _unheard = self.sender.send(event);
    }
}

/// The host's end.
pub(super) struct DiscordEvents {
    receiver: UnboundedReceiver<Event>,
    load: Arc<Load>,
    /// What ended the last batch, or is being looked up.
    held: Option<Event>,
    lookup: Lookup,
    /// Failed attempts at the look-up that is held.
    tries: u32,
}

#[async_trait]
impl EventStream for DiscordEvents {
    async fn next(&mut self) -> Option<PlatformEvent> {
        loop {
            let event = match self.held.take() {
                Some(event) => event,
                None => match self.receiver.try_recv() {
                    Ok(event) => event,
                    // The queue is empty, so the host has all that came before the overflow.
                    Err(TryRecvError::Empty) if self.load.overflowed.swap(false, Ordering::AcqRel) => Event::Connected,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => self.receiver.recv().await?,
                },
            };
            return Some(match event {
                Event::Update(first) => PlatformEvent::Updates(self.batch(*first)),
                Event::Edited(chat, message_id) => match self.look_up(chat, message_id).await {
                    Some(event) => event,
                    None => continue,
                },
                Event::Connected => PlatformEvent::Connected,
                Event::Disconnected(detail) => PlatformEvent::Disconnected { detail },
                Event::Gone(error) => PlatformEvent::Gone(error),
            });
        }
    }

    /// Nothing to store: after a restart a new session begins and each channel's history is read from its cursor.
    async fn acknowledge(&mut self) -> Option<SecretString> {
        None
    }
}

impl DiscordEvents {
    /// `first` and the updates that wait directly behind it.
    fn batch(&mut self, first: Update) -> Vec<Update> {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            match self.receiver.try_recv() {
                Ok(Event::Update(update)) => batch.push(*update),
                Ok(other) => {
                    self.held = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.load.updates.fetch_sub(batch.len(), Ordering::AcqRel);
        batch
    }

    /// The event for an edit; `None` when there is nothing to tell, or not yet. Held meanwhile, so that it is not lost
    /// when the host stops waiting. After some failures the host is told that it may have missed an edit.
    async fn look_up(&mut self, chat: ChatId, message_id: i64) -> Option<PlatformEvent> {
        self.held = Some(Event::Edited(chat, message_id));
        if self.tries > 0 {
            tokio::time::sleep(LOOK_UP_PAUSE * self.tries).await;
        }
        let told = match self.lookup.edited(chat, message_id).await {
            Ok(message) => message.map(|message| PlatformEvent::Updates(vec![Update::Edited(message)])),
            Err(PlatformError::Message { .. } | PlatformError::Chat { .. }) => None,
            Err(error) if self.tries + 1 >= LOOK_UPS_MAX => {
                tracing::warn!(%error, "An edited message could not be looked up; recent history will be reviewed.");
                Some(PlatformEvent::Connected)
            }
            Err(_) => {
                self.tries += 1;
                return None;
            }
        };
        self.held = None;
        self.tries = 0;
        self.load.updates.fetch_sub(1, Ordering::AcqRel);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::endpoint::{DiscordConfig, DiscordEndpoint};
    use crate::platform::Unobserved;

    fn lookup() -> Lookup {
        let config = DiscordConfig::new(DiscordEndpoint::Production);
        let rest = Rest::new(&config, "OTAw.x.y", Arc::new(Unobserved)).unwrap();
        Lookup { rest: Arc::new(rest), me: 900, names: Arc::default() }
    }

    fn posted(id: i64) -> Update {
        Update::Posted(Message::new(ChatId::new(5), id, snowflake::time(id)))
    }

    async fn ids(events: &mut DiscordEvents) -> Vec<i64> {
        match events.next().await {
            Some(PlatformEvent::Updates(batch)) => batch
                .iter()
                .map(|update| match update {
                    Update::Posted(message) => message.message_id,
                    other => panic!("{other:?}"),
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn messages_come_in_order_and_do_not_pass_other_events() {
        let (sender, mut events) = queue(lookup());
        sender.connected();
        (1..=2).for_each(|id| sender.update(posted(id)));
        sender.disconnected("gone".to_owned());
        (3..=300).for_each(|id| sender.update(posted(id)));
        drop(sender);
        assert!(matches!(events.next().await, Some(PlatformEvent::Connected)));
        assert_eq!(ids(&mut events).await, [1, 2]);
        assert!(matches!(events.next().await, Some(PlatformEvent::Disconnected { .. })));
        assert_eq!(ids(&mut events).await, (3..3 + 256).collect::<Vec<_>>());
        assert_eq!(ids(&mut events).await, (259..=300).collect::<Vec<_>>());
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn an_overflow_ends_in_a_request_for_history_and_no_message_passes_the_gap() {
        let (sender, mut events) = queue(lookup());
        let last = i64::try_from(QUEUE_MAX).unwrap();
        (1..=last + 5).for_each(|id| sender.update(posted(id)));
        let mut seen = 0;
        while seen < last {
            let batch = ids(&mut events).await;
            assert_eq!(batch[0], seen + 1);
            seen = *batch.last().unwrap();
            sender.update(posted(last + 6));
        }
        assert_eq!(seen, last);
        assert!(matches!(events.next().await, Some(PlatformEvent::Connected)));
        sender.update(posted(last + 7));
        assert_eq!(ids(&mut events).await, [last + 7]);
    }
}
