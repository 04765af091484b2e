//! Which coupons a payment gets: those that are named and those that stand, and what each of them takes off.

use chrono::{DateTime, Utc};
use domain::{
    Money, PaymentId, UserId,
    coupon::{CODES_MAX, Candidates, Code, Coupon, Purchase, Refusal, Terms},
};
use sqlx::PgConnection;

use super::{
    CouponError, Discount, Refused, catalogue,
    used::{Holding, has_paid, standing, usage},
};

/// A coupon that a payment gets.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Which.
    pub(super) coupon: Coupon,
    /// What it takes off.
    pub(super) amount: Money,
    /// The tenant's redemption of it; `None`: there will be a new one.
    pub(super) redemption: Option<i64>,
    /// The discount is one of those that the redemption is good for.
    pub(super) counts: bool,
}

/// The codes that are meant, each of them once.
pub(super) fn fold(codes: &[String]) -> Result<Vec<Code>, CouponError> {
    if codes.len() > CODES_MAX {
        return Err(Refusal::TooMany.into());
    }
    let mut folded = Vec::with_capacity(codes.len());
    for text in codes {
        let unknown = || CouponError::Refused(Refused { code: Some(text.clone()), reason: Refusal::NotFound });
        let code = Code::parse(text).ok_or_else(unknown)?;
        if !folded.contains(&code) {
            folded.push(code);
        }
    }
    Ok(folded)
}

/// The coupons that a purchase gets. `payment` is what it is paid with, if that is known already.
pub(super) async fn choose(
    connection: &mut PgConnection,
    user: UserId,
    payment: Option<PaymentId>,
    codes: &[Code],
    purchase: &Purchase,
    now: DateTime<Utc>,
) -> Result<Vec<Chosen>, CouponError> {
    let mut holdings = standing(connection, user, now).await?;
    let has_paid = has_paid(connection, user, payment).await?;
    let mut named = Vec::with_capacity(codes.len());
    for code in codes {
        let refused = |reason| CouponError::refused(code, reason);
        let coupon = match holdings.iter().find(|holding| holding.coupon.code == *code) {
            Some(holding) => {
                holding.check(purchase, has_paid).map_err(refused)?;
                holding.coupon.clone()
            }
            None => {
                let found = catalogue::by_code(connection, code).await?;
                let coupon = found.ok_or_else(|| refused(Refusal::NotFound))?;
                let usage = usage(connection, user, coupon.id, has_paid, now).await?;
                coupon.check(Some(purchase), usage, now).map_err(refused)?;
                coupon
            }
        };
        named.push(coupon);
    }
    holdings.retain(|holding| holding.check(purchase, has_paid).is_ok());
    let others = holdings.iter().map(|holding| &holding.coupon).filter(|coupon| !codes.contains(&coupon.code));
    let others: Vec<Coupon> = others.cloned().collect();
    let candidates = Candidates { named: &named, standing: &others };
    let cuts = domain::coupon::choose(purchase.list, candidates).map_err(|reason| {
        let alone = named.iter().find(|coupon| !coupon.terms.combinable);
        alone.map_or_else(|| reason.into(), |coupon| CouponError::refused(&coupon.code, reason))
    })?;
    Ok(cuts.iter().map(|cut| chosen(cut.coupon, cut.amount, &holdings, purchase)).collect())
}

fn chosen(coupon: &Coupon, amount: Money, holdings: &[Holding], purchase: &Purchase) -> Chosen {
    let holding = holdings.iter().find(|holding| holding.coupon.id == coupon.id);
    let is_running = holding.is_some_and(|holding| holding.is_running);
    Chosen {
        coupon: coupon.clone(),
        amount,
        redemption: holding.map(|holding| holding.redemption),
        counts: Terms::counts(is_running, purchase.purpose),
    }
}

/// What they take off together.
pub(super) fn discount(list: Money, chosen: &[Chosen]) -> Discount {
    let minor = chosen.iter().map(|one| one.amount.minor).sum();
    Discount { amount: Money::new(minor, list.currency), coupons: chosen.iter().map(|one| one.coupon.id).collect() }
}
