//! Agreements: a provider makes the payments of the following periods by itself, until it is told to end.
//!
//! The payment that an agreement began with looks after it: its workflow asks the provider, takes what has come, and ends
//! the agreement there.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, FixedClock, Money, PaymentId, PlanId, UserId,
    billing::{Interval, Price},
    payment::{AgreementState, Reduced, standing::AgreementStanding},
    subscription::AgreementChange,
};
use sqlx::PgConnection;

use super::{Payment, clipped, currency, reduced, reduced_payments};
use crate::{StoreError, seal::Sealer, subscriptions};

/// One agreement.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Which.
    pub id: AgreementId,
    /// Whose; `None` when they have left.
    pub user: Option<UserId>,
    /// The payment that it began with.
    pub payment: PaymentId,
    /// The provider's code.
    pub provider: String,
    /// The provider's id.
    pub external: String,
    /// Where it stands.
    pub state: AgreementState,
    /// The plan, the interval, and what each period costs.
    pub price: Price,
    /// What they cost while coupons take something off them.
    pub reduced: Option<Reduced>,
    /// When it makes the next payment.
    pub next_payment_at: Option<DateTime<Utc>>,
    /// Payments in a row that failed.
    pub failed_payments: i32,
    /// When the last one failed, and why.
    pub last_failure: Option<(DateTime<Utc>, String)>,
    /// It is to be ended at the provider.
    pub is_ending: bool,
    /// Why it ends, or has ended.
    pub end_reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

struct Row {
    id: AgreementId,
    user_id: Option<UserId>,
    payment_id: PaymentId,
    provider: String,
    external_id: String,
    state: AgreementState,
    plan_id: PlanId,
    period: Interval,
    currency: String,
    amount: i64,
    reduced_amount: Option<i64>,
    reduced_payments: Option<i32>,
    next_payment_at: Option<DateTime<Utc>>,
    failed_payments: i32,
    last_failed_at: Option<DateTime<Utc>>,
    last_failure: Option<String>,
    end_at: Option<DateTime<Utc>>,
    end_reason: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Agreement {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let amount = Money::new(row.amount, currency(&row.currency)?);
        Ok(Self {
            id: row.id,
            user: row.user_id,
            payment: row.payment_id,
            provider: row.provider,
            external: row.external_id,
            state: row.state,
            price: Price { plan: row.plan_id, interval: row.period, amount },
            reduced: reduced(row.reduced_amount, row.reduced_payments, amount.currency),
            next_payment_at: row.next_payment_at,
            failed_payments: row.failed_payments,
            last_failure: row.last_failed_at.zip(row.last_failure),
            is_ending: row.end_at.is_some(),
            end_reason: row.end_reason,
            ended_at: row.ended_at,
            created_at: row.created_at,
        })
    }
}

macro_rules! select {
    ($tail:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, user_id, payment_id, provider, external_id, state, plan_id, period, currency, amount,
                      reduced_amount, reduced_payments, next_payment_at, failed_payments, last_failed_at, last_failure, end_at, end_reason, ended_at, created_at
               FROM agreements "# + $tail,
            $($argument),*
        )
    };
}

/// The agreement.
pub async fn find(connection: &mut PgConnection, id: AgreementId) -> Result<Option<Agreement>, StoreError> {
    let row = select!("WHERE id = $1", id as AgreementId).fetch_optional(connection).await?;
    row.map(Agreement::try_from).transpose()
}

/// The agreement that began with this payment.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Option<Agreement>, StoreError> {
    let row = select!("WHERE payment_id = $1", payment as PaymentId).fetch_optional(connection).await?;
    row.map(Agreement::try_from).transpose()
}

/// The tenant's agreements, newest first.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<Agreement>, StoreError> {
    let rows = select!("WHERE user_id = $1 ORDER BY id DESC LIMIT 100", user as UserId).fetch_all(connection).await?;
    rows.into_iter().map(Agreement::try_from).collect()
}

/// Records the agreement that a payment begins with, which is locked. Its periods cost what a whole one costs.
pub(super) async fn insert(
    connection: &mut PgConnection,
    payment: &Payment,
    external: &str,
    now: DateTime<Utc>,
) -> Result<AgreementId, StoreError> {
    let id = AgreementId::new(&FixedClock::at(now));
    let amount = payment.price.amount;
    sqlx::query!(
        "INSERT INTO agreements (id, user_id, payment_id, provider, external_id, state, plan_id, period, currency, amount,
                                 created_at, updated_at, reduced_amount, reduced_payments)
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9, $10, $10, $11, $12)",
        id as AgreementId,
        payment.user as Option<UserId>,
        payment.id as PaymentId,
        payment.provider,
        external,
        payment.price.plan as PlanId,
        payment.price.interval as Interval,
        amount.currency.code(),
        amount.minor,
        now,
        payment.reduced.map(|reduced| reduced.amount.minor),
        reduced_payments(payment.reduced)
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE payments SET agreement_id = $2 WHERE id = $1", payment.id as PaymentId, id as AgreementId)
        .execute(connection)
        .await?;
    Ok(id)
}

