//! Settings of the HTTP edge: who may ask, from where, how often and over how many connections.

use std::fmt;

use ipnet::IpNet;

use super::Reader;
use crate::{
    limits::LimitSettings,
    peer::{ForwardedHeader, TrustedProxies},
};

/// Requests that one address may make to routes without a token in a minute, unless set otherwise: enough for people
/// behind one router who sign in, far too few for guessing passwords.
const ANONYMOUS_PER_MINUTE_DEFAULT: u32 = 60;
/// Connections at once, unless set otherwise. Each takes a file descriptor and some 10 KB while it is idle.
const CONNECTIONS_DEFAULT: usize = 2_048;
/// Connections of one address at once, unless set otherwise: a browser opens six.
const CONNECTIONS_PER_ADDRESS_DEFAULT: usize = 256;

/// What stands around the routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    /// `TRUSTED_PROXIES` and `FORWARDED_HEADER`.
    pub proxies: TrustedProxies,
    /// `CORS_ORIGINS`: pages elsewhere whose scripts may call the API.
    pub cors_origins: Vec<String>,
    /// `HSTS_SECONDS`: browsers shall use TLS alone for so long; 0 says nothing about it.
    pub hsts_seconds: u32,
    /// `CONNECTIONS_MAX`: more wait until one is closed.
    pub connections_max: usize,
    /// `CONNECTIONS_PER_ADDRESS_MAX`: more are closed at once. Trusted proxies may have any number.
    pub connections_per_address_max: usize,
    /// `ANONYMOUS_REQUESTS_PER_MINUTE` and `REQUESTS_PER_MINUTE_FACTOR`.
    pub limits: LimitSettings,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn edge(&mut self) -> Option<EdgeSettings> {
        let networks = self.list("TRUSTED_PROXIES", network, "networks such as 10.0.0.0/8,2001:db8::/32");
        let header = self.parsed("FORWARDED_HEADER", "x-forwarded-for", "x-forwarded-for or forwarded");
        let origins = self.list("CORS_ORIGINS", origin, "origins such as https://app.example,http://127.0.0.1:3000");
        let hsts = self.parsed("HSTS_SECONDS", "0", "a number of seconds");
        let connections = self.above_zero("CONNECTIONS_MAX", CONNECTIONS_DEFAULT);
        let per_address = self.above_zero("CONNECTIONS_PER_ADDRESS_MAX", CONNECTIONS_PER_ADDRESS_DEFAULT);
        let anonymous = ANONYMOUS_PER_MINUTE_DEFAULT.to_string();
        let anonymous = self.parsed("ANONYMOUS_REQUESTS_PER_MINUTE", &anonymous, "a number of requests");
        let factor = self.parsed("REQUESTS_PER_MINUTE_FACTOR", "1", "a whole number");
        Some(EdgeSettings {
            proxies: TrustedProxies { networks: networks?, header: header? },
            cors_origins: origins?,
            hsts_seconds: hsts?,
            connections_max: connections?,
            connections_per_address_max: per_address?,
            limits: LimitSettings { anonymous_per_minute: anonymous?, factor: factor? },
        })
    }

    /// What stands between commas; nothing when the variable is not set.
    fn list<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, what: &str) -> Option<Vec<T>> {
        let text = self.optional(name).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parsed: Option<Vec<T>> = parts.map(parse).collect();
        if parsed.is_none() {
            self.problems.push(format!("{name} must be {what}"));
        }
        parsed
    }

    fn above_zero(&mut self, name: &str, default: usize) -> Option<usize> {
        let number: usize = self.parsed(name, &default.to_string(), "a number above 0")?;
        if number == 0 {
            self.problems.push(format!("{name} must be a number above 0"));
            return None;
        }
        Some(number)
    }
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}

/// An origin exactly as browsers write it.
pub(super) fn origin(text: &str) -> Option<String> {
    let origin = text.parse::<url::Url>().ok()?.origin();
    let written = origin.ascii_serialization();
    (origin.is_tuple() && written == text.trim_end_matches('/')).then_some(written)
}

impl std::str::FromStr for ForwardedHeader {
    type Err = fmt::Error;

    fn from_str(text: &str) -> Result<Self, fmt::Error> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, tests::good};

    fn read(name: &'static str, value: &'static str) -> Result<super::EdgeSettings, String> {
        let setting = |asked: &str| if asked == name { Some(value.to_owned()) } else { good(asked) };
        Config::read(setting).map(|config| config.edge).map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_is_trusted_and_no_page_may_ask_unless_it_is_said() {
        let edge = read("OTHER", "").unwrap();
        assert!(edge.proxies.networks.is_empty() && edge.cors_origins.is_empty());
        assert_eq!((edge.hsts_seconds, edge.limits.anonymous_per_minute, edge.limits.factor), (0, 60, 1));
    }

    #[test]
    fn lists_are_read_and_wrong_ones_are_named() {
        assert_eq!(read("TRUSTED_PROXIES", "10.0.0.0/8, ::1 ,2001:db8::/32,").unwrap().proxies.networks.len(), 3);
        let origins = read("CORS_ORIGINS", "https://app.example, http://127.0.0.1:3000/").unwrap().cors_origins;
        assert_eq!(origins, ["https://app.example", "http://127.0.0.1:3000"]);
        for (name, value) in [
            ("TRUSTED_PROXIES", "10.0.0.0/33"),
            ("TRUSTED_PROXIES", "proxy.example"),
            ("FORWARDED_HEADER", "x-real-ip"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "null"),
            ("CORS_ORIGINS", "https://app.example/path"),
            ("CORS_ORIGINS", "file:///tmp"),
            ("HSTS_SECONDS", "yes"),
            ("CONNECTIONS_MAX", "0"),
            ("CONNECTIONS_PER_ADDRESS_MAX", "0"),
            ("ANONYMOUS_REQUESTS_PER_MINUTE", "-1"),
            ("REQUESTS_PER_MINUTE_FACTOR", "0.5"),
        ] {
            let error = read(name, value).unwrap_err();
            assert!(error.contains(name), "{name}={value}: {error}");
        }
    }
}
