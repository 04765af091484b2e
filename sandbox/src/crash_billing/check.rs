//! The comparison: what the product believes with what the payment providers have in their books and what each tenant has
//! lived through.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::database::{ReceiptRow, Rows};
use crate::client::{Books, NowpaymentsBooks};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A payer paid more than once for one thing, would pay on for what has ended, or was charged twice in the books.
    DoubleCharged,
    /// Money or a wish that has come to nothing.
    Lost,
    /// The books do not add up, or know of money that there is not.
    LedgerImbalance,
    /// A tenant has another plan, or another end of it, than they have paid for.
    PlanWrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DoubleCharged => "double charged",
            Self::Lost => "lost",
            Self::LedgerImbalance => "imbalance",
            Self::PlanWrong => "plan wrong",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// What kind.
    pub fault: Fault,
    /// In words.
    pub text: String,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict(pub Vec<Offence>);

impl Verdict {
    /// Nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.0.is_empty()
    }

    /// How many offences there are of one kind.
    #[must_use]
    pub fn count(&self, fault: Fault) -> usize {
        self.0.iter().filter(|offence| offence.fault == fault).count()
    }

    fn add(&mut self, fault: Fault, text: impl Into<String>) {
        self.0.push(Offence { fault, text: text.into() });
    }
}

/// What a tenant must have in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The tenant's address.
    pub email: String,
    /// The code of the plan.
    pub plan: &'static str,
    /// Months that are paid, where the whole subscription was lived through from its beginning.
    pub months: Option<i64>,
}

/// Money that has come at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Which provider.
    pub provider: &'static str,
    /// Its id of the movement.
    pub external: String,
    /// The payment that it names.
    pub payment: String,
    /// The agreement that has made it.
    pub agreement: Option<String>,
    /// How much.
    pub amount: i64,
    /// What the provider has kept; `None` where its books do not say.
    pub fee: Option<i64>,
}

/// Money that has gone back at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Which provider.
    pub provider: &'static str,
    /// Its id of the movement.
    pub external: String,
    /// The movement that it takes back.
    pub movement: String,
    /// How much.
    pub amount: i64,
    /// The refund of ours that it names.
    pub refund: Option<String>,
}

/// The providers' own books.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Money that has come.
    pub came: Vec<Movement>,
    /// Money that has gone back.
    pub back: Vec<Back>,
    /// Agreements that go on.
    pub running: BTreeSet<String>,
    /// Orders that a payer has approved and whose money nobody has taken.
    pub forgotten: Vec<String>,
    /// Requests under a key that had been used for something else.
    pub keys_reused: u64,
}

impl Truth {
    /// Of both providers.
    #[must_use]
    pub fn new(paypal: &Books, nowpayments: &NowpaymentsBooks) -> Self {
        let of_paypal =
            paypal.captures.iter().chain(&paypal.sales).filter(|payment| payment.came()).map(|payment| Movement {
                provider: "paypal",
                external: payment.id.clone(),
                payment: payment.custom_id.clone().unwrap_or_default(),
                agreement: payment.subscription.clone(),
                amount: payment.amount_minor,
                fee: Some(payment.fee_minor),
            });
        let of_coins = nowpayments.payments.iter().filter(|payment| payment.came()).map(|payment| Movement {
            provider: "nowpayments",
            external: payment.id.to_string(),
            payment: payment.order_id.clone().unwrap_or_default(),
            agreement: None,
            amount: payment.price_minor,
            fee: None,
        });
        let back = paypal.refunds.iter().filter(|refund| refund.status == "COMPLETED").map(|refund| Back {
            provider: "paypal",
            external: refund.id.clone(),
            movement: refund.payment.clone(),
            amount: refund.amount_minor,
            refund: refund.custom_id.clone(),
        });
        let running = paypal.subscriptions.iter().filter(|one| one.status == "ACTIVE").map(|one| one.id.clone());
        let forgotten = paypal.orders.iter().filter(|order| order.status == "APPROVED").map(|order| order.id.clone());
        Self {
            came: of_paypal.chain(of_coins).collect(),
            back: back.collect(),
            running: running.collect(),
            forgotten: forgotten.collect(),
            keys_reused: paypal.keys_reused,
        }
    }
}

