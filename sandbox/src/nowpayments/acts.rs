//! What payers, chains and the provider's people do to payments. Each act tells the merchant of every step.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::{
    api::coin,
    clock::now_ms,
    coins,
    ipn::{Batch, Delivery},
    model::{Payment, Status},
    reply::Refusal,
    server::{Core, Sandbox},
};

/// Coins that come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// How many; else `share` of what was asked for.
    pub amount: Option<Decimal>,
    /// 1 unless told; less is too little, more too much.
    pub share: Option<Decimal>,
    /// Another coin than was asked for.
    pub coin: Option<String>,
    /// The payment has expired before they come.
    #[serde(default)]
    pub late: bool,
    /// How far it goes; to its end unless told.
    pub until: Option<Status>,
    /// How this is told, where it differs.
    pub delivery: Option<serde_json::Value>,
}

/// A status that is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The status.
    pub status: Status,
    /// How many coins have come, where that changes.
    pub paid: Option<Decimal>,
    /// How this is told, where it differs.
    pub delivery: Option<serde_json::Value>,
}

/// The steps of a deposit but the last one.
const STEPS: [Status; 3] = [Status::Confirming, Status::Confirmed, Status::Sending];

/// The first coins come to a payment.
///
/// # Errors
/// 404 without such a payment, 409 when coins have come already.
pub fn pay(sandbox: &Sandbox, id: u64, deposit: &Deposit) -> Result<Payment, Refusal> {
    if deposit.coin.is_some() {
        return Err(Refusal::invalid("coins of another kind are a payment of their own: POST /payments/{id}/deposit"));
    }
    let mut core = sandbox.core();
    let mut payment = found(&core, id)?;
    if !payment.paid.is_zero() {
        return Err(Refusal::new(409, "PAID", "coins have come already: more are POST /payments/{id}/deposit"));
    }
    let delivery = delivery(&core, deposit.delivery.as_ref())?;
    let mut batch = Batch::new();
    if deposit.late && payment.status != Status::Expired {
        payment.status = Status::Expired;
        batch.extend(core.tell(&mut payment, delivery, &sandbox.keys.ipn_secret)?);
    }
    payment.paid = amount(&payment, deposit);
    confirm(&mut core, sandbox, &mut payment, deposit.until, delivery, &mut batch)?;
    sandbox.send(batch);
    Ok(payment)
}

/// More coins, or coins of another kind, come to the address of a payment: that is a payment of its own.
///
/// # Errors
/// 404 without such a payment, 400 for a coin that is not there.
pub fn deposit(sandbox: &Sandbox, id: u64, deposit: &Deposit) -> Result<Payment, Refusal> {
    let mut core = sandbox.core();
    let mut parent = found(&core, id)?;
    let delivery = delivery(&core, deposit.delivery.as_ref())?;
    let (mut child, now) = (Payment { id: core.journal.free_id(), ..parent.clone() }, now_ms());
    (child.parent, child.more, child.status) = (Some(parent.id), Vec::new(), Status::Waiting);
    (child.created_ms, child.updated_ms) = (now, now);
    if let Some(ticker) = &deposit.coin {
        let coin = coin(ticker)?;
        let dollars = coins::dollars(parent.price, &parent.price_currency).unwrap_or_default();
        (child.coin, child.pay_amount) = (coin.ticker.to_owned(), coin.of_dollars(dollars));
    }
    child.paid = amount(&child, deposit);
    parent.more.push(child.id);
    core.keep(&mut parent)?;
    let mut batch = Batch::new();
    confirm(&mut core, sandbox, &mut child, deposit.until, delivery, &mut batch)?;
    sandbox.send(batch);
    Ok(child)
}

/// Sets a status.
///
/// # Errors
/// 404 without such a payment.
pub fn set(sandbox: &Sandbox, id: u64, change: &Change) -> Result<Payment, Refusal> {
    let mut core = sandbox.core();
    let mut payment = found(&core, id)?;
    let delivery = delivery(&core, change.delivery.as_ref())?;
    payment.status = change.status;
    payment.paid = change.paid.unwrap_or(payment.paid);
    let told = core.tell(&mut payment, delivery, &sandbox.keys.ipn_secret)?;
    sandbox.send(told.into_iter().collect());
    Ok(payment)
}

/// Tells of a payment once more, as it is.
///
/// # Errors
/// 404 without such a payment.
pub fn repeat(sandbox: &Sandbox, id: u64, changes: Option<&serde_json::Value>) -> Result<Payment, Refusal> {
    let mut core = sandbox.core();
    let payment = found(&core, id)?;
    let delivery = delivery(&core, changes)?;
    let told = core.ipns.add(&payment, delivery, &sandbox.keys.ipn_secret);
    sandbox.send(told.into_iter().collect());
    Ok(payment)
}

/// How something is told.
///
/// # Errors
/// 400 when the changes name what there is not.
pub fn delivery(core: &Core, changes: Option<&serde_json::Value>) -> Result<Delivery, Refusal> {
    let Some(changes) = changes else { return Ok(core.delivery) };
    core.delivery
        .with(changes)
        .ok_or_else(|| Refusal::invalid("delivery has a field that there is not, or a wrong value"))
}

fn confirm(
    core: &mut Core,
    sandbox: &Sandbox,
    payment: &mut Payment,
    until: Option<Status>,
    delivery: Delivery,
    batch: &mut Batch,
) -> Result<(), Refusal> {
    let end = if payment.paid < payment.pay_amount { Status::PartiallyPaid } else { Status::Finished };
    let end = until.filter(|until| !STEPS.contains(until)).unwrap_or(end);
    for step in STEPS.into_iter().chain([end]) {
        payment.status = step;
        batch.extend(core.tell(payment, delivery, &sandbox.keys.ipn_secret)?);
        if until == Some(step) {
            break;
        }
    }
    Ok(())
}

fn amount(payment: &Payment, deposit: &Deposit) -> Decimal {
    let share = || payment.pay_amount * deposit.share.unwrap_or(Decimal::ONE);
    deposit.amount.unwrap_or_else(share).normalize()
}

fn found(core: &Core, id: u64) -> Result<Payment, Refusal> {
    core.journal.payment(id).cloned().ok_or_else(|| Refusal::missing("Payment"))
}
