//! Refunds: money that staff gives back, in part or whole, to where it came from.

use chrono::{DateTime, Utc};
use domain::{HoldId, Money, PaymentId, ReceiptId, RefundId, UserId, payment::RefundState};
use sqlx::PgConnection;

use super::currency;
use crate::StoreError;

mod ask;
mod outcome;

pub(super) use ask::{New, insert};
pub use ask::{RefundError, Wanted, ask};
pub use outcome::{Due, Outcome, done_by_hand, due, settle};
pub(super) use outcome::{behind, done, finish};

/// One refund.
#[derive(Clone, Debug, PartialEq)]
pub struct Refund {
    /// Which.
    pub id: RefundId,
    /// Of which payment.
    pub payment: PaymentId,
    /// The receipt that is given back; `None`: what the balance had paid, to the balance.
    pub receipt: Option<ReceiptId>,
    /// Where it stands.
    pub state: RefundState,
    /// How much.
    pub amount: Money,
    /// Everything of the payment is given back with it.
    pub whole: bool,
    /// The provider's id.
    pub external: Option<String>,
    /// What of the tenant's balance is set aside for it.
    pub hold: Option<HoldId>,
    /// What the payer is told.
    pub note: String,
    /// Who asked; `None`: the operator.
    pub asked_by: Option<UserId>,
    /// Why it stands where it does.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the money was back.
    pub done_at: Option<DateTime<Utc>>,
}

impl Refund {
    /// True when the money is back.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == RefundState::Done
    }
}

struct Row {
    id: RefundId,
    payment_id: PaymentId,
    receipt_id: Option<ReceiptId>,
    state: RefundState,
    currency: String,
    amount: i64,
    whole: bool,
    external_id: Option<String>,
    hold_id: Option<HoldId>,
    note: String,
    asked_by: Option<UserId>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    done_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Refund {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            payment: row.payment_id,
            receipt: row.receipt_id,
            state: row.state,
            amount: Money::new(row.amount, currency(&row.currency)?),
            whole: row.whole,
            external: row.external_id,
            hold: row.hold_id,
            note: row.note,
            asked_by: row.asked_by,
            reason: row.reason,
            created_at: row.created_at,
            done_at: row.done_at,
        })
    }
}

macro_rules! select {
    ($tail:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, payment_id, receipt_id, state, currency, amount, whole, external_id, hold_id, note, asked_by, reason,
                      created_at, done_at
               FROM refunds "# + $tail,
            $($argument),*
        )
    };
}

/// The payment's refunds, oldest first.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Refund>, StoreError> {
    let rows = select!("WHERE payment_id = $1 ORDER BY id", payment as PaymentId).fetch_all(connection).await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// The refund.
pub async fn find(connection: &mut PgConnection, id: RefundId) -> Result<Option<Refund>, StoreError> {
    let row = select!("WHERE id = $1", id as RefundId).fetch_optional(connection).await?;
    row.map(Refund::try_from).transpose()
}

/// Refunds in this state, or in any, older than `before`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    state: Option<RefundState>,
    before: Option<RefundId>,
    limit: i64,
) -> Result<Vec<Refund>, StoreError> {
    let rows = select!(
        "WHERE ($1::refund_state IS NULL OR state = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        state as Option<RefundState>,
        before.map(|id| id.as_uuid()),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Refund::try_from).collect()
}
