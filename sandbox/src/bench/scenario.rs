//! What can be measured.

mod api;
mod backlog;
mod crowd;
mod fairness;
mod latency;
mod live;
mod memory;
mod minute;
mod restart;
mod soak;
mod webhooks;

use std::fmt;

use clap::ValueEnum;

use super::{Bench, Field, figure::Figure};

/// One kind of measurement; `make bench SCENARIO=<name>` runs it alone in its full form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Worker memory with idle accounts and pairs.
    Memory,
    /// The HTTP API: reads, reads beside log-ins, and what stands before every handler.
    Api,
    /// Signed webhooks of payment providers, accepted and committed.
    Webhooks,
    /// Messages that waited, drained as fast as possible, beside bare loops.
    Backlog,
    /// Messages that come as fast as the sandboxes write them.
    Live,
    /// Single messages through idle pairs, and a steady stream.
    Latency,
    /// Killed workers and logged-out accounts.
    Restart,
    /// Many pairs of one message a minute.
    Minute,
    /// A few active pairs among very many idle ones.
    Crowd,
    /// One tenant writes a flood while many others write now and then.
    Fairness,
    /// Many messages, and the worker's memory meanwhile.
    Soak,
}

impl Scenario {
    /// In the order in which they disturb each other least.
    pub const ALL: &'static [Self] = &[
        Self::Memory,
        Self::Api,
        Self::Webhooks,
        Self::Backlog,
        Self::Live,
        Self::Latency,
        Self::Restart,
        Self::Soak,
        Self::Fairness,
        Self::Minute,
        Self::Crowd,
    ];

    /// Measures.
    ///
    /// # Errors
    /// When something cannot be measured, or messages are lost, doubled or out of order.
    pub async fn run(self, bench: &Bench<'_>, field: &mut Field) -> anyhow::Result<Vec<Figure>> {
        match self {
            Self::Memory => memory::run(bench, field).await,
            Self::Api => api::run(bench, field).await,
            Self::Webhooks => webhooks::run(bench).await,
            Self::Backlog => backlog::run(bench, field).await,
            Self::Live => live::run(bench, field).await,
            Self::Latency => latency::run(bench, field).await,
            Self::Restart => restart::run(bench, field).await,
            Self::Minute => minute::run(bench, field).await,
            Self::Crowd => crowd::run(bench, field).await,
            Self::Fairness => fairness::run(bench, field).await,
            Self::Soak => soak::run(bench, field).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.pad(value.get_name()))
    }
}
