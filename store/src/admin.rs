//! Cross-tenant questions of staff: lists that are read page by page, from the newest to the oldest.
//!
//! What a page shows of a queue is looked up for its rows only, and counted up to [`COUNTED_MAX`], so that a list of ten
//! thousand pairs with long queues costs what a short one does.

mod accounts;
mod errors;
mod pairs;
mod subscriptions;
mod users;

pub use accounts::{AccountFilter, AccountRow, accounts};
pub use errors::{ErrorFilter, ErrorRow, errors};
pub use pairs::{PairFilter, PairRow, pairs};
pub use subscriptions::{SubscriptionFilter, SubscriptionRow, subscriptions};
pub use users::{UserFilter, UserRow, users};

use chrono::{DateTime, Utc};

/// So many deliveries of one queue are counted; of more, a list says that there are so many.
pub const COUNTED_MAX: i64 = 10_000;

/// The latest trouble of an account or a pair.
#[derive(Clone, Debug)]
pub struct LastError {
    /// Stable code.
    pub code: String,
    /// For people.
    pub detail: String,
    /// When it was last seen.
    pub at: DateTime<Utc>,
}

impl LastError {
    fn of(code: Option<String>, detail: Option<String>, at: Option<DateTime<Utc>>) -> Option<Self> {
        Some(Self { code: code?, detail: detail?, at: at? })
    }
}
