//! The coins that can be paid with, and what they are worth: fixed, so that tests can count.

use rust_decimal::Decimal;

/// A coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Its ticker.
    pub ticker: &'static str,
    /// The network.
    pub network: &'static str,
    /// How many make a dollar, in units of 10⁻⁸.
    per_dollar: i64,
    /// Deposits need a memo or tag.
    pub memo: bool,
}

const COINS: [Coin; 7] = [
    Coin { ticker: "btc", network: "btc", per_dollar: 830, memo: false },
    Coin { ticker: "eth", network: "eth", per_dollar: 25_000, memo: false },
    Coin { ticker: "ltc", network: "ltc", per_dollar: 1_250_000, memo: false },
    Coin { ticker: "trx", network: "trx", per_dollar: 320_000_000, memo: false },
    Coin { ticker: "usdttrc20", network: "trx", per_dollar: 100_000_000, memo: false },
    Coin { ticker: "xrp", network: "xrp", per_dollar: 45_000_000, memo: true },
    Coin { ticker: "xlm", network: "xlm", per_dollar: 250_000_000, memo: true },
];

/// The currencies of prices, with their worth in cents of a dollar.
const PRICES: [(&str, i64); 3] = [("usd", 100), ("eur", 110), ("gbp", 130)];

/// No payment is smaller, in dollars.
pub const LEAST: Decimal = Decimal::ONE;

impl Coin {
    /// Every coin.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        COINS.iter()
    }

    /// The coin of this ticker, in letters of any case.
    #[must_use]
    pub fn find(ticker: &str) -> Option<&'static Self> {
        COINS.iter().find(|coin| coin.ticker.eq_ignore_ascii_case(ticker))
    }

    /// How many coins a sum of dollars is, to eight digits.
    #[must_use]
    pub fn of_dollars(&self, dollars: Decimal) -> Decimal {
        (dollars * Decimal::new(self.per_dollar, 8)).round_dp(8).normalize()
    }

    /// How many dollars a number of coins is.
    #[must_use]
    pub fn in_dollars(&self, coins: Decimal) -> Decimal {
        (coins / Decimal::new(self.per_dollar, 8)).normalize()
    }
}

/// What an amount of a price's currency is worth in dollars; `None` for a currency that is not known.
#[must_use]
pub fn dollars(amount: Decimal, currency: &str) -> Option<Decimal> {
    let (_, cents) = PRICES.iter().find(|(code, _)| code.eq_ignore_ascii_case(currency))?;
    Some(amount * Decimal::new(*cents, 2))
}

/// What a sum of dollars is in a price's currency.
#[must_use]
pub fn from_dollars(amount: Decimal, currency: &str) -> Option<Decimal> {
    let (_, cents) = PRICES.iter().find(|(code, _)| code.eq_ignore_ascii_case(currency))?;
    Some((amount / Decimal::new(*cents, 2)).round_dp(4).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_dollars_are_so_many_coins() {
        let btc = Coin::find("BTC").unwrap();
        assert_eq!(btc.of_dollars(Decimal::TEN).to_string(), "0.000083");
        assert_eq!(btc.in_dollars(Decimal::new(83, 6)), Decimal::TEN);
        assert_eq!(dollars(Decimal::TEN, "EUR"), Some(Decimal::from(11)));
        assert_eq!(from_dollars(Decimal::from(11), "eur"), Some(Decimal::TEN));
        assert_eq!((Coin::find("doge"), dollars(Decimal::ONE, "xau")), (None, None));
    }
}
