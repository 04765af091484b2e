//! What is given for money that has come: what was agreed on, what it is worth today, or credit.

use crate::{Money, billing::PaymentPurpose};

/// What was agreed on at the checkout. All amounts are of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deal {
    /// What it was for.
    pub purpose: PaymentPurpose,
    /// What that cost.
    pub list: Money,
    /// What was paid before and not used.
    pub credit: Money,
    /// What coupons take off.
    pub discount: Money,
    /// What the balance pays.
    pub from_balance: Money,
    /// What was left to be paid.
    pub amount: Money,
    /// It was given up meanwhile: coupons and balance were let go.
    pub is_late: bool,
}

/// What the same would cost now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it would be for.
    pub purpose: PaymentPurpose,
    /// What that costs.
    pub list: Money,
    /// What was paid before and is not used.
    pub credit: Money,
    /// What the same coupons take off now.
    pub discount: Money,
    /// What the balance could add, at most what was agreed on.
    pub from_balance: Money,
}

/// On what terms something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it is for.
    pub purpose: PaymentPurpose,
    /// What that costs.
    pub list: Money,
    /// What was paid before and is not used. What of it is more than the price goes to the balance.
    pub credit: Money,
    /// What coupons take off.
    pub discount: Money,
    /// What the balance pays.
    pub from_balance: Money,
    /// What is paid with the money that has come.
    pub paid: Money,
    /// What of the money is too much: it goes to the balance.
    pub surplus: Money,
    /// These are the terms that were agreed on.
    pub is_as_agreed: bool,
}

/// What is given for the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bargain {
    /// What was to be paid for.
    Grant(Grant),
    /// Credit: it does not suffice any more.
    Credit,
}

impl Deal {
    /// What was agreed on, for money that is enough for it.
    fn granted(&self, came: Money) -> Option<Grant> {
        let surplus = came.checked_sub(self.amount).filter(|surplus| surplus.minor >= 0)?;
        Some(Grant {
            purpose: self.purpose,
            list: self.list,
            credit: self.credit,
            discount: self.discount,
            from_balance: self.from_balance,
            paid: self.amount,
            surplus,
            is_as_agreed: true,
        })
    }
}

impl Offer {
    /// What the money, with what the balance adds, buys today.
    fn granted(&self, came: Money) -> Option<Grant> {
        let rest = self.list.checked_sub(self.credit)?.minor.max(0);
        let discount = self.discount.minor.min(rest);
        let due = rest - discount;
        let paid = due.min(came.minor);
        let from_balance = due - paid;
        let money = |minor| Money::new(minor, self.list.currency);
        let fits = came.currency == self.list.currency
            && self.from_balance.currency == self.list.currency
            && came.minor >= 0
            && from_balance <= self.from_balance.minor.max(0);
        fits.then(|| Grant {
            purpose: self.purpose,
            list: self.list,
            credit: self.credit,
            discount: money(discount),
            from_balance: money(from_balance),
            paid: money(paid),
            surplus: money(came.minor - paid),
            is_as_agreed: false,
        })
    }
}

/// What is given for `came`. What was agreed on holds as long as the checkout does. Afterwards the money buys what it is
/// worth today, which `offer` says: never less than what was asked for; then it is credit.
#[must_use]
pub fn bargain(deal: &Deal, came: Money, offer: Option<&Offer>) -> Bargain {
    let granted = if deal.is_late { offer.and_then(|offer| offer.granted(came)) } else { deal.granted(came) };
    granted.map_or(Bargain::Credit, Bargain::Grant)
}
