//! What `PayPal`'s resources have in common: money, times, links.

use chrono::{DateTime, Utc};
use domain::{Currency, Money};
use serde::{Deserialize, Deserializer, Serialize};

use super::failure::Failure;

/// Money as the APIs of version 2 spell it, and the subscriptions of version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amount {
    pub(super) currency_code: String,
    /// A decimal.
    pub(super) value: String,
}

/// Money as the payments of version 1 spell it. What goes back is negative there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OldAmount {
    pub(super) currency: String,
    /// A decimal.
    pub(super) total: String,
}

/// What one may go on with.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) rel: String,
}

/// Why something is as it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StatusDetails {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { currency_code: money.currency.code().to_owned(), value: money.decimal() }
    }
}

impl From<Money> for OldAmount {
    fn from(money: Money) -> Self {
        Self { currency: money.currency.code().to_owned(), total: money.decimal() }
    }
}

impl Amount {
    /// The money, exactly. One that cannot be counted is an error: it must not be passed over.
    pub(super) fn money(&self) -> Result<Money, Failure> {
        read(&self.value, &self.currency_code)
    }
}

impl OldAmount {
    /// The money, exactly, without its sign.
    pub(super) fn money(&self) -> Result<Money, Failure> {
        read(self.total.trim_start_matches('-'), &self.currency)
    }
}

fn read(decimal: &str, currency: &str) -> Result<Money, Failure> {
    let currency =
        Currency::parse(currency).map_err(|_| Failure::unexpected("PayPal names a currency unknown here"))?;
    Money::parse(decimal, currency).map_err(|_| Failure::unexpected("PayPal names an amount that is none"))
}

/// The address of the first link of one of these relations.
pub(super) fn link<'a>(links: &'a [Link], relations: &[&str]) -> Option<&'a str> {
    let of = |relation: &&str| links.iter().find(|link| link.rel.eq_ignore_ascii_case(relation));
    relations.iter().find_map(of).map(|link| link.href.as_str())
}

/// The last segment of the address of the resource above: of the capture, for a refund.
pub(super) fn parent(links: &[Link]) -> Option<&str> {
    let path = link(links, &["up"])?.split(['?', '#']).next()?;
    path.rsplit('/').next().filter(|id| is_id(id))
}

/// The longest id of `PayPal`'s has 30 characters.
const ID_CHARS_MAX: usize = 64;

/// True for what may be an id of `PayPal`'s.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// A time; `None` for what is none.
pub(super) fn time(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|time| time.with_timezone(&Utc))
}

/// A field that may be missing or `null`.
pub(super) fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        let yen = Currency::parse("JPY").unwrap();
        assert_eq!(Amount::from(Money::new(1_000, Currency::USD)).value, "10.00");
        assert_eq!(Amount::from(Money::new(1_000, yen)).value, "1000");
        let old = OldAmount { currency: "USD".into(), total: "-0.49".into() };
        assert_eq!(old.money().unwrap(), Money::new(49, Currency::USD));
        for (code, value) in [("XXX", "1.00"), ("USD", "1.001"), ("USD", "1e2"), ("JPY", "0.5"), ("USD", "")] {
            let amount = Amount { currency_code: code.into(), value: value.into() };
            assert_eq!(amount.money().unwrap_err().error.code, "unexpected_answer", "{code} {value}");
        }
    }

    #[test]
    fn the_parent_of_a_refund_is_its_capture() {
        let links = |href: &str| vec![Link { href: href.into(), rel: "up".into() }];
        let url = "https://api.paypal.com/v2/payments/captures/2GG279541U471931P";
        assert_eq!(parent(&links(url)), Some("2GG279541U471931P"));
        assert_eq!(parent(&links(&format!("{url}?x=1"))), Some("2GG279541U471931P"));
        assert_eq!(parent(&links("https://api.paypal.com/")), None);
        assert_eq!(parent(&[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_time_and_any_parent_is_read_or_none(text in r"\PC{0,40}|[0-9T:Z.+-]{10,30}") {
            let _ = time(Some(&text));
            let links = vec![Link { href: text, rel: "up".into() }];
            prop_assert!(parent(&links).is_none_or(is_id));
        }
    }
}
