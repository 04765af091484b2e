//! End-to-end tests.
mod configuration;
mod documents;
#[cfg(test)]
mod fidelity_discord;
#[cfg(test)]
mod fidelity_telegram;
mod imports;
