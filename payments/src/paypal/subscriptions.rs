//! Payments that are made again in every period: Subscriptions v1, as `PayPal`'s OpenAPI description
//! `billing_subscriptions_v1` has it. Each payment is a *transaction* of the subscription, a v1 *sale* to the webhooks.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::{Money, billing::Interval};
use serde::{Deserialize, Serialize};

use super::{
    catalog::{Catalog, PlanKey, Pricing},
    client::Client,
    failure::Failure,
    orders::request_id,
    reversals::{self, Gone, Parent},
    wire::{Amount, Link, link, or_default, time},
};
use crate::{
    error::ProviderError,
    provider::{
        AgreementStanding, AgreementState, Created, Handover, Order, Phase, Receipt, Reduced, Reference, Standing,
    },
};

/// How far behind ours `PayPal`'s clock may be, and transactions that come while they are asked for.
const LATEST_AFTER: TimeDelta = TimeDelta::days(1);
/// What a reason may have.
const REASON_CHARS_MAX: usize = 128;
/// Pages of transactions that are read at most.
const PAGES_MAX: usize = 50;

/// Issues of a plan that somebody has deactivated.
const PLAN_GONE: [&str; 3] = ["PLAN_NOT_ACTIVE", "PLAN_STATUS_INVALID", "INVALID_PLAN_STATUS"];

#[derive(Serialize)]
struct NewSubscription {
    plan_id: String,
    custom_id: String,
    application_context: Context,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Override>,
}

#[derive(Serialize)]
struct Context {
    return_url: String,
    cancel_url: String,
    user_action: &'static str,
    shipping_preference: &'static str,
}

/// Prices of this subscription alone.
#[derive(Serialize)]
struct Override {
    billing_cycles: Vec<OverrideCycle>,
}

#[derive(Serialize)]
struct OverrideCycle {
    sequence: u32,
    total_cycles: u32,
    pricing_scheme: Pricing,
}

#[derive(Serialize)]
struct Because<'a> {
    reason: &'a str,
}

