//! The HTTP API of Causeway: one transaction, then Temporal. It never calls an outside service itself.

mod auth;
mod body;
pub mod config;
mod connections;
mod credentials;
mod door;
mod edge;
mod error;
mod limits;
mod metrics;
pub mod openapi;
mod password;
mod peer;
mod plans;
pub mod reseal;
pub mod router;
mod routes;
pub mod server;
mod sign_in;
pub mod state;
pub mod telemetry;
mod temporal;
mod token;

pub use error::Problem;
pub use token::JwtKeys;
