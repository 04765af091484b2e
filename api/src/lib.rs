//! The HTTP API of Causeway: one transaction, then Temporal. It never calls an outside service itself.

mod auth;
mod body;
pub mod config;
pub mod console;
mod credentials;
mod door;
mod edge;
mod error;
mod letters;
mod metrics;
pub mod openapi;
mod pages;
mod password;
mod proofs;
pub mod router;
mod routes;
mod second_factor;
mod sign_in;
pub mod state;
pub mod telemetry;
mod temporal;
mod token;

pub use error::Problem;
pub use token::JwtKeys;