/// An agreement is to make no more payments: its provider is going to be told. Returns the payment whose workflow does it
/// and is to be woken after the commit; `None` when it has ended, or was to end before.
pub async fn end(
    connection: &mut PgConnection,
    id: AgreementId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<PaymentId>, StoreError> {
    let payment = sqlx::query_scalar!(
        "UPDATE agreements SET end_at = $2, end_reason = $3, updated_at = $2
         WHERE id = $1 AND state <> 'ended' AND end_at IS NULL RETURNING payment_id",
        id as AgreementId,
        now,
        clipped(reason)
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(payment) = payment {
        sqlx::query!("UPDATE payments SET due_at = $2 WHERE id = $1", payment as PaymentId, now)
            .execute(connection)
            .await?;
    }
    Ok(payment)
}

/// All agreements of the tenant are to make no more payments.
pub async fn end_all(
    connection: &mut PgConnection,
    user: UserId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Vec<PaymentId>, StoreError> {
    let mut payments = Vec::new();
    for agreement in list(connection, user).await? {
        payments.extend(end(connection, agreement.id, reason, now).await?);
    }
    Ok(payments)
}

/// Takes what the provider says of an agreement, whose payment is locked. True when its subscription has heard of
/// something, and is to be woken.
pub(super) async fn hear(
    connection: &mut PgConnection,
    sealer: &Sealer,
    agreement: &Agreement,
    news: &AgreementStanding,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (failed_at, failure) = news.last_failure.as_ref().map(|(at, why)| (*at, clipped(why))).unzip();
    let ended = news.state == AgreementState::Ended;
    sqlx::query!(
        "UPDATE agreements SET state = $2, next_payment_at = $3, failed_payments = $4,
                last_failed_at = coalesce($5, last_failed_at), last_failure = coalesce($6, last_failure),
                end_at = CASE WHEN $7 THEN NULL ELSE end_at END,
                ended_at = CASE WHEN $7 THEN coalesce(ended_at, $8) END, updated_at = $8
         WHERE id = $1",
        agreement.id as AgreementId,
        news.state as AgreementState,
        news.next_payment_at.filter(|_| !ended),
        i32::try_from(news.failed_payments).unwrap_or(i32::MAX),
        failed_at,
        failure,
        ended,
        now
    )
    .execute(&mut *connection)
    .await?;
    let Some(user) = agreement.user else { return Ok(false) };
    let mut told = false;
    for change in changes(agreement, news) {
        let heard = subscriptions::agreement_changed(connection, sealer, user, agreement.id, &change, now).await?;
        if heard && change == AgreementChange::Suspended {
            // The subscription has let go of it; resumed at the provider, it would make payments that nobody waits for.
            end(connection, agreement.id, "suspended at the provider", now).await?;
        }
        told |= heard;
    }
    Ok(told)
}

/// What of the news the subscription has to know.
fn changes(agreement: &Agreement, news: &AgreementStanding) -> Vec<AgreementChange> {
    let mut changes = Vec::new();
    let known = agreement.last_failure.as_ref().map(|(at, _)| *at);
    if let Some((at, why)) = &news.last_failure
        && known.is_none_or(|known| known < *at)
        && news.failed_payments > 0
    {
        changes.push(AgreementChange::PaymentFailed { reason: clipped(why) });
    }
    if agreement.state != news.state {
        changes.extend(match news.state {
            AgreementState::Pending => None,
            AgreementState::Active => Some(AgreementChange::Active),
            AgreementState::Suspended => Some(AgreementChange::Suspended),
            AgreementState::Ended => Some(AgreementChange::Ended),
        });
    }
    changes
}

/// The provider knows that the agreement has ended.
pub(super) async fn ended(
    connection: &mut PgConnection,
    id: AgreementId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE agreements SET state = 'ended', end_at = NULL, next_payment_at = NULL,
                ended_at = coalesce(ended_at, $2), updated_at = $2
         WHERE id = $1",
        id as AgreementId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
