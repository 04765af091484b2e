//! Money: whole numbers of a currency's smallest unit, and their spelling as decimals on the wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A currency that prices and the ledger may have, by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The currencies that money may be held in, with the digits after the point that payment providers take. HUF and TWD have
/// two by ISO 4217; `PayPal` takes none.
const CURRENCIES: [(&[u8; 3], u32); 12] = [
    (b"AUD", 2),
    (b"CAD", 2),
    (b"CHF", 2),
    (b"EUR", 2),
    (b"GBP", 2),
    (b"HUF", 0),
    (b"JPY", 0),
    (b"PLN", 2),
    (b"SGD", 2),
    (b"TWD", 0),
    (b"USD", 2),
    (b"VND", 0),
];

/// A code that is not one of the currencies known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the code of a currency that is known here, such as USD or EUR")]
pub struct UnknownCurrency;

/// A text that is not an amount of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// No decimal number.
    #[error("expected a decimal number such as 10.00")]
    Spelling,
    /// More digits after the point than the currency has.
    #[error("the amount has more digits after the point than the currency")]
    Precision,
    /// More than can be counted.
    #[error("the amount is too large")]
    Range,
}

impl Currency {
    /// The United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");
    /// The Vietnamese dong.
    pub const VND: Self = Self(*b"VND");

    /// Every currency.
    pub fn all() -> impl Iterator<Item = Self> {
        CURRENCIES.iter().map(|(code, _)| Self(**code))
    }

    /// The currency of this code, in letters of any case.
    ///
    /// # Errors
    /// When it is not known here.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        let known = CURRENCIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code.as_bytes()));
        known.map(|(code, _)| Self(**code)).ok_or(UnknownCurrency)
    }

    /// The code, in capital letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits after the point.
    #[must_use]
    pub fn digits(self) -> u32 {
        CURRENCIES.iter().find(|(code, _)| **code == self.0).map_or(2, |(_, digits)| *digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&code).map_err(de::Error::custom)
    }
}

/// An amount of one currency, in its smallest unit. It may be negative where that has a meaning, such as a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// In the smallest unit.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

impl Money {
    /// An amount of the currency's smallest units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing of the currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// True for nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Reads a decimal such as `10.00`, `10` or `0.5`. Zeros beyond the currency's digits are let through, anything else
    /// there is refused: nothing is ever rounded.
    ///
    /// # Errors
    /// When it is no decimal, is finer than the currency, or does not fit.
    pub fn parse(decimal: &str, currency: Currency) -> Result<Self, AmountError> {
        let (negative, digits) = match decimal.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, decimal),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) || digits.ends_with('.') {
            return Err(AmountError::Spelling);
        }
        let places = usize::try_from(currency.digits()).unwrap_or(0);
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > places {
            return Err(AmountError::Precision);
        }
        let spelled = format!("{whole}{fraction:0<places$}");
        let minor: i64 = spelled.parse().map_err(|_| AmountError::Range)?;
        Ok(Self::new(if negative { -minor } else { minor }, currency))
    }

    /// The decimal with exactly the currency's digits, as payment providers want it: `10.00`, or `1000` of the yen.
    #[must_use]
    pub fn decimal(self) -> String {
        let places = usize::try_from(self.currency.digits()).unwrap_or(0);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.minor < 0 { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// The sum; `None` when the currencies differ or it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let same = self.currency == other.currency;
        self.minor.checked_add(other.minor).filter(|_| same).map(|minor| Self::new(minor, self.currency))
    }

    /// The difference; `None` when the currencies differ or it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let same = self.currency == other.currency;
        self.minor.checked_sub(other.minor).filter(|_| same).map(|minor| Self::new(minor, self.currency))
    }

    /// `part` of `whole` of it, rounded down; for amounts that are not negative. `None` when `whole` is not positive.
    #[must_use]
    pub fn share_down(self, part: i64, whole: i64) -> Option<Self> {
        self.share(part, whole, 0)
    }

    /// `part` of `whole` of it, rounded up; for amounts that are not negative. `None` when `whole` is not positive.
    #[must_use]
    pub fn share_up(self, part: i64, whole: i64) -> Option<Self> {
        self.share(part, whole, i128::from(whole) - 1)
    }

    fn share(self, part: i64, whole: i64, lift: i128) -> Option<Self> {
        let product = i128::from(self.minor).checked_mul(i128::from(part))?.checked_add(lift)?;
        let minor = if whole > 0 { product.div_euclid(i128::from(whole)) } else { return None };
        i64::try_from(minor).ok().map(|minor| Self::new(minor, self.currency))
    }
}

/// For people: `10.00 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Result<i64, AmountError> {
        Money::parse(text, Currency::USD).map(|money| money.minor)
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        assert_eq!(usd("10.00"), Ok(1_000));
        assert_eq!(usd("10"), Ok(1_000));
        assert_eq!(usd("0.5"), Ok(50));
        assert_eq!(usd("-3.07"), Ok(-307));
        assert_eq!(usd("1.100"), Ok(110));
        assert_eq!(usd("0.001"), Err(AmountError::Precision));
        assert_eq!(usd("99999999999999999999"), Err(AmountError::Range));
        for wrong in ["", ".", "1.", ".5", "1e3", "1,5", " 1", "+1", "--1", "0x1", "NaN", "1.2.3"] {
            assert_eq!(usd(wrong), Err(AmountError::Spelling), "{wrong}");
        }
        assert_eq!(Money::parse("1000", Currency::VND).map(|money| money.minor), Ok(1_000));
        assert_eq!(Money::parse("1000.5", Currency::VND), Err(AmountError::Precision));
    }

    #[test]
    fn shares_round_as_they_say() {
        let money = Money::new(1_000, Currency::USD);
        assert_eq!(money.share_down(1, 3).map(|money| money.minor), Some(333));
        assert_eq!(money.share_up(1, 3).map(|money| money.minor), Some(334));
        assert_eq!(money.share_up(1, 2).map(|money| money.minor), Some(500));
        assert_eq!(money.share_down(1, 0), None);
    }

    #[test]
    fn currencies_do_not_mix() {
        let (dollars, euros) = (Money::new(1, Currency::USD), Money::new(1, Currency::EUR));
        assert_eq!(dollars.checked_add(euros), None);
        assert_eq!(dollars.checked_sub(euros), None);
        assert_eq!(Currency::parse("usd"), Ok(Currency::USD));
        assert_eq!(Currency::parse("XXX"), Err(UnknownCurrency));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_amount_survives_its_spelling(minor in -i64::MAX..i64::MAX, index in 0..CURRENCIES.len()) {
            let currency = Currency::all().nth(index).unwrap();
            let money = Money::new(minor, currency);
            prop_assert_eq!(Money::parse(&money.decimal(), currency), Ok(money));
        }

        #[test]
        fn any_text_is_an_amount_or_refused(text in "[-0-9.]{0,24}|.{0,30}") {
            if let Ok(money) = Money::parse(&text, Currency::EUR) {
                prop_assert_eq!(Money::parse(&money.decimal(), Currency::EUR), Ok(money));
            }
        }
    }
}
