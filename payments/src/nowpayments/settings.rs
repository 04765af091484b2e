//! What an operator sets.

use secrecy::SecretString;
use url::Url;

use super::signature::IpnSecret;

/// The live API. The vendor's own sandbox is <https://api-sandbox.nowpayments.io/v1>.
const URL: &str = "https://api.nowpayments.io/v1";

/// What an operator sets.
#[derive(Debug)]
pub(super) struct Settings {
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

impl Settings {
    /// The settings; `None` when nothing is set, so that the provider is not there.
    ///
    /// # Errors
    /// One sentence for each setting that is missing or wrong. None repeats a value.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, Vec<String>> {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut wrong = Vec::new();
        let url = get("NOWPAYMENTS_URL").map_or_else(|| Ok(URL.to_owned()), |url| address(&url));
        let (api_key, ipn_secret) = (get("NOWPAYMENTS_API_KEY"), get("NOWPAYMENTS_IPN_SECRET"));
        let login = (get("NOWPAYMENTS_EMAIL"), get("NOWPAYMENTS_PASSWORD"));
        if api_key.is_none() && ipn_secret.is_none() && login == (None, None) {
            return Ok(None);
        }
        if api_key.is_none() {
            wrong.push("NOWPAYMENTS_API_KEY is missing".to_owned());
        }
        let ipn_secret = ipn_secret.and_then(|secret| IpnSecret::new(&secret));
        if ipn_secret.is_none() {
            wrong.push("NOWPAYMENTS_IPN_SECRET is missing: without it no payment would be heard of".to_owned());
        }
        let login = match login {
            (Some(email), Some(password)) => Some(Login { email, password: SecretString::from(password) }),
            (None, None) => None,
            _ => {
                wrong.push("NOWPAYMENTS_EMAIL and NOWPAYMENTS_PASSWORD go together".to_owned());
                None
            }
        };
        match (url, api_key, ipn_secret) {
            (Ok(url), Some(api_key), Some(ipn_secret)) if wrong.is_empty() => {
                Ok(Some(Self { url, api_key: SecretString::from(api_key), ipn_secret, login }))
            }
            (url, ..) => {
                wrong.extend(url.err());
                Err(wrong)
            }
        }
    }
}

/// Keys travel in headers: in clear at most over loopback.
fn address(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
    let is_loopback = |url: &Url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let good = url.filter(|url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url));
    let good = good.filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    let wrong = "NOWPAYMENTS_URL must be an https:// address, or http:// on loopback";
    good.map(|url| url.as_str().trim_end_matches('/').to_owned()).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<Settings>, Vec<String>> {
        Settings::read(&|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_no_provider_and_half_of_it_is_refused() {
        assert!(read(&[]).unwrap().is_none() && read(&[("NOWPAYMENTS_API_KEY", " ")]).unwrap().is_none());
        let both = [("NOWPAYMENTS_API_KEY", "k"), ("NOWPAYMENTS_IPN_SECRET", " s ")];
        let settings = read(&both).unwrap().unwrap();
        assert!(settings.url == URL && settings.login.is_none());
        assert!(!format!("{settings:?}").contains("\"k\""));
        assert_eq!(read(&both[..1]).unwrap_err().len(), 1);
        assert_eq!(read(&both[1..]).unwrap_err(), ["NOWPAYMENTS_API_KEY is missing"]);
        let half = [both[0], both[1], ("NOWPAYMENTS_EMAIL", "a@b.co")];
        assert_eq!(read(&half).unwrap_err(), ["NOWPAYMENTS_EMAIL and NOWPAYMENTS_PASSWORD go together"]);
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
