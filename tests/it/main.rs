//! End-to-end tests.
mod fidelity_telegram;
mod imports;
