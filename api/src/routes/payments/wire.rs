//! Payments on the wire.

use chrono::{DateTime, Utc};
use domain::{
    PaymentId, Plan,
    billing::{Interval, PaymentPurpose, PaymentState},
    payment::{self, Reduced, is_unpaid},
};
use payments::Provider;
use salvo::{
    oapi::{Components, RefOr, Schema},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use store::payments::Payment;

use crate::{money::MoneyOut, routes::subscription::PurposeDoc, wire::one_of};

/// Where a payment stands.
pub(crate) struct PaymentStateDoc;

impl ToSchema for PaymentStateDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        one_of(PaymentState::ALL)
    }
}

/// A payment provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentProvider))]
pub(crate) struct ProviderOut {
    /// Its code for checkouts, such as `paypal`.
    code: String,
    /// Its name for people.
    title: String,
    /// It can make the payments of the following periods by itself: `recurring` of a checkout.
    recurring: bool,
    /// The payer chooses a currency of their own: `pay_currency` of a checkout.
    pay_currencies: bool,
}

impl ProviderOut {
    pub(crate) fn of(provider: &dyn Provider) -> Self {
        Self {
            code: provider.code().to_owned(),
            title: provider.title().to_owned(),
            recurring: provider.has_agreements(),
            pay_currencies: provider.has_pay_currencies(),
        }
    }
}

/// All payment providers.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentProviders))]
pub(crate) struct ProvidersOut {
    /// In the order in which payers are shown them.
    pub(crate) providers: Vec<ProviderOut>,
}

/// What somebody wants to pay for, and how.
#[derive(Deserialize, Serialize, ToSchema)]
#[salvo(schema(name = Checkout))]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutIn {
    /// The plan's code.
    pub(super) plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    pub(super) interval: Interval,
    /// The payment provider's code. It may be left out when coupons and balance pay everything.
    #[serde(default)]
    pub(super) provider: Option<String>,
    /// The ticker of the coins to pay with, such as `btc`; left out, the payer chooses on the provider's page.
    #[serde(default)]
    pub(super) pay_currency: Option<String>,
    /// The provider makes the payments of the following periods by itself, until that is canceled.
    #[serde(default)]
    pub(super) recurring: bool,
    /// The code of a coupon.
    #[serde(default)]
    pub(super) coupon: Option<String>,
    /// The codes of more coupons; at most five go together.
    #[serde(default)]
    pub(super) coupons: Vec<String>,
    /// The balance pays what it can.
    #[serde(default)]
    pub(super) use_balance: bool,
}

/// What the payer needs.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentHandover))]
pub(crate) struct HandoverOut {
    /// `page`: the payer goes to `url`. `address`: coins are sent to `address`.
    kind: &'static str,
    /// The provider's page.
    url: Option<String>,
    /// The address of the coins.
    address: Option<String>,
    /// The memo or tag without which the coins are lost; null: the network has none.
    memo: Option<String>,
    /// How many coins, as a decimal.
    pay_amount: Option<String>,
    /// The ticker of the coins.
    pay_currency: Option<String>,
    /// The network of the coins.
    network: Option<String>,
    /// When it is of no use any more, or the price does not hold; null: the provider does not say.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    valid_until: Option<DateTime<Utc>>,
}

impl From<&payment::Handover> for HandoverOut {
    fn from(handover: &payment::Handover) -> Self {
        let nothing = Self {
            kind: "page",
            url: None,
            address: None,
            memo: None,
            pay_amount: None,
            pay_currency: None,
            network: None,
            valid_until: None,
        };
        match handover.clone() {
            payment::Handover::Page { url, valid_until } => Self { url: Some(url), valid_until, ..nothing },
            payment::Handover::Address { address, memo, amount, currency, network, valid_until } => Self {
                kind: "address",
                address: Some(address),
                memo,
                pay_amount: Some(amount),
                pay_currency: Some(currency),
                network,
                valid_until,
                ..nothing
            },
        }
    }
}

