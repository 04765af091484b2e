//! The Telegram bot: what people write to it, what it says, and the keys by which a repeated message is recognised.

mod answer;
mod command;
mod keys;
mod notice;
#[cfg(test)]
mod tests;

pub use answer::{
    AccountFacts, Allowance, Followed, PairFacts, Usage, changed, help, link_first, linked, pairs, status, usage,
};
pub use command::{Command, MENU, Which};
pub use keys::{LINK_TOKEN_BYTES, LINK_TOKEN_LASTS, LinkToken, answer_key, notification_key};
pub use notice::{PARTS_MAX, notice, parts};
