//! What tenants and the operator are told of payments, beside receipts: asked for in the transaction of what happened.

use domain::{
    Money, PaymentId, UserId,
    billing::letters,
    notification::{Content, Kind},
};
use sqlx::PgConnection;

use super::{Books, Payment, receipts::Receipt, settle};
use crate::{
    StoreError,
    notifications::{self, NewNotification, Recipient},
};

/// Money that buys nothing is on the tenant's balance.
pub(super) async fn credited(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (user, payment): (UserId, PaymentId),
    receipts: &[Receipt],
) -> Result<(), StoreError> {
    let Some(first) = receipts.first() else { return Ok(()) };
    let currency = first.amount.currency;
    let same = receipts.iter().filter(|receipt| receipt.amount.currency == currency);
    let sum = Money::new(same.map(|receipt| receipt.amount.minor).sum(), currency);
    let content = letters::credited(sum, books.site);
    tell(connection, books, Recipient::User(user), (&format!("credited/{payment}/{}", first.id), &content)).await
}

/// Money has come that does not fit: the tenant and the operator are told.
pub(super) async fn in_review(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (code, words): (&str, &str),
) -> Result<(), StoreError> {
    let what = settle::what(connection, payment).await?;
    if let Some(user) = payment.user {
        let key = format!("review/{}/{code}", payment.id);
        let content = letters::in_review(&what, books.site);
        tell(connection, books, Recipient::User(user), (&key, &content)).await?;
    }
    let key = format!("review_wanted/{}/{code}", payment.id);
    let content = letters::review_wanted(payment.id, &format!("{code}: {words}"));
    tell(connection, books, Recipient::Operator, (&key, &content)).await
}

/// A payment was taken back by the payer's bank or the provider.
pub(super) async fn charged_back(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (amount, key): (Money, &str),
) -> Result<(), StoreError> {
    let what = settle::what(connection, payment).await?;
    if let Some(user) = payment.user {
        let content = letters::charged_back(amount, &what, books.site);
        tell(connection, books, Recipient::User(user), (&format!("charged_back/{key}"), &content)).await?;
    }
    let content = letters::chargeback_seen(payment.id, amount);
    tell(connection, books, Recipient::Operator, (&format!("chargeback_seen/{key}"), &content)).await
}

async fn tell(
    connection: &mut PgConnection,
    books: &Books<'_>,
    to: Recipient<'_>,
    (key, content): (&str, &Content),
) -> Result<(), StoreError> {
    let new = NewNotification { to, kind: Kind::Payment, promotional: false, key, content, expires_at: None };
    notifications::enqueue(connection, books.sealer, &new, books.now).await?;
    Ok(())
}
