//! Reads single variables, and notes what is wrong instead of giving up. Their names stand in `config.rs` alone.

use std::{fmt, str::FromStr};

/// The variables, and what was wrong so far, one line each.
pub(super) struct Reader<F> {
    pub(super) variable: F,
    pub(super) problems: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(format!("{name} is missing"));
        }
        value
    }

    /// The value is not repeated in the message: it may be a secret.
    pub(super) fn checked<T, E: fmt::Display>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problems.push(format!("{name} is wrong: {error}"))).ok()
    }

    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, default: &str, wanted: &str) -> Option<T> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        self.checked(name, text.parse().map_err(|_| format!("expected {wanted}")))
    }

    pub(super) fn positive(&mut self, name: &str, default: u64) -> Option<u64> {
        let value: u64 = self.parsed(name, &default.to_string(), "a whole number above 0")?;
        let checked = if value > 0 { Ok(value) } else { Err("expected a whole number above 0") };
        self.checked(name, checked)
    }

    pub(super) fn file(&mut self, name: &str) -> Option<String> {
        let path = self.required(name)?;
        self.checked(name, std::fs::read_to_string(path))
    }
}
