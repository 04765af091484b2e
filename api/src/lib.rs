//! The HTTP API of Causeway: one transaction, then Temporal. It never calls an outside service itself.

mod auth;
mod body;
pub mod config;
mod connections;
pub mod console;
mod coupons;
mod credentials;
mod door;
mod edge;
mod error;
mod idempotency;
mod letters;
mod limits;
mod metrics;
mod money;
pub mod openapi;
mod pages;
mod password;
mod peer;
mod plans;
mod proofs;
pub mod reseal;
pub mod router;
mod routes;
mod second_factor;
pub mod server;
mod settings;
mod sign_in;
pub mod state;
mod subscription;
pub mod telemetry;
mod temporal;
mod token;
mod wire;

pub use error::Problem;
pub use token::JwtKeys;
