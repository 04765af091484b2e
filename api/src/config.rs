//! The API's settings, from the environment alone. Every missing or wrong variable is named at once.

mod edge;

pub use self::edge::EdgeSettings;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use chrono::TimeDelta;
use domain::{
    billing::invoice::InvoiceSettings,
    media_link::{KEY_CHARS_MIN, LinkKey},
    pace::Mode,
};
use ipnet::IpNet;
use payments::Providers;
use secrecy::{ExposeSecret as _, SecretString};
use store::seal::Sealer;
use workflows::codec::Codec;

use crate::token::JwtKeys;

mod identity;

pub use identity::{Registration, StaffSecondFactor};

/// The largest request body unless set otherwise, in bytes: our largest is a pair, well below a kilobyte.
const BODY_LIMIT_BYTES_DEFAULT: usize = 64 * 1024;
/// The administration answers on the machine itself unless it is told otherwise.
const ADMIN_ALLOW_DEFAULT: &str = "127.0.0.0/8,::1/128";
/// Unpaid for so long, a checkout is given up, unless set otherwise: long enough for a payer who has to find their card.
const CHECKOUT_EXPIRES_SECONDS_DEFAULT: i64 = 3 * 60 * 60;
/// What may be set.
const CHECKOUT_EXPIRES_SECONDS: std::ops::RangeInclusive<i64> = 60..=30 * 24 * 60 * 60;
/// Short enough to type, too long to guess.
const OPERATOR_TOKEN_CHARS_MIN: usize = 24;

/// Everything that can be set; docs/configuration.md says what each is for.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database_url: SecretString,
    /// `TEMPORAL_ADDRESS`.
    pub temporal_address: url::Url,
    /// `TEMPORAL_NAMESPACE`.
    pub temporal_namespace: String,
    /// `SEAL_KEYS`.
    pub sealer: Sealer,
    /// `PAYLOAD_KEYS`.
    pub codec: Codec,
    /// `API_LISTEN`.
    pub listen: SocketAddr,
    /// `JWT_KEYS`.
    pub jwt_keys: JwtKeys,
    /// `OPERATOR_TOKEN`.
    pub operator_token: SecretString,
    /// `ADMIN_ALLOW`: where staff may come from.
    pub admin_allow: Vec<IpNet>,
    /// `REGISTRATION`: how somebody becomes a user.
    pub registration: Registration,
    /// `STAFF_SECOND_FACTOR`.
    pub staff_second_factor: StaffSecondFactor,
    /// `PUBLIC_URL`: where readers of mails reach the API; without it, mails have codes and no links.
    pub public_url: Option<url::Url>,
    /// `CHECKOUT_RETURN_URL`: where tenants look at their payments; without it, letters about money have no link.
    pub checkout_return_url: Option<url::Url>,
    /// `PAYPAL_*` and those of other payment providers.
    pub payments: Providers,
    /// `INVOICE_*`: who makes invoices out.
    pub invoices: InvoiceSettings,
    /// `CHECKOUT_EXPIRES_SECONDS`: unpaid for so long, a checkout is given up.
    pub checkout_expires: TimeDelta,
    /// `CODEC_CORS_ORIGIN`: where the Temporal UI is served.
    pub codec_cors_origin: Option<String>,
    /// `MEDIA_LINK_KEY`: what links to attachments are signed with; without it none is served.
    pub media_link_key: Option<LinkKey>,
    /// `BODY_LIMIT_BYTES`.
    pub body_limit_bytes: usize,
    /// What stands around the routes.
    pub edge: EdgeSettings,
    /// `PACE`: whose figures the workers' budgets keep to.
    pub pace: Mode,
    /// `LOG_FORMAT` is `json`.
    pub json_logs: bool,
    /// `LOG_LEVEL`, in the syntax of `RUST_LOG`.
    pub log_level: String,
}

/// All that is wrong, one line each.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Everything that is missing or wrong, at once.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads settings from anywhere, for tests.
    ///
    /// # Errors
    /// Everything that is missing or wrong, at once.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { variable, problems: Vec::new() };
        match reader.config() {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(reader.problems)),
        }
    }
}

