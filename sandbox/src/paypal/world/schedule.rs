//! Billing cycles: what is paid how often, and when the next payment is due.

use chrono::{DateTime, Days, Months, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::paypal::{
    error::ApiError,
    money::{Amount, Wire},
};

/// Trial cycles that a plan may have before its regular one.
const TRIALS_MAX: usize = 2;

/// A cycle in a request; in a subscription's own plan, only what it changes.
#[derive(Clone, Debug, Deserialize)]
pub struct NewCycle {
    frequency: Option<Frequency>,
    tenure_type: Option<Tenure>,
    sequence: Option<u32>,
    total_cycles: Option<u32>,
    pricing_scheme: Option<NewPricing>,
}

#[derive(Clone, Debug, Deserialize)]
struct NewPricing {
    fixed_price: Option<Wire>,
}

/// How often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequency {
    interval_unit: Unit,
    #[serde(default = "one")]
    interval_count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Unit {
    Day,
    Week,
    Month,
    Year,
}

/// Which kind of cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tenure {
    /// Before the regular one.
    Trial,
    /// The last one.
    Regular,
}

/// One cycle of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// How often it is paid.
    pub frequency: Frequency,
    /// Which kind.
    pub tenure: Tenure,
    /// Its place.
    pub sequence: u32,
    /// How many times; 0 without an end.
    pub total: u32,
    /// How much; free without it.
    pub price: Option<Amount>,
}

const fn one() -> u32 {
    1
}

/// Checks the cycles of a plan.
///
/// # Errors
/// What is wrong with them.
pub fn read(new: Vec<NewCycle>) -> Result<Vec<Cycle>, ApiError> {
    let mut cycles = Vec::new();
    for (index, cycle) in new.into_iter().enumerate() {
        let missing = |name: &str| ApiError::missing(&format!("/billing_cycles/{index}/{name}"));
        let tenure = cycle.tenure_type.ok_or_else(|| missing("tenure_type"))?;
        let price = cycle.pricing_scheme.and_then(|pricing| pricing.fixed_price);
        let price =
            price.map(|price| Amount::read(&price, &format!("/billing_cycles/{index}/pricing_scheme/fixed_price")));
        let price = price.transpose()?;
        if price.is_none() && tenure == Tenure::Regular {
            return Err(missing("pricing_scheme"));
        }
        cycles.push(Cycle {
            frequency: cycle.frequency.ok_or_else(|| missing("frequency"))?,
            tenure,
            sequence: cycle.sequence.ok_or_else(|| missing("sequence"))?,
            total: cycle.total_cycles.unwrap_or(1),
            price: price.filter(|price| price.minor > 0),
        });
    }
    cycles.sort_by_key(|cycle| cycle.sequence);
    let trials = cycles.iter().filter(|cycle| cycle.tenure == Tenure::Trial).count();
    let regular = cycles.last().is_some_and(|last| last.tenure == Tenure::Regular);
    let in_turn = cycles.iter().zip(1..).all(|(cycle, sequence)| cycle.sequence == sequence);
    let endless_trial = cycles.iter().any(|cycle| cycle.tenure == Tenure::Trial && cycle.total == 0);
    if trials > TRIALS_MAX || trials + 1 != cycles.len() || !regular || !in_turn || endless_trial {
        let text = "A plan has at most two trial cycles, then one regular cycle, in sequence.";
        return Err(ApiError::unprocessable("INVALID_BILLING_CYCLES", text).at("/billing_cycles"));
    }
    Ok(cycles)
}

/// The cycles of a subscription that changes those of its plan.
///
/// # Errors
/// When it names one that the plan does not have, or a price that is none.
pub fn overridden(cycles: &[Cycle], new: Vec<NewCycle>) -> Result<Vec<Cycle>, ApiError> {
    let mut cycles = cycles.to_vec();
    for (index, change) in new.into_iter().enumerate() {
        let place = format!("/plan/billing_cycles/{index}");
        let cycle = cycles.iter_mut().find(|cycle| Some(cycle.sequence) == change.sequence).ok_or_else(|| {
            ApiError::unprocessable("BILLING_CYCLE_NOT_FOUND", "The plan has no cycle of this sequence.").at(&place)
        })?;
        if let Some(price) = change.pricing_scheme.and_then(|pricing| pricing.fixed_price) {
            let price = Amount::read(&price, &format!("{place}/pricing_scheme/fixed_price"))?;
            cycle.price = Some(price).filter(|price| price.minor > 0);
        }
        cycle.total = change.total_cycles.unwrap_or(cycle.total);
    }
    Ok(cycles)
}

