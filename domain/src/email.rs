//! An e-mail address, parsed once at the edge.

use std::fmt;

/// The longest address accepted, in bytes (RFC 5321 §4.5.3.1.3 less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// A text that cannot be an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct EmailError;

/// An e-mail address, trimmed and lower-cased, so that one person cannot register twice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Accepts one `local@domain` with a dot in the domain and no whitespace; it does not prove that mail arrives.
    ///
    /// # Errors
    /// [`EmailError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let domain_ok = domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty());
        if text.len() <= EMAIL_BYTES_MAX && clean && !local.is_empty() && !domain.contains('@') && domain_ok {
            Ok(Self(text))
        } else {
            Err(EmailError)
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_parsed_or_refused() {
        for good in ["a@b.co", " A.B+c@Example.org "] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b.co", "a@", "a@b", "a@b..co", "a b@c.de", "a@b@c.de", "a@.de"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Email::parse(" A@B.Co ").unwrap().as_str(), "a@b.co");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_accepted_is_one_address_for_ever(text in ".{0,40}|[ a-zA-Z@.+\u{130}ß]{0,30}|[A-Za-z.]{1,200}@[a-z.]{3,200}") {
            let Ok(email) = Email::parse(&text) else { return Ok(()) };
            prop_assert_eq!(&Email::parse(email.as_str()).unwrap(), &email);
            prop_assert!(email.as_str().len() <= EMAIL_BYTES_MAX && email.as_str().matches('@').count() == 1);
            prop_assert!(!email.as_str().contains(|c: char| c.is_whitespace() || c.is_control()));
        }
    }
}
