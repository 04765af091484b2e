//! What is done for money that has come: what was to be paid for is granted, or the money is the tenant's credit. All of it
//! in one transaction: subscription, coupons, ledger, invoice.

use domain::{
    Money, PaymentId, UserId,
    billing::{
        Interval, PaymentPurpose, PaymentState, Price,
        invoice::{Bill, Parts},
    },
    ledger::{Account, EntryKind},
    payment::{self, Bargain, Deal, Grant, Offer, ReceiptState, settled_watch},
};
use sqlx::{Connection as _, PgConnection};

use super::{
    Books, Effects, Payment, agreements,
    bookings::{self, Bookings},
    letters,
    receipts::{self, Receipt},
    review, unbooked,
};
use crate::{
    StoreError,
    coupons::{self, Redeemed},
    invoices::{self, NewInvoice},
    ledger, plans, prices,
    subscriptions::{self, Paid, PaidOutcome},
};

/// Accounts for a payment with what has come for it, which is enough. The payment is locked. Money that buys nothing any
/// more is put on the tenant's balance; that of a tenant who has left is staff's to decide about.
pub(super) async fn settle(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    receipts: &[Receipt],
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Some(user) = payment.user else {
        let why = ("tenant_gone", "its tenant has left");
        return review::hold(connection, books, payment, why).await;
    };
    match attempt(connection, books, payment, user, receipts).await? {
        Attempt::Granted(granted) => grant(connection, books, payment, (user, receipts, &granted), effects).await,
        Attempt::Unfit(paid) => {
            // Put on record, now that nothing of it is taken back.
            let outcome = subscriptions::paid(connection, books.sealer, &paid, books.now).await?;
            drop_agreement(connection, books, &outcome, effects).await?;
            credit(connection, books, payment, (user, receipts), effects).await
        }
        Attempt::TooLittle => credit(connection, books, payment, (user, receipts), effects).await,
    }
}

/// On what terms something was granted, and what that has done.
pub(super) struct Granted {
    pub grant: Grant,
    pub outcome: PaidOutcome,
    /// What staff lets off of what was to be paid.
    pub short: Money,
}

enum Attempt {
    Granted(Box<Granted>),
    /// It would have been enough, and there is nothing to be bought.
    Unfit(Paid),
    TooLittle,
}

/// Buys what was to be paid for, if that is possible; else nothing has happened.
async fn attempt(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    user: UserId,
    receipts: &[Receipt],
) -> Result<Attempt, StoreError> {
    let mut inner = connection.begin().await?;
    let deal = deal(payment);
    let mut price = payment.price;
    let offer = if deal.is_late {
        let (offer, found) = offer_now(&mut inner, books, payment, user).await?;
        price = found.unwrap_or(price);
        offer
    } else {
        None
    };
    let came = Money::new(receipts.iter().map(|receipt| receipt.amount.minor).sum(), payment.currency());
    let Bargain::Grant(grant) = payment::bargain(&deal, came, offer.as_ref()) else {
        inner.rollback().await?;
        return Ok(Attempt::TooLittle);
    };
    let paid = paid(payment, user, price, &grant);
    let outcome = subscriptions::paid(&mut inner, books.sealer, &paid, books.now).await?;
    if outcome.period.is_none() {
        inner.rollback().await?;
        return Ok(Attempt::Unfit(paid));
    }
    if !deal.is_late {
        coupons::redeem(&mut inner, payment.id, books.now).await?;
    }
    inner.commit().await?;
    let short = Money::zero(payment.currency());
    Ok(Attempt::Granted(Box::new(Granted { grant, outcome, short })))
}

/// What the subscription is told of a payment.
pub(super) fn paid(payment: &Payment, user: UserId, price: Price, grant: &Grant) -> Paid {
    let money = |minor| Money::new(minor, payment.currency());
    Paid {
        user,
        payment: payment.id,
        purpose: grant.purpose,
        price,
        due: money((grant.list.minor - grant.credit.minor).max(0)),
        net: money(grant.paid.minor + grant.from_balance.minor),
        agreement: payment.agreement,
    }
}

/// What was agreed on.
pub(super) fn deal(payment: &Payment) -> Deal {
    Deal {
        purpose: payment.purpose,
        list: payment.list,
        credit: payment.credit,
        discount: payment.discount,
        from_balance: payment.from_balance,
        amount: payment.amount,
        is_late: payment::is_given_up(payment.state),
    }
}