impl Cycle {
    /// The time of payment number `count` of this cycle, when the first one was at `start`: months end where they end,
    /// and the day of the start comes back.
    #[must_use]
    pub fn after(&self, start: DateTime<Utc>, count: u32) -> DateTime<Utc> {
        let steps = self.frequency.interval_count.saturating_mul(count);
        let at = match self.frequency.interval_unit {
            Unit::Day => start.checked_add_days(Days::new(steps.into())),
            Unit::Week => start.checked_add_days(Days::new(u64::from(steps) * 7)),
            Unit::Month => start.checked_add_months(Months::new(steps)),
            Unit::Year => start.checked_add_months(Months::new(steps.saturating_mul(12))),
        };
        at.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// As the service shows it.
    #[must_use]
    pub fn wire(&self) -> Value {
        let mut wire = json!({
            "frequency": self.frequency,
            "tenure_type": self.tenure,
            "sequence": self.sequence,
            "total_cycles": self.total,
        });
        if let Some(price) = &self.price {
            wire["pricing_scheme"] = json!({ "version": 1, "fixed_price": price.wire() });
        }
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(json: Value) -> Result<Vec<Cycle>, ApiError> {
        read(serde_json::from_value(json).unwrap())
    }

    fn monthly(sequence: u32, tenure: &str, total: u32) -> Value {
        json!({
            "frequency": { "interval_unit": "MONTH" }, "tenure_type": tenure, "sequence": sequence,
            "total_cycles": total, "pricing_scheme": { "fixed_price": { "currency_code": "USD", "value": "10.00" } },
        })
    }

    #[test]
    fn a_plan_ends_with_its_one_regular_cycle() {
        assert_eq!(cycles(json!([monthly(2, "REGULAR", 0), monthly(1, "TRIAL", 1)])).unwrap().len(), 2);
        for wrong in [
            json!([]),
            json!([monthly(1, "TRIAL", 1)]),
            json!([monthly(1, "REGULAR", 0), monthly(2, "TRIAL", 1)]),
            json!([monthly(2, "REGULAR", 0)]),
            json!([monthly(1, "TRIAL", 0), monthly(2, "REGULAR", 0)]),
        ] {
            assert_eq!(cycles(wrong).unwrap_err().issue(), "INVALID_BILLING_CYCLES");
        }
    }

    #[test]
    fn months_keep_the_day_of_their_start() {
        let cycle = cycles(json!([monthly(1, "REGULAR", 0)])).unwrap().remove(0);
        let start: DateTime<Utc> = "2027-01-31T10:00:00Z".parse().unwrap();
        let days: Vec<String> = (0..3).map(|count| cycle.after(start, count).format("%m-%d").to_string()).collect();
        assert_eq!(days, ["01-31", "02-28", "03-31"]);
    }

    #[test]
    fn a_subscription_changes_prices_of_its_plan() {
        let plan = cycles(json!([monthly(1, "TRIAL", 1), monthly(2, "REGULAR", 0)])).unwrap();
        let change =
            json!([{ "sequence": 1, "pricing_scheme": { "fixed_price": { "currency_code": "USD", "value": "0" } } }]);
        let own = overridden(&plan, serde_json::from_value(change).unwrap()).unwrap();
        assert_eq!((own[0].price.as_ref(), own[1].price.as_ref().map(|price| price.minor)), (None, Some(1_000)));
        let unknown = serde_json::from_value(json!([{ "sequence": 3 }])).unwrap();
        assert_eq!(overridden(&plan, unknown).unwrap_err().issue(), "BILLING_CYCLE_NOT_FOUND");
    }
}