/// Compares everything.
#[must_use]
pub fn compare(truth: &Truth, rows: &Rows, expected: &[Expected]) -> Verdict {
    let mut verdict = Verdict::default();
    came(&mut verdict, truth, rows);
    back(&mut verdict, truth, rows);
    once(&mut verdict, truth, rows);
    ledger(&mut verdict, rows);
    plans(&mut verdict, rows, expected);
    verdict
}

/// Every movement of money is on record once, and nothing else is.
fn came(verdict: &mut Verdict, truth: &Truth, rows: &Rows) {
    let known: BTreeMap<(&str, &str), &ReceiptRow> =
        rows.receipts.iter().map(|row| ((row.provider.as_str(), external_of(row)), row)).collect();
    for movement in &truth.came {
        let Movement { provider, external, payment, amount, .. } = movement;
        match known.get(&(*provider, external.as_str())) {
            None => verdict.add(Fault::Lost, format!("{amount} came by {provider} {external} for {payment}")),
            Some(row) if row.state == "undecided" => {
                verdict.add(
                    Fault::Lost,
                    format!("{provider} {external} for {payment} came, and was accounted for by nobody"),
                );
            }
            Some(row) if row.amount != *amount || movement.fee.is_some_and(|fee| fee != row.fee) => {
                let text = format!(
                    "{provider} {external}: {amount} came less {:?}, not {} less {}",
                    movement.fee, row.amount, row.fee
                );
                verdict.add(Fault::LedgerImbalance, text);
            }
            Some(row) if movement.agreement.is_none() && row.payment != *payment => {
                verdict.add(
                    Fault::LedgerImbalance,
                    format!("{provider} {external} is of {payment}, not of {}", row.payment),
                );
            }
            Some(_) => {}
        }
    }
    let true_ones: BTreeSet<(&str, &str)> =
        truth.came.iter().map(|movement| (movement.provider, movement.external.as_str())).collect();
    for row in rows.receipts.iter().filter(|row| row.state != "undecided") {
        if !true_ones.contains(&(row.provider.as_str(), external_of(row))) {
            verdict.add(Fault::LedgerImbalance, format!("{} {} never came", row.provider, row.external));
        }
    }
    for order in &truth.forgotten {
        verdict.add(Fault::Lost, format!("the payer of order {order} has approved it, and nobody has taken the money"));
    }
}

