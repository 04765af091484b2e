//! Between what is on record of a payment and what its provider is asked for and answers.

use payments::{Kind, Order, Provider, ProviderError, RefundStanding, RefundState, Verdict};
use store::{
    StoreError,
    payments::{Payment, refunds::Outcome},
};

use crate::context::Context;

/// The code of a refund that the provider cannot make.
const BY_HAND: &str = "by_hand";

/// What the provider is told of a payment.
pub(super) async fn order(
    context: &Context,
    payment: &Payment,
    provider: &dyn Provider,
) -> Result<Result<Order, ProviderError>, StoreError> {
    let addresses = context.payment_settings.addresses(context.public_url.as_ref(), provider.code(), payment.id);
    let Some(addresses) = addresses else {
        return Ok(Err(ProviderError::retry("public_url_missing", "nobody has said how the API is reached")));
    };
    let catalogue = store::plans::catalogue(&mut *context.database().await?).await?;
    let plan = catalogue.iter().find(|plan| plan.id == payment.price.plan).map_or("", |plan| plan.name.as_str());
    let kind = if payment.recurring {
        let (interval, renewal) = (payment.price.interval, payment.price.amount);
        Kind::Agreement { interval, renewal, reduced: payment.reduced }
    } else {
        Kind::Once
    };
    Ok(Ok(Order {
        payment: payment.id,
        purpose: payment.purpose,
        kind,
        amount: payment.amount,
        description: format!("{plan}, {}", payment.price.interval.as_str()),
        product: plan.to_owned(),
        pay_currency: payment.pay_currency.clone(),
        return_url: addresses.paid,
        cancel_url: addresses.given_up,
        webhook_url: addresses.webhook,
    }))
}

/// What became of a refund.
pub(super) fn refunded(answer: Result<RefundStanding, ProviderError>) -> Outcome {
    match answer {
        Ok(RefundStanding { external, state, reason }) => match state {
            RefundState::Pending => Outcome::Pending { external, reason },
            RefundState::Done => Outcome::Done { external },
            RefundState::Failed => {
                Outcome::Failed { reason: reason.unwrap_or_else(|| "the provider refuses it".into()) }
            }
        },
        Err(error) => match error.verdict {
            Verdict::Retry(after) => Outcome::Missed { after },
            Verdict::Final if error.code == BY_HAND => Outcome::ByHand,
            Verdict::Final => Outcome::Failed { reason: error.to_string() },
        },
    }
}