/// What the same would cost now, with the coupons that were let go, as far as they still hold, and with what was to come
/// from the balance, as far as it is there. `None`: there is nothing to be bought.
async fn offer_now(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    user: UserId,
) -> Result<(Option<Offer>, Option<Price>), StoreError> {
    let currency = payment.currency();
    let discount = match coupons::redeem(connection, payment.id, books.now).await? {
        Redeemed::Counted(discount) => discount.amount,
        Redeemed::Nothing | Redeemed::Gone => Money::zero(currency),
    };
    let balance = ledger::balance(connection, &Account::User(user), currency).await?;
    let from_balance = Money::new(balance.available().minor.clamp(0, payment.from_balance.minor), currency);
    let Some(price) = price_now(connection, payment, user).await? else { return Ok((None, None)) };
    let Ok(quote) = subscriptions::quote(connection, user, price, books.now).await? else { return Ok((None, None)) };
    let offer = Offer { purpose: quote.purpose, list: quote.list, credit: quote.credit, discount, from_balance };
    Ok((Some(offer), Some(quote.price)))
}

/// What a period of the payment's plan costs whoever comes today; where it is not sold any more, what the tenant has agreed
/// to pay for the next one.
async fn price_now(
    connection: &mut PgConnection,
    payment: &Payment,
    user: UserId,
) -> Result<Option<Price>, StoreError> {
    let Price { plan, interval, .. } = payment.price;
    let sold = prices::of(connection, plan).await?.prices.into_iter().find(|price| price.interval == interval);
    if sold.is_some() {
        return Ok(sold);
    }
    let own = subscriptions::renewal_due(connection, user).await?;
    Ok(own.filter(|own| own.plan == plan && own.interval == interval))
}

/// Accounts for what was bought.
pub(super) async fn grant(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, receipts, granted): (UserId, &[Receipt], &Granted),
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Granted { grant, outcome, short } = granted;
    receipts::decide(connection, receipts, ReceiptState::Granted, books.now).await?;
    record(connection, books, payment, granted).await?;
    drop_agreement(connection, books, outcome, effects).await?;
    let what = what(connection, payment).await?;
    let surplus = outcome.surplus.unwrap_or(Money::zero(payment.currency()));
    let mut entry = bookings::settlement(user, grant, receipts, *short);
    entry.add(Account::Revenue, Account::User(user), surplus);
    entry.lock(connection, books).await?;
    ledger::release_for(connection, payment.id.as_uuid(), books.now).await.map_err(unbooked)?;
    entry.post(connection, books, (payment.id, EntryKind::Settlement, "settle"), &what).await?;
    effects.add(outcome.applied.clone());
    effects.subscription = Some(user);
    effects.is_news = true;
    bill(connection, books, payment, (user, granted, &what)).await
}

/// An agreement that must not make any more payments is to be ended at its provider.
async fn drop_agreement(
    connection: &mut PgConnection,
    books: &Books<'_>,
    outcome: &PaidOutcome,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let Some(dropped) = outcome.dropped else { return Ok(()) };
    let ended = agreements::end(connection, dropped, "it pays for nothing any more", books.now).await?;
    ended.into_iter().for_each(|payment| effects.wake(payment));
    Ok(())
}

/// Makes the invoice out and sends the receipt: last, because the numbers of invoices are locked for all.
async fn bill(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, granted, what): (UserId, &Granted, &str),
) -> Result<(), StoreError> {
    let Granted { grant, outcome, .. } = granted;
    let parts = Parts {
        what,
        list: grant.list,
        discount: grant.discount,
        coupons: &payment.coupons,
        credit: grant.credit,
        from_balance: grant.from_balance,
    };
    let bill = Bill::of(&parts).map_err(|error| StoreError::Books(error.to_string()))?;
    let new = NewInvoice {
        key: &format!("payment/{}", payment.id),
        user: Some(user),
        payment: payment.id,
        bill: &bill,
        paid_by: books.paid_by.filter(|_| grant.paid.minor > 0),
        period: outcome.period,
        settings: books.invoices,
    };
    let invoice = invoices::issue(connection, books.sealer, &new, books.now).await?;
    invoices::receipt(connection, books.sealer, invoice, books.site, books.now).await
}

