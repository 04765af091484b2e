//! The edge between our errors and Temporal's: no bare `?` in an activity, because that is always a retry.

use temporalio_sdk::{ApplicationFailure, activities::ActivityError};

/// Says of an error what Temporal should do about it.
pub trait Fail<T> {
    /// It may pass: try again by the retry policy.
    fn retry(self, kind: &'static str) -> Result<T, ActivityError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Fail<T> for Result<T, E> {
    fn retry(self, kind: &'static str) -> Result<T, ActivityError> {
        self.map_err(|error| failure(error, kind))
    }
}

fn failure<E: std::error::Error + Send + Sync + 'static>(error: E, kind: &str) -> ActivityError {
    tracing::warn!(error = %chain(&error), failure.kind = kind, "An activity failed.");
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    ApplicationFailure::builder(error).type_name(kind.to_owned()).build().into()
}

/// An error with its sources, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
