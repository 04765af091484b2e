//! What the crash suites have in common: a run from start to end, numbers from a seed, and killing parts of the stack by
//! them.

mod kills;
mod random;
mod run;

pub use self::{
    kills::{Kill, carry_out, kills},
    random::Random,
    run::{Outcome, RunArgs, run},
};

/// A seed that nobody has chosen.
///
/// # Errors
/// When the system has no randomness.
fn any_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(u32::from_le_bytes(bytes).into())
}
