//! What payments, refunds and agreements make of a subscription.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, Money, PaymentId, PlanId, UserId,
    billing::{PaymentPurpose, Price, letters::Ending},
    subscription::{AgreementChange, Bought, Changed, EventKind, Outcome, Purchase, Subscription, Unfit},
};
use sqlx::PgConnection;

use super::{
    events::{Note, record},
    letters, payments,
    row::{lock, save},
};
use crate::{
    StoreError,
    plans::{self, Applied},
    seal::Sealer,
};

/// A payment that has arrived and fits what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// Whose.
    pub user: UserId,
    /// Which: the same one buys once.
    pub payment: PaymentId,
    /// What it was asked for.
    pub purpose: PaymentPurpose,
    /// The plan, the interval and the price of a whole period: [`domain::subscription::Quote::price`].
    pub price: Price,
    /// What was to be paid, before any discount: [`domain::subscription::Quote::due`]. Of a renewal that an agreement has
    /// paid, its price.
    pub due: Money,
    /// What was paid of it, after the discount, from the provider and from the balance.
    pub net: Money,
    /// The agreement that has made the payment, or that begins with it.
    pub agreement: Option<AgreementId>,
}

/// What a payment has bought.
#[derive(Clone, Debug)]
pub struct PaidOutcome {
    /// The time that it pays for. `None`: it came too late and bought nothing; the money is to stay in the tenant's balance.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// What the plan has paused and resumed: workflows are told after the commit.
    pub applied: Applied,
    /// What is left of the credit for what was replaced: revenue that is to go to the tenant's balance.
    pub surplus: Option<Money>,
    /// An agreement that must not make any more payments.
    pub dropped: Option<AgreementId>,
    /// It was known before: nothing was changed.
    pub replayed: bool,
}

/// Lets the tenant have what they have paid for, at once. The same payment changes nothing the second time. To be called
/// within the transaction that accounts for the money; afterwards workflows are told, and the subscription's is woken.
pub async fn paid(
    connection: &mut PgConnection,
    sealer: &Sealer,
    paid: &Paid,
    now: DateTime<Utc>,
) -> Result<PaidOutcome, StoreError> {
    let mut outcome = PaidOutcome {
        period: None,
        applied: Applied::default(),
        surplus: None,
        dropped: paid.agreement,
        replayed: false,
    };
    if !plans::lock_user(connection, paid.user).await? {
        return Ok(outcome);
    }
    if let Some(known) = payments::known(connection, paid.user, paid.payment).await? {
        let period = known.covers.map(|covers| (covers.start, covers.end));
        return Ok(PaidOutcome { period, dropped: None, replayed: true, ..outcome });
    }
    let Buying { one, before, bought, dropped } = buy(connection, paid, now).await?;
    outcome.dropped = dropped;
    let record_of = (paid.payment, &paid.price, paid.net);
    payments::insert(connection, paid.user, record_of, bought.as_ref().ok(), now).await?;
    let Some(one) = one else { return Ok(outcome) };
    save(connection, paid.user, &one, Some(now), now).await?;
    let (kind, detail) = match &bought {
        Ok(bought) => (bought.kind, None),
        Err(unfit) => (EventKind::PaymentUnused, Some(unfit.as_str())),
    };
    record(connection, paid.user, (kind, &one), Note { payment: Some(paid.payment), detail }, now).await?;
    let Ok(bought) = bought else { return Ok(outcome) };
    end_lower_grant(connection, paid.user, &paid.price).await?;
    outcome.applied = plans::follow(connection, paid.user, now).await?;
    outcome.period = Some((bought.covers.start, bought.covers.end));
    outcome.surplus = Some(bought.surplus).filter(|surplus| !surplus.is_zero());
    letters::bought(connection, sealer, paid, before, now).await?;
    Ok(outcome)
}

/// What a payment makes of the row.
struct Buying {
    /// `None` when there is none, and none begins.
    one: Option<Subscription>,
    /// The plan before.
    before: PlanId,
    bought: Result<Bought, Unfit>,
    dropped: Option<AgreementId>,
}

