//! Subscriptions on the wire.

use chrono::{DateTime, Utc};
use domain::{
    PaymentId, Plan, PlanId,
    billing::{Interval, PaymentPurpose, SubscriptionStatus},
    subscription::{CancelWhen, EndReason, EventKind, Quote, Subscription},
};
use salvo::{
    oapi::{BasicType, Components, Object, RefOr, Schema},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use store::subscriptions::Event;

use crate::money::MoneyOut;

macro_rules! docs {
    ($($(#[$meta:meta])* $doc:ident = $enum:ty;)*) => {
        $($(#[$meta])*
        pub(crate) struct $doc;

        impl ToSchema for $doc {
            fn to_schema(_components: &mut Components) -> RefOr<Schema> {
                let names = <$enum>::ALL.iter().map(|one| one.as_str().to_owned());
                Object::with_type(BasicType::String).enum_values(names).into()
            }
        })*
    };
}

docs! {
    /// Where a subscription stands.
    SubscriptionStatusDoc = SubscriptionStatus;
    /// What happened to one.
    EventKindDoc = EventKind;
    /// Why one has ended.
    EndReasonDoc = EndReason;
    /// What a payment is for.
    PurposeDoc = PaymentPurpose;
}

/// Another plan.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SubscriptionChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// The plan's code.
    pub(super) plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    pub(super) interval: Interval,
}

/// An end.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SubscriptionEnd))]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelIn {
    /// `now`, or `period_end`: when what is paid is over.
    #[salvo(schema(value_type = CancelWhenDoc))]
    pub(in crate::routes) when: CancelWhen,
}

/// When a subscription is to end.
pub(crate) struct CancelWhenDoc;

impl ToSchema for CancelWhenDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        Object::with_type(BasicType::String).enum_values(["now", "period_end"]).into()
    }
}

/// A plan to try out.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Trial))]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialIn {
    /// The plan's code.
    pub(super) plan: String,
}

/// What a subscription becomes.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SubscriptionNext))]
pub(crate) struct NextOut {
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// What a period costs then.
    price: MoneyOut,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Subscription))]
pub(crate) struct SubscriptionOut {
    /// The plan holds while this is `trialing`, `active`, `past_due` or `grace`.
    #[salvo(schema(value_type = SubscriptionStatusDoc))]
    status: SubscriptionStatus,
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// What a period costs, as it was agreed on.
    price: MoneyOut,
    /// When the period began, or will begin that a trial's payment has bought.
    #[salvo(schema(value_type = String, format = DateTime))]
    period_start: DateTime<Utc>,
    /// When it ends.
    #[salvo(schema(value_type = String, format = DateTime))]
    period_end: DateTime<Utc>,
    /// Until when is paid or tried out: later than `period_end` when the next period is paid already.
    #[salvo(schema(value_type = String, format = DateTime))]
    paid_until: DateTime<Utc>,
    /// What the next period costs; null when it is paid already, or there is to be none.
    renewal: Option<MoneyOut>,
    /// A payment provider pays for the next period by itself.
    renews_by_agreement: bool,
    /// What it becomes; null: it stays as it is.
    next: Option<NextOut>,
    /// When it ends by its tenant's wish; null: it goes on.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cancel_at: Option<DateTime<Utc>>,
    /// Since when a payment is missing.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    past_due_since: Option<DateTime<Utc>>,
    /// Until when the plan holds without it.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    grace_until: Option<DateTime<Utc>>,
    /// When it ended.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    ended_at: Option<DateTime<Utc>>,
    /// Why.
    #[salvo(schema(value_type = Option<EndReasonDoc>))]
    end_reason: Option<EndReason>,
}

impl SubscriptionOut {
    pub(in crate::routes) fn new(one: &Subscription, catalogue: &[Plan]) -> Self {
        let arrears = one.past_due_since.filter(|_| one.status != SubscriptionStatus::Active);
        Self {
            status: one.status,
            plan: code(catalogue, one.price.plan),
            interval: one.price.interval,
            price: one.price.amount.into(),
            period_start: one.period.start,
            period_end: one.period.end,
            paid_until: one.paid_until,
            renewal: one.renewal_due().map(|price| price.amount.into()),
            renews_by_agreement: one.agreement.is_some(),
            next: one.next.map(|next| NextOut {
                plan: code(catalogue, next.price.plan),
                interval: next.price.interval,
                price: next.price.amount.into(),
                at: next.at,
            }),
            cancel_at: one.cancel_at,
            past_due_since: arrears,
            grace_until: one.grace_until,
            ended_at: one.ended.map(|(at, _)| at),
            end_reason: one.ended.map(|(_, reason)| reason),
        }
    }
}

