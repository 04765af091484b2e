//! What the provider knows of a payment, taken in: money that has come and gone back, once each, and where it stands.

use chrono::{DateTime, Utc};
use domain::{
    FixedClock, PaymentId,
    billing::PaymentState,
    payment::{
        self, AgreementState, Handover, Worth, agreement_watch, is_accounted, is_given_up, is_unpaid, late_watch,
        poll_after, settled_watch,
        standing::{self, AgreementStanding, Standing},
        worth,
    },
};
use sqlx::PgConnection;

use super::{
    Books, Effects, Payment,
    agreements::{self, Agreement},
    clipped, close, find_any, letters, lock,
    receipts::{self, Receipt},
    renew, reversals, review, settle,
};
use crate::{StoreError, payment_events};

/// The provider knows of the payment by `external`, and this is what the payer needs. The same twice is as once. A payment
/// that was given up meanwhile is going to be ended at the provider. False when there is no such payment.
pub async fn handed_over(
    connection: &mut PgConnection,
    id: PaymentId,
    external: &str,
    handover: &Handover,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Some(payment) = lock(connection, id).await? else { return Ok(false) };
    if payment.external.is_some() {
        return Ok(true);
    }
    let is_open = is_unpaid(payment.state);
    let ask_at = if is_open { Some(now + poll_after(now - payment.created_at)) } else { late_watch(now, now) };
    sqlx::query!(
        "UPDATE payments SET external_id = $2, handover = $3, state = CASE WHEN $4 THEN 'pending' ELSE state END,
                ask_at = $5, asked_at = NULL, due_at = $5, tries = 0, end_at = CASE WHEN $4 THEN NULL ELSE $6::timestamptz END,
                updated_at = $6
         WHERE id = $1",
        id as PaymentId,
        external,
        serde_json::to_value(handover)?,
        is_open,
        ask_at,
        now
    )
    .execute(&mut *connection)
    .await?;
    if payment.recurring {
        let agreement = agreements::insert(connection, &payment, external, now).await?;
        if !is_open {
            agreements::end(connection, agreement, "the payment was given up", now).await?;
        }
    }
    // Events that were quicker than this row.
    if let Some(provider) = &payment.provider {
        payment_events::claim(connection, (id, provider), external, now).await?;
    }
    Ok(true)
}

/// Takes in what the provider says of a payment, and does what follows. Said twice, or in another order, it comes to the
/// same. `None` when there is no such payment. To be called within a transaction that has locked nothing.
pub async fn hear(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: PaymentId,
    heard: &Standing,
) -> Result<Option<Effects>, StoreError> {
    let Some(payment) = lock(connection, id).await? else { return Ok(None) };
    let Some(provider) = payment.provider.clone() else { return Ok(Some(Effects::default())) };
    let mut effects = Effects::default();
    let agreement = agreements::of_payment(connection, id).await?;
    if let (Some(agreement), Some(news)) = (&agreement, &heard.agreement)
        && agreements::hear(connection, books.sealer, agreement, news, books.now).await?
    {
        effects.subscription = agreement.user;
    }
    for receipt in &heard.receipts {
        take(connection, books, (&payment, agreement.as_ref(), &provider), receipt, &mut effects).await?;
    }
    for reversal in &heard.reversals {
        reversals::hear(connection, books, &provider, reversal, &mut effects).await?;
    }
    advance(connection, books, id, heard).await?;
    ask_again(connection, books, id, heard.agreement.as_ref()).await?;
    Ok(Some(effects))
}

/// Takes one receipt in: the payment's own, or, of an agreement that has made its first payment, that of a payment of its
/// own for the period that follows.
async fn take(
    connection: &mut PgConnection,
    books: &Books<'_>,
    (payment, agreement, provider): (&Payment, Option<&Agreement>, &str),
    new: &standing::Receipt,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let known = receipts::find(connection, provider, &new.external).await?;
    let of = match (&known, agreement) {
        (Some(known), _) => known.payment,
        (None, None) => payment.id,
        (None, Some(agreement)) => {
            let first = receipts::of_payment(connection, payment.id).await?;
            if first.is_empty() { payment.id } else { renew::by_agreement(connection, books, agreement, new).await? }
        }
    };
    if !receipts::record(connection, of, provider, new, books.now).await? {
        return Ok(());
    }
    effects.is_news = true;
    judge(connection, books, of, effects).await
}

