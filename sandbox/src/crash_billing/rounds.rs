//! What people do in a run: purchases that pass and leave them on Free again, and the last one, which they keep.

use anyhow::Context as _;
use reqwest::StatusCode;

use super::{
    shopper::Shopper,
    stage::{FREE, HALF},
};
use crate::{
    chaos::Random,
    client::{NewCheckout, Payment},
};

/// What coins are paid in.
const COIN: &str = "btc";

/// A purchase that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// One payment with `PayPal`, and how it ends.
    Once(End),
    /// The first capture is refused; the payer approves anew.
    Declined(End),
    /// An agreement, so many payments of which follow.
    Agreement(usize, End),
    /// Coins, all of them.
    Coins,
    /// Half of the price with a coupon.
    Half(End),
    /// Nothing with the coupon that some get.
    Free,
    /// The payer goes away.
    Abandoned,
}

/// How a purchase that passes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The tenant ends the subscription.
    Ended,
    /// Staff gives everything back.
    Refunded,
    /// The payer's bank takes it back.
    ChargedBack,
}

impl Round {
    /// Any of them.
    pub fn any(random: &mut Random, has_tried_free: bool) -> Self {
        let end = |random: &mut Random| match random.below(10) {
            0..5 => End::Refunded,
            5..7 => End::ChargedBack,
            _ => End::Ended,
        };
        match random.below(20) {
            0..7 => Self::Once(end(random)),
            7..9 => Self::Declined(end(random)),
            9..12 => Self::Agreement(random.below(3), End::Ended),
            12..15 => Self::Coins,
            15..17 => Self::Half(end(random)),
            17 if !has_tried_free => Self::Free,
            _ => Self::Abandoned,
        }
    }
}

/// Lives through a purchase that passes.
///
/// # Errors
/// When something does not come to what it should.
pub async fn passing(shopper: &mut Shopper<'_>, round: Round) -> anyhow::Result<()> {
    match round {
        Round::Once(end) => {
            let payment = buy(shopper, &NewCheckout::month("pro", "paypal"), false).await?;
            finish(shopper, &payment, end).await
        }
        Round::Declined(end) => {
            let payment = buy(shopper, &NewCheckout::month("pro", "paypal"), true).await?;
            finish(shopper, &payment, end).await
        }
        Round::Half(end) => {
            let checkout = NewCheckout { coupon: Some(HALF.into()), ..NewCheckout::month("pro", "paypal") };
            let payment = buy(shopper, &checkout, false).await?;
            shopper.stage.tally.coupon();
            finish(shopper, &payment, end).await
        }
        Round::Agreement(renewals, end) => {
            let payment = agree(shopper, renewals).await?;
            finish(shopper, &payment, end).await
        }
        Round::Coins => {
            coins(shopper, "pro").await?;
            stop(shopper).await
        }
        Round::Free => {
            if free(shopper).await? {
                stop(shopper).await
            } else {
                Ok(())
            }
        }
        Round::Abandoned => abandon(shopper).await,
    }
}

/// Lives through the last purchase: the plan that it leaves, and the months that are paid.
///
/// # Errors
/// When something does not come to what it should.
pub async fn lasting(shopper: &mut Shopper<'_>) -> anyhow::Result<(&'static str, Option<i64>)> {
    match shopper.random.below(8) {
        0 => {
            abandon(shopper).await?;
            Ok(("free", None))
        }
        1 => {
            coins(shopper, "elite").await?;
            Ok(("elite", Some(1)))
        }
        2 => {
            let payment = buy(shopper, &NewCheckout::month("pro", "paypal"), false).await?;
            refund(shopper, &payment, Some("2.50")).await?;
            Ok(("pro", Some(1)))
        }
        3 => {
            let payment = buy(shopper, &NewCheckout::month("pro", "paypal"), false).await?;
            finish(shopper, &payment, End::Refunded).await?;
            Ok(("free", None))
        }
        4 => {
            buy(shopper, &NewCheckout::month("pro", "paypal"), false).await?;
            buy(shopper, &NewCheckout::month("elite", "paypal"), false).await?;
            shopper.has_plan("elite").await?;
            Ok(("elite", None))
        }
        5 => {
            let checkout = NewCheckout { coupon: Some(HALF.into()), ..NewCheckout::month("pro", "paypal") };
            buy(shopper, &checkout, false).await?;
            shopper.stage.tally.coupon();
            Ok(("pro", Some(1)))
        }
        _ => {
            let renewals = shopper.random.below(4);
            agree(shopper, renewals).await?;
            Ok(("pro", Some(1 + i64::try_from(renewals)?)))
        }
    }
}

