//! Everything that the service knows, and what happens to it. No I/O and no clock: each act is told the time.

mod books;
mod catalog;
mod event;
mod key;
mod order;
mod payment;
mod schedule;
mod subscription;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::{
    catalog::{NewPlan, NewProduct, Plan, Product},
    event::{Event, State as EventState},
    key::Stored,
    order::{NewOrder, Order, Outcome},
    payment::{Back, Payment, Refund, RefundOutcome, Source},
    subscription::{NewSubscription, Revision, Subscription},
};
use super::error::ApiError;

const NAME: &str = "world.json";

/// The service's memory.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct World {
    /// The base address that links begin with.
    #[serde(skip)]
    pub base: String,
    /// How far its clock is ahead of the machine's, in milliseconds.
    pub shift_ms: i64,
    /// Bearer tokens, and when they end.
    pub tokens: BTreeMap<String, DateTime<Utc>>,
    /// By id.
    pub orders: BTreeMap<String, Order>,
    /// Captures of orders and sales of subscriptions, by id.
    pub payments: BTreeMap<String, Payment>,
    /// By id.
    pub refunds: BTreeMap<String, Refund>,
    /// By id.
    pub products: BTreeMap<String, Product>,
    /// By id.
    pub plans: BTreeMap<String, Plan>,
    /// By id.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Webhook events in the order of their making.
    pub events: Vec<Event>,
    /// What is done with the refunds that are asked for from now on.
    pub refund_outcome: RefundOutcome,
    /// By what is asked for and `PayPal-Request-Id`.
    keys: BTreeMap<String, Stored>,
    /// Requests that came under a key that another request had used.
    keys_reused: u64,
    /// Invoice ids of payments that were taken.
    invoices: BTreeSet<String>,
    /// Events that nobody has begun to deliver.
    #[serde(skip)]
    fresh: Vec<String>,
}

impl World {
    /// What an orderly stop left in `dir`; nothing at the first start and after a kill.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(dir: &Path, base: String) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let mut world = match fs::read(&path) {
            Ok(bytes) => {
                fs::remove_file(&path)?;
                serde_json::from_slice::<Self>(&bytes).with_context(|| format!("{} is damaged", path.display()))?
            }
            Err(_none) => Self::default(),
        };
        world.base = base;
        world.fresh = world.events.iter().filter(|event| event.state == EventState::Pending).map(Event::id).collect();
        Ok(world)
    }

    /// Keeps everything in `dir`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, dir: &Path) -> anyhow::Result<()> {
        let fresh = dir.join(format!("{NAME}.new"));
        fs::write(&fresh, serde_json::to_vec(self)?)?;
        Ok(fs::rename(fresh, dir.join(NAME))?)
    }

    /// The service's time when the machine's is `now`.
    #[must_use]
    pub fn shifted(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::milliseconds(self.shift_ms)
    }

    /// The events that nobody has begun to deliver; they count as begun from now on.
    pub fn take_fresh(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fresh)
    }

    /// The order of this id.
    ///
    /// # Errors
    /// When there is none.
    pub fn order(&self, id: &str) -> Result<&Order, ApiError> {
        self.orders.get(id).ok_or_else(ApiError::not_found)
    }

    /// The capture or sale of this id.
    ///
    /// # Errors
    /// When there is none.
    pub fn payment(&self, id: &str) -> Result<&Payment, ApiError> {
        self.payments.get(id).ok_or_else(ApiError::not_found)
    }

    /// The subscription of this id.
    ///
    /// # Errors
    /// When there is none.
    pub fn subscription(&self, id: &str) -> Result<&Subscription, ApiError> {
        self.subscriptions.get(id).ok_or_else(ApiError::not_found)
    }

    fn order_mut(&mut self, id: &str) -> Result<&mut Order, ApiError> {
        self.orders.get_mut(id).ok_or_else(ApiError::not_found)
    }

    fn payment_mut(&mut self, id: &str) -> Result<&mut Payment, ApiError> {
        self.payments.get_mut(id).ok_or_else(ApiError::not_found)
    }

    fn subscription_mut(&mut self, id: &str) -> Result<&mut Subscription, ApiError> {
        self.subscriptions.get_mut(id).ok_or_else(ApiError::not_found)
    }
}