fn code(catalogue: &[Plan], id: PlanId) -> String {
    catalogue.iter().find(|plan| plan.id == id).map(|plan| plan.code.clone()).unwrap_or_default()
}

/// Something that happened to a subscription.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SubscriptionEvent))]
pub(crate) struct EventOut {
    /// Grows with time; `before` takes it.
    id: i64,
    /// What.
    #[salvo(schema(value_type = EventKindDoc))]
    kind: String,
    /// Where the subscription stood afterwards.
    #[salvo(schema(value_type = SubscriptionStatusDoc))]
    status: SubscriptionStatus,
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// When the period that ran then began.
    #[salvo(schema(value_type = String, format = DateTime))]
    period_start: DateTime<Utc>,
    /// When it ended.
    #[salvo(schema(value_type = String, format = DateTime))]
    period_end: DateTime<Utc>,
    /// The payment that brought it about.
    #[salvo(schema(value_type = Option<crate::wire::PaymentIdDoc>))]
    payment: Option<PaymentId>,
    /// What else there is to say, as a code: why it ended, why a payment bought nothing.
    detail: Option<String>,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

impl From<Event> for EventOut {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            status: event.status,
            plan: event.plan,
            interval: event.interval,
            period_start: event.period.start,
            period_end: event.period.end,
            payment: event.payment,
            detail: event.detail,
            at: event.at,
        }
    }
}

/// The plan that holds, and the subscription.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SubscriptionView))]
pub(crate) struct ViewOut {
    /// The code of the plan that holds.
    pub(super) plan: String,
    /// Staff has given it: it holds whatever is subscribed to.
    pub(super) given: bool,
    /// Until then; null: not given, or without an end.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    pub(super) given_until: Option<DateTime<Utc>>,
    /// The subscription, also one that has ended; null: there was never one.
    pub(super) subscription: Option<SubscriptionOut>,
    /// A plan with `trial_days` may be tried out.
    pub(super) may_try: bool,
    /// What happened, newest first.
    pub(super) history: Vec<EventOut>,
    /// What to pass as `before` for the next page; null on the last one.
    pub(super) next: Option<i64>,
}

/// What is to be paid now.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Quote))]
pub(crate) struct QuoteOut {
    /// What the payment would be for.
    #[salvo(schema(value_type = PurposeDoc))]
    purpose: PaymentPurpose,
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// What each whole period costs.
    price: MoneyOut,
    /// What is charged now: a whole period, or the rest of the running one.
    list: MoneyOut,
    /// What is left of what was paid, and counted against it.
    credit: MoneyOut,
    /// What remains to be paid, before coupons.
    due: MoneyOut,
    /// What is left of the credit, and goes to the balance.
    to_balance: MoneyOut,
}

impl QuoteOut {
    pub(crate) fn new(quote: &Quote, plan: &Plan) -> Self {
        Self {
            purpose: quote.purpose,
            plan: plan.code.clone(),
            interval: quote.price.interval,
            price: quote.price.amount.into(),
            list: quote.list.into(),
            credit: quote.credit.into(),
            due: quote.due.into(),
            to_balance: quote.surplus.into(),
        }
    }
}

/// What a change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[salvo(schema(name = SubscriptionChangeOutcome))]
pub(crate) enum Outcome {
    /// It begins when what is paid is over.
    Scheduled,
    /// It stays as it is.
    Kept,
    /// It has to be paid first.
    PaymentNeeded,
}

/// What became of a change.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SubscriptionChanged))]
pub(crate) struct ChangedOut {
    /// What it comes to.
    pub(super) outcome: Outcome,
    /// What is to be paid; only with `payment_needed`.
    pub(super) quote: Option<QuoteOut>,
    /// The subscription as it is now; null: there is none.
    pub(super) subscription: Option<SubscriptionOut>,
}
