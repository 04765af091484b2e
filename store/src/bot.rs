//! The Telegram bot: which worker hosts it and with what session, who has linked it, and what was written to it.

mod host;
mod inbox;
mod links;

pub use host::{
    BotLease, BotRow, PRESENT_FOR, cool_down, forget_session, held, keep_alive, left_by, load, present, refused,
    release, save_session, session, signed_in, take,
};
pub use inbox::{
    Answer, Incoming, answered, due_answers, give_answer, next_answer_due, postpone_answer, prune, receive,
};
pub use links::{
    Link, Person, Recipient, blocked, find, issue_token, linked_user, prune_tokens, recipient, redeem, seen, unlink,
    unlink_strangers,
};
