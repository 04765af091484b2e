//! The pure rules of Causeway: ids, the message model, text conversion, pairs, plans and state machines.
//!
//! No input or output, no async, no clock of its own: whatever is decided here can be tested with a table.

pub mod access;
pub mod account;
pub mod alert;
pub mod announcement;
#[cfg(test)]
mod anything;
pub mod billing;
pub mod bot;
pub mod bulk;
pub mod change;
pub mod chat;
pub mod clock;
#[cfg(test)]
mod corpus;
pub mod coupon;
pub mod delivery;
pub mod email;
pub mod gate;
pub mod ids;
pub mod ledger;
pub mod lineage;
pub mod lockout;
pub mod media_link;
pub mod message;
pub mod money;
pub mod notification;
pub mod outbound;
pub mod pace;
pub mod pair;
pub mod payment;
pub mod plan;
pub mod proof;
pub mod rate;
pub mod render;
pub mod rules;
pub mod setting;
pub mod subscription;
pub mod text;

pub use access::{Access, Role, Scope};
pub use account::{AccountStatus, Platform};
pub use change::{Change, Reaction};
pub use chat::{ChatFacts, ChatId, ChatKind};
pub use clock::{Clock, FixedClock, SystemClock};
pub use delivery::{DeliveryState, IdempotencyKey, Operation};
pub use email::Email;
pub use ids::{
    AccountId, AgreementId, AnnouncementId, ApiKeyId, BulkActId, CouponId, HoldId, InvoiceId, LedgerEntryId, MediaId,
    NotificationId, PairId, PaymentEventId, PaymentId, PlanId, ReceiptId, ReconciliationId, RefundId, RegistrationId,
    ReversalId, SessionId, SourceMessageId, UserId,
};
pub use lineage::{Hop, Lineage, Place};
pub use message::{Author, Deletion, Extra, Media, MediaKind, Message, Update};
pub use money::{Currency, Money};
pub use pair::{CopyMode, PairStatus};
pub use plan::Plan;
pub use render::{Limits, PartPlan, PartText};
pub use text::{RichText, Span, Style};
