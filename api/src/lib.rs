//! The HTTP API of Causeway: one transaction, then Temporal. It never calls an outside service itself.

mod auth;
mod body;
pub mod config;
mod connections;
mod edge;
mod error;
#[expect(dead_code, reason = "the door of each route calls it")]
mod limits;
mod metrics;
pub mod openapi;
mod password;
#[expect(dead_code, reason = "whoever needs a caller's address calls it")]
mod peer;
pub mod router;
mod routes;
pub mod server;
pub mod state;
pub mod telemetry;
mod temporal;
mod token;

pub use error::Problem;