#[derive(Debug, Deserialize)]
struct WireSubscription {
    id: String,
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    billing_info: BillingInfo,
    #[serde(default, deserialize_with = "or_default")]
    links: Vec<Link>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BillingInfo {
    next_billing_time: Option<String>,
    #[serde(deserialize_with = "or_default")]
    failed_payments_count: u32,
    last_payment: Option<LastPayment>,
    last_failed_payment: Option<LastFailure>,
}

#[derive(Debug, Deserialize)]
struct LastPayment {
    #[serde(default)]
    time: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LastFailure {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    reason_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Transactions {
    #[serde(default, deserialize_with = "or_default")]
    transactions: Vec<Transaction>,
    #[serde(default, deserialize_with = "or_default")]
    links: Vec<Link>,
}

#[derive(Clone, Debug, Deserialize)]
struct Transaction {
    id: String,
    status: String,
    amount_with_breakdown: Breakdown,
    #[serde(default)]
    time: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Breakdown {
    gross_amount: Amount,
    #[serde(default)]
    fee_amount: Option<Amount>,
}

/// What an agreement is to be: how long a period is, and what the following ones cost, at first and then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) interval: Interval,
    pub(super) renewal: Money,
    pub(super) reduced: Option<Reduced>,
}

impl Terms {
    /// The periods that begin it and have prices of their own, as how many of which, and what all others cost.
    fn schedule(&self, first: Money) -> (Vec<(u32, Money)>, Money) {
        let (reduced, then) = match self.reduced {
            None => (None, self.renewal),
            Some(Reduced { amount, payments: None }) => (None, amount),
            Some(Reduced { amount, payments: Some(payments) }) => (Some((payments, amount)), self.renewal),
        };
        let begins = match reduced {
            Some((payments, amount)) if amount == first => vec![(payments.saturating_add(1), amount)],
            Some(reduced) => vec![(1, first), reduced],
            None if first != then => vec![(1, first)],
            None => Vec::new(),
        };
        (begins, then)
    }
}

/// Makes a subscription, or finds the one that was made for the payment before.
pub(super) async fn create(
    client: &Client,
    catalog: &Catalog,
    order: &Order,
    terms: Terms,
) -> Result<Created, ProviderError> {
    let (begins, amount) = terms.schedule(order.amount);
    let own = begins.iter().map(|(periods, _)| *periods).collect();
    let key = PlanKey { product: order.product.clone(), interval: terms.interval, amount, own };
    let plan_id = catalog.plan(client, &key).await?;
    let cycles = (1..).zip(&begins).map(|(sequence, (total_cycles, price))| OverrideCycle {
        sequence,
        total_cycles: *total_cycles,
        pricing_scheme: Pricing { fixed_price: (*price).into() },
    });
    let billing_cycles: Vec<_> = cycles.collect();
    let subscription = NewSubscription {
        plan_id,
        custom_id: order.payment.to_string(),
        application_context: Context {
            return_url: order.return_url.to_string(),
            cancel_url: order.cancel_url.to_string(),
            user_action: "SUBSCRIBE_NOW",
            shipping_preference: "NO_SHIPPING",
        },
        plan: (!billing_cycles.is_empty()).then_some(Override { billing_cycles }),
    };
    let path = ["v1", "billing", "subscriptions"];
    let made = client.post::<WireSubscription>(&path, &request_id(order.payment, "subscription"), &subscription).await;
    let made = match made {
        Ok(made) => made,
        // The plan is gone or not active any more: the next try looks for it anew.
        Err(failure) if failure.is_missing() || failure.first_of(&PLAN_GONE).is_some() => {
            catalog.forget(&key).await;
            return Err(ProviderError::retry(&failure.error.code, failure.error.reason));
        }
        Err(failure) => return Err(failure.into()),
    };
    let url = link(&made.links, &["approve", "payer-action"]).map(str::to_owned);
    // One that was made before, and that the payer has seen since, leads nowhere but back.
    let seen = (made.status != "APPROVAL_PENDING").then(|| order.return_url.to_string());
    let url = url.or(seen).ok_or_else(|| Failure::unexpected("PayPal's subscription has no page for the payer"))?;
    Ok(Created { external: made.id, handover: Handover::Page { url, valid_until: None } })
}

/// What a subscription is now, and what it has paid since the reference's time.
pub(super) async fn look(
    client: &Client,
    reference: &Reference,
    now: DateTime<Utc>,
) -> Result<Standing, ProviderError> {
    let path = ["v1", "billing", "subscriptions", reference.external.as_str()];
    let subscription: WireSubscription = match client.get(&path, &[]).await {
        Ok(subscription) => subscription,
        // PayPal forgets subscriptions that nobody has agreed to.
        Err(failure) if failure.is_missing() => return Ok(forgotten()),
        Err(failure) => return Err(failure.into()),
    };
    let transactions = match subscription.status.as_str() {
        "APPROVAL_PENDING" => Vec::new(),
        _ => transactions(client, reference, &subscription, now).await?,
    };
    let mut receipts = Vec::new();
    let mut parents = Vec::new();
    for transaction in transactions.iter().filter(|transaction| has_come(&transaction.status)) {
        let receipt = receipt(transaction, reference)?;
        parents.push(Parent { id: receipt.external.clone(), amount: receipt.amount, gone: gone(&transaction.status) });
        receipts.push(receipt);
    }
    receipts.sort_by(|a, b| (a.at, &a.external).cmp(&(b.at, &b.external)));
    let reversals = reversals::complete(client, Vec::new(), &parents, &reversals::OF_SALES).await?;
    let pending = transactions.iter().any(|transaction| transaction.status == "PENDING");
    let (phase, reason) = phase(&subscription.status, !receipts.is_empty(), pending);
    Ok(Standing { phase, receipts, reversals, agreement: Some(agreement(&subscription)), reason })
}

/// Begins to take money of a subscription that was approved and not begun, then looks at it.
pub(super) async fn activate(
    client: &Client,
    reference: &Reference,
    now: DateTime<Utc>,
) -> Result<Standing, ProviderError> {
    let standing = look(client, reference, now).await?;
    if standing.phase != Phase::Approved {
        return Ok(standing);
    }
    let path = ["v1", "billing", "subscriptions", reference.external.as_str(), "activate"];
    let reason = Because { reason: "approved by the payer" };
    match client.post::<Nothing>(&path, &request_id(reference.payment, "activate"), &reason).await {
        Ok(_) => look(client, reference, now).await,
        Err(failure) if failure.has("SUBSCRIPTION_STATUS_INVALID") => look(client, reference, now).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Ends a subscription. One that has ended, or that nobody has agreed to, is fine.
pub(super) async fn cancel(client: &Client, reference: &Reference, reason: &str) -> Result<(), ProviderError> {
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
    let reason = Because { reason: if reason.trim().is_empty() { "canceled" } else { &reason } };
    let path = ["v1", "billing", "subscriptions", reference.external.as_str()];
    let cancel = [path[0], path[1], path[2], path[3], "cancel"];
    let failure = match client.post::<Nothing>(&cancel, &request_id(reference.payment, "cancel"), &reason).await {
        Ok(_) => return Ok(()),
        Err(failure) => failure,
    };
    if failure.is_missing() {
        return Ok(());
    }
    if !failure.has("SUBSCRIPTION_STATUS_INVALID") {
        return Err(failure.into());
    }
    let subscription: WireSubscription = client.get(&path, &[]).await?;
    match state(&subscription.status) {
        AgreementState::Ended | AgreementState::Pending => Ok(()),
        AgreementState::Active | AgreementState::Suspended => Err(failure.into()),
    }
}

/// An answer without a body, or one that does not matter.
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

async fn transactions(
    client: &Client,
    reference: &Reference,
    subscription: &WireSubscription,
    now: DateTime<Utc>,
) -> Result<Vec<Transaction>, Failure> {
    // By the later of both clocks.
    let last = subscription.billing_info.last_payment.as_ref().and_then(|payment| time(payment.time.as_deref()));
    let until = last.map_or(now, |last| last.max(now)) + LATEST_AFTER;
    let spelled = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (start, end) = (spelled(reference.since), spelled(until));
    let path = ["v1", "billing", "subscriptions", reference.external.as_str(), "transactions"];
    let query = [("start_time", start.as_str()), ("end_time", end.as_str())];
    let mut url = client.environment().url(&path, &query);
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let page: Transactions = match client.get_at(url).await {
            Ok(page) => page,
            // One that never began.
            Err(failure) if failure.is_missing() => break,
            Err(failure) => return Err(failure),
        };
        let is_empty = page.transactions.is_empty();
        all.extend(page.transactions);
        match link(&page.links, &["next"]).and_then(|next| client.environment().own(next)) {
            Some(next) if !is_empty => url = next,
            _ => break,
        }
    }
    Ok(all)
}

fn has_come(status: &str) -> bool {
    matches!(status, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" | "REVERSED")
}

fn gone(status: &str) -> Gone {
    match status {
        "PARTIALLY_REFUNDED" => Gone::Part,
        "REFUNDED" => Gone::Whole,
        "REVERSED" => Gone::TakenBack,
        _ => Gone::None,
    }
}

fn receipt(transaction: &Transaction, reference: &Reference) -> Result<Receipt, Failure> {
    let breakdown = &transaction.amount_with_breakdown;
    let amount = breakdown.gross_amount.money()?;
    let fee = breakdown.fee_amount.as_ref().and_then(|fee| fee.money().ok());
    // Some versions of the API spell what is kept as a negative amount.
    let fee = fee.map(|fee| Money::new(fee.minor.saturating_abs(), fee.currency));
    let fee = fee.filter(|fee| fee.currency == amount.currency && fee.minor > 0);
    let at = time(transaction.time.as_deref()).unwrap_or(reference.since);
    Ok(Receipt { external: transaction.id.clone(), amount, fee, at, review: None })
}

fn state(status: &str) -> AgreementState {
    match status {
        "APPROVAL_PENDING" | "APPROVED" => AgreementState::Pending,
        "SUSPENDED" => AgreementState::Suspended,
        "CANCELLED" | "EXPIRED" => AgreementState::Ended,
        // A state of tomorrow is not taken for an end.
        _ => AgreementState::Active,
    }
}

fn phase(status: &str, has_receipts: bool, pending: bool) -> (Phase, Option<(String, String)>) {
    let because = |code: &str, words: &str| Some((code.to_owned(), words.to_owned()));
    match status {
        "APPROVAL_PENDING" => (Phase::Waiting, None),
        "APPROVED" => (Phase::Approved, None),
        _ if !has_receipts && pending => {
            (Phase::Processing, because("payment_pending", "PayPal holds the money back for now"))
        }
        "CANCELLED" if !has_receipts => {
            (Phase::Failed, because("subscription_canceled", "the subscription was ended before it was paid"))
        }
        "EXPIRED" if !has_receipts => {
            (Phase::Expired, because("subscription_expired", "the subscription has expired before it was paid"))
        }
        _ => (Phase::Done, None),
    }
}

fn agreement(subscription: &WireSubscription) -> AgreementStanding {
    let info = &subscription.billing_info;
    let failure = info.last_failed_payment.as_ref();
    let last_failure = failure.and_then(|failure| {
        let reason = failure.reason_code.as_deref().unwrap_or("unknown").to_ascii_lowercase();
        time(failure.time.as_deref()).map(|at| (at, reason))
    });
    AgreementStanding {
        state: state(&subscription.status),
        next_payment_at: time(info.next_billing_time.as_deref()),
        failed_payments: info.failed_payments_count,
        last_failure,
    }
}

fn forgotten() -> Standing {
    let agreement = AgreementStanding {
        state: AgreementState::Ended,
        next_payment_at: None,
        failed_payments: 0,
        last_failure: None,
    };
    Standing {
        phase: Phase::Expired,
        receipts: Vec::new(),
        reversals: Vec::new(),
        agreement: Some(agreement),
        reason: Some((
            "subscription_forgotten".to_owned(),
            "PayPal does not know the subscription any more".to_owned(),
        )),
    }
}
