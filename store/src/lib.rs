//! The only SQL of Causeway: one file per noun, free functions over a connection, every query checked at compile time.
//!
//! Functions that serve a request take the tenant's `UserId` first; those that serve the machinery take the id of the
//! thing itself. Cross-tenant questions live in [`sweep`] and [`admin`].

pub mod accounts;
pub mod admin;
pub mod alerts;
pub mod announcements;
pub mod api_keys;
pub mod audit;
pub mod avatars;
pub mod billing_details;
pub mod bot;
pub mod bulk_acts;
pub mod chats;
mod content;
pub mod coupons;
pub mod deliveries;
pub mod erasure;
mod error;
pub mod error_logs;
pub mod ingest;
pub mod invoices;
pub mod leases;
pub mod ledger;
mod listener;
pub mod media;
pub mod notifications;
pub mod pace;
pub mod pairs;
pub mod payment_events;
pub mod payments;
pub mod plans;
pub mod prices;
pub mod proofs;
pub mod rate_limits;
pub mod reconcile;
pub mod registrations;
pub mod rules;
pub mod seal;
pub mod second_factors;
pub mod sessions;
pub mod settings;
pub mod sign_in_failures;
pub mod status;
pub mod subscriptions;
pub mod suspension;
pub mod sweep;
pub mod threads;
pub mod users;
pub mod why;
pub mod workers;

pub use error::StoreError;
pub use listener::{Listener, listen};
pub use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// The schema's history, embedded.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Connections that one process keeps at most: hosts, drains and requests share them.
pub const CONNECTIONS_MAX: u32 = 16;
/// How long a caller waits for a connection before it is told that the database is unavailable.
const ACQUIRE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// A connection that was idle for longer is asked whether it still lives before it is used. One that was used since fails
/// its next user once when the database has been away meanwhile.
pub const PROBE_AFTER: std::time::Duration = std::time::Duration::from_millis(500);

/// Opens a pool without connecting yet, so that a process starts while the database is still coming up.
///
/// # Errors
/// [`StoreError::Database`] when the URL does not parse.
pub fn connect(url: &secrecy::SecretString) -> Result<PgPool, StoreError> {
    use secrecy::ExposeSecret as _;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection in steady use needs no question before each use; one that rested may be dead.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > PROBE_AFTER {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_lazy(url.expose_secret())?;
    Ok(pool)
}

/// Applies the migrations that are missing.
///
/// # Errors
/// [`StoreError::Migration`] when the database cannot be reached or its schema is not ours.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    MIGRATOR.run(pool).await.map_err(StoreError::Migration)
}

/// Proves that the database answers.
///
/// # Errors
/// [`StoreError::Database`] when it does not.
pub async fn ping(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await?;
    Ok(())
}
