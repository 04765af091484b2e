//! What tenants are told about money: one function for each occasion. `site`: where they look at it.

use chrono::{DateTime, Utc};

use super::invoice::Document;
use crate::{Money, PaymentId, notification::Content};

#[cfg(test)]
mod tests;

/// How the next period of a subscription is going to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paying<'a> {
    /// By the balance, which suffices.
    Balance,
    /// By an agreement with this provider.
    Agreement(&'a str),
    /// By nobody, unless the tenant does.
    Tenant,
}

/// A period that ends soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// What the next period costs.
    pub due: Money,
    /// When the period ends.
    pub ends_at: DateTime<Utc>,
    /// How many days are left.
    pub days: i64,
    /// Who pays.
    pub paying: Paying<'a>,
}

/// Why a subscription has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its tenant has canceled it, and it holds until then.
    AtPeriodEnd(DateTime<Utc>),
    /// Its tenant has canceled it at once, or the end of the period has come.
    Canceled,
    /// Staff has ended it.
    ByStaff,
    /// The agreement with this provider has ended there, and it holds until then.
    AgreementEnded(DateTime<Utc>),
    /// Its payment was given back.
    Refunded,
    /// Its payment was taken back by the payer's bank or the provider.
    ChargedBack,
}

/// The next attempt at a payment that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is asked for again then.
    Attempt(DateTime<Utc>),
    /// That was the last attempt; the plan holds until then.
    Grace(DateTime<Utc>),
}

/// When another plan takes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesHold {
    /// It has.
    Now,
    /// Then, at the end of the period.
    At(DateTime<Utc>),
}

/// Money has come, and this is the receipt.
#[must_use]
pub fn receipt(document: &Document, site: Option<&str>) -> Content {
    let mut facts: Vec<String> =
        document.lines.iter().map(|line| format!("{}: {}", line.description, line.amount)).collect();
    facts.push(format!("Total: {}", document.total));
    if !document.from_balance.is_zero() {
        facts.push(format!("From your balance: {}", document.from_balance));
    }
    if let Some((from, to)) = document.period {
        facts.push(format!("From {} to {}", day(from), day(to)));
    }
    let subject = match document.total.is_zero() {
        true => format!("Your order is complete: invoice {}", document.number),
        false => format!("Receipt for {}: invoice {}", document.total, document.number),
    };
    let by = document.paid_by.as_deref().map_or_else(String::new, |by| format!(" It was paid by {by}."));
    let content = Content::new(&subject).paragraph(&format!("Thank you.{by}")).list(facts);
    button(content, "See the invoice", site)
}

/// Money of an invoice was given or taken back, with this credit note, whose lines say why.
#[must_use]
pub fn refunded(note: &Document, site: Option<&str>) -> Content {
    let content = Content::new(&format!("Credit note {} for {}", note.number, note.total))
        .paragraph(&format!("It takes {} of invoice {} back:", note.total, note.corrects.as_deref().unwrap_or("-")))
        .list(note.lines.iter().map(|line| format!("{}: {}", line.description, line.amount)))
        .note("Money that is sent to you may take some days to arrive.");
    button(content, "See the credit note", site)
}

/// The payer's bank or the provider has taken a payment back.
#[must_use]
pub fn charged_back(amount: Money, what: &str, site: Option<&str>) -> Content {
    let content = Content::new(&format!("A payment of {amount} was taken back")).paragraph(&format!(
        "Your bank or the payment service has taken back what was paid for {what}. If that was not what you wanted, \
         answer to whoever runs this service."
    ));
    button(content, "Look at it", site)
}

/// A period ends soon.
#[must_use]
pub fn renewal(renewal: &Renewal<'_>, site: Option<&str>) -> Content {
    let Renewal { plan, due, .. } = renewal;
    let (when, date) = (in_days(renewal.days), day(renewal.ends_at));
    let by = match renewal.paying {
        Paying::Balance => "from your balance".to_owned(),
        Paying::Agreement(provider) => format!("through {provider}"),
        Paying::Tenant => {
            let content = Content::new(&format!("Your plan {plan} ends {when}"))
                .paragraph(&format!("It is paid until {date}. Pay {due} for the next period, and nothing changes."));
            return button(content, "Renew", site);
        }
    };
    let content = Content::new(&format!("Your plan {plan} is renewed {when}"))
        .paragraph(&format!("On {date}, {due} are taken {by} for the next period. There is nothing to do."));
    button(content, "Look at it", site)
}

/// A period is over and its renewal is not paid.
#[must_use]
pub fn past_due(plan: &str, due: Money, next: Next, site: Option<&str>) -> Content {
    let follows = match next {
        Next::Attempt(at) => format!("It is asked for again on {}. Until then, nothing changes.", day(at)),
        Next::Grace(until) => format!("The plan still holds until {}.", day(until)),
    };
    let content = Content::new(&format!("Your plan {plan} is not paid"))
        .paragraph(&format!("{due} for the next period have not come. {follows}"));
    button(content, "Pay now", site)
}

