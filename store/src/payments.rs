//! Payments: what tenants are asked to pay, what has come and gone back, and what was done for it.
//!
//! Every fact of money is a row that is changed in one transaction: [`begin`] makes a payment, [`hear`] takes what the
//! provider knows of it, [`close`] gives it up, and [`refunds`], [`review`] and [`agreements`] have the rest. Whoever
//! changes a payment locks it with [`lock`], which locks its tenant first; then come coupons and the subscription, the
//! ledger's accounts, and the series of invoices last.
//!
//! What a transaction has done beside its rows, workflows are told after its commit: see [`Effects`].

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, Currency, HoldId, Money, PaymentId, PlanId, UserId,
    billing::{Interval, PaymentPurpose, PaymentState, Price, invoice::InvoiceSettings},
    payment::{Handover, Reduced},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    StoreError,
    ledger::LedgerError,
    plans::{self, Applied},
    seal::Sealer,
};

pub mod admin;
pub mod agreements;
mod begin;
mod bookings;
mod close;
mod hear;
mod leaving;
mod letters;
mod list;
pub mod receipts;
pub mod refunds;
mod renew;
pub mod reversals;
pub mod review;
mod settle;
mod steps;

pub use begin::{Begun, CheckoutError, NewCheckout, begin};
pub use close::{Closing, cancel, expire, fail};
pub use hear::{handed_over, hear, unheard};
pub use leaving::{forget_some, leave};
pub use list::{Asked, Figures, Listed, figures, find, find_any, list, list_all};
pub use renew::{Renewed, renew_from_balance};
pub use steps::{Chosen, choose, declined, ended, missed, overdue, touch, watched};

/// The largest number of rows that a batch of forgetting changes.
pub(crate) const FORGOTTEN_AT_ONCE: i64 = 500;

/// What every transaction of money needs beside its connection.
#[derive(Clone, Copy, Debug)]
pub struct Books<'a> {
    /// Seals what is told, and to whom invoices are made out.
    pub sealer: &'a Sealer,
    /// Who makes invoices out.
    pub invoices: &'a InvoiceSettings,
    /// Where tenants look at their payments, for letters.
    pub site: Option<&'a str>,
    /// The payment's provider for people, such as `PayPal`; `None` where none is concerned.
    pub paid_by: Option<&'a str>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// What a transaction has done beside its rows. After its commit whoever made it wakes what sleeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What the plan has paused and resumed.
    pub applied: Applied,
    /// The tenant whose subscription has changed.
    pub subscription: Option<UserId>,
    /// Payments whose workflows have something to do.
    pub payments: Vec<PaymentId>,
    /// Something has come or gone back that was not known before.
    pub is_news: bool,
}

impl Effects {
    /// Adds what a plan's change has paused and resumed.
    pub(crate) fn add(&mut self, applied: Applied) {
        let Applied { pairs_paused, pairs_resumed, accounts_paused, accounts_resumed } = applied;
        self.applied.pairs_paused.extend(pairs_paused);
        self.applied.pairs_resumed.extend(pairs_resumed);
        self.applied.accounts_paused.extend(accounts_paused);
        self.applied.accounts_resumed.extend(accounts_resumed);
    }

    /// Asks for a payment's workflow to be woken.
    pub(crate) fn wake(&mut self, payment: PaymentId) {
        if !self.payments.contains(&payment) {
            self.payments.push(payment);
        }
    }
}

/// One payment. Its amounts are of one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Payment {
    /// Which.
    pub id: PaymentId,
    /// Whose; `None` when they have left.
    pub user: Option<UserId>,
    /// Where it stands.
    pub state: PaymentState,
    /// What it is for.
    pub purpose: PaymentPurpose,
    /// The plan, the interval, and what a whole period costs.
    pub price: Price,
    /// What this payment is for costs.
    pub list: Money,
    /// What was paid before and not used.
    pub credit: Money,
    /// What coupons take off.
    pub discount: Money,
    /// What the tenant's balance pays.
    pub from_balance: Money,
    /// What is left to be paid at the provider.
    pub amount: Money,
    /// The codes of the coupons that were asked for.
    pub coupons: Vec<String>,
    /// What of the balance is set aside.
    pub hold: Option<HoldId>,
    /// The provider's code.
    pub provider: Option<String>,
    /// The ticker of what the payer wants to pay with.
    pub pay_currency: Option<String>,
    /// The payer is asked to agree to the payments of the following periods.
    pub recurring: bool,
    /// What those payments cost while coupons take something off them.
    pub reduced: Option<Reduced>,
    /// The agreement that it began, or that paid it.
    pub agreement: Option<AgreementId>,
    /// The provider's id.
    pub external: Option<String>,
    /// What the payer needs.
    pub handover: Option<Handover>,
    /// A code and words for people: why it stands where it does.
    pub reason: Option<(String, String)>,
    /// Unpaid until then, it is given up.
    pub expires_at: DateTime<Utc>,
    /// When the provider was asked last.
    pub asked_at: Option<DateTime<Utc>>,
    /// What was given or taken back.
    pub refunded: Money,
    /// What was paid for: from, and up to.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When its money was accounted for.
    pub settled_at: Option<DateTime<Utc>>,
    /// When it was settled or given up.
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

