//! Reading the settings of providers, and noting what is wrong instead of giving up.

use std::{fmt, str::FromStr, sync::Arc};

use domain::Clock;
use secrecy::SecretString;

/// The variables, and what was wrong so far, one line each. No value stands in a line: it may be a secret.
pub(crate) struct Settings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    clock: Arc<dyn Clock>,
    problems: Vec<String>,
}

impl<'a> Settings<'a> {
    pub(crate) fn new(variable: &'a dyn Fn(&str) -> Option<String>, clock: Arc<dyn Clock>) -> Self {
        Self { variable, clock, problems: Vec::new() }
    }

    /// How much was wrong so far.
    pub(crate) fn problems(&self) -> usize {
        self.problems.len()
    }

    /// Notes once that payers and webhooks have no address to come back to.
    pub(crate) fn public_url_is_missing(&mut self) {
        let problem = "PUBLIC_URL is missing: payers come back to it, and webhooks arrive there";
        if !self.problems.iter().any(|known| known == problem) {
            self.problems.push(problem.to_owned());
        }
    }

    /// What was wrong.
    pub(crate) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// The time, for a provider that needs it.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The value, if there is one; an empty one is none.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// True when one of the variables has a value: then its provider is wanted.
    pub(crate) fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.optional(name).is_some())
    }

    /// The value, which `of` cannot do without.
    pub(crate) fn required(&mut self, name: &str, of: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is missing: {of} needs it"));
        }
        value
    }

    /// A secret, which `of` cannot do without.
    pub(crate) fn secret(&mut self, name: &str, of: &str) -> Option<SecretString> {
        self.required(name, of).map(SecretString::from)
    }

    /// The value read as `T`, or the default's.
    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: &str) -> Option<T> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        self.checked(name, text.parse())
    }

    /// The value, unless it is an error, which is noted.
    pub(crate) fn checked<T, E: fmt::Display>(&mut self, name: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.problems.push(format!("{name} is wrong: {error}"))).ok()
    }
}
