//! Invoices and credit notes: what stands on them, how they are numbered, and to whom they are made out.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};

use crate::{Currency, Money};

mod details;
mod settings;
#[cfg(test)]
mod tests;

pub use details::{
    ADDRESS_CHARS_MAX, ADDRESS_LINES_MAX, BillingDetails, Customer, DetailsError, NAME_CHARS_MAX, TAX_ID_CHARS_MAX,
};
pub use settings::{InvoiceSettings, Issuer, PREFIX_CHARS_MAX};

/// What numbers begin with unless set otherwise.
pub const PREFIX_DEFAULT: &str = "INV";
/// The most lines of one document: a checkout has one item, some coupons and a credit.
pub const LINES_MAX: usize = 50;
/// The longest description of a line, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 300;

states! {
    /// Which document it is; each kind has numbers of its own.
    DocumentKind as "billing_document_kind" {
        /// What was sold and paid.
        Invoice = "invoice",
        /// What of an invoice was taken back.
        CreditNote = "credit_note",
    }
}

states! {
    /// What a line is.
    LineKind as "invoice_line_kind" {
        /// Something sold; not negative.
        Item = "item",
        /// A coupon's; not positive.
        Discount = "discount",
        /// What was paid before and is not used; not positive.
        Credit = "credit",
        /// Money given back, on a credit note; not negative.
        Refund = "refund",
    }
}

/// One line of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// For people, in one line.
    pub description: String,
    /// Discounts and credits are negative.
    pub amount: Money,
}

/// The lines of one document, checked: there are some, of one currency, and their sum is not negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    lines: Vec<Line>,
    total: Money,
    from_balance: Money,
}

/// Why lines are no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// There are none, or too many.
    #[error("a document has 1 to {LINES_MAX} lines")]
    Count,
    /// The lines are of several currencies.
    #[error("all lines of a document are of one currency")]
    Currency,
    /// An amount has the wrong sign for its kind, the sum is negative or does not fit, or more than the sum is from the
    /// balance.
    #[error("the amounts of a document do not fit together")]
    Amount,
}

/// What a purchase consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What is sold, such as `Pro, one month`.
    pub what: &'a str,
    /// What it costs before anything is taken off.
    pub list: Money,
    /// What coupons take off; not negative.
    pub discount: Money,
    /// The coupons' codes, for people.
    pub coupons: &'a [String],
    /// What is taken off because it was paid before and not used; not negative. What of it is more than the price is not
    /// shown: it goes to the balance.
    pub credit: Money,
    /// What of the rest is paid from the balance; not negative.
    pub from_balance: Money,
}

impl Bill {
    /// A document with these lines, of whose sum `from_balance` is paid from the balance.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn new(lines: Vec<Line>, from_balance: Money) -> Result<Self, BillError> {
        if lines.is_empty() || lines.len() > LINES_MAX {
            return Err(BillError::Count);
        }
        let mut total = Money::zero(from_balance.currency);
        for line in &lines {
            if line.amount.currency != total.currency {
                return Err(BillError::Currency);
            }
            let fits = match line.kind {
                LineKind::Item | LineKind::Refund => line.amount.minor >= 0,
                LineKind::Discount | LineKind::Credit => line.amount.minor <= 0,
            };
            total = total.checked_add(line.amount).filter(|_| fits).ok_or(BillError::Amount)?;
        }
        if from_balance.minor < 0 || from_balance.minor > total.minor {
            return Err(BillError::Amount);
        }
        let lines = lines.into_iter().map(Line::trimmed).collect();
        Ok(Self { lines, total, from_balance })
    }

    /// The lines of a purchase: the item, what coupons take off, what is left from before.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn of(parts: &Parts<'_>) -> Result<Self, BillError> {
        let currency = parts.list.currency;
        if [parts.discount, parts.credit].iter().any(|off| off.currency != currency) {
            return Err(BillError::Currency);
        }
        if parts.discount.minor < 0 || parts.credit.minor < 0 {
            return Err(BillError::Amount);
        }
        let line = |kind, description: String, minor| Line { kind, description, amount: Money::new(minor, currency) };
        let mut lines = vec![line(LineKind::Item, parts.what.to_owned(), parts.list.minor)];
        if !parts.discount.is_zero() {
            let named = match parts.coupons {
                [] => "Discount".to_owned(),
                [code] => format!("Discount, coupon {code}"),
                codes => format!("Discount, coupons {}", codes.join(", ")),
            };
            lines.push(line(LineKind::Discount, named, -parts.discount.minor));
        }
        let rest = parts.list.minor.checked_sub(parts.discount.minor).ok_or(BillError::Amount)?;
        let credit = parts.credit.minor.min(rest);
        if credit > 0 {
            lines.push(line(LineKind::Credit, "Credit for the unused rest of the period".into(), -credit));
        }
        Self::new(lines, parts.from_balance)
    }

    /// The lines, in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Their sum.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// What of the sum is paid from the balance.
    #[must_use]
    pub const fn from_balance(&self) -> Money {
        self.from_balance
    }

    /// Of all amounts.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.total.currency
    }
}

impl Line {
    /// The same with a description of one line that is not too long.
    fn trimmed(mut self) -> Self {
        let clean = self.description.chars().map(|c| if c.is_control() { ' ' } else { c });
        self.description = clean.take(DESCRIPTION_CHARS_MAX).collect::<String>().trim().to_owned();
        self
    }
}

/// Everything that stands on an invoice or a credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which of the two.
    pub kind: DocumentKind,
    /// Its number.
    pub number: String,
    /// The number of the invoice that a credit note takes back.
    pub corrects: Option<String>,
    /// When it was made out.
    pub issued_at: DateTime<Utc>,
    /// By whom.
    pub issuer: Issuer,
    /// To whom; `None` when they have left.
    pub customer: Option<Customer>,
    /// What is paid for: from, and up to.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Money,
    /// What of the sum was paid from the balance.
    pub from_balance: Money,
    /// By what the rest was paid, such as `PayPal`.
    pub paid_by: Option<String>,
}

/// The number as it is printed: `INV-2026-000042`, or `INV-CN-2026-000007` of a credit note.
#[must_use]
pub fn number(prefix: &str, kind: DocumentKind, year: i32, serial: i64) -> String {
    match kind {
        DocumentKind::Invoice => format!("{prefix}-{year}-{serial:06}"),
        DocumentKind::CreditNote => format!("{prefix}-CN-{year}-{serial:06}"),
    }
}

/// The year whose numbers a document of this moment takes: that of UTC.
#[must_use]
pub fn year_of(issued_at: DateTime<Utc>) -> i32 {
    issued_at.year()
}