/// The provider's number, without what the product says of it besides.
fn external_of(row: &ReceiptRow) -> &str {
    if row.provider == "nowpayments" {
        row.external.rsplit(':').find(|part| part.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or(&row.external)
    } else {
        &row.external
    }
}

/// Everything that has gone back is on record once, and everything that was asked for has.
fn back(verdict: &mut Verdict, truth: &Truth, rows: &Rows) {
    for back in &truth.back {
        let Back { provider, external, movement, amount, .. } = back;
        let found = rows.reversals.iter().find(|row| row.provider == *provider && row.external == *external);
        match found {
            None => verdict.add(Fault::Lost, format!("{amount} of {provider} {movement} went back by {external}")),
            Some(row) if row.amount != *amount || row.receipt != *movement => {
                let text =
                    format!("{provider} {external}: {amount} of {movement}, not {} of {}", row.amount, row.receipt);
                verdict.add(Fault::LedgerImbalance, text);
            }
            Some(_) => {}
        }
    }
    for row in &rows.reversals {
        if !truth.back.iter().any(|back| back.provider == row.provider && back.external == row.external) {
            verdict.add(Fault::LedgerImbalance, format!("{} {} never went back", row.provider, row.external));
        }
    }
    for refund in rows.refunds.iter().filter(|refund| refund.state != "done") {
        verdict.add(Fault::Lost, format!("refund {} of {} is {}", refund.id, refund.payment, refund.state));
    }
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for refund in truth.back.iter().filter_map(|back| back.refund.as_deref()) {
        *asked.entry(refund).or_default() += 1;
    }
    for (refund, times) in asked.into_iter().filter(|(_, times)| *times > 1) {
        verdict.add(Fault::LedgerImbalance, format!("refund {refund} was paid {times} times"));
    }
}

/// Nobody has paid twice for one thing.
fn once(verdict: &mut Verdict, truth: &Truth, rows: &Rows) {
    let mut paid: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for movement in &truth.came {
        // The payments of one agreement are for one period after the other.
        let way = movement.agreement.as_deref().unwrap_or(&movement.external);
        paid.entry(&movement.payment).or_default().insert(way);
    }
    for (payment, ways) in paid.into_iter().filter(|(_, ways)| ways.len() > 1) {
        verdict.add(Fault::DoubleCharged, format!("{payment} was paid {} times: {ways:?}", ways.len()));
    }
    for row in &rows.settled_twice {
        verdict.add(Fault::DoubleCharged, format!("{} was settled {} times in the books", row.what, row.count));
    }
    for row in rows.agreements.iter().filter(|row| row.state == "ended" && truth.running.contains(&row.external)) {
        verdict.add(
            Fault::DoubleCharged,
            format!("agreement {} has ended, and its provider goes on with it", row.external),
        );
    }
    if truth.keys_reused > 0 {
        let text = format!("{} requests came under a key that had been used for something else", truth.keys_reused);
        verdict.add(Fault::DoubleCharged, text);
    }
}

/// The ledger adds up by itself, and with what was on record.
fn ledger(verdict: &mut Verdict, rows: &Rows) {
    for finding in rows.findings.iter().filter(|finding| finding.count != 0) {
        verdict.add(Fault::LedgerImbalance, format!("{}: {}", finding.what, finding.count));
    }
    let mut owed: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let accounted = |row: &&ReceiptRow| matches!(row.state.as_str(), "granted" | "credited");
    for row in rows.receipts.iter().filter(accounted) {
        *owed.entry((&row.provider, &row.currency)).or_default() += row.fee - row.amount;
        let reversals = rows.reversals.iter();
        let of_it = reversals.filter(|back| back.provider == row.provider && back.receipt == row.external);
        *owed.entry((&row.provider, &row.currency)).or_default() += of_it.map(|back| back.amount).sum::<i64>();
    }
    let has_returned = rows.receipts.iter().any(|row| row.state == "returned");
    for row in rows.clearing.iter().filter(|_| !has_returned) {
        let wanted = owed.remove(&(row.provider.as_str(), row.currency.as_str())).unwrap_or(0);
        if wanted != row.posted {
            let text = format!("the ledger has {} of {}, not {wanted} {}", row.posted, row.provider, row.currency);
            verdict.add(Fault::LedgerImbalance, text);
        }
    }
    for ((provider, currency), wanted) in owed.into_iter().filter(|(_, wanted)| !has_returned && *wanted != 0) {
        verdict.add(Fault::LedgerImbalance, format!("the ledger has nothing of {provider}, not {wanted} {currency}"));
    }
}

fn plans(verdict: &mut Verdict, rows: &Rows, expected: &[Expected]) {
    for wanted in expected {
        let Some(row) = rows.plans.iter().find(|row| row.email == wanted.email) else {
            verdict.add(Fault::Lost, format!("{} is not there", wanted.email));
            continue;
        };
        if row.plan != wanted.plan {
            verdict.add(Fault::PlanWrong, format!("{} has {}, not {}", wanted.email, row.plan, wanted.plan));
        } else if wanted.months.is_some() && row.months != wanted.months {
            let text = format!("{} has paid {:?} months, not {:?}", wanted.email, row.months, wanted.months);
            verdict.add(Fault::PlanWrong, text);
        }
    }
}

#[cfg(test)]
mod tests;
