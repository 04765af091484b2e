//! Money that has gone back: by our refunds, by refunds made at the provider, by payers' banks. Each movement once.

use chrono::{DateTime, Utc};
use domain::{
    FixedClock, Money, PaymentId, ReceiptId, RefundId, ReversalId,
    billing::{PaymentState, invoice::InvoiceSettings},
    ledger::{Account, EntryKind},
    payment::{ReceiptState, standing},
};
use sqlx::PgConnection;

use super::{
    Books, Effects, Payment, agreements,
    bookings::Bookings,
    letters, lock_alone,
    receipts::{self, Receipt},
    refunds,
};
use crate::{
    StoreError,
    invoices::{self, NewCreditNote},
    ledger,
    subscriptions::{self, GoneBack},
};

/// One movement of money back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reversal {
    /// Which.
    pub id: ReversalId,
    /// The receipt that it takes back.
    pub receipt: ReceiptId,
    /// The provider's id of it.
    pub external: String,
    /// Our refund.
    pub refund: Option<RefundId>,
    /// Taken back by the payer's bank or the provider.
    pub chargeback: bool,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: DateTime<Utc>,
}

/// What has gone back of a payment, oldest first.
pub async fn of_payment(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Reversal>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, receipt_id, external_id, refund_id, chargeback, currency, amount, at FROM payment_reversals
         WHERE payment_id = $1 ORDER BY at, id",
        payment as PaymentId
    )
    .fetch_all(connection)
    .await?;
    let read = |row: (ReversalId, ReceiptId, String, Option<RefundId>, bool),
                (currency, amount, at): (&str, i64, _)| {
        let (id, receipt, external, refund, chargeback) = row;
        let amount = Money::new(amount, super::currency(currency)?);
        Ok(Reversal { id, receipt, external, refund, chargeback, amount, at })
    };
    rows.into_iter()
        .map(|row| {
            let of = (row.id, row.receipt_id, row.external_id, row.refund_id, row.chargeback);
            read(of, (&row.currency, row.amount, row.at))
        })
        .collect()
}

/// Takes in what a provider says has gone back. Its payment, or the one whose agreement it belongs to, is locked.
pub(super) async fn hear(
    connection: &mut PgConnection,
    books: &Books<'_>,
    provider: &str,
    new: &standing::Reversal,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    if is_known(connection, provider, &new.external).await? {
        return Ok(());
    }
    let Some(receipt) = receipts::find(connection, provider, &new.receipt).await? else {
        tracing::warn!(reversal.external = new.external, "Money has gone back that has never come.");
        return Ok(());
    };
    let Some(payment) = lock_alone(connection, receipt.payment).await? else { return Ok(()) };
    let refund = match new.chargeback {
        true => None,
        false => refunds::behind(connection, &receipt, new).await?,
    };
    match refund {
        // It was recorded when the provider answered.
        Some(refund) if refund.is_done() => Ok(()),
        Some(refund) => refunds::done(connection, books, (&payment, &receipt, &refund), &new.external, effects).await,
        None => take(connection, books, (&payment, &receipt), &Gone::of(new), effects).await,
    }
}

async fn is_known(connection: &mut PgConnection, provider: &str, external: &str) -> Result<bool, StoreError> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM payment_reversals WHERE provider = $1 AND external_id = $2) AS "known!""#,
        provider,
        external
    )
    .fetch_one(connection)
    .await?;
    Ok(known)
}

/// Money that is gone from a receipt.
pub(super) struct Gone<'a> {
    pub external: &'a str,
    pub amount: Money,
    pub chargeback: bool,
    pub refund: Option<RefundId>,
    pub at: DateTime<Utc>,
    /// For the credit note.
    pub words: &'a str,
}

impl<'a> Gone<'a> {
    fn of(new: &'a standing::Reversal) -> Self {
        Self {
            external: &new.external,
            amount: new.amount,
            chargeback: new.chargeback,
            refund: None,
            at: new.at,
            words: if new.chargeback { "Taken back by the payer's bank or the provider" } else { "Refund" },
        }
    }
}

/// Accounts for money that is gone. The payment is locked.
pub(super) async fn take(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (payment, receipt): (&Payment, &Receipt),
    gone: &Gone<'_>,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let id = ReversalId::new(&FixedClock::at(books.now));
    let inserted = sqlx::query!(
        "INSERT INTO payment_reversals (id, payment_id, receipt_id, provider, external_id, refund_id, chargeback, currency,
                                        amount, at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        id as ReversalId,
        payment.id as PaymentId,
        receipt.id as ReceiptId,
        receipt.provider,
        gone.external,
        gone.refund as Option<RefundId>,
        gone.chargeback,
        gone.amount.currency.code(),
        gone.amount.minor,
        gone.at,
        books.now
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(());
    }
    effects.is_news = true;
    if receipt.state == ReceiptState::Undecided {
        // Nobody has accounted for it, and nobody has to any more.
        receipts::decide(connection, std::slice::from_ref(receipt), ReceiptState::Returned, books.now).await?;
        return Ok(());
    }
    let key = format!("{}/{}", receipt.provider, gone.external);
    if receipt.state == ReceiptState::Granted {
        ungrant(connection, books, payment, gone, effects).await?;
    }
    book(connection, books, (payment, receipt), gone, &key).await?;
    if gone.chargeback {
        letters::charged_back(connection, books, payment, (gone.amount, &key)).await?;
    }
    if receipt.state == ReceiptState::Granted {
        credit_note(connection, books, payment, (gone.amount, gone.words), &key).await?;
    }
    Ok(())
}

