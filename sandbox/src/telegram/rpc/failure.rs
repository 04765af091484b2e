//! Errors as the real service words them.

use grammers_tl_types::{Serializable as _, deserialize, enums, types};
use thiserror::Error;

use crate::telegram::faults::{Fault, Kind};
use crate::telegram::world::journal::JournalError;

/// An `rpc_error`.
#[derive(Clone, Debug, Error)]
#[error("{code} {message}")]
pub(crate) struct Failure {
    code: i32,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// 400: the request is wrong.
    pub(crate) fn bad(message: &str) -> Self {
        Self::new(400, message)
    }

    /// 403: the request is understood and not allowed.
    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(403, message)
    }

    /// 401: nobody is logged in, or not any more.
    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, message)
    }

    /// What a fault says.
    pub(crate) fn injected(fault: &Fault) -> Self {
        match fault.kind {
            Kind::FloodWait => Self::new(420, format!("FLOOD_WAIT_{}", fault.seconds.unwrap_or(1))),
            _ => Self::new(fault.code.unwrap_or(400), fault.message.as_deref().unwrap_or("SANDBOX_FAULT")),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let error = types::RpcError { error_code: self.code, error_message: self.message.clone() };
        enums::RpcError::Error(error).to_bytes()
    }
}

impl From<deserialize::Error> for Failure {
    fn from(_: deserialize::Error) -> Self {
        Self::bad("INPUT_FETCH_ERROR")
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "The journal could not be written.");
        Self::new(500, "INTERNAL_SERVER_ERROR")
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "A file of the data folder could not be used.");
        Self::new(500, "INTERNAL_SERVER_ERROR")
    }
}
