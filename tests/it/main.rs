//! End-to-end tests: real PostgreSQL, real Temporal, real clients over real sockets. The platforms are the sandbox.

#![cfg(test)]

mod accounts;
mod configuration;
mod corpus;
mod documents;
mod fidelity_discord;
mod fidelity_telegram;
mod harness;
mod histories;
mod imports;
mod kinds;
mod media;
mod operations;
mod pairs;
mod recovery;
mod status;
mod store_deliveries;
mod world;
