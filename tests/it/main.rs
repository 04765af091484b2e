//! End-to-end tests.
mod documents;
mod fidelity_discord;
mod fidelity_telegram;
mod imports;