impl Payment {
    /// What the tenant has paid, or is to pay: at the provider and from the balance.
    #[must_use]
    pub fn net(&self) -> Money {
        Money::new(self.amount.minor.saturating_add(self.from_balance.minor), self.amount.currency)
    }

    /// The currency of all its amounts.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.amount.currency
    }
}

/// The row as it is read.
pub(crate) struct Row {
    pub id: PaymentId,
    pub user_id: Option<UserId>,
    pub state: PaymentState,
    pub purpose: PaymentPurpose,
    pub plan_id: PlanId,
    pub period: Interval,
    pub currency: String,
    pub price: i64,
    pub list: i64,
    pub credit: i64,
    pub discount: i64,
    pub from_balance: i64,
    pub amount: i64,
    pub coupons: Vec<String>,
    pub hold_id: Option<HoldId>,
    pub provider: Option<String>,
    pub pay_currency: Option<String>,
    pub recurring: bool,
    pub reduced_amount: Option<i64>,
    pub reduced_payments: Option<i32>,
    pub agreement_id: Option<AgreementId>,
    pub external_id: Option<String>,
    pub handover: Option<serde_json::Value>,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub asked_at: Option<DateTime<Utc>>,
    pub refunded: i64,
    pub period_start: Option<DateTime<Utc>>,
    pub period_end: Option<DateTime<Utc>>,
    pub settled_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Payment {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let currency = currency(&row.currency)?;
        let money = |minor| Money::new(minor, currency);
        Ok(Self {
            id: row.id,
            user: row.user_id,
            state: row.state,
            purpose: row.purpose,
            price: Price { plan: row.plan_id, interval: row.period, amount: money(row.price) },
            list: money(row.list),
            credit: money(row.credit),
            discount: money(row.discount),
            from_balance: money(row.from_balance),
            amount: money(row.amount),
            coupons: row.coupons,
            hold: row.hold_id,
            provider: row.provider,
            pay_currency: row.pay_currency,
            recurring: row.recurring,
            reduced: reduced(row.reduced_amount, row.reduced_payments, currency),
            agreement: row.agreement_id,
            external: row.external_id,
            handover: row.handover.map(serde_json::from_value).transpose()?,
            reason: row.reason_code.map(|code| (code, row.reason.unwrap_or_default())),
            expires_at: row.expires_at,
            asked_at: row.asked_at,
            refunded: money(row.refunded),
            period: row.period_start.zip(row.period_end),
            settled_at: row.settled_at,
            closed_at: row.closed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Reads payments `p`; the tail says which.
macro_rules! select_payments {
    ($tail:tt, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            crate::payments::Row,
            r#"SELECT p.id, p.user_id, p.state, p.purpose, p.plan_id, p.period, p.currency, p.price, p.list, p.credit,
                      p.discount, p.from_balance, p.amount, p.coupons, p.hold_id, p.provider, p.pay_currency, p.recurring,
                      p.reduced_amount, p.reduced_payments, p.agreement_id, p.external_id, p.handover, p.reason_code, p.reason, p.expires_at, p.asked_at,
                      p.refunded, p.period_start, p.period_end, p.settled_at, p.closed_at, p.created_at, p.updated_at
               FROM payments p "# + $tail,
            $($argument),*
        )
    };
}
pub(crate) use select_payments;

/// What later payments cost, as columns have it.
fn reduced(amount: Option<i64>, payments: Option<i32>, currency: Currency) -> Option<Reduced> {
    let payments = payments.map(|payments| u32::try_from(payments).unwrap_or(0));
    amount.map(|amount| Reduced { amount: Money::new(amount, currency), payments })
}

/// The number of payments, as a column has it.
fn reduced_payments(reduced: Option<Reduced>) -> Option<i32> {
    reduced.and_then(|reduced| reduced.payments).map(|payments| i32::try_from(payments).unwrap_or(i32::MAX))
}

/// The currency in a column: what is there was one when it was written.
pub(crate) fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|error| StoreError::Document(serde::de::Error::custom(error)))
}

/// Locks the payment's tenant, if they are still there, and then the payment. `None` when there is no such payment. To be
/// called within a transaction that has locked nothing else, or nothing but the tenant.
pub async fn lock(connection: &mut PgConnection, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    let owner = sqlx::query_scalar!("SELECT user_id FROM payments WHERE id = $1", id as PaymentId)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(owner) = owner else { return Ok(None) };
    if let Some(user) = owner {
        plans::lock_user(connection, user).await?;
    }
    lock_alone(connection, id).await
}

/// Locks the payment, whose tenant is locked already or does not matter.
async fn lock_alone(connection: &mut PgConnection, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    let row = select_payments!("WHERE p.id = $1 FOR NO KEY UPDATE", id as PaymentId).fetch_optional(connection).await?;
    row.map(Payment::try_from).transpose()
}

/// The ledger's word for a mistake of ours: balances are looked at before anything is posted.
fn unbooked(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Store(error) => error,
        other => StoreError::Books(other.to_string()),
    }
}

/// What an entry of the ledger about a payment is filed under.
const fn reference(payment: PaymentId) -> Option<Uuid> {
    Some(payment.as_uuid())
}

/// Why something stands where it does, as columns: a code, and words of a bearable length.
pub(crate) fn clipped(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(domain::payment::REASON_CHARS_MAX).collect()
}
