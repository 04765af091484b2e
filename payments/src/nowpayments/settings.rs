//! What an operator sets.

use secrecy::SecretString;
use url::Url;

use super::signature::IpnSecret;
use crate::settings::Settings;

/// The live API. The vendor's own sandbox is <https://api-sandbox.nowpayments.io/v1>.
const URL: &str = "https://api.nowpayments.io/v1";

/// Who needs a setting that is missing.
const TITLE: &str = "NOWPayments";

/// What an operator has set.
#[derive(Debug)]
pub(super) struct Config {
    /// The address of the API, without a slash at its end.
    pub url: String,
    /// The key of every call.
    pub api_key: SecretString,
    /// What IPNs are signed with.
    pub ipn_secret: IpnSecret,
    /// The log-in of the dashboard, which the list of payments wants besides the key.
    pub login: Option<Login>,
}

/// The log-in of the provider's dashboard.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

impl Config {
    /// The settings; `None` when nothing is set, so that the provider is not there, or something is wrong, which is noted.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let keys = ["NOWPAYMENTS_API_KEY", "NOWPAYMENTS_IPN_SECRET", "NOWPAYMENTS_EMAIL", "NOWPAYMENTS_PASSWORD"];
        if !settings.any(&keys) {
            return None;
        }
        let url = settings.optional("NOWPAYMENTS_URL").map_or_else(|| Ok(URL.to_owned()), |url| address(&url));
        let url = settings.checked("NOWPAYMENTS_URL", url);
        let api_key = settings.secret("NOWPAYMENTS_API_KEY", TITLE);
        let ipn_secret = settings.required("NOWPAYMENTS_IPN_SECRET", TITLE);
        let (email, password) = (settings.optional("NOWPAYMENTS_EMAIL"), settings.optional("NOWPAYMENTS_PASSWORD"));
        let login = match (email, password) {
            (Some(email), Some(password)) => Some(Login { email, password: SecretString::from(password) }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let wrong: Result<Login, _> = Err("it goes together with NOWPAYMENTS_EMAIL");
                Some(settings.checked("NOWPAYMENTS_PASSWORD", wrong)?)
            }
        };
        Some(Self { url: url?, api_key: api_key?, ipn_secret: IpnSecret::new(&ipn_secret?)?, login })
    }
}

/// Keys travel in headers: in clear at most over loopback.
fn address(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
    let is_loopback = |url: &Url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let good = url.filter(|url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url));
    let good = good.filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    good.map(|url| url.as_str().trim_end_matches('/').to_owned())
        .ok_or("expected an https:// address, or http:// on loopback")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::SystemClock;

    use super::*;

    fn read(set: &[(&str, &str)]) -> (Option<Config>, Vec<String>) {
        let get = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let mut settings = Settings::new(&get, Arc::new(SystemClock));
        (Config::read(&mut settings), settings.into_problems())
    }

    #[test]
    fn nothing_set_is_no_provider_and_half_of_it_is_refused() {
        for set in [&[][..], &[("NOWPAYMENTS_API_KEY", " ")], &[("NOWPAYMENTS_URL", "x")]] {
            assert!(matches!(read(set), (None, problems) if problems.is_empty()));
        }
        let both = [("NOWPAYMENTS_API_KEY", "k-1"), ("NOWPAYMENTS_IPN_SECRET", " s-1 ")];
        let (Some(config), problems) = read(&both) else { panic!("settings") };
        assert!(config.url == URL && config.login.is_none() && problems.is_empty());
        assert!(!format!("{config:?}").contains("k-1") && !format!("{config:?}").contains("s-1"));
        assert_eq!(read(&both[..1]).1, ["NOWPAYMENTS_IPN_SECRET is missing: NOWPayments needs it"]);
        assert_eq!(read(&both[1..]).1, ["NOWPAYMENTS_API_KEY is missing: NOWPayments needs it"]);
        let wrong = [both[0], both[1], ("NOWPAYMENTS_EMAIL", "a@b.co"), ("NOWPAYMENTS_URL", "http://b.co")];
        assert_eq!(read(&wrong).1.len(), 2);
    }

    #[test]
    fn keys_go_over_tls_or_loopback_only() {
        assert_eq!(address("http://127.0.0.1:4450/v1/").unwrap(), "http://127.0.0.1:4450/v1");
        assert_eq!(address("https://api-sandbox.nowpayments.io/v1").unwrap(), "https://api-sandbox.nowpayments.io/v1");
        for wrong in [
            "http://api.nowpayments.io/v1",
            "ftp://127.0.0.1",
            "api.nowpayments.io",
            "https://a:b@c.io",
            "https://c.io/?a",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
