//! The stack's own keys and passwords, made once per state directory.

use std::{fs, path::Path};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::process::write_private;

/// Below the ids that the Telegram sandbox gives out, so that it is free in every world.
pub const TELEGRAM_BOT_ID: i64 = 1_000_000_001;

/// What the parts share and nobody else may know. Kept in a file that only its owner can read.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// Password of the database's owner.
    pub postgres_password: String,
    /// `SEAL_KEYS` of the product.
    pub seal_keys: String,
    /// `PAYLOAD_KEYS` of the product.
    pub payload_keys: String,
    /// The first key in `JWT_KEYS` of the API.
    pub jwt_secret: String,
    /// `OPERATOR_TOKEN` of the API.
    pub operator_token: String,
    /// `MEDIA_LINK_KEY` of worker and API; empty in a file that is older than the setting, which has no links.
    #[serde(default)]
    pub media_link_key: String,
    /// The token of the Telegram bot; empty in a file that is older than the bot, which has none.
    #[serde(default)]
    pub telegram_bot_token: String,
}

impl Secrets {
    /// Reads the secrets from `path`, or makes them.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is damaged.
    pub fn load_or_make(path: &Path) -> anyhow::Result<Self> {
        if path.exists() {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            return serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()));
        }
        let secrets = Self {
            postgres_password: hex_key(16)?,
            seal_keys: format!("local1:{}", STANDARD.encode(random(32)?)),
            payload_keys: format!("local1:{}", STANDARD.encode(random(32)?)),
            jwt_secret: hex_key(32)?,
            operator_token: hex_key(24)?,
            media_link_key: hex_key(32)?,
            telegram_bot_token: format!("{TELEGRAM_BOT_ID}:{}", hex_key(18)?),
        };
        write_private(path, &serde_json::to_vec_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

fn hex_key(bytes: usize) -> anyhow::Result<String> {
    Ok(hex::encode(random(bytes)?))
}

fn random(bytes: usize) -> anyhow::Result<Vec<u8>> {
    let mut key = vec![0; bytes];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_private_and_stay_the_same() {
        let path = std::env::temp_dir().join(format!("causeway-secrets-{}.json", std::process::id()));
        let first = Secrets::load_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Secrets::load_or_make(&path).unwrap();
        assert_eq!((first.seal_keys, first.operator_token), (second.seal_keys, second.operator_token));
        fs::remove_file(&path).unwrap();
    }
}
