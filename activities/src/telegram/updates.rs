//! The reader's side of the update loop: batches, and saving the session after they are durable.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use grammers_session::types::UpdatesState;
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::{account::Account, engine::Yielded};
use crate::platform::{EventStream, PlatformEvent};

/// Messages per batch: one transaction's worth.
const BATCH_MAX: usize = 100;
/// The session is written at most this often when only update cursors moved. A stale cursor costs repeated updates,
/// which the store recognises; writing the whole document for every message would cost more.
const CURSORS_EVERY: TimeDelta = TimeDelta::seconds(2);

/// The events of one account.
pub(super) struct TelegramEvents {
    account: Arc<Account>,
    queue: mpsc::Receiver<Yielded>,
    /// An event that ended a batch and is next.
    held: Option<Yielded>,
    /// The cursors after what was handed out last.
    handed_out: Option<UpdatesState>,
    clock: Arc<dyn Clock>,
    saved_at: Option<DateTime<Utc>>,
}

impl TelegramEvents {
    pub(super) fn new(account: Arc<Account>, queue: mpsc::Receiver<Yielded>, clock: Arc<dyn Clock>) -> Self {
        Self { account, queue, held: None, handed_out: None, clock, saved_at: None }
    }

    fn hand_out(&mut self, yielded: Yielded) -> PlatformEvent {
        if yielded.cursors.is_some() {
            self.handed_out = yielded.cursors;
        }
        yielded.event
    }
}

#[async_trait]
impl EventStream for TelegramEvents {
    async fn next(&mut self) -> Option<PlatformEvent> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.queue.recv().await?,
        };
        let mut event = self.hand_out(first);
        if let PlatformEvent::Updates(batch) = &mut event {
            while batch.len() < BATCH_MAX {
                match self.queue.try_recv() {
                    Ok(Yielded { event: PlatformEvent::Updates(more), cursors }) => {
                        batch.extend(more);
                        self.handed_out = cursors.or(self.handed_out.take());
                    }
                    Ok(other) => {
                        self.held = Some(other);
                        break;
                    }
                    Err(_) => break,
                }
            }
        }
        Some(event)
    }

    async fn acknowledge(&mut self) -> Option<SecretString> {
        let session = self.account.link.session();
        if let Some(cursors) = self.handed_out.take() {
            session.set_cursors(cursors);
        }
        let now = self.clock.now();
        let due = self.saved_at.is_none_or(|saved| now - saved >= CURSORS_EVERY);
        if session.is_precious() || (due && session.is_dirty()) {
            self.saved_at = Some(now);
            return Some(session.export());
        }
        None
    }
}
