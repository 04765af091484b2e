//! The administration: for staff, from allowed addresses, with every act in the audit log.

pub(crate) mod accounts;
pub(crate) mod act;
pub(crate) mod announcements;
pub(crate) mod auth;
pub(crate) mod balance;
pub(crate) mod bulk_acts;
pub(crate) mod change_user;
pub(crate) mod coupons;
pub(crate) mod invoices;
pub(crate) mod ledger;
pub(crate) mod logs;
pub(crate) mod page;
pub(crate) mod pairs;
pub(crate) mod payments;
pub(crate) mod plans;
pub(crate) mod settings;
pub(crate) mod subscriptions;
pub(crate) mod user;
pub(crate) mod users;
pub(crate) mod workers;

use chrono::{DateTime, Utc};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::admin::LastError;

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = Reason))]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonIn {
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// The latest trouble of an account or a pair.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = LastError))]
pub(crate) struct LastErrorOut {
    /// Stable code.
    code: String,
    /// For people.
    detail: String,
    /// When it was last seen.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

impl From<LastError> for LastErrorOut {
    fn from(error: LastError) -> Self {
        Self { code: error.code, detail: error.detail, at: error.at }
    }
}
