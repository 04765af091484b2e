//! Products and plans at `PayPal`, which a subscription needs: made when they are first wanted, and found again.
//!
//! A product has an id of our choice, made from its name. A plan cannot have one: it is found among the product's plans by
//! its name, which says all that it is known by here: interval, amount, currency, and how many periods at the beginning have
//! prices of their own. What somebody has changed or deactivated at `PayPal` is passed over, and made anew.

use std::collections::HashMap;

use domain::{Money, billing::Interval};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{
    client::Client,
    failure::Failure,
    orders::shortened,
    wire::{Amount, or_default},
};
use crate::error::ProviderError;

const PLANS_PER_PAGE: usize = 20;
/// Pages that are read at most: a product has a plan per interval, currency and price that was ever asked.
const PAGES_MAX: usize = 50;
/// Failed payments after which `PayPal` suspends a subscription by itself: our own patience ends before.
const FAILURES_MAX: u32 = 3;

/// What a plan is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlanKey {
    /// The name of the product, for people.
    pub(super) product: String,
    /// How long a period is.
    pub(super) interval: Interval,
    /// What a period costs.
    pub(super) amount: Money,
    /// How many periods at the beginning have a price of their own, which the subscription names; at most two such runs.
    pub(super) own: Vec<u32>,
}

/// Ids of plans that were found or made.
#[derive(Debug, Default)]
pub(super) struct Catalog(Mutex<HashMap<PlanKey, String>>);

#[derive(Serialize)]
struct NewProduct<'a> {
    id: &'a str,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
}

#[derive(Serialize)]
struct NewPlan<'a> {
    product_id: &'a str,
    name: String,
    status: &'static str,
    billing_cycles: Vec<Cycle>,
    payment_preferences: Preferences,
}

#[derive(Serialize)]
struct Preferences {
    /// What could not be had is added to the next payment: no, each period is settled by itself.
    auto_bill_outstanding: bool,
    setup_fee_failure_action: &'static str,
    payment_failure_threshold: u32,
}

/// A run of periods of one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cycle {
    frequency: Frequency,
    tenure_type: String,
    sequence: u32,
    /// How many; 0: without end.
    total_cycles: u32,
    pricing_scheme: Pricing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Frequency {
    interval_unit: String,
    interval_count: u32,
}

/// What one period costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pricing {
    pub(super) fixed_price: Amount,
}

#[derive(Deserialize)]
struct WirePlan {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    billing_cycles: Vec<Cycle>,
}

#[derive(Deserialize)]
struct Plans {
    #[serde(default, deserialize_with = "or_default")]
    plans: Vec<WirePlan>,
}

/// What of an answer does not matter.
#[derive(Deserialize)]
struct Ignored {}

impl PlanKey {
    fn product_id(&self) -> String {
        format!("CAUSEWAY-{}", &hex::encode_upper(Sha256::digest(self.product.as_bytes()))[..24])
    }

    /// `Pro, 10.00 USD a month`.
    fn name(&self) -> String {
        let interval = match self.interval {
            Interval::Month => "month",
            Interval::Year => "year",
        };
        let first = match self.own.as_slice() {
            [] => String::new(),
            [1] => ", first period at another price".to_owned(),
            [periods] => format!(", first {periods} periods at another price"),
            runs => {
                let runs: Vec<String> = runs.iter().map(u32::to_string).collect();
                format!(", first {} periods at other prices", runs.join(" and "))
            }
        };
        // The product's name may be cut, what tells plans apart may not.
        let product: String = self.product.chars().filter(|c| !c.is_control()).take(60).collect();
        format!("{product}, {} a {interval}{first}", self.amount)
    }

    fn cycles(&self) -> Vec<Cycle> {
        let interval_unit = match self.interval {
            Interval::Month => "MONTH",
            Interval::Year => "YEAR",
        };
        let cycle = |sequence: u32, tenure_type: &str, total_cycles: u32| Cycle {
            frequency: Frequency { interval_unit: interval_unit.to_owned(), interval_count: 1 },
            tenure_type: tenure_type.to_owned(),
            sequence,
            total_cycles,
            pricing_scheme: Pricing { fixed_price: self.amount.into() },
        };
        let runs = self.own.iter().map(|periods| ("TRIAL", *periods)).chain([("REGULAR", 0)]);
        (1..).zip(runs).map(|(sequence, (tenure, periods))| cycle(sequence, tenure, periods)).collect()
    }

    /// True when a plan costs what its name says.
    fn is_kept_by(&self, plan: &WirePlan) -> bool {
        let wanted = self.cycles();
        let same = |(found, wanted): (&Cycle, &Cycle)| {
            let price = found.pricing_scheme.fixed_price.money();
            let place = (&found.frequency, &found.tenure_type, found.sequence, found.total_cycles);
            price.is_ok_and(|price| price == self.amount)
                && place == (&wanted.frequency, &wanted.tenure_type, wanted.sequence, wanted.total_cycles)
        };
        plan.billing_cycles.len() == wanted.len() && plan.billing_cycles.iter().zip(&wanted).all(same)
    }
}

impl Catalog {
    /// The id of the plan, which is made if there is none.
    pub(super) async fn plan(&self, client: &Client, key: &PlanKey) -> Result<String, ProviderError> {
        // Held meanwhile: two checkouts at once make one plan.
        let mut known = self.0.lock().await;
        if let Some(id) = known.get(key) {
            return Ok(id.clone());
        }
        let id = find_or_make(client, key).await?;
        known.insert(key.clone(), id.clone());
        Ok(id)
    }