/// The payment was asked for in vain; the plan holds until then.
#[must_use]
pub fn grace(plan: &str, due: Money, until: DateTime<Utc>, site: Option<&str>) -> Content {
    let content = Content::new(&format!("Your plan {plan} ends on {}", day(until)))
        .paragraph(&format!("{due} for the next period have not come. Pay until then, and nothing changes."))
        .note("Afterwards, what your plan does not include any more is paused. Nothing is deleted.");
    button(content, "Pay now", site)
}

/// Nobody has paid, and the plan is gone.
#[must_use]
pub fn expired(plan: &str, site: Option<&str>) -> Content {
    let content = Content::new(&format!("Your plan {plan} has ended")).paragraph(
        "Its next period was not paid. You are on the plan Free now: what it does not include is paused. Nothing is \
         deleted, and goes on when you choose a plan again.",
    );
    button(content, "Choose a plan", site)
}

/// A subscription was ended, or is going to be.
#[must_use]
pub fn canceled(plan: &str, ending: Ending, site: Option<&str>) -> Content {
    let ended = format!("Your plan {plan} has ended");
    let (subject, why) = match ending {
        Ending::AtPeriodEnd(at) => (
            format!("Your plan {plan} is canceled"),
            format!("It holds until {}. Until then you can take that back.", day(at)),
        ),
        Ending::AgreementEnded(at) => (
            format!("Your plan {plan} is not renewed by itself any more"),
            format!("The agreement with the payment service has ended. The plan holds until {}.", day(at)),
        ),
        Ending::Canceled => (ended, "It was canceled.".into()),
        Ending::ByStaff => (ended, "It was ended by whoever runs this service.".into()),
        Ending::Refunded => (ended, "Its payment was given back.".into()),
        Ending::ChargedBack => (ended, "Its payment was taken back by your bank or the payment service.".into()),
    };
    let content = Content::new(&subject).paragraph(&why);
    let content = match ending {
        Ending::AtPeriodEnd(_) | Ending::AgreementEnded(_) => content,
        Ending::Canceled | Ending::ByStaff | Ending::Refunded | Ending::ChargedBack => {
            content.paragraph("You are on the plan Free now: what it does not include is paused. Nothing is deleted.")
        }
    };
    button(content, "Look at it", site)
}

/// The plan is another one, or is going to be.
#[must_use]
pub fn plan_changed(from: &str, to: &str, when: TakesHold, site: Option<&str>) -> Content {
    let content = match when {
        TakesHold::Now => Content::new(&format!("Your plan is {to} now"))
            .paragraph(&format!("It was {from}. What the new plan allows holds at once.")),
        TakesHold::At(at) => Content::new(&format!("Your plan is going to be {to}"))
            .paragraph(&format!("It is {from} until {}. Until then you can take that back.", day(at))),
    };
    button(content, "Look at it", site)
}

/// A trial ends soon.
#[must_use]
pub fn trial_ending(plan: &str, price: Money, ends_at: DateTime<Utc>, days: i64, site: Option<&str>) -> Content {
    let content = Content::new(&format!("Your trial of {plan} ends {}", in_days(days))).paragraph(&format!(
        "It ends on {}. Keep it for {price}, or do nothing: then you are on the plan Free, and nothing is deleted.",
        day(ends_at)
    ));
    button(content, "Keep it", site)
}

/// Money has come that does not fit what was asked for: staff looks at it.
#[must_use]
pub fn in_review(what: &str, site: Option<&str>) -> Content {
    let content = Content::new("Your payment is being looked at").paragraph(&format!(
        "What has come for {what} is not what was asked for. Somebody looks at it; nothing is lost, and there is nothing \
         to do."
    ));
    button(content, "Look at it", site)
}

/// Money has come for which there is nothing to buy: it is on the tenant's balance.
#[must_use]
pub fn credited(amount: Money, site: Option<&str>) -> Content {
    let content = Content::new(&format!("{amount} are on your balance")).paragraph(
        "What you have paid has bought nothing, because it came too late, or more came than was asked for. It is on your \
         balance, and pays for what you choose next.",
    );
    button(content, "Look at it", site)
}

/// For the operator: a payment was taken back, without who has paid.
#[must_use]
pub fn chargeback_seen(payment: PaymentId, amount: Money) -> Content {
    Content::new("A payment was taken back").paragraph(&format!("{payment}: {amount}"))
}

/// The same for the operator: why it does not fit, without who has paid.
#[must_use]
pub fn review_wanted(payment: PaymentId, why: &str) -> Content {
    Content::new("A payment waits for a decision").paragraph(&format!("{payment}: {why}"))
}

fn button(content: Content, label: &str, site: Option<&str>) -> Content {
    match site {
        Some(site) => content.button(label, site),
        None => content,
    }
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y").to_string()
}

fn in_days(days: i64) -> String {
    match days {
        ..=0 => "today".into(),
        1 => "tomorrow".into(),
        days => format!("in {days} days"),
    }
}
