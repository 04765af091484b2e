//! The way from the gateway's thread to the host's loop: in order, never blocking, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::{Message, Update};
use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, error::TryRecvError, unbounded_channel};

use crate::platform::{EventStream, PlatformError, PlatformEvent};

/// Messages handed over at once; more would make one ingest transaction long.
const BATCH_MAX: usize = 256;
/// Messages that may wait for the host, some 2 kB each. Beyond it they are dropped and fetched again by history.
const QUEUE_MAX: usize = 20_000;

/// One event on its way.
enum Event {
    Message(Box<Message>),
    Connected,
    Disconnected(String),
    Gone(PlatformError),
}

/// Makes the two ends of the queue.
pub(super) fn queue() -> (EventSender, DiscordEvents) {
    let (sender, receiver) = unbounded_channel();
    let load = Arc::new(Load::default());
    (EventSender { sender, load: Arc::clone(&load) }, DiscordEvents { receiver, load, held: None })
}

/// How full the queue is.
#[derive(Default)]
struct Load {
    messages: AtomicUsize,
    overflowed: AtomicBool,
}

/// The gateway's end.
#[derive(Clone)]
pub(super) struct EventSender {
    sender: UnboundedSender<Event>,
    load: Arc<Load>,
}

impl EventSender {
    /// Queues a message. After an overflow every message is dropped until the host has emptied the queue and been told
    /// to fetch history: letting a later one through would carry its cursor past those that were dropped.
    pub(super) fn message(&self, message: Message) {
        if self.load.overflowed.load(Ordering::Acquire) {
            return;
        }
        if self.load.messages.fetch_add(1, Ordering::AcqRel) >= QUEUE_MAX {
            self.load.messages.fetch_sub(1, Ordering::AcqRel);
            self.load.overflowed.store(true, Ordering::Release);
            tracing::warn!(queue.messages_max = QUEUE_MAX, "The host is slow: messages will be fetched by history.");
            return;
        }
        self.push(Event::Message(Box::new(message)));
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
    /// What ended the last batch.
    held: Option<Event>,
}

#[async_trait]
impl EventStream for DiscordEvents {
    async fn next(&mut self) -> Option<PlatformEvent> {
        let event = match self.held.take() {
            Some(event) => event,
            None => match self.receiver.try_recv() {
                Ok(event) => event,
                // The queue is empty, so the host has all that came before the overflow.
                Err(TryRecvError::Empty) if self.load.overflowed.swap(false, Ordering::AcqRel) => Event::Connected,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => self.receiver.recv().await?,
            },
        };
        Some(match event {
            Event::Message(first) => {
                PlatformEvent::Updates(self.batch(*first).into_iter().map(Update::Posted).collect())
            }
            Event::Connected => PlatformEvent::Connected,
            Event::Disconnected(detail) => PlatformEvent::Disconnected { detail },
            Event::Gone(error) => PlatformEvent::Gone(error),
        })
    }

    /// Nothing to store: after a restart a new session begins and each channel's history is read from its cursor.
    async fn acknowledge(&mut self) -> Option<SecretString> {
        None
    }
}

impl DiscordEvents {
    /// `first` and the messages that wait directly behind it.
    fn batch(&mut self, first: Message) -> Vec<Message> {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            match self.receiver.try_recv() {
                Ok(Event::Message(message)) => batch.push(*message),
                Ok(other) => {
                    self.held = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.load.messages.fetch_sub(batch.len(), Ordering::AcqRel);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: i64) -> Message {
        serde_json::from_value(serde_json::json!({"chat": "5", "message_id": id, "sent_at": "2026-01-01T00:00:00Z"}))
            .unwrap()
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
        let (sender, mut events) = queue();
        sender.connected();
        (1..=2).for_each(|id| sender.message(message(id)));
        sender.disconnected("gone".to_owned());
        (3..=300).for_each(|id| sender.message(message(id)));
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
        let (sender, mut events) = queue();
        let last = i64::try_from(QUEUE_MAX).unwrap();
        (1..=last + 5).for_each(|id| sender.message(message(id)));
        let mut seen = 0;
        while seen < last {
            let batch = ids(&mut events).await;
            assert_eq!(batch[0], seen + 1);
            seen = *batch.last().unwrap();
            sender.message(message(last + 6));
        }
        assert_eq!(seen, last);
        assert!(matches!(events.next().await, Some(PlatformEvent::Connected)));
        sender.message(message(last + 7));
        assert_eq!(ids(&mut events).await, [last + 7]);
    }
}