/// Pays once with `PayPal`; the payment, settled.
async fn buy(shopper: &mut Shopper<'_>, checkout: &NewCheckout, declined: bool) -> anyhow::Result<Payment> {
    let payment = shopper.checkout(checkout).await?;
    let payment = shopper.handed_over(&payment.id).await?;
    let order = payment.paypal_id().context("the payment has no page of PayPal's")?;
    let paypal = &shopper.stage.paypal;
    if declined {
        paypal.refuse_capture(&order, "INSTRUMENT_DECLINED", 1).await?;
        paypal.approve_order(&order).await?;
        // The payer needs a moment to choose another card.
        let deadline = std::time::Instant::now() + super::shopper::PATIENCE;
        while paypal.is_refused(&order).await? && std::time::Instant::now() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    paypal.approve_order(&order).await?;
    shopper.settled(&payment.id).await?;
    shopper.has_plan(&checkout.plan).await?;
    Ok(payment)
}

/// Agrees to payments that come by themselves, some of which come at once.
async fn agree(shopper: &mut Shopper<'_>, renewals: usize) -> anyhow::Result<Payment> {
    let checkout = NewCheckout { recurring: true, ..NewCheckout::month("pro", "paypal") };
    let payment = shopper.checkout(&checkout).await?;
    let payment = shopper.handed_over(&payment.id).await?;
    let subscription = payment.paypal_id().context("the payment has no page of PayPal's")?;
    shopper.stage.paypal.approve_subscription(&subscription).await?;
    shopper.settled(&payment.id).await?;
    shopper.has_plan("pro").await?;
    for _ in 0..renewals {
        shopper.stage.paypal.renew(&subscription).await?;
        shopper.stage.tally.renewal();
        renewed(shopper).await?;
    }
    Ok(payment)
}

/// Lets some time pass, so that some payments come together and some do not.
async fn renewed(shopper: &mut Shopper<'_>) -> anyhow::Result<()> {
    let pause = shopper.random.span(std::time::Duration::ZERO, std::time::Duration::from_secs(2));
    tokio::time::sleep(pause).await;
    Ok(())
}

async fn coins(shopper: &mut Shopper<'_>, plan: &str) -> anyhow::Result<()> {
    let checkout = NewCheckout { pay_currency: Some(COIN.into()), ..NewCheckout::month(plan, "nowpayments") };
    let payment = shopper.checkout(&checkout).await?;
    let payment = shopper.handed_over(&payment.id).await?;
    let nowpayments = &shopper.stage.nowpayments;
    // A lost answer leaves payments behind that the payer never sees: theirs is the one that they were shown.
    let address = payment.address().context("the payment has no address")?;
    let of_order = nowpayments.payments_of(&payment.id).await?;
    let theirs = of_order.iter().find(|one| one.address == address).context("nobody knows the address")?;
    nowpayments.pay(theirs.id).await?;
    shopper.settled(&payment.id).await?;
    shopper.has_plan(plan).await
}

/// Asks for the coupon that some get; true for those.
async fn free(shopper: &mut Shopper<'_>) -> anyhow::Result<bool> {
    shopper.has_tried_free = true;
    let checkout = NewCheckout { provider: None, coupon: Some(FREE.into()), ..NewCheckout::month("pro", "paypal") };
    match shopper.checkout(&checkout).await {
        Ok(payment) => {
            shopper.settled(&payment.id).await?;
            shopper.has_plan("pro").await?;
            shopper.stage.tally.coupon();
            Ok(true)
        }
        Err(refused) if refused.code().starts_with("coupon_") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn abandon(shopper: &mut Shopper<'_>) -> anyhow::Result<()> {
    let payment = shopper.checkout(&NewCheckout::month("pro", "paypal")).await?;
    if shopper.random.happens(50) {
        shopper.handed_over(&payment.id).await?;
    }
    let given_up = shopper.ask(async |api| api.give_up_payment(&payment.id).await).await?;
    anyhow::ensure!(given_up.state == "canceled", "{} is {}, not canceled", given_up.id, given_up.state);
    shopper.has_plan("free").await
}

async fn finish(shopper: &mut Shopper<'_>, payment: &Payment, end: End) -> anyhow::Result<()> {
    match end {
        End::Ended => stop(shopper).await,
        End::Refunded => {
            refund(shopper, payment, None).await?;
            shopper.has_plan("free").await
        }
        End::ChargedBack => {
            let order = payment.paypal_id().context("the payment has no page of PayPal's")?;
            let captures = shopper.stage.paypal.captures_of(&order).await?;
            let capture = captures.first().context("a settled order has no capture")?;
            shopper.stage.paypal.reverse(capture).await?;
            shopper.stage.tally.chargeback();
            shopper.has_plan("free").await
        }
    }
}

async fn refund(shopper: &mut Shopper<'_>, payment: &Payment, amount: Option<&str>) -> anyhow::Result<()> {
    let key = shopper.next_key();
    shopper.stage.tally.refund();
    shopper.stage.staff.refund(&payment.id, amount, &key).await?;
    Ok(())
}

/// The tenant ends the subscription at once.
async fn stop(shopper: &mut Shopper<'_>) -> anyhow::Result<()> {
    match shopper.ask(async |api| api.end_subscription().await).await {
        Ok(_) => {}
        // It was ended, and the answer was lost.
        Err(refused) if refused.status() == Some(StatusCode::CONFLICT) => {}
        Err(error) => return Err(error.into()),
    }
    shopper.has_plan("free").await
}
