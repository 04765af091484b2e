//! Hearing what the database notifies.

use sqlx::{PgPool, postgres::PgListener};

use crate::StoreError;

/// Hears one channel.
#[derive(Debug)]
pub struct Listener(PgListener);

/// Begins to hear `channel`, on a connection of its own from the pool.
///
/// # Errors
/// [`StoreError::Database`] when the database cannot be reached.
pub async fn listen(pool: &PgPool, channel: &str) -> Result<Listener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    Ok(Listener(listener))
}

impl Listener {
    /// The next notification's payload; `None` when the connection was lost, and with it perhaps some notifications.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|notification| notification.payload().to_owned()))
    }
}