struct Reader<F> {
    variable: F,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn config(&mut self) -> Option<Config> {
        let database_url = self.database_url();
        let temporal_address = self.parsed("TEMPORAL_ADDRESS", "http://127.0.0.1:7233", "a URL");
        let sealer = self.required("SEAL_KEYS").and_then(|keys| self.checked("SEAL_KEYS", Sealer::parse(&keys.into())));
        let codec = self.required("PAYLOAD_KEYS").and_then(|keys| self.checked("PAYLOAD_KEYS", Codec::parse(&keys)));
        let listen = self.parsed("API_LISTEN", "127.0.0.1:8080", "an address and port");
        let jwt_keys = self.required("JWT_KEYS").and_then(|keys| self.checked("JWT_KEYS", JwtKeys::parse(&keys)));
        let operator_token = self.secret("OPERATOR_TOKEN", OPERATOR_TOKEN_CHARS_MIN);
        let admin_allow = self.networks("ADMIN_ALLOW", ADMIN_ALLOW_DEFAULT);
        let registration = self.parsed("REGISTRATION", "verified", "verified or open");
        let staff_second_factor = self.parsed("STAFF_SECOND_FACTOR", "required", "required or optional");
        let public_url = self.web_address("PUBLIC_URL", "https://causeway.example");
        let checkout_return_url = self.web_address("CHECKOUT_RETURN_URL", "https://app.example/billing");
        let payments = self.payments();
        let invoices = self.invoices();
        let checkout_expires = self.checkout_expires();
        let codec_cors_origin = self.origin("CODEC_CORS_ORIGIN");
        let body_limit = self.parsed("BODY_LIMIT_BYTES", &BODY_LIMIT_BYTES_DEFAULT.to_string(), "a number of bytes");
        let media_link_key = self.media_link_key();
        let edge = self.edge();
        let pace = self.parsed("PACE", "standard", "standard or open");
        let json_logs = self.log_format();
        let log_level = self.log_level();
        Some(Config {
            database_url: database_url?,
            temporal_address: temporal_address?,
            temporal_namespace: self.optional("TEMPORAL_NAMESPACE").unwrap_or_else(|| "default".into()),
            sealer: sealer?,
            codec: codec?,
            listen: listen?,
            jwt_keys: jwt_keys?,
            operator_token: operator_token?,
            admin_allow: admin_allow?,
            registration: registration?,
            staff_second_factor: staff_second_factor?,
            public_url,
            checkout_return_url,
            payments: payments?,
            invoices: invoices?,
            checkout_expires: checkout_expires?,
            codec_cors_origin,
            media_link_key,
            body_limit_bytes: body_limit?,
            edge: edge?,
            pace: pace?,
            json_logs: json_logs?,
            log_level: log_level?,
        })
    }

