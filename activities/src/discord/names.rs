//! Names of channels and roles as last seen: a Discord message carries only their ids.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// More than the bots of one host will see; beyond it new names are simply not remembered.
const NAMES_MAX: usize = 50_000;

/// Names by id; channels and roles share one space of ids.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<HashMap<i64, String>>);

impl Names {
    /// Remembers a present name.
    pub(super) fn put(&self, id: i64, name: &str) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() < NAMES_MAX || names.contains_key(&id) {
            names.insert(id, name.to_owned());
        }
    }

    /// A name, if it has been seen.
    pub(super) fn get(&self, id: i64) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
