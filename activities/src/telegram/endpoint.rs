//! Where Telegram is and who we are to it.

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use secrecy::SecretString;

use super::rsa_key::{RsaKeyError, RsaPublicKey};

/// How long one request may take, connecting included. Grammers has no time-outs of its own; the slowest ordinary
/// answer (a page of history over a bad line) takes a few seconds.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a custom endpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Only a server on this machine may stand in for Telegram.
    #[error("a custom Telegram endpoint must be an IPv4 loopback address")]
    NotLoopback,
    /// The server's key cannot be read.
    #[error(transparent)]
    Key(#[from] RsaKeyError),
}

/// Which Telegram to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TelegramEndpoint {
    /// Telegram's own data centres.
    Production,
    /// One server that plays data centre 2, known by a key of its own.
    Custom {
        /// Where it listens.
        addr: SocketAddrV4,
        /// The key that it proves itself with.
        key: RsaPublicKey,
    },
}

impl TelegramEndpoint {
    /// A server on loopback with the PKCS#1 PEM of its public key.
    ///
    /// # Errors
    /// [`EndpointError`] for an address off this machine or an unreadable key.
    pub fn custom(addr: SocketAddr, pem: &str) -> Result<Self, EndpointError> {
        match addr {
            SocketAddr::V4(addr) if addr.ip().is_loopback() => {
                Ok(Self::Custom { addr, key: RsaPublicKey::from_pem(pem)? })
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => Err(EndpointError::NotLoopback),
        }
    }
}

/// What every Telegram connection of this installation shares.
#[derive(Clone, Debug)]
pub struct TelegramConfig {
    /// Which Telegram.
    pub endpoint: TelegramEndpoint,
    /// The operator's application id (my.telegram.org).
    pub api_id: i32,
    /// The application's secret.
    pub api_hash: SecretString,
    /// How long one request may take; [`CALL_TIMEOUT`] unless a test wants less.
    pub call_timeout: Duration,
}

impl TelegramConfig {
    /// The configuration with the usual time-out.
    #[must_use]
    pub const fn new(endpoint: TelegramEndpoint, api_id: i32, api_hash: SecretString) -> Self {
        Self { endpoint, api_id, api_hash, call_timeout: CALL_TIMEOUT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_stand_in_for_telegram() {
        for addr in ["149.154.167.41:443", "[::1]:443", "0.0.0.0:443"] {
            let refused = TelegramEndpoint::custom(addr.parse().unwrap(), "").unwrap_err();
            assert_eq!(refused, EndpointError::NotLoopback, "{addr}");
        }
        let refused = TelegramEndpoint::custom("127.0.0.1:443".parse().unwrap(), "").unwrap_err();
        assert_eq!(refused, EndpointError::Key(RsaKeyError::NotPem));
    }
}
