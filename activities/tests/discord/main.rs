//! The Discord adapter against the sandbox's Discord, over real sockets.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod messages;
