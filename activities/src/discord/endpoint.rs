//! Where Discord is: the real one, or the sandbox under Discord's own host names.

use std::net::SocketAddr;
use std::time::Duration;

use crate::platform::PlatformError;

use super::errors::input;

/// Host names of the REST API and of attachments. serenity builds its URLs from the first.
const HOSTS: [&str; 3] = ["discord.com", "cdn.discordapp.com", "media.discordapp.net"];
/// A connection that is not up by then is given up; the call's own limit is longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence of a peer in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Discord sends an exact time to wait with most refusals; its buckets refill within this.
const WAIT_IN_PLACE: Duration = Duration::from_secs(5);

/// Which server answers for Discord's host names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiscordEndpoint {
    /// Discord itself.
    #[default]
    Production,
    /// A stand-in on loopback that speaks TLS with a certificate for Discord's names.
    Custom {
        /// Its TLS listener.
        addr: SocketAddr,
        /// The PEM certificate of the authority that signed its certificate; no other is trusted.
        ca_pem: String,
    },
}

/// How to reach Discord; shared by all bots of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscordConfig {
    /// Which server.
    pub endpoint: DiscordEndpoint,
    /// Rate-limit waits up to this are slept inside the call; longer ones are returned to the caller.
    pub wait_in_place: Duration,
}

impl DiscordConfig {
    /// Settings for `endpoint` with the usual limits.
    #[must_use]
    pub const fn new(endpoint: DiscordEndpoint) -> Self {
        Self { endpoint, wait_in_place: WAIT_IN_PLACE }
    }

    /// The HTTP client for the API and for attachments. Errors: [`PlatformError::Input`] when the endpoint is not on
    /// loopback or its certificate cannot be read.
    pub(super) fn client(&self) -> Result<reqwest::Client, PlatformError> {
        let builder = reqwest::Client::builder()
            .use_rustls_tls()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        let builder = match &self.endpoint {
            DiscordEndpoint::Production => builder,
            DiscordEndpoint::Custom { addr, ca_pem } => redirect_to_loopback(builder, *addr, ca_pem)?,
        };
        builder.build().map_err(|error| input("endpoint_invalid", error.without_url().to_string()))
    }

    /// The gateway's address as the API gave it, refused when the token would leave the endpoint's bounds: unencrypted
    /// in production, beyond loopback otherwise.
    pub(super) fn checked_gateway(&self, address: String) -> Result<String, PlatformError> {
        let url = url::Url::parse(&address).ok();
        let fine = url.is_some_and(|url| match &self.endpoint {
            DiscordEndpoint::Production => url.scheme() == "wss",
            DiscordEndpoint::Custom { .. } => match url.host() {
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                Some(url::Host::Domain(name)) => name == "localhost",
                None => false,
            },
        });
        if fine { Ok(address) } else { Err(input("endpoint_invalid", "the gateway's address is not acceptable")) }
    }
}

fn redirect_to_loopback(
    builder: reqwest::ClientBuilder,
    addr: SocketAddr,
    ca_pem: &str,
) -> Result<reqwest::ClientBuilder, PlatformError> {
    if !addr.ip().is_loopback() {
        return Err(input("endpoint_not_loopback", "a custom Discord endpoint must be on loopback"));
    }
    let authority = reqwest::Certificate::from_pem(ca_pem.as_bytes())
        .map_err(|_| input("endpoint_invalid", "the certificate of the custom Discord endpoint cannot be read"))?;
    let builder = builder.no_proxy().tls_built_in_root_certs(false).add_root_certificate(authority);
    Ok(HOSTS.iter().fold(builder, |builder, host| builder.resolve(host, addr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(config: &DiscordConfig) -> Option<String> {
        match config.client() {
            Ok(_) => None,
            Err(PlatformError::Input { code, .. }) => Some(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_custom_endpoint_must_be_on_loopback_and_have_a_certificate() {
        let custom = |addr: &str, ca_pem: &str| {
            DiscordConfig::new(DiscordEndpoint::Custom { addr: addr.parse().unwrap(), ca_pem: ca_pem.to_owned() })
        };
        assert_eq!(code(&DiscordConfig::new(DiscordEndpoint::Production)), None);
        assert_eq!(code(&custom("192.0.2.1:443", "")).as_deref(), Some("endpoint_not_loopback"));
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(code(&custom("127.0.0.1:443", garbled)).as_deref(), Some("endpoint_invalid"));
    }

    #[test]
    fn a_token_stays_within_its_endpoint() {
        let addr = "127.0.0.1:1".parse().unwrap();
        let custom = DiscordConfig::new(DiscordEndpoint::Custom { addr, ca_pem: String::new() });
        let production = DiscordConfig::new(DiscordEndpoint::Production);
        for (address, in_production, in_custom) in [
            ("wss://gateway.discord.gg", true, false),
            ("ws://gateway.discord.gg", false, false),
            ("ws://127.0.0.1:4600/gw", false, true),
            ("ws://localhost:4600", false, true),
            ("ws://[::1]:4600", false, true),
            ("nonsense", false, false),
        ] {
            assert_eq!(production.checked_gateway(address.to_owned()).is_ok(), in_production, "{address}");
            assert_eq!(custom.checked_gateway(address.to_owned()).is_ok(), in_custom, "{address}");
        }
    }
}
