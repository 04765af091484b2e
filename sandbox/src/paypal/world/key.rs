//! `PayPal-Request-Id`: a request that comes again under its key is answered with what it made, as that is now.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::World;

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The id of what was made or changed.
    pub resource: String,
    /// SHA-256 of the body.
    hash: String,
}

impl World {
    /// What a successful request of the same kind has made under this key. The service does not look at the body; that
    /// another one came is counted for the books.
    pub fn replay(&mut self, kind: &str, key: Option<&str>, body: &[u8]) -> Option<String> {
        let stored = self.keys.get(&name(kind, key?))?;
        if stored.hash != hash(body) {
            self.keys_reused += 1;
        }
        Some(stored.resource.clone())
    }

    /// Remembers a successful request.
    pub fn store(&mut self, kind: &str, key: Option<&str>, body: &[u8], resource: &str) {
        if let Some(key) = key {
            let stored = Stored { resource: resource.to_owned(), hash: hash(body) };
            self.keys.insert(name(kind, key), stored);
        }
    }

    /// How many requests came under a key that had been used for something else.
    #[must_use]
    pub const fn keys_reused(&self) -> u64 {
        self.keys_reused
    }
}

fn name(kind: &str, key: &str) -> String {
    format!("{kind} {key}")
}

fn hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}
