//! Which `PayPal` is spoken to: the live one, its sandbox, or a server on loopback that stands for it.

use std::str::FromStr;

use url::{Host, Url};

/// The address of the live service.
pub(super) const LIVE: &str = "https://api-m.paypal.com";

/// Hosts of the live service, and of the sandbox. The same ones serve certificates.
const LIVE_HOSTS: [&str; 2] = ["api.paypal.com", "api-m.paypal.com"];
const SANDBOX_HOSTS: [&str; 2] = ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"];

/// What stands before the name of every certificate.
const CERTIFICATES: [&str; 3] = ["v1", "notifications", "certs"];
/// The names of certificates have about forty characters.
const CERTIFICATE_NAME_CHARS_MAX: usize = 128;

/// The address of the REST API, and with it what certificates may come from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    base: Url,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Live,
    Sandbox,
    Loopback,
}

/// An address that is none of `PayPal`'s, nor on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected https://api-m.paypal.com, https://api-m.sandbox.paypal.com, or a URL on loopback")]
pub(super) struct NotAnEnvironment;

impl FromStr for Environment {
    type Err = NotAnEnvironment;

    fn from_str(text: &str) -> Result<Self, NotAnEnvironment> {
        let base: Url = text.parse().map_err(|_| NotAnEnvironment)?;
        let place = place(&base).ok_or(NotAnEnvironment)?;
        if is_plain(&base) && base.path() == "/" { Ok(Self { base, place }) } else { Err(NotAnEnvironment) }
    }
}

