//! Random secrets and the shape of tokens.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::id::Id;

/// 32 random hex digits.
#[must_use]
pub fn hex_token() -> String {
    hex::encode(random::<16>())
}

/// A bot token in Discord's shape: clients read the bot's id from its first part.
#[must_use]
pub fn bot_token(bot: Id) -> String {
    let id = BASE64_URL_SAFE_NO_PAD.encode(bot.to_string());
    let (stamp, secret) = (BASE64_URL_SAFE_NO_PAD.encode(random::<4>()), BASE64_URL_SAFE_NO_PAD.encode(random::<28>()));
    format!("{id}.{stamp}.{secret}")
}

/// The secret part of a webhook's URL.
#[must_use]
pub fn webhook_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random::<51>())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "a machine without randomness cannot run anything of this")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
