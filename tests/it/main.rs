//! End-to-end tests.
mod configuration;
mod documents;
mod fidelity_discord;
mod fidelity_telegram;
mod imports;
