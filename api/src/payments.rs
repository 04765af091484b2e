//! Payments at the edge: what a transaction of money needs, and the word to workflows after it.

use chrono::{DateTime, Utc};
use domain::PaymentId;
use store::payments::{Books, Effects};

use crate::{
    error::ApiError,
    plans,
    state::{AppState, Shared},
    subscription,
};

impl Shared {
    /// What a transaction of money needs; `provider` is the one that is concerned, by its code.
    pub(crate) fn books(&self, provider: Option<&str>, now: DateTime<Utc>) -> Books<'_> {
        let provider = provider.and_then(|code| self.payments.get(code));
        let paid_by = provider.map(|provider| provider.title());
        let site = self.checkout_return_url.as_ref().map(url::Url::as_str);
        Books { sealer: &self.sealer, invoices: &self.invoices, site, paid_by, now }
    }
}

/// Tells workflows what a transaction has done, after its commit. Whoever cannot be told now is told by the sweep.
pub(crate) async fn follow_up(app: &AppState, effects: &Effects, since: DateTime<Utc>) {
    wake_all(app, &effects.payments).await;
    plans::tell(app, &effects.applied, since).await;
    if let Some(user) = effects.subscription {
        subscription::wake(app, user).await;
    }
}

/// Wakes the workflows of payments.
pub(crate) async fn wake_all(app: &AppState, payments: &[PaymentId]) {
    for payment in payments {
        if let Err(error) = app.temporal.wake_payment(*payment).await {
            tracing::warn!(payment.id = %payment, ?error, "A payment could not be woken yet; the sweep will do it.");
        }
    }
}

impl From<store::payments::CheckoutError> for ApiError {
    fn from(error: store::payments::CheckoutError) -> Self {
        use store::payments::CheckoutError;
        match error {
            CheckoutError::Refused(refusal) => refusal.into(),
            CheckoutError::Coupon(refused) => Self::Coupon(refused),
            CheckoutError::Open(payment) => Self::PaymentOpen(payment),
            CheckoutError::KeyReused => Self::IdempotencyKeyReused,
            CheckoutError::ProviderMissing(due) => Self::ProviderMissing(due),
            CheckoutError::NothingToAgreeOn => Self::NothingToAgreeOn,
            CheckoutError::NoSuchUser => Self::Unauthorized,
            CheckoutError::Store(error) => error.into(),
        }
    }
}

impl From<store::payments::refunds::RefundError> for ApiError {
    fn from(error: store::payments::refunds::RefundError) -> Self {
        use store::payments::refunds::RefundError;
        match error {
            RefundError::Store(error) => error.into(),
            refused => Self::Refund(refused),
        }
    }
}

impl From<store::payments::review::ReviewError> for ApiError {
    fn from(error: store::payments::review::ReviewError) -> Self {
        use store::payments::review::ReviewError;
        match error {
            ReviewError::Store(error) => error.into(),
            refused => Self::Review(refused),
        }
    }
}
