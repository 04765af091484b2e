//! Who and what a run needs: the providers' sandboxes, staff, coupons, and what was done so far.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use super::{
    check::{Fault, Offence},
    database::Database,
    plot::Plot,
    staff::Staff,
};
use crate::{
    client::{NowpaymentsControl, PaypalControl},
    stack::Stack,
};

/// A coupon that takes half of the price off, as often as one likes.
pub const HALF: &str = "HALF-OFF";

/// A coupon that takes everything off, for some.
pub const FREE: &str = "FREE-MONTH";

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

/// Everyone and everything on stage.
pub struct Stage {
    /// The base address of the API, without `/api`.
    pub api: String,
    /// The `PayPal` sandbox.
    pub paypal: PaypalControl,
    /// The `NOWPayments` sandbox.
    pub nowpayments: NowpaymentsControl,
    /// Somebody of staff.
    pub staff: Staff,
    /// The product's database, for the comparison.
    pub database: Database,
    /// What was done so far.
    pub tally: Tally,
}

/// What was done so far, and what has gone wrong on the way.
#[derive(Debug, Default)]
pub struct Tally {
    checkouts: AtomicUsize,
    renewals: AtomicUsize,
    refunds: AtomicUsize,
    chargebacks: AtomicUsize,
    coupons: AtomicUsize,
    offences: Mutex<Vec<Offence>>,
}

impl Tally {
    /// A checkout was begun.
    pub fn checkout(&self) {
        self.checkouts.fetch_add(1, Ordering::Relaxed);
    }

    /// An agreement has made a payment.
    pub fn renewal(&self) {
        self.renewals.fetch_add(1, Ordering::Relaxed);
    }

    /// A refund was asked for.
    pub fn refund(&self) {
        self.refunds.fetch_add(1, Ordering::Relaxed);
    }

    /// A payment was taken back.
    pub fn chargeback(&self) {
        self.chargebacks.fetch_add(1, Ordering::Relaxed);
    }

    /// A coupon was redeemed.
    pub fn coupon(&self) {
        self.coupons.fetch_add(1, Ordering::Relaxed);
    }

    /// Something went wrong in somebody's life.
    pub fn offend(&self, fault: Fault, text: impl Into<String>) {
        let offence = Offence { fault, text: text.into() };
        self.offences.lock().unwrap_or_else(PoisonError::into_inner).push(offence);
    }

    /// What went wrong in people's lives.
    #[must_use]
    pub fn offences(&self) -> Vec<Offence> {
        self.offences.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many checkouts were begun.
    #[must_use]
    pub fn checkouts(&self) -> usize {
        self.checkouts.load(Ordering::Relaxed)
    }

    /// The rest of the figures: renewals, refunds, chargebacks, coupons.
    #[must_use]
    pub fn others(&self) -> [usize; 4] {
        [&self.renewals, &self.refunds, &self.chargebacks, &self.coupons].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Stage {
    /// Makes staff and coupons.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn set(stack: &Stack, plot: &Plot) -> anyhow::Result<Self> {
        let urls = stack.urls();
        let paypal = PaypalControl::new(&urls.paypal_control)?;
        let nowpayments = NowpaymentsControl::new(&urls.nowpayments_control)?;
        nowpayments.set_delivery(&json!({ "retries": 60, "pause_ms": 500 })).await?;
        let staff = Staff::hire(stack, PASSWORD).await?;
        let once = json!({ "percent": 50, "duration": "once" });
        staff.create_coupon(HALF, &once).await?;
        // Half of the people get it, whoever is quickest.
        let scarce = json!({
            "percent": 100, "duration": "once", "per_user_max": 1, "redemptions_max": plot.people.len().div_ceil(2),
        });
        staff.create_coupon(FREE, &scarce).await?;
        Ok(Self { api: urls.api, paypal, nowpayments, staff, database: Database::of(stack)?, tally: Tally::default() })
    }
}
