//! End-to-end tests.
mod fidelity_discord;
mod fidelity_telegram;
mod imports;
