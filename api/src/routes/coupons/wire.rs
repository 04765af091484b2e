//! Coupons on the wire.

use chrono::{DateTime, Utc};
use domain::{
    Currency, Money, PlanId,
    billing::Interval,
    coupon::{Duration, Reduction, Terms, TermsError},
};
use salvo::oapi::{Components, RefOr, Schema, ToSchema};
use serde::{Deserialize, Serialize};

use crate::{money::CurrencyDoc, wire::one_of};

/// For how many payments a coupon is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DurationName {
    Once,
    Repeating,
    Forever,
}

impl ToSchema for DurationName {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        one_of(&[Self::Once, Self::Repeating, Self::Forever])
    }
}

/// What a coupon is good for, and for whom. Amounts are decimals such as `5.00`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[salvo(schema(name = CouponTerms))]
#[serde(deny_unknown_fields)]
pub(crate) struct CouponTerms {
    /// Hundredths of the price that it takes off, 1 to 100; null: it takes off `amount`.
    #[serde(default)]
    percent: Option<u8>,
    /// What it takes off, or the whole price if that is less; null: it takes off `percent`.
    #[serde(default)]
    amount: Option<String>,
    /// Only prices in this currency; null: in any. Amounts are of it.
    #[serde(default)]
    #[salvo(schema(value_type = Option<CurrencyDoc>))]
    pub(super) currency: Option<String>,
    /// For how many payments it is good.
    pub(super) duration: DurationName,
    /// How many payments that is for a repeating one, 2 to 120.
    #[serde(default)]
    pub(super) periods: Option<u32>,
    /// Only prices from this on.
    #[serde(default)]
    minimum_amount: Option<String>,
    /// Codes of the plans that it is for; none: every plan.
    #[serde(default)]
    pub(super) plans: Vec<String>,
    /// Only periods of this length; null: of any.
    #[serde(default)]
    #[salvo(schema(value_type = Option<crate::wire::IntervalDoc>))]
    interval: Option<Interval>,
    /// Only for those who have not paid before.
    #[serde(default)]
    first_purchase_only: bool,
    /// It may be used beside others that may.
    #[serde(default)]
    combinable: bool,
    /// How often one user may redeem it; null: without limit.
    #[serde(default)]
    per_user_max: Option<u32>,
    /// How often all of them together may; null: without limit.
    #[serde(default)]
    redemptions_max: Option<u64>,
    /// When it begins to hold.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    starts_at: Option<DateTime<Utc>>,
    /// From when on it cannot be redeemed any more.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    ends_at: Option<DateTime<Utc>>,
}

impl CouponTerms {
    /// The codes of its plans.
    pub(crate) fn plans(&self) -> &[String] {
        &self.plans
    }

    /// The terms that are meant, for the plans of these ids.
    pub(crate) fn read(&self, plans: Vec<PlanId>) -> Result<Terms, TermsError> {
        let currency = self.currency.as_deref().map(Currency::parse).transpose().map_err(|_| TermsError::Currency)?;
        let money = |text: &str, error| {
            let currency = currency.ok_or(TermsError::Currency)?;
            Money::parse(text, currency).map_err(|_| error)
        };
        let reduction = match (self.percent, self.amount.as_deref()) {
            (Some(percent), None) => Reduction::Percent(percent),
            (None, Some(amount)) => Reduction::Fixed(money(amount, TermsError::Amount)?),
            (Some(_), Some(_)) | (None, None) => return Err(TermsError::Reduction),
        };
        let duration = match (self.duration, self.periods) {
            (DurationName::Once, None) => Duration::Once,
            (DurationName::Repeating, Some(periods)) => Duration::Repeating(periods),
            (DurationName::Forever, None) => Duration::Forever,
            _ => return Err(TermsError::Periods),
        };
        let minimum = self.minimum_amount.as_deref().map(|text| money(text, TermsError::Minimum)).transpose()?;
        let terms = Terms {
            reduction,
            duration,
            currency,
            minimum,
            plans,
            interval: self.interval,
            first_purchase: self.first_purchase_only,
            combinable: self.combinable,
            per_user_max: self.per_user_max,
            redemptions_max: self.redemptions_max,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        };
        terms.validate()?;
        Ok(terms)
    }

    /// Terms for people, who know plans by their codes.
    pub(crate) fn of(terms: &Terms, plans: Vec<String>) -> Self {
        let (percent, amount) = terms.reduction.parts();
        let (duration, periods) = match terms.duration {
            Duration::Once => (DurationName::Once, None),
            Duration::Repeating(periods) => (DurationName::Repeating, Some(periods)),
            Duration::Forever => (DurationName::Forever, None),
        };
        Self {
            percent,
            amount: amount.map(Money::decimal),
            currency: terms.currency.map(|currency| currency.code().to_owned()),
            duration,
            periods,
            minimum_amount: terms.minimum.map(Money::decimal),
            plans,
            interval: terms.interval,
            first_purchase_only: terms.first_purchase,
            combinable: terms.combinable,
            per_user_max: terms.per_user_max,
            redemptions_max: terms.redemptions_max,
            starts_at: terms.starts_at,
            ends_at: terms.ends_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(terms: Value) -> Result<Terms, TermsError> {
        serde_json::from_value::<CouponTerms>(terms).unwrap().read(vec![PlanId::PRO])
    }

    #[test]
    fn terms_survive_the_wire() {
        let terms = json!({
            "percent": null, "amount": "5.00", "currency": "USD", "duration": "repeating", "periods": 3,
            "minimum_amount": "10.00", "plans": ["pro"], "interval": "month", "first_purchase_only": true,
            "combinable": true, "per_user_max": 1, "redemptions_max": 100, "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2027-01-01T00:00:00Z",
        });
        let shown = CouponTerms::of(&read(terms.clone()).unwrap(), vec!["pro".to_owned()]);
        assert_eq!(serde_json::to_value(shown).unwrap(), terms);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (terms, error) in [
            (json!({ "duration": "once" }), TermsError::Reduction),
            (json!({ "duration": "once", "percent": 10, "amount": "1" }), TermsError::Reduction),
            (json!({ "duration": "once", "percent": 10, "amount": "1", "currency": "USD" }), TermsError::Reduction),
            (json!({ "duration": "once", "percent": 0 }), TermsError::Percent),
            (json!({ "duration": "once", "amount": "5.001", "currency": "USD" }), TermsError::Amount),
            (json!({ "duration": "once", "amount": "-5", "currency": "USD" }), TermsError::Amount),
            (json!({ "duration": "once", "amount": "5", "currency": "XXX" }), TermsError::Currency),
            (json!({ "duration": "once", "percent": 10, "minimum_amount": "5" }), TermsError::Currency),
            (json!({ "duration": "once", "percent": 10, "periods": 1 }), TermsError::Periods),
            (json!({ "duration": "repeating", "percent": 10 }), TermsError::Periods),
        ] {
            assert_eq!(read(terms.clone()), Err(error), "{terms}");
        }
    }
}
