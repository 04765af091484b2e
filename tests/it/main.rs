//! End-to-end tests: real PostgreSQL, real Temporal, real clients over real sockets. The platforms are the sandbox.

#![cfg(test)]

mod accounts;
mod albums;
mod bot;
mod chains;
mod changes;
mod configuration;
mod corpus;
mod documents;
mod egress;
mod fairness;
mod fidelity_discord;
mod fidelity_telegram;
mod gaps;
mod harness;
mod histories;
mod imports;
mod kinds;
mod ledger;
mod looks;
mod mail;
mod media;
mod operations;
mod pace;
mod pairs;
mod plans;
mod portraits;
mod reads;
mod reconcile;
mod recovery;
mod rules;
mod status;
mod store_bot;
mod store_changes;
mod store_deliveries;
mod store_lineage;
mod store_media;
mod store_notifications;
mod store_reconcile;
mod store_rules;
mod store_status;
mod store_sweep;
mod threads;
mod world;
