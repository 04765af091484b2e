//! What is asked of a payment provider. A new one is an implementation of [`Provider`] and a row of [`crate::Providers`].

use async_trait::async_trait;
use chrono::{DateTime, Utc};
pub use domain::payment::{
    AgreementState, Handover, Phase, Reduced,
    standing::{AgreementStanding, Receipt, Reversal, Standing},
};
use domain::{
    Money, PaymentId, RefundId,
    billing::{Interval, PaymentPurpose},
};
use url::Url;

use crate::error::{ProviderError, WebhookError};

/// A payment provider. Every call may be made twice: with the same key it has the same effect once.
#[async_trait]
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// Its stable name: in settings, in rows and in the path of its webhooks.
    fn code(&self) -> &'static str;

    /// Its name for people.
    fn title(&self) -> &'static str;

    /// True when it makes the payments of the following periods by itself, by [`Kind::Agreement`].
    fn has_agreements(&self) -> bool;

    /// True when it gives money back by [`Self::refund`]; else refunds are made by hand.
    fn has_refunds(&self) -> bool;

    /// True when the payer chooses a currency of their own, see [`Order::pay_currency`].
    fn has_pay_currencies(&self) -> bool;

    /// Makes the order known to the provider. One that it knows already is answered with what it made then.
    async fn create(&self, order: &Order) -> Result<Created, ProviderError>;

    /// What the provider knows of an order now: the one truth, whatever a webhook said.
    async fn look(&self, reference: &Reference) -> Result<Standing, ProviderError>;

    /// Takes the money of an order in [`Phase::Approved`]; answers as [`Self::look`] does.
    async fn capture(&self, reference: &Reference) -> Result<Standing, ProviderError>;

    /// Gives money back.
    async fn refund(&self, refund: &RefundOrder) -> Result<RefundStanding, ProviderError>;

    /// Ends an agreement, or gives up an order that nobody has paid, where the provider knows such a thing. One that is
    /// ended already is fine.
    async fn cancel(&self, reference: &Reference, reason: &str) -> Result<(), ProviderError>;

    /// Proves that a webhook comes from the provider, and only then reads it.
    async fn verify(&self, headers: &WebhookHeaders, body: &[u8]) -> Result<Event, WebhookError>;
}

/// Whether an order is paid once or by itself in every period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One payment.
    Once,
    /// A first payment and one of `amount` for every period that follows, until it is canceled.
    Agreement {
        /// How long a period is.
        interval: Interval,
        /// What each of the following periods costs.
        renewal: Money,
        /// What the first of them cost, while coupons take something off them.
        reduced: Option<Reduced>,
    },
}

/// What is to be paid.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose idempotency keys are made from this; the provider is given it as its own reference to us.
    pub payment: PaymentId,
    /// What it is for.
    pub purpose: PaymentPurpose,
    /// Paid once or again and again.
    pub kind: Kind,
    /// How much, now.
    pub amount: Money,
    /// What the payer is shown; at most 127 characters are passed on.
    pub description: String,
    /// The name of the plan, for a provider that wants a product.
    pub product: String,
    /// The ticker of what the payer wants to pay with, where they choose; `None` lets them choose on the provider's page.
    pub pay_currency: Option<String>,
    /// Where the payer's browser goes afterwards.
    pub return_url: Url,
    /// Where it goes when the payer gives up.
    pub cancel_url: Url,
    /// Where the provider's webhooks go, for one that is told with every order.
    pub webhook_url: Url,
}

/// What the provider made of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The provider's id of it.
    pub external: String,
    /// What the payer needs.
    pub handover: Handover,
}

/// Which order is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Ours.
    pub payment: PaymentId,
    /// The provider's.
    pub external: String,
    /// It is an agreement; else an order that is paid once.
    pub agreement: bool,
    /// What was to be paid.
    pub amount: Money,
    /// Since when receipts of an agreement matter.
    pub since: DateTime<Utc>,
}

/// Money to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// The idempotency key is made from this.
    pub refund: RefundId,
    /// The payment.
    pub payment: PaymentId,
    /// The receipt that is given back, in part or whole.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// What the payer is told.
    pub note: String,
    /// What the provider called it, once it has been asked for.
    pub external: Option<String>,
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundStanding {
    /// The provider's id of it.
    pub external: String,
    /// Its state.
    pub state: RefundState,
    /// Why, where it failed or waits.
    pub reason: Option<String>,
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// The provider is at it.
    Pending,
    /// The money is back.
    Done,
    /// It will not happen.
    Failed,
}

/// The headers of a webhook.
#[derive(Clone, Debug, Default)]
pub struct WebhookHeaders(Vec<(String, String)>);

impl WebhookHeaders {
    /// The headers of these names and values.
    #[must_use]
    pub fn new(headers: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }

    /// The value of the header of this name, in letters of any case. One that is there twice is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.as_str())
    }
}

/// What a webhook says, as far as it matters: which orders are to be looked at. What has happened to them is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same key is the same event, however often it is sent.
    pub key: String,
    /// The provider's name for what has happened.
    pub kind: String,
    /// Our payment, where the provider names it.
    pub payment: Option<PaymentId>,
    /// Ids of the provider that may belong to an order of ours: of the order, the agreement, a receipt.
    pub externals: Vec<String>,
    /// True for what is none of our business, such as a product that was renamed: it is kept, and nobody has to look at it.
    pub ignorable: bool,
    /// When it happened, if the provider says so.
    pub at: Option<DateTime<Utc>>,
}
