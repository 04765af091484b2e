//! The Discord adapter against the sandbox's Discord, over real sockets.

mod accounts;
mod faults;
mod harness;
mod messages;
