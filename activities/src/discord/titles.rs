//! Names of channels as last seen, for attribution lines: a Discord message carries only its channel's id.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// More channels than a bot of ours will see; beyond it new names are simply not remembered.
const TITLES_MAX: usize = 50_000;

/// Channel names by id.
#[derive(Debug, Default)]
pub(super) struct Titles(RwLock<HashMap<i64, String>>);

impl Titles {
    /// Remembers a channel's present name.
    pub(super) fn put(&self, channel: i64, name: &str) {
        let mut titles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if titles.len() < TITLES_MAX || titles.contains_key(&channel) {
            titles.insert(channel, name.to_owned());
        }
    }

    /// A channel's name, if it has been seen.
    pub(super) fn get(&self, channel: i64) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }
}