/// A time that was paid for.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaidPeriod))]
pub(crate) struct PeriodOut {
    /// From.
    #[salvo(schema(value_type = String, format = DateTime))]
    from: DateTime<Utc>,
    /// Up to.
    #[salvo(schema(value_type = String, format = DateTime))]
    until: DateTime<Utc>,
}

/// Why something stands where it does.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentReason))]
pub(crate) struct ReasonOut {
    /// A stable code, ours or the provider's.
    code: String,
    /// For people.
    detail: String,
}

/// What the payments that follow cost, while coupons take something off them.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = ReducedPayments))]
pub(crate) struct ReducedOut {
    /// Each of them.
    amount: MoneyOut,
    /// How many; null: all that follow.
    payments: Option<u32>,
}

impl From<Reduced> for ReducedOut {
    fn from(reduced: Reduced) -> Self {
        Self { amount: reduced.amount.into(), payments: reduced.payments }
    }
}

/// A payment.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Payment))]
pub(crate) struct PaymentOut {
    /// `pay_…`.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    id: PaymentId,
    /// Where it stands.
    #[salvo(schema(value_type = PaymentStateDoc))]
    state: PaymentState,
    /// What it is for.
    #[salvo(schema(value_type = PurposeDoc))]
    purpose: PaymentPurpose,
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// What a whole period costs.
    price: MoneyOut,
    /// What this payment is for costs: a whole period, or the rest of one.
    list: MoneyOut,
    /// What is taken off because it was paid before and not used.
    credit: MoneyOut,
    /// What coupons take off.
    discount: MoneyOut,
    /// What the balance pays.
    from_balance: MoneyOut,
    /// What is left to be paid at the provider.
    amount: MoneyOut,
    /// What was given or taken back.
    refunded: MoneyOut,
    /// The codes of the coupons that were asked for.
    coupons: Vec<String>,
    /// The provider's code; null: nothing was to be paid at any.
    provider: Option<String>,
    /// It began, or was made by, an agreement that pays the following periods.
    recurring: bool,
    /// What the payments that follow by the agreement cost at first; null: the whole price.
    reduced: Option<ReducedOut>,
    /// What the payer needs; null until the provider has said it, and when nobody has to pay any more.
    handover: Option<HandoverOut>,
    /// Why it stands where it does.
    reason: Option<ReasonOut>,
    /// What was paid for; null: nothing yet, or nothing at all.
    period: Option<PeriodOut>,
    /// Unpaid until then, it is given up.
    #[salvo(schema(value_type = String, format = DateTime))]
    expires_at: DateTime<Utc>,
    /// When it was asked for.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When its money was accounted for.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    settled_at: Option<DateTime<Utc>>,
}

impl PaymentOut {
    pub(crate) fn new(payment: &Payment, catalogue: &[Plan]) -> Self {
        let plan = catalogue.iter().find(|plan| plan.id == payment.price.plan);
        let reason =
            payment.reason.as_ref().map(|(code, detail)| ReasonOut { code: code.clone(), detail: detail.clone() });
        Self {
            id: payment.id,
            state: payment.state,
            purpose: payment.purpose,
            plan: plan.map(|plan| plan.code.clone()).unwrap_or_default(),
            interval: payment.price.interval,
            price: payment.price.amount.into(),
            list: payment.list.into(),
            credit: payment.credit.into(),
            discount: payment.discount.into(),
            from_balance: payment.from_balance.into(),
            amount: payment.amount.into(),
            refunded: payment.refunded.into(),
            coupons: payment.coupons.clone(),
            provider: payment.provider.clone(),
            recurring: payment.recurring || payment.agreement.is_some(),
            reduced: payment.reduced.map(ReducedOut::from),
            handover: payment.handover.as_ref().filter(|_| is_unpaid(payment.state)).map(HandoverOut::from),
            reason,
            period: payment.period.map(|(from, until)| PeriodOut { from, until }),
            expires_at: payment.expires_at,
            created_at: payment.created_at,
            settled_at: payment.settled_at,
        }
    }
}

/// A page of payments.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Payments))]
pub(crate) struct PaymentsOut {
    /// Newest first.
    pub(crate) payments: Vec<PaymentOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::PaymentIdDoc>))]
    pub(crate) next: Option<PaymentId>,
}
