//! End-to-end tests: real PostgreSQL, real Temporal, real clients over real sockets. The platforms are the sandbox.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(test)]

mod accounts;
mod configuration;
mod documents;
#[cfg(test)]
mod fidelity_discord;
#[cfg(test)]
mod fidelity_telegram;
mod harness;
mod histories;
mod imports;
mod pairs;
mod recovery;
mod store_deliveries;
mod world;
