//! Compiled rules, kept as long as their options do not change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use super::{PairOptions, RuleError, Rules};
use crate::ids::PairId;

/// Pairs with options whose rules are kept: a few kilobytes each, up to megabytes with long lists of words. Beyond it all
/// are forgotten and compiled anew as they are needed.
const PAIRS_MAX: usize = 1_000;

/// Rules that cannot be: a version that knows other options has written them. Their pair carries nothing, because a
/// filter that is ignored would let everything through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pair's options cannot be read: {0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// Stable name of the reason.
    pub const CODE: &'static str = "invalid_options";

    /// Options that are not even options, and why.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

type Ruled = Result<Arc<Rules>, Unreadable>;

/// The rules of the pairs that a process carries.
#[derive(Debug, Default)]
pub struct RuleBook {
    without: Arc<Rules>,
    kept: Mutex<HashMap<PairId, (DateTime<Utc>, Ruled)>>,
}

impl RuleBook {
    /// The rules of a pair without options.
    #[must_use]
    pub fn without(&self) -> Arc<Rules> {
        Arc::clone(&self.without)
    }

    /// The rules of a pair as of `version`, the time of its last change; `read` is asked when they are not known.
    ///
    /// # Errors
    /// When the options cannot be read or compiled.
    pub fn of(
        &self,
        pair: PairId,
        version: DateTime<Utc>,
        read: impl FnOnce() -> Result<PairOptions, Unreadable>,
    ) -> Result<Arc<Rules>, Unreadable> {
        if let Some((kept, rules)) = self.lock().get(&pair)
            && *kept == version
        {
            return rules.clone();
        }
        let compiled = |options| Rules::compile(&options).map_err(|errors| Unreadable(first(&errors)));
        let rules = read().and_then(compiled).map(Arc::new);
        let mut kept = self.lock();
        if kept.len() >= PAIRS_MAX {
            kept.clear();
        }
        kept.insert(pair, (version, rules.clone()));
        rules
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PairId, (DateTime<Utc>, Ruled)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(errors: &[RuleError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn header(text: &str) -> Result<PairOptions, Unreadable> {
        Ok(PairOptions { header: Some(text.to_owned()), ..PairOptions::default() })
    }

    #[test]
    fn rules_are_compiled_once_for_each_change() {
        let (book, pair) = (RuleBook::default(), PairId::new(&SystemClock));
        let (old, new) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1));
        let first = book.of(pair, old, || header("one")).unwrap();
        let again = book.of(pair, old, || panic!("it is known")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let changed = book.of(pair, new, || header("two")).unwrap();
        assert_eq!(changed.options().header.as_deref(), Some("two"));
    }

    #[test]
    fn what_cannot_be_read_is_said_again_and_again() {
        let (book, pair) = (RuleBook::default(), PairId::new(&SystemClock));
        let wrong = book.of(pair, DateTime::UNIX_EPOCH, || header("{nobody}")).unwrap_err();
        assert!(wrong.to_string().contains("header"), "{wrong}");
        assert_eq!(book.of(pair, DateTime::UNIX_EPOCH, || panic!("it is known")).unwrap_err(), wrong);
    }

    #[test]
    fn a_book_does_not_grow_without_end() {
        let book = RuleBook::default();
        for _ in 0..PAIRS_MAX + 5 {
            book.of(PairId::new(&SystemClock), DateTime::UNIX_EPOCH, || header("x")).unwrap();
        }
        assert_eq!(book.lock().len(), 5);
    }
}