/// Decides about what has come for a payment and nobody has decided about.
async fn judge(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: PaymentId,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Some(payment) = find_any(connection, id).await? else { return Ok(()) };
    let undecided = receipts::undecided(connection, id).await?;
    if is_accounted(payment.state) {
        return judge_more(connection, books, &payment, undecided, effects).await;
    }
    let came: Vec<_> = undecided.iter().map(Receipt::came).collect();
    match worth(payment.amount, &came) {
        Worth::Nothing => Ok(()),
        Worth::Enough(_) => settle::settle(connection, books, &payment, &undecided, effects).await,
        Worth::Doubtful(code) => {
            let words = undecided.iter().find_map(|receipt| receipt.review.as_ref().filter(|(known, _)| known == code));
            let words = words.map_or(WORDS_OF_DOUBT, |(_, words)| words.as_str());
            review::hold(connection, books, &payment, (code, words)).await
        }
    }
}

/// Why money waits for a decision, where the provider has no words for it.
const WORDS_OF_DOUBT: &str = "what has come is not what was to be paid";

/// Money for what was accounted for before: it is the tenant's, unless it does not fit.
async fn judge_more(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    undecided: Vec<Receipt>,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let (doubtful, plain): (Vec<_>, Vec<_>) = undecided
        .into_iter()
        .partition(|receipt| receipt.review.is_some() || receipt.amount.currency != payment.currency());
    match (payment.user, plain.is_empty()) {
        (Some(user), false) => settle::credit_more(connection, books, payment, (user, &plain), effects).await?,
        (None, false) => {
            let why = ("tenant_gone", "its tenant has left");
            letters::in_review(connection, books, payment, why).await?;
        }
        (_, true) => (),
    }
    if let Some(first) = doubtful.first() {
        let why = first.review.as_ref().map_or(("wrong_currency", WORDS_OF_DOUBT), |(code, words)| (code, words));
        letters::in_review(connection, books, payment, why).await?;
    }
    Ok(())
}

/// Where the payment stands, as far as no money has come.
async fn advance(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: PaymentId,
    heard: &Standing,
) -> Result<(), StoreError> {
    let Some(payment) = find_any(connection, id).await? else { return Ok(()) };
    let state = payment::after(payment.state, heard.phase);
    let (code, words) = heard.reason.as_ref().map(|(code, words)| (code.as_str(), words.as_str())).unzip();
    match state {
        PaymentState::Failed | PaymentState::Expired if state != payment.state => {
            let default =
                if state == PaymentState::Failed { "the provider refuses it" } else { "nobody has paid in time" };
            let why = (code.unwrap_or(state.as_str()), words.unwrap_or(default));
            close::close(connection, &payment, state, why, books.now).await
        }
        _ if is_unpaid(state) => {
            sqlx::query!(
                "UPDATE payments SET state = $2, reason_code = $3, reason = $4,
                        updated_at = CASE WHEN state = $2 THEN updated_at ELSE $5 END
                 WHERE id = $1",
                id as PaymentId,
                state as PaymentState,
                code,
                words.map(clipped),
                books.now
            )
            .execute(connection)
            .await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// When the provider is asked the next time.
async fn ask_again(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: PaymentId,
    agreement: Option<&AgreementStanding>,
) -> Result<(), StoreError> {
    let Some(payment) = find_any(connection, id).await? else { return Ok(()) };
    let now = books.now;
    let own = if is_unpaid(payment.state) || payment.state == PaymentState::Review {
        Some(now + poll_after(now - payment.created_at))
    } else if is_given_up(payment.state) {
        late_watch(payment.closed_at.unwrap_or(now), now)
    } else {
        settled_watch(payment.settled_at.unwrap_or(now), now)
    };
    let runs = agreement.filter(|news| news.state != AgreementState::Ended);
    let of_agreement = runs.map(|news| agreement_watch(news.next_payment_at, now));
    let ask_at = own.into_iter().chain(of_agreement.filter(|_| !is_unpaid(payment.state))).min();
    sqlx::query!(
        "UPDATE payments SET ask_at = $2, asked_at = $3, due_at = $2, tries = 0 WHERE id = $1",
        id as PaymentId,
        ask_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The provider says nothing of a payment, and will not: it is asked again when its turn comes, and its time goes on
/// meanwhile. Why is shown while it is unpaid.
pub async fn unheard(
    connection: &mut PgConnection,
    books: &Books<'_>,
    id: PaymentId,
    (code, words): (&str, &str),
) -> Result<(), StoreError> {
    let Some(payment) = lock(connection, id).await? else { return Ok(()) };
    if is_unpaid(payment.state) {
        sqlx::query!(
            "UPDATE payments SET reason_code = $2, reason = $3 WHERE id = $1",
            id as PaymentId,
            code,
            clipped(words)
        )
        .execute(&mut *connection)
        .await?;
    }
    ask_again(connection, books, id, None).await
}

/// A payment id of this moment.
pub(super) fn new_payment_id(now: DateTime<Utc>) -> PaymentId {
    PaymentId::new(&FixedClock::at(now))
}
