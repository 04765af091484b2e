//! What can go wrong below the API and the activities.

/// A failed question to the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A named unique constraint refused the row: the caller says what that means to a user.
    #[error("the row conflicts with `{constraint}`")]
    Conflict {
        /// The constraint's or index's name.
        constraint: String,
    },
    /// The database refused or could not be reached.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A sealed column could not be opened: wrong key, or not sealed for this row.
    #[error("a sealed column could not be opened")]
    Seal(#[from] crate::seal::SealError),
    /// A stored document is not what the code expects.
    #[error("a stored document does not decode")]
    Document(#[from] serde_json::Error),
    /// The ledger refuses what a payment asks of it: what was looked at before was not so.
    #[error("the books refuse it: {0}")]
    Books(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(refusal) if refusal.is_unique_violation() => match refusal.constraint() {
                Some(constraint) => Self::Conflict { constraint: constraint.to_owned() },
                None => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// True when the database itself could not be reached: the caller may try again.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(error) => {
                matches!(
                    error,
                    sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)
                ) || error
                    .as_database_error()
                    // Class 57: the server is starting, stopping or was told to cut us off.
                    .is_some_and(|refusal| refusal.code().is_some_and(|code| code.starts_with("57P")))
            }
            Self::Conflict { .. } | Self::Migration(_) | Self::Seal(_) | Self::Document(_) | Self::Books(_) => false,
        }
    }
}
