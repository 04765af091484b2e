//! The parts of the running server, shared by all its connections.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;

use super::{faults::Faults, mailbox::Mailbox};

/// What clients must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Login {
    /// Reads `user:password`.
    ///
    /// # Errors
    /// When there is no colon.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (user, password) = text.split_once(':').context("expected a login of the form user:password")?;
        Ok(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// The server.
#[derive(Debug)]
pub struct Sink {
    /// What clients must show; nothing without it.
    pub login: Option<Login>,
    /// The longest mail, in bytes.
    pub size_max: usize,
    mailbox: Mutex<Mailbox>,
    faults: Mutex<Faults>,
}

impl Sink {
    /// Opens what `dir` holds.
    ///
    /// # Errors
    /// When the data directory cannot be read or written.
    pub fn open(dir: &Path, login: Option<Login>, size_max: usize) -> anyhow::Result<Self> {
        Ok(Self { login, size_max, mailbox: Mutex::new(Mailbox::open(dir)?), faults: Mutex::default() })
    }

    /// The mails.
    pub fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults in force.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