    fn database_url(&mut self) -> Option<SecretString> {
        let text = self.required("DATABASE_URL")?;
        let scheme = text.parse::<url::Url>().ok().map(|url| url.scheme().to_owned());
        if !matches!(scheme.as_deref(), Some("postgres" | "postgresql")) {
            self.problems.push("DATABASE_URL must be a URL such as postgres://user:password@host:5432/database".into());
            return None;
        }
        Some(text.into())
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is missing"));
        }
        value
    }

    /// A secret of at least `length_min` characters.
    fn secret(&mut self, name: &str, length_min: usize) -> Option<SecretString> {
        let secret = SecretString::from(self.required(name)?);
        if secret.expose_secret().len() < length_min {
            self.problems.push(format!("{name} must have at least {length_min} characters"));
            return None;
        }
        Some(secret)
    }

    fn parsed<T: FromStr>(&mut self, name: &str, default: &str, what: &str) -> Option<T> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        let value = text.parse().ok();
        if value.is_none() {
            self.problems.push(format!("{name} must be {what}"));
        }
        value
    }

    fn checked<T, E: fmt::Display>(&mut self, name: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    /// Networks in CIDR notation, or single addresses, separated by commas.
    fn networks(&mut self, name: &str, default: &str) -> Option<Vec<IpNet>> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        let network = |text: &str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
        let networks: Option<Vec<IpNet>> = text.split(',').map(|entry| network(entry.trim())).collect();
        if networks.is_none() {
            self.problems.push(format!("{name} must be addresses or networks such as 10.0.0.0/8, separated by commas"));
        }
        networks
    }

    fn media_link_key(&mut self) -> Option<LinkKey> {
        let key = LinkKey::new(&self.optional("MEDIA_LINK_KEY")?);
        if key.is_none() {
            self.problems.push(format!("MEDIA_LINK_KEY must have at least {KEY_CHARS_MIN} characters"));
        }
        key
    }

    fn web_address(&mut self, name: &str, example: &str) -> Option<url::Url> {
        let url = self.optional(name)?.parse().ok();
        let url = url.filter(|url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            self.problems.push(format!("{name} must be a URL such as {example}"));
        }
        url
    }

    /// `None` when something is wrong; no provider is fine.
    fn payments(&mut self) -> Option<Providers> {
        let read = Providers::read(&|name| self.optional(name));
        read.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn invoices(&mut self) -> Option<InvoiceSettings> {
        let read = InvoiceSettings::read(&|name| self.optional(name));
        read.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn checkout_expires(&mut self) -> Option<TimeDelta> {
        let (name, default) = ("CHECKOUT_EXPIRES_SECONDS", CHECKOUT_EXPIRES_SECONDS_DEFAULT.to_string());
        let seconds: i64 = self.parsed(name, &default, "a number of seconds")?;
        if !CHECKOUT_EXPIRES_SECONDS.contains(&seconds) {
            self.problems.push(format!("{name} must be a minute to thirty days, in seconds"));
            return None;
        }
        Some(TimeDelta::seconds(seconds))
    }

    fn origin(&mut self, name: &str) -> Option<String> {
        let text = self.optional(name)?;
        let origin = text.parse::<url::Url>().ok().map(|url| url.origin().ascii_serialization());
        if origin.as_deref() != Some(text.trim_end_matches('/')) {
            self.problems.push(format!("{name} must be an origin such as http://127.0.0.1:8233"));
        }
        origin
    }

    fn log_format(&mut self) -> Option<bool> {
        match self.optional("LOG_FORMAT").as_deref() {
            None | Some("json") => Some(true),
            Some("pretty") => Some(false),
            Some(_) => {
                self.problems.push("LOG_FORMAT must be json or pretty".into());
                None
            }
        }
    }

    fn log_level(&mut self) -> Option<String> {
        let level = self.optional("LOG_LEVEL").unwrap_or_else(|| "info".into());
        let parsed = tracing_subscriber::EnvFilter::try_new(&level);
        self.checked("LOG_LEVEL", parsed)?;
        Some(level)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{cell::RefCell, sync::LazyLock};

    use proptest::prelude::*;

    use super::*;

    pub(crate) const KEY: &str = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    pub(crate) fn good(name: &str) -> Option<String> {
        let value = match name {
            "DATABASE_URL" => "postgres://postgres@127.0.0.1:1/none",
            "SEAL_KEYS" | "PAYLOAD_KEYS" => KEY,
            "JWT_KEYS" => "k1:0123456789abcdef0123456789abcdef",
            "OPERATOR_TOKEN" => "operator-token-operator-token",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn the_least_that_must_be_set_is_enough() {
        let config = Config::read(good).unwrap();
        assert_eq!(config.body_limit_bytes, 65_536);
        assert_eq!(config.listen.port(), 8080);
        assert_eq!(config.temporal_namespace, "default");
    }

    #[test]
    fn everything_missing_or_wrong_is_named_at_once() {
        let error = Config::read(|name| match name {
            "JWT_KEYS" => Some("k1:short".into()),
            "ADMIN_ALLOW" => Some("10.0.0.0/33".into()),
            "API_LISTEN" => Some("nowhere".into()),
            "LOG_FORMAT" => Some("xml".into()),
            "PACE" => Some("quick".into()),
            "REGISTRATION" => Some("closed".into()),
            "STAFF_SECOND_FACTOR" => Some("never".into()),
            "PUBLIC_URL" => Some("causeway.example".into()),
            "MEDIA_LINK_KEY" => Some("short".into()),
            "PAYLOAD_KEYS" => Some("k1:AAAA".into()),
            "CODEC_CORS_ORIGIN" => Some("http://host/path".into()),
            "PAYPAL_CLIENT_SECRET" => Some("short".into()),
            _ => None,
        });
        let text = error.unwrap_err().to_string();
        for name in [
            "DATABASE_URL",
            "SEAL_KEYS",
            "PAYLOAD_KEYS",
            "JWT_KEYS",
            "ADMIN_ALLOW",
            "OPERATOR_TOKEN",
            "API_LISTEN",
            "LOG_FORMAT",
            "PACE",
            "CODEC_CORS_ORIGIN",
            "PAYPAL_CLIENT_ID",
            "PAYPAL_WEBHOOK_ID",
            "MEDIA_LINK_KEY",
            "REGISTRATION",
            "STAFF_SECOND_FACTOR",
            "PUBLIC_URL",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("short"), "a secret must not be repeated");
    }

    #[test]
    fn a_payment_provider_needs_an_address_to_come_back_to() {
        let with = |public_url: Option<&'static str>| {
            Config::read(move |name| match name {
                "PAYPAL_CLIENT_ID" | "PAYPAL_CLIENT_SECRET" | "PAYPAL_WEBHOOK_ID" => Some("A1".into()),
                "PUBLIC_URL" => public_url.map(str::to_owned),
                _ => good(name),
            })
        };
        assert!(Config::read(good).unwrap().payments.is_empty());
        let config = with(Some("https://causeway.example")).unwrap();
        assert!(config.payments.get("paypal").is_some());
        assert!(with(None).unwrap_err().to_string().contains("PUBLIC_URL is missing"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Config::read(good).unwrap());
        for secret in ["postgres://", "0123456789abcdef", "operator-token", "AQEBAQ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    /// Every variable that is read.
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let names = RefCell::new(Vec::new());
        let read = Config::read(|name| {
            names.borrow_mut().push(name.to_owned());
            good(name)
        });
        assert!(read.is_ok() && names.borrow().len() > 20);
        names.into_inner()
    });

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_environment_is_read_or_refused_without_its_secrets(
            name in prop::sample::select(NAMES.as_slice()), value in "[-a-z0-9:/@.,=]{0,60}|.{0,40}", mark in "[A-Z]{12}",
        ) {
            let value = format!("{value}{mark}");
            let read = Config::read(|asked| if asked == name { Some(value.clone()) } else { good(asked) });
            let secret = [
                "DATABASE_URL", "SEAL_KEYS", "PAYLOAD_KEYS", "JWT_KEYS", "OPERATOR_TOKEN", "MEDIA_LINK_KEY",
                "PAYPAL_CLIENT_SECRET",
            ];
            let shown = match read {
                Ok(config) => format!("{config:?}"),
                Err(error) => error.to_string(),
            };
            prop_assert!(!secret.contains(&name.as_str()) || !shown.contains(&mark), "{shown}");
        }
    }
}