    /// Forgets a plan that `PayPal` does not take any more.
    pub(super) async fn forget(&self, key: &PlanKey) {
        self.0.lock().await.remove(key);
    }
}

async fn find_or_make(client: &Client, key: &PlanKey) -> Result<String, ProviderError> {
    let product = key.product_id();
    ensure_product(client, key, &product).await?;
    let (name, mut passed) = (key.name(), 0_usize);
    for plan in plans(client, &product, &name).await? {
        let whole: WirePlan = client.get(&["v1", "billing", "plans", &plan.id], &[]).await?;
        if whole.status == "ACTIVE" && key.is_kept_by(&whole) {
            return Ok(whole.id);
        }
        passed += 1;
    }
    let plan = NewPlan {
        product_id: &product,
        name,
        status: "ACTIVE",
        billing_cycles: key.cycles(),
        payment_preferences: Preferences {
            auto_bill_outstanding: false,
            setup_fee_failure_action: "CANCEL",
            payment_failure_threshold: FAILURES_MAX,
        },
    };
    // Those that are passed over have had a key of their own, which PayPal may still remember.
    let request_id =
        format!("plan-{}-{passed}", &hex::encode(Sha256::digest(format!("{product}\n{}", plan.name)))[..48]);
    let made: WirePlan = client.post(&["v1", "billing", "plans"], &request_id, &plan).await?;
    Ok(made.id)
}

async fn ensure_product(client: &Client, key: &PlanKey, id: &str) -> Result<(), ProviderError> {
    match client.get::<Ignored>(&["v1", "catalogs", "products", id], &[]).await {
        Ok(_) => return Ok(()),
        Err(failure) if failure.is_missing() => (),
        Err(failure) => return Err(failure.into()),
    }
    let product = NewProduct { id, name: shortened(&key.product), kind: "SERVICE", category: "SOFTWARE" };
    let made = client.post::<Ignored>(&["v1", "catalogs", "products"], &format!("product-{id}"), &product).await;
    match made {
        Ok(_) => Ok(()),
        // Somebody else was quicker.
        Err(failure) if failure.has("DUPLICATE_RESOURCE_IDENTIFIER") => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// The product's plans of this name, which the list shows without their prices.
async fn plans(client: &Client, product: &str, name: &str) -> Result<Vec<WirePlan>, Failure> {
    let mut found = Vec::new();
    for page in 1..=PAGES_MAX {
        let (page, size) = (page.to_string(), PLANS_PER_PAGE.to_string());
        let query = [("product_id", product), ("page_size", size.as_str()), ("page", page.as_str())];
        let list: Plans = match client.get(&["v1", "billing", "plans"], &query).await {
            Ok(list) => list,
            // A product without plans, to some versions of the API.
            Err(failure) if failure.is_missing() => break,
            Err(failure) => return Err(failure),
        };
        let is_last = list.plans.len() < PLANS_PER_PAGE;
        found.extend(list.plans.into_iter().filter(|plan| plan.name == name));
        if is_last {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    #[test]
    fn the_name_of_a_plan_tells_all_that_it_is_known_by() {
        let key = |product: &str, interval, minor, own: &[u32]| PlanKey {
            product: product.into(),
            interval,
            amount: Money::new(minor, Currency::USD),
            own: own.to_vec(),
        };
        let pro = key("Pro", Interval::Month, 1_000, &[]);
        assert_eq!(pro.name(), "Pro, 10.00 USD a month");
        let others = [
            key("Pro", Interval::Year, 1_000, &[]),
            key("Pro", Interval::Month, 1_001, &[]),
            key("Pro", Interval::Month, 1_000, &[1]),
            key("Pro", Interval::Month, 1_000, &[4]),
            key("Pro", Interval::Month, 1_000, &[1, 3]),
        ];
        assert!(others.iter().all(|other| other.name() != pro.name() && other.product_id() == pro.product_id()));
        let names: std::collections::HashSet<String> = others.iter().map(PlanKey::name).collect();
        assert_eq!(names.len(), others.len());
        assert_ne!(key("Elite", Interval::Month, 1_000, &[]).product_id(), pro.product_id());
        assert!((6..=50).contains(&pro.product_id().len()));
        assert!(key(&"x".repeat(500), Interval::Month, 1_000, &[1, 119]).name().chars().count() <= 127);
    }

    #[test]
    fn a_plan_that_was_changed_is_not_ours() {
        let key = PlanKey {
            product: "Pro".into(),
            interval: Interval::Month,
            amount: Money::new(1_000, Currency::USD),
            own: vec![1],
        };
        let plan =
            |cycles| WirePlan { id: "P-1".into(), name: key.name(), status: "ACTIVE".into(), billing_cycles: cycles };
        assert!(key.is_kept_by(&plan(key.cycles())));
        let mut spelled = key.cycles();
        spelled[1].pricing_scheme.fixed_price.value = "10.0".into();
        assert!(key.is_kept_by(&plan(spelled.clone())));
        spelled[1].pricing_scheme.fixed_price.value = "12".into();
        assert!(!key.is_kept_by(&plan(spelled)));
        assert!(!key.is_kept_by(&plan(key.cycles()[1..].to_vec())));
        assert!(!key.is_kept_by(&plan(Vec::new())));
    }
}