fn place(base: &Url) -> Option<Place> {
    let secure = base.scheme() == "https" && base.port().is_none();
    match base.host()? {
        Host::Domain(host) if secure && LIVE_HOSTS.contains(&host) => Some(Place::Live),
        Host::Domain(host) if secure && SANDBOX_HOSTS.contains(&host) => Some(Place::Sandbox),
        Host::Domain("localhost") if is_web(base) => Some(Place::Loopback),
        Host::Ipv4(address) if address.is_loopback() && is_web(base) => Some(Place::Loopback),
        Host::Ipv6(address) if address.is_loopback() && is_web(base) => Some(Place::Loopback),
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Neither a user, a password, a query nor a fragment.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

impl Environment {
    /// True for a server on loopback, where alone `http` is spoken.
    pub(super) fn is_loopback(&self) -> bool {
        self.place == Place::Loopback
    }

    /// The address of a resource; every segment is escaped.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The address that a list gives of its next page, if it leads to the same server.
    pub(super) fn own(&self, href: &str) -> Option<Url> {
        href.parse::<Url>().ok().filter(|url| url.origin() == self.base.origin() && url.username().is_empty())
    }

    /// The address of a certificate, if it is one of this environment's. A host is compared as a whole, never by its end:
    /// anybody may own `evilpaypal.com`.
    pub(super) fn certificate(&self, text: &str) -> Result<Url, &'static str> {
        let url: Url = text.parse().map_err(|_| "the certificate's address is no URL")?;
        // A parser forgives what others read differently: what it has changed is refused.
        if url.as_str() != text || !is_plain(&url) {
            return Err("the certificate's address is not plain");
        }
        self.check_origin(&url)?;
        let mut segments = url.path_segments().ok_or("the certificate's address has no path")?;
        if !CERTIFICATES.iter().all(|wanted| segments.next() == Some(wanted)) {
            return Err("the certificate's address has another path");
        }
        let is_plain = |name: &str| {
            (1..=CERTIFICATE_NAME_CHARS_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        match (segments.next(), segments.next()) {
            (Some(name), None) if is_plain(name) => Ok(url),
            _ => Err("the certificate's address has no plain name"),
        }
    }

    fn check_origin(&self, url: &Url) -> Result<(), &'static str> {
        let hosts = match self.place {
            Place::Loopback if url.origin() == self.base.origin() => return Ok(()),
            Place::Loopback => return Err("the certificate is at another server than the API"),
            Place::Live => LIVE_HOSTS,
            Place::Sandbox => SANDBOX_HOSTS,
        };
        if url.scheme() != "https" || url.port().is_some() {
            return Err("the certificate's address is not plain https");
        }
        match url.host_str() {
            Some(host) if hosts.contains(&host) => Ok(()),
            _ => Err("the certificate is at a foreign host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment(text: &str) -> Environment {
        text.parse().unwrap()
    }

    #[test]
    fn only_paypal_and_loopback_are_environments() {
        for good in
            [LIVE, "https://api-m.sandbox.paypal.com/", "http://127.0.0.1:8090", "http://[::1]:1", "http://localhost:9"]
        {
            assert!(good.parse::<Environment>().is_ok(), "{good}");
        }
        for wrong in [
            "http://api-m.paypal.com",
            "https://api-m.paypal.com:8443",
            "https://api-m.paypal.com/v1",
            "https://user@api-m.paypal.com",
            "https://api-m.paypal.com?x",
            "https://evilpaypal.com",
            "https://api-m.paypal.com.evil.io",
            "http://10.0.0.1:80",
            "ftp://127.0.0.1",
            "paypal",
        ] {
            assert_eq!(wrong.parse::<Environment>(), Err(NotAnEnvironment), "{wrong}");
        }
    }

    #[test]
    fn certificates_come_from_the_hosts_of_their_environment_alone() {
        let (live, sandbox) = (environment(LIVE), environment("https://api-m.sandbox.paypal.com"));
        assert!(
            live.certificate("https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270").is_ok()
        );
        assert!(live.certificate("https://api-m.paypal.com/v1/notifications/certs/CERT-1").is_ok());
        assert!(sandbox.certificate("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1").is_ok());
        assert!(sandbox.certificate("https://api.paypal.com/v1/notifications/certs/CERT-1").is_err());
        for wrong in [
            "https://api.paypal.com.evil.io/v1/notifications/certs/CERT-1",
            "https://evilpaypal.com/v1/notifications/certs/CERT-1",
            "https://evil.paypal.com/v1/notifications/certs/CERT-1",
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:pw@evil.io/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x=y",
            "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
            "https://api.paypal.com/v1/notifications/certs/a/b",
            "https://api.paypal.com/v1/notifications/certs/%2e%2e",
            "https://api.paypal.com/v1/notifications/certificates/CERT-1",
            "https:\\\\api.paypal.com\\v1\\notifications\\certs\\CERT-1",
            "HTTPS://API.paypal.com/v1/notifications/certs/CERT-1",
            " https://api.paypal.com/v1/notifications/certs/CERT-1",
            "file:///v1/notifications/certs/CERT-1",
            "",
        ] {
            assert!(live.certificate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn on_loopback_a_certificate_is_where_the_api_is() {
        let loopback = environment("http://127.0.0.1:8090");
        assert!(loopback.certificate("http://127.0.0.1:8090/v1/notifications/certs/CERT-1").is_ok());
        for wrong in
            ["http://127.0.0.1:8091", "https://127.0.0.1:8090", "http://localhost:8090", "https://api.paypal.com"]
        {
            assert!(loopback.certificate(&format!("{wrong}/v1/notifications/certs/CERT-1")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn segments_of_a_path_are_escaped() {
        let url = environment(LIVE).url(&["v2", "checkout", "orders", "../a?b#c"], &[("x", "1&2")]);
        assert_eq!(url.as_str(), "https://api-m.paypal.com/v2/checkout/orders/..%2Fa%3Fb%23c?x=1%262");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_taken_leads_to_paypal(
            text in r"(https?|ftp)://([a-z.@:-]{0,20})?(api(-m)?\.paypal\.com)?[a-z.:@0-9\\/?#%]{0,12}/v1/notifications/certs/[A-Za-z0-9./%-]{0,12}"
        ) {
            if let Ok(url) = environment(LIVE).certificate(&text) {
                prop_assert!(text.starts_with("https://api.paypal.com/v1/") || text.starts_with("https://api-m.paypal.com/v1/"));
                prop_assert_eq!(url.as_str(), text);
            }
        }
    }
}