/// What was granted for the money ends with it, as far as it is gone as a whole.
async fn ungrant(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    gone: &Gone<'_>,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let state = count(connection, payment.id, gone.amount, gone.chargeback, books.now).await?;
    let how = match state {
        PaymentState::ChargedBack => GoneBack::ChargedBack,
        PaymentState::Refunded => GoneBack::Refunded,
        _ => GoneBack::Partly(gone.amount),
    };
    take_back(connection, books, payment, how, effects).await
}

/// Adds to what has gone back of a payment; returns where it stands then.
pub(super) async fn count(
    connection: &mut PgConnection,
    payment: PaymentId,
    amount: Money,
    chargeback: bool,
    now: DateTime<Utc>,
) -> Result<PaymentState, StoreError> {
    let state = sqlx::query_scalar!(
        r#"UPDATE payments SET refunded = refunded + $2, updated_at = $4,
                  state = CASE WHEN state = 'charged_back' OR $3 THEN 'charged_back'
                               WHEN refunded + $2 >= amount + from_balance THEN 'refunded' ELSE state END
           WHERE id = $1 RETURNING state"#,
        payment as PaymentId,
        amount.minor,
        chargeback,
        now
    )
    .fetch_one(connection)
    .await?;
    Ok(state)
}

/// Tells the subscription that a payment has gone back.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    how: GoneBack,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Some(user) = payment.user else { return Ok(()) };
    let back = subscriptions::taken_back(connection, books.sealer, user, payment.id, how, books.now).await?;
    let Some(back) = back else { return Ok(()) };
    effects.add(back.applied);
    effects.subscription = Some(user);
    let mut ending = back.dropped;
    if how == GoneBack::ChargedBack {
        // Nobody who takes a payment back wants the next one to be made.
        ending = ending.or(payment.agreement);
    }
    if let Some(agreement) = ending {
        let ended = agreements::end(connection, agreement, "its payment was given or taken back", books.now).await?;
        ended.into_iter().for_each(|payment| effects.wake(payment));
    }
    Ok(())
}

/// The entry of the ledger, by what had become of the money.
async fn book(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (payment, receipt): (&Payment, &Receipt),
    gone: &Gone<'_>,
    key: &str,
) -> Result<(), StoreError> {
    let mut entry = Bookings::default();
    let provider = Account::provider(&receipt.provider);
    let (kind, loss) = match gone.chargeback {
        true => (EntryKind::Chargeback, Account::Chargebacks),
        false => (EntryKind::Refund, Account::Refunds),
    };
    match (receipt.state, payment.user) {
        (ReceiptState::Granted, Some(user)) => {
            entry.add(loss, Account::User(user), gone.amount);
            entry.add(Account::User(user), provider, gone.amount);
        }
        (ReceiptState::Credited, Some(user)) => {
            // Of what the tenant has spent meanwhile the loss is ours.
            let balance = ledger::balance(connection, &Account::User(user), gone.amount.currency).await?;
            let left = Money::new(balance.available().minor.clamp(0, gone.amount.minor), gone.amount.currency);
            entry.add(Account::User(user), provider.clone(), left);
            entry.add(loss, provider, Money::new(gone.amount.minor - left.minor, gone.amount.currency));
        }
        (ReceiptState::Returned, _) => entry.add(Account::Adjustments, provider, gone.amount),
        (ReceiptState::Granted | ReceiptState::Credited | ReceiptState::Undecided, _) => {
            entry.add(loss, provider, gone.amount);
        }
    }
    entry.post(connection, books, (payment.id, kind, &format!("back/{key}")), gone.words).await
}

/// The credit note of what has gone back, and the word to the tenant: last, because its numbers are locked for all.
pub(super) async fn credit_note(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (amount, words): (Money, &str),
    key: &str,
) -> Result<(), StoreError> {
    let settings: &InvoiceSettings = books.invoices;
    let new = NewCreditNote { key: &format!("back/{key}"), payment: payment.id, amount, description: words, settings };
    let note = invoices::credit_note(connection, books.sealer, &new, books.now).await?;
    match note {
        Some(note) => invoices::refunded(connection, books.sealer, note, books.site, books.now).await,
        None => Ok(()),
    }
}
