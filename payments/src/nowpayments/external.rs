//! How we write down what the provider made: a payment with the coin that was agreed, or an invoice.
//!
//! A payment is `payment:<id>:<ticker>`, an invoice `invoice:<id>`. What one payment brings in is a receipt with the name
//! `payment:<id>`: its coin may be another one than agreed.

use std::fmt;

/// Ids of the provider have ten digits; what is longer than this, or has other characters, is none.
const ID_CHARS_MAX: usize = 40;

/// What the provider made of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum External {
    /// A payment: an address, and the coin that is to be sent to it.
    Payment {
        /// The provider's id.
        id: String,
        /// The ticker of the coin; not known of one that only a webhook has named.
        coin: Option<String>,
    },
    /// An invoice: a page on which the payer chooses a coin, as often as they like. Each choice is a payment.
    Invoice(String),
}

impl External {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (id, coin) = match rest.split_once(':') {
            Some((id, coin)) => (id, Some(coin)),
            None => (rest, None),
        };
        match (kind, coin) {
            ("payment", None) => Some(Self::Payment { id: is_id(id)?.to_owned(), coin: None }),
            ("payment", Some(coin)) => Some(Self::Payment { id: is_id(id)?.to_owned(), coin: Some(ticker(coin)?) }),
            ("invoice", None) => Some(Self::Invoice(is_id(id)?.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment { id, coin: None } => write!(f, "payment:{id}"),
            Self::Payment { id, coin: Some(coin) } => write!(f, "payment:{id}:{coin}"),
            Self::Invoice(id) => write!(f, "invoice:{id}"),
        }
    }
}

/// An id that may stand in an address.
pub(super) fn is_id(text: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    Some(text).filter(|text| !text.is_empty() && text.len() <= ID_CHARS_MAX && text.bytes().all(fits))
}

/// The ticker of a coin in lower case, such as `btc` or `usdttrc20`.
pub(super) fn ticker(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (fits && (1..=24).contains(&text.len())).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for text in ["payment:5077125051:usdttrc20", "payment:5077125051", "invoice:4522625843"] {
            assert_eq!(External::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "payment", "payment:", "invoice:1:btc", "order:1", "payment:1/2", "payment:1:", "payment:1:b c", "1"]
        {
            assert_eq!(External::parse(text), None, "{text}");
        }
        assert_eq!(ticker("BTC").as_deref(), Some("btc"));
        assert_eq!(ticker("a\u{e9}"), None);
    }
}
