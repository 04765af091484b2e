//! Every side effect of Causeway: the platform adapters and the activities that use them.
//!
//! The activities implement the declarations of the crate `workflows`; `Accounts`, `Erasure`, `Forwarding`, `Outbox` and
//! `Sweep` are registered by the worker.

pub mod account;
pub mod announcement;
pub mod attachments;
pub mod bot;
pub mod bulk;
pub mod bulk_act;
mod catch_up;
mod compose;
pub mod context;
mod deliver;
pub mod discord;
mod drain;
pub mod duty;
pub mod erasure;
mod failure;
pub mod forwarding;
pub mod gates;
pub mod health;
pub mod hosting;
pub mod hosts;
mod ingest;
pub mod ledger;
mod login;
pub mod mail;
pub mod metrics;
pub mod outbound;
pub mod outbox;
pub mod pace;
pub mod payment;
pub mod platform;
pub mod presence;
pub mod reconcile;
pub mod rhythm;
mod settler;
pub mod subscription;
pub mod sweep;
pub mod telegram;
mod wake;
pub mod wakeups;
pub mod watch;

pub use failure::chain;
