//! Local stand-ins for the outside world, and the stack that runs all of Causeway on one machine.
//!
//! Nothing here is imported by the product: real client libraries talk to these servers over real sockets.

pub mod arrivals;
pub mod bench;
mod chaos;
pub mod client;
pub mod commands;
pub mod crash;
pub mod crash_billing;
pub mod demo;
pub mod discord;
mod faults;
pub mod nowpayments;
pub mod paypal;
pub mod scene;
mod serving;
pub mod smtp;
pub mod stack;
pub mod telegram;
