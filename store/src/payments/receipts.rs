//! Money that has come: each movement of it once, by the provider's id.

use chrono::{DateTime, Utc};
use domain::{
    FixedClock, Money, PaymentId, ReceiptId,
    payment::{Came, ReceiptState, standing},
};
use sqlx::PgConnection;

use super::{clipped, currency};
use crate::StoreError;

/// One movement of money.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// Which.
    pub id: ReceiptId,
    /// For which payment.
    pub payment: PaymentId,
    /// Through which provider.
    pub provider: String,
    /// The provider's id of it.
    pub external: String,
    /// What became of it.
    pub state: ReceiptState,
    /// How much.
    pub amount: Money,
    /// What the provider has kept of it.
    pub fee: Money,
    /// Why it must not be granted by itself, as a code and words.
    pub review: Option<(String, String)>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was decided about.
    pub decided_at: Option<DateTime<Utc>>,
}

impl Receipt {
    /// What matters of it when it is decided about.
    #[must_use]
    pub fn came(&self) -> Came<'_> {
        Came { amount: self.amount, review: self.review.as_ref().map(|(code, _)| code.as_str()) }
    }
}

struct Row {
    id: ReceiptId,
    payment_id: PaymentId,
    provider: String,
    external_id: String,
    state: ReceiptState,
    currency: String,
    amount: i64,
    fee: i64,
    review_code: Option<String>,
    review: Option<String>,
    received_at: DateTime<Utc>,
    decided_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Receipt {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let currency = currency(&row.currency)?;
        Ok(Self {
            id: row.id,
            payment: row.payment_id,
            provider: row.provider,
            external: row.external_id,
            state: row.state,
            amount: Money::new(row.amount, currency),
            fee: Money::new(row.fee, currency),
            review: row.review_code.map(|code| (code, row.review.unwrap_or_default())),
            received_at: row.received_at,
            decided_at: row.decided_at,
        })
    }
}

/// The payment's receipts, oldest first.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Receipt>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, payment_id, provider, external_id, state, currency, amount, fee, review_code, review, received_at,
                decided_at
         FROM payment_receipts WHERE payment_id = $1 ORDER BY received_at, id",
        payment as PaymentId
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Receipt::try_from).collect()
}

/// Those of them that nobody has decided about.
pub(super) async fn undecided(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Receipt>, StoreError> {
    let all = of_payment(connection, payment).await?;
    Ok(all.into_iter().filter(|receipt| receipt.state == ReceiptState::Undecided).collect())
}

/// The receipt with the provider's id.
pub(super) async fn find(
    connection: &mut PgConnection,
    provider: &str,
    external: &str,
) -> Result<Option<Receipt>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, payment_id, provider, external_id, state, currency, amount, fee, review_code, review, received_at,
                decided_at
         FROM payment_receipts WHERE provider = $1 AND external_id = $2",
        provider,
        external
    )
    .fetch_optional(connection)
    .await?;
    row.map(Receipt::try_from).transpose()
}

/// Records money, whose payment is locked. One that is known and not decided about is brought up to date: providers of
/// coins count what comes in parts as one. False when nothing was new.
pub(super) async fn record(
    connection: &mut PgConnection,
    payment: PaymentId,
    provider: &str,
    new: &standing::Receipt,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (code, words) = new.review.as_ref().map(|(code, words)| (code.as_str(), clipped(words))).unzip();
    let done = sqlx::query!(
        "INSERT INTO payment_receipts AS r (id, payment_id, provider, external_id, state, currency, amount, fee,
                                            review_code, review, received_at, created_at)
         VALUES ($1, $2, $3, $4, 'undecided', $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT ON CONSTRAINT payment_receipts_external_key DO UPDATE
         SET currency = excluded.currency, amount = excluded.amount, fee = excluded.fee,
             review_code = excluded.review_code, review = excluded.review
         WHERE r.state = 'undecided' AND r.payment_id = excluded.payment_id
           AND (r.currency, r.amount, r.fee, r.review_code)
               IS DISTINCT FROM (excluded.currency, excluded.amount, excluded.fee, excluded.review_code)",
        ReceiptId::new(&FixedClock::at(now)) as ReceiptId,
        payment as PaymentId,
        provider,
        new.external,
        new.amount.currency.code(),
        new.amount.minor,
        new.fee.map_or(0, |fee| fee.minor),
        code,
        words,
        new.at,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Decides about receipts that nobody has decided about.
pub(super) async fn decide(
    connection: &mut PgConnection,
    receipts: &[Receipt],
    state: ReceiptState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ids: Vec<_> = receipts.iter().map(|receipt| receipt.id.as_uuid()).collect();
    sqlx::query!(
        "UPDATE payment_receipts SET state = $2, decided_at = $3 WHERE id = ANY($1) AND state = 'undecided'",
        &ids,
        state as ReceiptState,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
