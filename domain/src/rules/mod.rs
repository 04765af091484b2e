//! The rules of a pair: which messages it carries, when, and how they look.
//!
//! [`PairOptions`] is what a user writes, [`Rules`] what it means once it is checked and compiled. Everything here is
//! pure: what another message has to be known for (duplicates) is answered by the caller with a [`Fingerprint`].

mod book;
mod content;
mod decide;
mod fingerprint;
mod links;
mod options;
mod replace;
mod schedule;
mod strip;
mod template;
mod transform;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono_tz::Tz;

pub use book::{RuleBook, Unreadable};
pub use decide::{Consulted, Decision, Moment, Outcome, Verdict};
pub use fingerprint::{DuplicateCheck, Fingerprint, Scope};
pub use links::{SourceChat, message_link};
pub use options::{
    AuthorFilter, Bots, CatchUp, ContentKind, DuplicateScope, Duplicates, MediaFilter, OriginFilter, Outside,
    PairOptions, Replace, Schedule, WeekHours, Words,
};
pub use transform::TextStep;

use replace::ReplaceStep;
pub(crate) use schedule::Timetable;
use strip::{StripLinks, StripMentions};
use template::Template;
use words::WordList;

/// The longest time for which content is remembered: 30 days.
pub const DUPLICATE_WINDOW_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;
/// The most entries in a list of authors.
pub const AUTHORS_MAX: usize = 200;
/// The longest name of an author, in characters.
const AUTHOR_CHARS_MAX: usize = 128;

/// What is wrong with one field of the options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct RuleError {
    /// Where, such as `replace[0].pattern`.
    pub path: String,
    /// Why, for people.
    pub reason: String,
}

impl RuleError {
    /// Something is wrong at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// The rules of a pair, checked and compiled. Made once and used for every message.
#[derive(Clone, Debug)]
pub struct Rules {
    options: PairOptions,
    zone: Tz,
    allow: Option<WordList>,
    deny: Option<WordList>,
    timetable: Option<Timetable>,
    /// What is done to the text, in order, before the template.
    steps: Vec<Arc<dyn TextStep>>,
    header: Option<Template>,
    footer: Option<Template>,
    template: Option<Template>,
}

impl Default for Rules {
    /// The rules of a pair without options: everything is carried as it is.
    fn default() -> Self {
        Self {
            options: PairOptions::default(),
            zone: Tz::UTC,
            allow: None,
            deny: None,
            timetable: None,
            steps: Vec::new(),
            header: None,
            footer: None,
            template: None,
        }
    }
}

impl Rules {
    /// Checks and compiles the options.
    ///
    /// # Errors
    /// Every field that is wrong, with its path and the reason.
    pub fn compile(options: &PairOptions) -> Result<Self, Vec<RuleError>> {
        if *options == PairOptions::default() {
            return Ok(Self::default());
        }
        let mut errors = Vec::new();
        let zone = zone(&options.time_zone, &mut errors);
        let mut part = |source: &Option<String>, path| {
            source.as_deref().and_then(|source| Template::compile(source, path, &mut errors))
        };
        let header = part(&options.header, "header");
        let footer = part(&options.footer, "footer");
        let template = part(&options.template, "template");
        for (path, part) in [("header", &header), ("footer", &footer)] {
            if part.as_ref().is_some_and(Template::shows_text) {
                errors.push(RuleError::new(path, "{text} belongs into the template"));
            }
        }
        if template.as_ref().is_some_and(|template| !template.shows_text()) {
            errors.push(RuleError::new("template", "must hold {text}, or the message would be lost"));
        }
        let mut steps: Vec<Arc<dyn TextStep>> = Vec::new();
        if options.strip_links {
            steps.push(Arc::new(StripLinks));
        }
        if options.strip_mentions {
            steps.push(Arc::new(StripMentions));
        }
        for step in ReplaceStep::compile_all(&options.replace, &mut errors) {
            steps.push(Arc::new(step));
        }
        let allow = WordList::compile(&options.allow, "allow", &mut errors);
        let deny = WordList::compile(&options.deny, "deny", &mut errors);
        check_lists(options, &mut errors);
        let timetable = options.schedule.as_ref().map(|schedule| Timetable::compile(schedule, zone, &mut errors));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { options: options.clone(), zone, allow, deny, timetable, steps, header, footer, template })
    }

    /// What it was compiled from.
    #[must_use]
    pub const fn options(&self) -> &PairOptions {
        &self.options
    }

    /// Adds a step to what is done to the text, after the user's replacements and before the template. This is the seat
    /// of translation: a service is asked by an activity before the message is composed, and its answer becomes a step.
    #[must_use]
    pub fn with_step(mut self, step: Arc<dyn TextStep>) -> Self {
        self.steps.push(step);
        self
    }
}

fn zone(name: &str, errors: &mut Vec<RuleError>) -> Tz {
    name.parse().unwrap_or_else(|_| {
        errors.push(RuleError::new("time_zone", "not an IANA time zone, such as Europe/Berlin or UTC"));
        Tz::UTC
    })
}

/// Checks what needs no compiling.
fn check_lists(options: &PairOptions, errors: &mut Vec<RuleError>) {
    for (path, list) in [("authors.allow", &options.authors.allow), ("authors.deny", &options.authors.deny)] {
        if list.len() > AUTHORS_MAX {
            errors.push(RuleError::new(path, format!("at most {AUTHORS_MAX} entries")));
            continue;
        }
        for (index, entry) in list.iter().enumerate() {
            let length = entry.trim().trim_start_matches('@').chars().count();
            if length == 0 || length > AUTHOR_CHARS_MAX {
                let reason = format!("an id or a name of 1 to {AUTHOR_CHARS_MAX} characters");
                errors.push(RuleError::new(format!("{path}[{index}]"), reason));
            }
        }
    }
    for (index, kind) in options.media.allow.iter().enumerate() {
        if options.media.deny.contains(kind) {
            errors.push(RuleError::new(format!("media.allow[{index}]"), "is denied as well"));
        }
    }
    if options.media.size_bytes_max == Some(0) {
        errors.push(RuleError::new("media.size_bytes_max", "must be at least 1"));
    }
    if let Some(duplicates) = &options.duplicates
        && !(1..=DUPLICATE_WINDOW_SECONDS_MAX).contains(&duplicates.window_seconds)
    {
        let reason = format!("from 1 to {DUPLICATE_WINDOW_SECONDS_MAX}");
        errors.push(RuleError::new("duplicates.window_seconds", reason));
    }
    if options.catch_up.age_seconds_max == Some(0) {
        errors.push(RuleError::new("catch_up.age_seconds_max", "must be at least 1"));
    }
}
