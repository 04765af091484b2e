//! Chats whose gap could not be read.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::ChatId;

/// Source chats of one hosted account whose history it may not read now. Their messages may come live all the same
/// (Discord has a permission for each), and must not move the cursor over what is missing.
#[derive(Debug, Default)]
pub(crate) struct Closed(Mutex<BTreeSet<ChatId>>);

impl Closed {
    pub fn add(&self, chat: ChatId) {
        self.lock().insert(chat);
    }

    pub fn remove(&self, chat: ChatId) {
        self.lock().remove(&chat);
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    pub fn contains(&self, chat: ChatId) -> bool {
        self.lock().contains(&chat)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub fn all(&self) -> Vec<ChatId> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ChatId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
