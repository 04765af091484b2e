//! Replacing by regular expressions, with the formatting kept.

use regex::Regex;

use super::{
    RuleError,
    options::Replace,
    transform::TextStep,
    words::{REGEXES_MAX, compile_regex},
};
use crate::text::{Edit, RichText};

/// The longest replacement, in characters.
pub const WITH_CHARS_MAX: usize = 1000;
/// A text does not grow beyond this, in bytes: replacements that feed each other would have no end. What is left of the
/// text then stays as it is.
const GROWN_BYTES_MAX: usize = 64 * 1024;

/// One replacement, ready to be made.
#[derive(Clone, Debug)]
pub(super) struct ReplaceStep {
    name: String,
    pattern: Regex,
    with: String,
}

impl ReplaceStep {
    /// Compiles all replacements; what is wrong goes to `errors`.
    pub(super) fn compile_all(replace: &[Replace], errors: &mut Vec<RuleError>) -> Vec<Self> {
        if replace.len() > REGEXES_MAX {
            errors.push(RuleError::new("replace", format!("at most {REGEXES_MAX} entries")));
            return Vec::new();
        }
        let steps = replace.iter().enumerate().filter_map(|(index, one)| Self::compile(index, one, errors));
        steps.collect()
    }

    fn compile(index: usize, one: &Replace, errors: &mut Vec<RuleError>) -> Option<Self> {
        let name = format!("replace[{index}]");
        let known = errors.len();
        if one.with.chars().count() > WITH_CHARS_MAX {
            let reason = format!("a replacement has at most {WITH_CHARS_MAX} characters");
            errors.push(RuleError::new(format!("{name}.with"), reason));
        }
        let pattern = compile_regex(&one.pattern, one.ignore_case)
            .map_err(|reason| errors.push(RuleError::new(format!("{name}.pattern"), reason)))
            .ok()?;
        for group in groups(&one.with) {
            let there = match group.parse::<usize>() {
                Ok(number) => number < pattern.captures_len(),
                Err(_) => pattern.capture_names().flatten().any(|name| name == group),
            };
            if !there {
                let reason =
                    format!("the pattern has no group {group}; write $$ for a dollar sign, ${{1}} before letters");
                errors.push(RuleError::new(format!("{name}.with"), reason));
            }
        }
        (errors.len() == known).then(|| Self { name, pattern, with: one.with.clone() })
    }
}

impl TextStep for ReplaceStep {
    fn name(&self) -> &str {
        &self.name
    }

    fn apply(&self, text: RichText) -> RichText {
        let mut edits = Vec::new();
        let mut grown = text.text.len();
        for found in self.pattern.captures_iter(&text.text) {
            let Some(whole) = found.get(0) else { continue };
            let mut with = String::new();
            found.expand(&self.with, &mut with);
            grown = grown.saturating_add(with.len());
            if grown > GROWN_BYTES_MAX.max(text.text.len()) {
                break;
            }
            if with != whole.as_str() {
                edits.push(Edit { range: whole.range(), with: RichText::plain(with) });
            }
        }
        if edits.is_empty() { text } else { text.splice(edits) }
    }
}

/// The groups that a replacement names, read as the engine reads them.
fn groups(with: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            found.push(name.to_owned());
            rest = after;
        } else {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            if end > 0 {
                found.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
    found
}