/// What was sold, for people.
pub(super) async fn what(connection: &mut PgConnection, payment: &Payment) -> Result<String, StoreError> {
    let catalogue = plans::catalogue(connection).await?;
    let plan = catalogue.iter().find(|plan| plan.id == payment.price.plan).map_or("", |plan| plan.name.as_str());
    let interval = match payment.price.interval {
        Interval::Month => "one month",
        Interval::Year => "one year",
    };
    Ok(match payment.purpose {
        PaymentPurpose::Subscribe | PaymentPurpose::Renew => format!("{plan}, {interval}"),
        PaymentPurpose::Upgrade => format!("Upgrade to {plan}, {interval}"),
    })
}

/// The payment's row: settled, on these terms.
async fn record(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    granted: &Granted,
) -> Result<(), StoreError> {
    let Granted { grant, outcome, .. } = granted;
    sqlx::query!(
        "UPDATE payments SET state = $2, purpose = $3, list = $4, credit = $5, discount = $6, from_balance = $7, amount = $8,
                reason_code = NULL, reason = NULL, end_at = NULL, period_start = $9, period_end = $10, settled_at = $11,
                closed_at = $11, ask_at = CASE WHEN provider IS NULL THEN NULL ELSE $12::timestamptz END,
                due_at = CASE WHEN provider IS NULL THEN NULL ELSE $12::timestamptz END, updated_at = $11
         WHERE id = $1",
        payment.id as PaymentId,
        PaymentState::Settled as PaymentState,
        grant.purpose as PaymentPurpose,
        grant.list.minor,
        grant.credit.minor,
        grant.discount.minor,
        grant.from_balance.minor,
        grant.paid.minor,
        outcome.period.map(|(from, _)| from),
        outcome.period.map(|(_, to)| to),
        books.now,
        settled_watch(books.now, books.now)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts what has come on the tenant's balance, lets go what was set aside, and tells the tenant.
pub(super) async fn credit(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, receipts): (UserId, &[Receipt]),
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let state = if receipts.is_empty() { PaymentState::Canceled } else { PaymentState::Settled };
    receipts::decide(connection, receipts, ReceiptState::Credited, books.now).await?;
    sqlx::query!(
        "UPDATE payments SET state = $2, reason_code = $3, reason = $4, settled_at = CASE WHEN $5 THEN $6::timestamptz END,
                closed_at = $6, ask_at = $7, due_at = $7, updated_at = $6
         WHERE id = $1",
        payment.id as PaymentId,
        state as PaymentState,
        CREDITED.0,
        CREDITED.1,
        !receipts.is_empty(),
        books.now,
        settled_watch(books.now, books.now).filter(|_| payment.external.is_some())
    )
    .execute(&mut *connection)
    .await?;
    coupons::release(connection, payment.id, books.now).await?;
    let entry = bookings::deposit(user, receipts);
    entry.lock(connection, books).await?;
    ledger::release_for(connection, payment.id.as_uuid(), books.now).await.map_err(unbooked)?;
    entry.post(connection, books, (payment.id, EntryKind::Deposit, "settle"), CREDITED.1).await?;
    effects.is_news = true;
    // It may pay for what is due.
    effects.subscription = Some(user);
    letters::credited(connection, books, (user, payment.id), receipts).await
}

/// Why a payment that was accounted for has bought nothing.
pub(super) const CREDITED: (&str, &str) = ("credited", "there was nothing left to buy with it: it is on your balance");

/// Money that has come for a payment that was accounted for before: it is put on the tenant's balance.
pub(super) async fn credit_more(
    connection: &mut PgConnection,
    books: &Books<'_>,
    payment: &Payment,
    (user, receipts): (UserId, &[Receipt]),
    effects: &mut Effects,
) -> Result<(), StoreError> {
    receipts::decide(connection, receipts, ReceiptState::Credited, books.now).await?;
    for receipt in receipts {
        let mut entry = Bookings::default();
        entry.came(std::slice::from_ref(receipt), &Account::User(user));
        let what = format!("more/{}", receipt.id);
        entry
            .post(connection, books, (payment.id, EntryKind::Deposit, &what), "more has come than was to be paid")
            .await?;
    }
    effects.is_news = true;
    effects.subscription = Some(user);
    letters::credited(connection, books, (user, payment.id), receipts).await
}