async fn buy(connection: &mut PgConnection, paid: &Paid, now: DateTime<Utc>) -> Result<Buying, StoreError> {
    let Paid { purpose, price, due, net, agreement, .. } = *paid;
    let purchase = Purchase { purpose, price, due, net, agreement };
    let Some(mut one) = lock(connection, paid.user).await? else {
        let before = PlanId::FREE;
        return Ok(match Subscription::begin(&purchase, now) {
            Ok((one, bought)) => Buying { one: Some(one), before, bought: Ok(bought), dropped: None },
            Err(unfit) => Buying { one: None, before, bought: Err(unfit), dropped: agreement },
        });
    };
    let before = if one.status.entitles() { one.price.plan } else { PlanId::FREE };
    let shift = super::shift(connection, &one.price, &price).await?;
    let segments = payments::segments(connection, paid.user, now).await?;
    let Outcome { bought, dropped } = one.buy(&purchase, shift, &segments, now);
    Ok(Buying { one: Some(one), before, bought, dropped })
}

/// Whoever buys more than staff has given has it at once.
async fn end_lower_grant(connection: &mut PgConnection, user: UserId, price: &Price) -> Result<(), StoreError> {
    let Some((_, given)) = plans::granted(connection, user).await? else { return Ok(()) };
    let catalogue = plans::catalogue(connection).await?;
    let more = catalogue.iter().any(|plan| plan.id == price.plan && plan.position > given);
    if more { plans::end_grant(connection, user).await } else { Ok(()) }
}

/// How a payment went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneBack {
    /// So much of it went back, and not all.
    Partly(Money),
    /// We gave all of it back.
    Refunded,
    /// The payer's bank or the provider took it back.
    ChargedBack,
}

/// What that has ended.
#[derive(Clone, Debug)]
pub struct TakenBack {
    /// What the plan has paused and resumed: workflows are told after the commit.
    pub applied: Applied,
    /// An agreement that must not make any more payments.
    pub dropped: Option<AgreementId>,
}

/// The payment was given back or taken back. As a whole, what it has paid for ends now: the subscription, when that is the
/// running period, or a later period. In part, its rest is worth less when something higher is bought. `None` when nothing
/// had to end; so it is the second time a whole payment goes back. To be called within a transaction; afterwards workflows are told, and the subscription's is woken.
pub async fn taken_back(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    payment: PaymentId,
    how: GoneBack,
    now: DateTime<Utc>,
) -> Result<Option<TakenBack>, StoreError> {
    if !plans::lock_user(connection, user).await? {
        return Ok(None);
    }
    let ending = match how {
        GoneBack::Partly(amount) => {
            payments::lower(connection, (user, payment), amount, now).await?;
            return Ok(None);
        }
        GoneBack::Refunded => Ending::Refunded,
        GoneBack::ChargedBack => Ending::ChargedBack,
    };
    let Some(mut one) = lock(connection, user).await? else { return Ok(None) };
    let known = payments::known(connection, user, payment).await?.filter(|known| !known.is_over);
    let Some(covers) = known.and_then(|known| known.covers) else { return Ok(None) };
    payments::take_back(connection, payment, now).await?;
    let Changed::Event { kind, dropped } = one.take_back(covers, now) else { return Ok(None) };
    save(connection, user, &one, Some(now), now).await?;
    let note = Note { payment: Some(payment), detail: one.ended.map(|(_, reason)| reason.as_str()) };
    record(connection, user, (kind, &one), note, now).await?;
    if kind == EventKind::Canceled {
        letters::ends(connection, sealer, user, (&one, ending), now).await?;
    }
    Ok(Some(TakenBack { applied: plans::follow(connection, user, now).await?, dropped }))
}

/// A provider tells of an agreement. What follows for the subscription is done by its workflow, which is to be woken after
/// the commit when this says true.
pub async fn agreement_changed(
    connection: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    agreement: AgreementId,
    change: &AgreementChange,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if !plans::lock_user(connection, user).await? {
        return Ok(false);
    }
    let Some(mut one) = lock(connection, user).await? else { return Ok(false) };
    let Changed::Event { kind, .. } = one.agreement_changed(agreement, change, now) else { return Ok(false) };
    save(connection, user, &one, Some(now), now).await?;
    record(connection, user, (kind, &one), Note::default(), now).await?;
    if kind == EventKind::AgreementEnded && one.is_paid(now) {
        letters::ends(connection, sealer, user, (&one, Ending::AgreementEnded(one.paid_until)), now).await?;
    }
    Ok(true)
}
