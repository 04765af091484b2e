//! The durable workflows of Causeway and their contract: task queues, workflow ids, signals, queries, updates, payload
//! structs and activity declarations.
//!
//! Deterministic: no database, no network, no clock but the workflow's. Payload structs change by addition only, with
//! `#[serde(default)]`, because a payload that does not decode stops its workflow.

// The macros of the SDK write `::temporalio_common`; deterministic code has its part without a runtime.
extern crate temporalio_common_wasm as temporalio_common;

pub mod account;
pub mod announcement;
pub mod bot;
pub mod bulk_act;
pub mod chats;
pub mod codec;
pub mod contract;
mod entity;
pub mod erasure;
pub mod forwarding;
pub mod health;
pub mod ledger;
pub mod options;
pub mod outbox;
pub mod payment;
pub mod reconcile;
pub mod subscription;
pub mod sweep;
