//! Every side effect of Causeway: the platform adapters and the activities that use them.

pub mod discord;
pub mod platform;
pub mod telegram;
