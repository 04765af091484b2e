//! Products, and plans by which they are subscribed to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    World,
    schedule::{Cycle, NewCycle},
};
use crate::paypal::{
    clock,
    error::ApiError,
    id,
    money::{Amount, Wire},
};

/// A request to make a product.
#[derive(Debug, Deserialize)]
pub struct NewProduct {
    /// Its own id, if the merchant wants one.
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    category: Option<String>,
}

/// What is subscribed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: String,
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    category: Option<String>,
    at: DateTime<Utc>,
}

/// A request to make a plan.
#[derive(Debug, Deserialize)]
pub struct NewPlan {
    product_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    status: Option<String>,
    #[serde(default)]
    billing_cycles: Vec<NewCycle>,
    payment_preferences: Option<NewPreferences>,
}

/// How payments that fail are met, and what is paid at once.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewPreferences {
    auto_bill_outstanding: Option<bool>,
    setup_fee: Option<Wire>,
    setup_fee_failure_action: Option<String>,
    payment_failure_threshold: Option<u32>,
}

/// The same, checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preferences {
    /// Whether what failed is added to the next payment.
    pub auto_bill: bool,
    /// Paid once at the beginning, when it is more than nothing.
    pub setup_fee: Option<Amount>,
    /// A subscription whose setup fee fails is canceled.
    pub setup_fee_cancels: bool,
    /// Failures after which the subscription is suspended; 0 for never.
    pub threshold: u32,
}

/// What a subscription costs, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: String,
    /// What is subscribed to.
    pub product_id: String,
    /// Whether it can be subscribed to.
    pub active: bool,
    /// In their sequence.
    pub cycles: Vec<Cycle>,
    /// The rest.
    pub preferences: Preferences,
    name: String,
    description: Option<String>,
    at: DateTime<Utc>,
}

impl World {
    /// Makes a product; its id.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn create_product(&mut self, new: NewProduct, now: DateTime<Utc>) -> Result<String, ApiError> {
        let name = new.name.filter(|name| !name.is_empty()).ok_or_else(|| ApiError::missing("/name"))?;
        let kind = new.kind.ok_or_else(|| ApiError::missing("/type"))?;
        if !["PHYSICAL", "DIGITAL", "SERVICE"].contains(&kind.as_str()) {
            return Err(ApiError::invalid("/type", "INVALID_PARAMETER_VALUE", "The value of a field is not known."));
        }
        let id = new.id.unwrap_or_else(id::product);
        if self.products.contains_key(&id) {
            return Err(ApiError::unprocessable("DUPLICATE_RESOURCE_IDENTIFIER", "The product exists already."));
        }
        let product =
            Product { id: id.clone(), name, description: new.description, kind, category: new.category, at: now };
        self.products.insert(id.clone(), product);
        Ok(id)
    }

    /// Makes a plan; its id.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn create_plan(&mut self, new: NewPlan, now: DateTime<Utc>) -> Result<String, ApiError> {
        let product_id = new.product_id.ok_or_else(|| ApiError::missing("/product_id"))?;
        if !self.products.contains_key(&product_id) {
            return Err(ApiError::not_found().at("/product_id"));
        }
        let name = new.name.filter(|name| !name.is_empty()).ok_or_else(|| ApiError::missing("/name"))?;
        let cycles = super::schedule::read(new.billing_cycles)?;
        let preferences = new.payment_preferences.ok_or_else(|| ApiError::missing("/payment_preferences"))?.read()?;
        let active = match new.status.as_deref() {
            None | Some("ACTIVE") => true,
            Some("CREATED") => false,
            Some(_) => {
                return Err(ApiError::invalid(
                    "/status",
                    "INVALID_PARAMETER_VALUE",
                    "A plan begins CREATED or ACTIVE.",
                ));
            }
        };
        let id = id::plan();
        let description = new.description;
        let plan = Plan { id: id.clone(), product_id, active, cycles, preferences, name, description, at: now };
        self.plans.insert(id.clone(), plan);
        Ok(id)
    }

    /// Lets a plan be subscribed to, or no longer.
    ///
    /// # Errors
    /// When there is no such plan.
    pub fn switch_plan(&mut self, id: &str, active: bool) -> Result<(), ApiError> {
        self.plans.get_mut(id).ok_or_else(ApiError::not_found)?.active = active;
        Ok(())
    }

    /// A product as the service shows it.
    #[must_use]
    pub fn product_wire(&self, product: &Product) -> Value {
        let own = format!("{}/v1/catalogs/products/{}", self.base, product.id);
        json!({
            "id": product.id,
            "name": product.name,
            "description": product.description,
            "type": product.kind,
            "category": product.category,
            "create_time": clock::seconds(product.at),
            "update_time": clock::seconds(product.at),
            "links": [{ "href": own, "rel": "self", "method": "GET" }],
        })
    }

    /// A plan as the service shows it.
    #[must_use]
    pub fn plan_wire(&self, plan: &Plan) -> Value {
        let own = format!("{}/v1/billing/plans/{}", self.base, plan.id);
        json!({
            "id": plan.id,
            "product_id": plan.product_id,
            "name": plan.name,
            "description": plan.description,
            "status": if plan.active { "ACTIVE" } else { "INACTIVE" },
            "usage_type": "LICENSED",
            "billing_cycles": plan.cycles.iter().map(Cycle::wire).collect::<Vec<_>>(),
            "payment_preferences": plan.preferences.wire(),
            "quantity_supported": false,
            "create_time": clock::seconds(plan.at),
            "update_time": clock::seconds(plan.at),
            "links": [{ "href": own, "rel": "self", "method": "GET" }],
        })
    }
}

impl NewPreferences {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self) -> Result<Preferences, ApiError> {
        let place = "/payment_preferences";
        let threshold = self.payment_failure_threshold.unwrap_or(0);
        if threshold > 999 {
            let text = "The value of a field is out of its range.";
            return Err(ApiError::invalid(
                &format!("{place}/payment_failure_threshold"),
                "INVALID_PARAMETER_VALUE",
                text,
            ));
        }
        let fee = self.setup_fee.map(|fee| Amount::read(&fee, &format!("{place}/setup_fee"))).transpose()?;
        Ok(Preferences {
            auto_bill: self.auto_bill_outstanding.unwrap_or(true),
            setup_fee: fee.filter(|fee| fee.minor > 0),
            setup_fee_cancels: self.setup_fee_failure_action.as_deref() != Some("CONTINUE"),
            threshold,
        })
    }
}

impl Preferences {
    fn wire(&self) -> Value {
        let mut wire = json!({
            "service_type": "PREPAID",
            "auto_bill_outstanding": self.auto_bill,
            "setup_fee_failure_action": if self.setup_fee_cancels { "CANCEL" } else { "CONTINUE" },
            "payment_failure_threshold": self.threshold,
        });
        if let Some(fee) = &self.setup_fee {
            wire["setup_fee"] = fee.wire();
        }
        wire
    }
}
