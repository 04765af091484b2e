//! Discord's markdown: reading it as Discord's clients show it, writing it so that they show what was meant.

mod blocks;
mod builder;
mod code;
mod emit;
mod emphasis;
mod escape;
mod inline;
mod mentions;
mod pieces;
mod prepare;
mod render;
mod special;

#[cfg(test)]
mod tests;

pub use inline::parse;
pub use mentions::Mentions;
pub use render::{render, split};

/// The longest content of a message (discord/discord-api-docs, resources/message: 2,000 characters). We count UTF-16
/// units, which are never fewer than what Discord counts.
pub const TEXT_UTF16_MAX: usize = 2000;

/// An invisible character that keeps two markers, or an `@` and its word, from being read as one thing.
const JOINT: char = '\u{200b}';
