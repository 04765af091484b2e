//! Checkouts: what is asked for becomes a payment, and the provider's page or address is handed out.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{PaymentId, Plan, billing::PaymentState, coupon::CODES_MAX};
use payments::Provider;
use salvo::prelude::*;
use sha2::{Digest as _, Sha256};
use store::{
    StoreError,
    payments::{self as stored, Begun, NewCheckout, Payment},
};

use super::wire::{CheckoutIn, PaymentOut};
use crate::{
    auth::Actor,
    body::JsonBody,
    coupons::guarded,
    error::ApiError,
    idempotency::RequestKey,
    payments as money,
    routes::{Created, subscription},
    state::AppState,
};

/// The answer waits so long for what the payer needs; afterwards the payment has it as soon as the provider has said it.
const HANDOVER_MAX: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest ticker, in characters.
const TICKER_CHARS_MAX: usize = 32;

/// Begins a payment for a plan: a new subscription, the next period, or a higher plan at once. Coupons are reserved, and what
/// the balance pays is set aside, until it is paid or given up. What is wholly covered is `settled` in the answer, and the
/// plan holds at once; else `handover` says where to pay, as soon as the provider has answered: read the payment again while it is
/// null. `409 payment_open` while the same is being paid for by another checkout.
///
/// Sent again with the same `Idempotency-Key`, the answer is the payment of the first time as it is now.
#[endpoint(operation_id = "create_checkout", tags("billing"))]
pub(crate) async fn create(
    actor: Actor,
    app: AppState,
    key: RequestKey,
    req: &mut Request,
    body: JsonBody<CheckoutIn>,
) -> Result<Created<PaymentOut>, ApiError> {
    let (wish, now) = (body.0, app.clock.now());
    let coupons = codes(&wish)?;
    let provider = wish.provider.as_deref().map(|code| provider(&app, code)).transpose()?;
    let pay_currency = pay_currency(&wish, provider)?;
    if wish.recurring && provider.is_none_or(|provider| !provider.has_agreements()) {
        return Err(ApiError::ProviderUnfit { field: "recurring" });
    }
    let hash = request_hash(&wish)?;
    let asked = Asked { wish: &wish, coupons: &coupons, pay_currency: pay_currency.as_deref(), key: (&key.0, &hash) };
    let placing = place(&app, actor, &asked, now);
    let (begun, catalogue) =
        if coupons.is_empty() { placing.await? } else { guarded(&app, actor.user, app.address(req), placing).await? };
    money::follow_up(&app, &begun.effects, now).await;
    let payment = handed_over(&app, begun.payment).await?;
    Ok(Created(PaymentOut::new(&payment, &catalogue)))
}

/// What somebody wants, as far as it was looked at.
struct Asked<'a> {
    wish: &'a CheckoutIn,
    coupons: &'a [String],
    pay_currency: Option<&'a str>,
    /// The key, and what was asked for under it.
    key: (&'a str, &'a str),
}

/// Makes the payment, in one transaction.
async fn place(
    app: &AppState,
    actor: Actor,
    asked: &Asked<'_>,
    now: DateTime<Utc>,
) -> Result<(Begun, Vec<Plan>), ApiError> {
    let wish = asked.wish;
    let mut transaction = app.transaction().await?;
    let (_, price) = subscription::wanted(&mut transaction, actor.user, &wish.plan, wish.interval).await?;
    let new = NewCheckout {
        id: PaymentId::new(app.clock.as_ref()),
        user: actor.user,
        price,
        provider: wish.provider.as_deref(),
        pay_currency: asked.pay_currency,
        recurring: wish.recurring,
        coupons: asked.coupons,
        use_balance: wish.use_balance,
        key: Some(asked.key),
        expires_at: now + app.checkout_expires,
    };
    let books = app.books(wish.provider.as_deref(), now);
    let begun = stored::begin(&mut transaction, &books, &new).await?;
    let catalogue = store::plans::catalogue(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok((begun, catalogue))
}

fn provider<'a>(app: &'a AppState, code: &str) -> Result<&'a dyn Provider, ApiError> {
    app.payments.get(code).map(AsRef::as_ref).ok_or(ApiError::ProviderUnknown)
}

/// All codes that were asked for.
fn codes(wish: &CheckoutIn) -> Result<Vec<String>, ApiError> {
    let codes: Vec<String> = wish.coupon.iter().chain(&wish.coupons).map(|code| code.trim().to_owned()).collect();
    if codes.len() > CODES_MAX {
        return Err(store::coupons::CouponError::from(domain::coupon::Refusal::TooMany).into());
    }
    Ok(codes)
}

/// The ticker in small letters, where the provider lets payers choose.
fn pay_currency(wish: &CheckoutIn, provider: Option<&dyn Provider>) -> Result<Option<String>, ApiError> {
    let Some(ticker) = &wish.pay_currency else { return Ok(None) };
    let ticker = ticker.trim().to_ascii_lowercase();
    let fits =
        (1..=TICKER_CHARS_MAX).contains(&ticker.len()) && ticker.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match provider {
        Some(provider) if provider.has_pay_currencies() && fits => Ok(Some(ticker)),
        _ => Err(ApiError::ProviderUnfit { field: "pay_currency" }),
    }
}

/// What was asked for, in 64 digits.
fn request_hash(wish: &CheckoutIn) -> Result<String, ApiError> {
    let text = serde_json::to_vec(wish).map_err(ApiError::internal)?;
    Ok(hex::encode(Sha256::digest(&text)))
}

/// Waits for a moment until the provider has said what the payer needs.
async fn handed_over(app: &AppState, mut payment: Payment) -> Result<Payment, ApiError> {
    let until = tokio::time::Instant::now() + HANDOVER_MAX;
    while payment.state == PaymentState::Created && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = stored::find_any(&mut *app.database().await?, payment.id).await?;
        payment = found.unwrap_or(payment);
    }
    Ok(payment)
}

#[cfg(test)]
mod tests {
    use domain::billing::Interval;

    use super::*;

    fn wish() -> CheckoutIn {
        CheckoutIn {
            plan: "pro".into(),
            interval: Interval::Month,
            provider: None,
            pay_currency: None,
            recurring: false,
            coupon: Some(" SPRING ".into()),
            coupons: vec!["OTHER".into()],
            use_balance: false,
        }
    }

    #[test]
    fn all_coupons_count_and_no_more_than_go_together() {
        assert_eq!(codes(&wish()).unwrap(), ["SPRING", "OTHER"]);
        let many = CheckoutIn { coupons: vec!["A".into(); CODES_MAX], ..wish() };
        assert!(matches!(codes(&many), Err(ApiError::Coupon(_))));
    }

    #[test]
    fn another_request_has_another_hash() {
        let hash = request_hash(&wish()).unwrap();
        assert_eq!((hash.len(), request_hash(&wish()).unwrap() == hash), (64, true));
        let other = CheckoutIn { use_balance: true, ..wish() };
        assert_ne!(request_hash(&other).unwrap(), hash);
    }

    #[test]
    fn coins_cannot_be_chosen_without_a_provider_of_coins() {
        let wish = CheckoutIn { pay_currency: Some("btc".into()), ..wish() };
        assert!(matches!(pay_currency(&wish, None), Err(ApiError::ProviderUnfit { field: "pay_currency" })));
    }
}
