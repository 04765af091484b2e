//! What the money of a payment is to us: how much of the order's currency, and whether it may be granted by itself.

use chrono::{DateTime, Utc};
use domain::Money;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};

use super::{status::Status, wire::Payment};
use crate::provider::{Receipt, Reversal};

/// What was agreed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// The price.
    pub amount: Money,
    /// The ticker of the coin; `None` where the payer chooses it later.
    pub coin: Option<&'a str>,
    /// The time of what has none.
    pub since: DateTime<Utc>,
}

/// A code and words for people.
pub(super) type Reason = (String, String);

/// The money that a payment has brought in; `None` while none is final.
pub(super) fn receipt(payment: &Payment, terms: Terms<'_>) -> Option<Receipt> {
    let is_final = match payment.status {
        Status::Finished | Status::PartiallyPaid | Status::Refunded => true,
        // The provider has it and is stuck: somebody has to ask.
        Status::Failed => payment.has_deposit(),
        // Coins that came late go on to another status.
        Status::Expired | Status::Waiting => false,
        Status::Confirming | Status::Confirmed | Status::Sending | Status::Unknown(_) => false,
    };
    let review = review(payment, terms);
    let amount = worth(payment, terms);
    is_final.then(|| Receipt {
        external: payment.receipt(),
        amount,
        fee: fee(payment, terms).filter(|fee| review.is_none() && fee.minor <= amount.minor),
        at: payment.updated_at.or(payment.created_at).unwrap_or(terms.since),
        review,
    })
}

/// What of it has gone back.
pub(super) fn reversal(payment: &Payment, receipt: &Receipt) -> Option<Reversal> {
    let is_back = payment.status == Status::Refunded && receipt.amount.minor > 0;
    is_back.then(|| Reversal {
        external: format!("{}:refunded", receipt.external),
        receipt: receipt.external.clone(),
        amount: receipt.amount,
        chargeback: false,
        refund: None,
        at: receipt.at,
    })
}

/// Why it is not granted by itself.
fn review(payment: &Payment, terms: Terms<'_>) -> Option<Reason> {
    let coin = payment.coin.as_deref().unwrap_or("?");
    let said = |code: &str, words: String| Some((code.to_owned(), words));
    if let Some(parent) = &payment.parent {
        let paid = shown(payment.paid);
        return said("second_deposit", format!("{paid} {coin} came to the address of payment {parent} besides it"));
    }
    if price(payment, terms) != Some(terms.amount) {
        let (price, currency) = (shown(payment.price), payment.price_currency.as_deref().unwrap_or("?"));
        return said("other_price", format!("the provider asked for {price} {currency}, not for {}", terms.amount));
    }
    if terms.coin.is_some_and(|agreed| payment.coin.as_deref() != Some(agreed)) {
        let agreed = terms.coin.unwrap_or_default();
        return said("other_asset", format!("{} {coin} came in place of {agreed}", shown(payment.paid)));
    }
    let whole =
        payment.paid.zip(payment.pay_amount).is_some_and(|(paid, asked)| asked > Decimal::ZERO && paid >= asked);
    let sums = || format!("{} of {} {coin} came", shown(payment.paid), shown(payment.pay_amount));
    match payment.status {
        Status::Finished if whole => None,
        Status::Finished | Status::PartiallyPaid => said("underpaid", sums()),
        Status::Refunded => said("sent_back", format!("{}, and the provider has sent it back", sums())),
        _ => said("not_finished", format!("{}, and the provider calls the payment {}", sums(), payment.status)),
    }
}

/// What was asked for, where it is in the order's currency and no finer than it.
fn price(payment: &Payment, terms: Terms<'_>) -> Option<Money> {
    let decimal = payment.price?.normalize().to_string();
    in_currency(payment, terms).then(|| Money::parse(&decimal, terms.amount.currency).ok())?
}

fn in_currency(payment: &Payment, terms: Terms<'_>) -> bool {
    payment.price_currency.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(terms.amount.currency.code()))
}

/// What the coins were worth at the rate that was agreed, rounded down: more than the price when more has come. Where that
/// cannot be said, what the provider says they were worth when they came; else nothing.
fn worth(payment: &Payment, terms: Terms<'_>) -> Money {
    let down = |decimal| minor(decimal, terms, RoundingStrategy::ToZero);
    let agreed = || {
        let (paid, asked) = payment.paid.zip(payment.pay_amount)?;
        let price = payment.price.filter(|_| asked > Decimal::ZERO && paid > Decimal::ZERO)?;
        let share = |coins: Decimal| down(price.checked_mul(coins)?.checked_div(asked)?);
        if paid < asked {
            return share(paid);
        }
        // The price counts whole, so that no division takes a part of it away; so does it when the surplus is absurd.
        let (price, surplus) = (down(price)?, paid.checked_sub(asked).and_then(share).unwrap_or(0));
        Some(price.checked_add(surplus).unwrap_or(price))
    };
    let then = || down(payment.paid_worth?);
    let minor = if in_currency(payment, terms) { agreed().or_else(then) } else { None };
    Money::new(minor.filter(|minor| *minor > 0).unwrap_or(0), terms.amount.currency)
}

/// What the provider keeps, at the rate that was agreed, where it keeps it of the same coin.
fn fee(payment: &Payment, terms: Terms<'_>) -> Option<Money> {
    let (fee, coin) = payment.fee.as_ref()?;
    let asked = payment.pay_amount.filter(|asked| *asked > Decimal::ZERO && payment.coin.as_ref() == Some(coin))?;
    let decimal = payment.price?.checked_mul(*fee)?.checked_div(asked)?;
    let minor = minor(decimal, terms, RoundingStrategy::AwayFromZero)?;
    (minor > 0).then(|| Money::new(minor, terms.amount.currency))
}

fn minor(decimal: Decimal, terms: Terms<'_>, rounding: RoundingStrategy) -> Option<i64> {
    let unit = Decimal::from(10_u64.checked_pow(terms.amount.currency.digits())?);
    decimal.checked_mul(unit)?.round_dp_with_strategy(0, rounding).to_i64()
}

fn shown(amount: Option<Decimal>) -> String {
    amount.map_or_else(|| "?".to_owned(), |amount| amount.normalize().to_string())
}

#[cfg(test)]
mod tests;
