//! Which coupons a payment gets, and how much each of them takes off.

use super::{Coupon, Reduction, Refusal};
use crate::money::Money;

/// Coupons that hold for a purchase, each of them once.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Those that were asked for: all of them, or none.
    pub named: &'a [Coupon],
    /// Those that stand: they join if they can.
    pub standing: &'a [Coupon],
}

/// What one coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// Which.
    pub coupon: &'a Coupon,
    /// More than nothing, at most what the others have left of the price.
    pub amount: Money,
}

/// Chooses the coupons of a payment of `list`. Those that were named are used; standing ones join them if all may be
/// combined. Without a named one it is what takes most off: all that may be combined together, or one that may not.
///
/// # Errors
/// [`Refusal::NotCombinable`] when several are named and one of them may not be combined.
pub fn choose<'a>(list: Money, candidates: Candidates<'a>) -> Result<Vec<Cut<'a>>, Refusal> {
    let Candidates { named, standing } = candidates;
    if named.len() > 1 && named.iter().any(|coupon| !coupon.terms.combinable) {
        return Err(Refusal::NotCombinable);
    }
    if named.iter().any(|coupon| !coupon.terms.combinable) {
        return Ok(share_out(list, named.iter().collect()));
    }
    let together = named.iter().chain(standing.iter().filter(|coupon| coupon.terms.combinable));
    let mut best = share_out(list, together.collect());
    if named.is_empty() {
        for alone in standing.iter().filter(|coupon| !coupon.terms.combinable) {
            let cuts = share_out(list, vec![alone]);
            if total(&cuts) > total(&best) {
                best = cuts;
            }
        }
    }
    Ok(best)
}

/// Percentages first, then amounts, the oldest coupon first: each of what those before it have left, so that all of them
/// never take more than there is.
fn share_out(list: Money, mut coupons: Vec<&Coupon>) -> Vec<Cut<'_>> {
    coupons.sort_by_key(|coupon| (matches!(coupon.terms.reduction, Reduction::Fixed(_)), coupon.id));
    let mut left = list;
    let mut cuts = Vec::new();
    for coupon in coupons {
        let amount = coupon.terms.reduction.of(left);
        if amount.minor > 0 {
            left.minor -= amount.minor;
            cuts.push(Cut { coupon, amount });
        }
    }
    cuts
}

/// What coupons take off each of the payments that follow one, as long as all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is taken off each.
    pub discount: Money,
    /// How many payments; `None`: all that follow.
    pub payments: Option<u32>,
}

/// What these coupons, each with the payments that it has left (`None`: all that follow), take off payments of `list` that
/// follow each other. Of several the run ends with the first that has none left: what the others have left stays. `None`:
/// nothing is taken off.
#[must_use]
pub fn run(list: Money, coupons: &[(Coupon, Option<u32>)]) -> Option<Run> {
    let lasting: Vec<&(Coupon, Option<u32>)> = coupons.iter().filter(|(_, left)| *left != Some(0)).collect();
    let discount = total(&share_out(list, lasting.iter().map(|(coupon, _)| coupon).collect()));
    let payments = lasting.iter().filter_map(|(_, left)| *left).min();
    (discount > 0).then(|| Run { discount: Money::new(discount, list.currency), payments })
}

fn total(cuts: &[Cut<'_>]) -> i64 {
    cuts.iter().map(|cut| cut.amount.minor).sum()
}

impl Reduction {
    /// The percentage or the amount.
    #[must_use]
    pub const fn parts(self) -> (Option<u8>, Option<Money>) {
        match self {
            Self::Percent(percent) => (Some(percent), None),
            Self::Fixed(amount) => (None, Some(amount)),
        }
    }

    /// What it takes off a price: never more than the price, nothing of one in another currency.
    #[must_use]
    pub fn of(self, price: Money) -> Money {
        let nothing = Money::zero(price.currency);
        if price.minor <= 0 {
            return nothing;
        }
        match self {
            Self::Percent(percent) => price.share_down(i64::from(percent.min(100)), 100).unwrap_or(nothing),
            Self::Fixed(amount) if amount.currency == price.currency => {
                Money::new(amount.minor.clamp(0, price.minor), price.currency)
            }
            Self::Fixed(_) => nothing,
        }
    }
}
