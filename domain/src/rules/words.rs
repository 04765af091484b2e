//! Looking for words and expressions, in linear time whatever the expression.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::{RuleError, options::Words};

/// The most words of one list.
pub const WORDS_MAX: usize = 500;
/// The longest word or phrase, in characters.
pub const WORD_CHARS_MAX: usize = 100;
/// The most expressions of one list, and the most replacements.
pub const REGEXES_MAX: usize = 50;
/// The longest expression, in characters.
pub const REGEX_CHARS_MAX: usize = 500;
/// The largest compiled expression, in bytes: `\w{1000}` in all scripts is refused, every usual one fits.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
/// The largest compiled list, in bytes.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest name of a word or expression in a reason, in characters.
const NAME_CHARS_MAX: usize = 60;

/// Letters of scripts that are written without spaces, where a word has no visible edges.
static UNSPACED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let scripts = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]";
    Regex::new(scripts).ok()
});

/// One list of words and expressions, ready to be looked for all at once.
#[derive(Clone, Debug)]
pub(super) struct WordList {
    set: RegexSet,
    /// For each member of the set its place in the options and how it reads.
    names: Vec<Found>,
}

/// A word or expression that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its place in the options, such as `deny.words[2]`.
    pub(super) path: String,
    /// As the user wrote it, shortened.
    pub(super) shown: String,
    /// It is an expression.
    pub(super) is_regex: bool,
}

impl WordList {
    /// Compiles a list found at `path`; what is wrong goes to `errors`. `None` when it is empty or wrong.
    pub(super) fn compile(words: &Words, path: &str, errors: &mut Vec<RuleError>) -> Option<Self> {
        let known = errors.len();
        let mut patterns = Vec::new();
        let mut names = Vec::new();
        for (list, entries, most) in [("words", &words.words, WORDS_MAX), ("regexes", &words.regexes, REGEXES_MAX)] {
            if entries.len() > most {
                errors.push(RuleError::new(format!("{path}.{list}"), format!("at most {most} entries")));
                continue;
            }
            for (index, entry) in entries.iter().enumerate() {
                let place = format!("{path}.{list}[{index}]");
                let is_regex = list == "regexes";
                let pattern = if is_regex { regex_checked(entry) } else { word_pattern(entry, words.whole_words) };
                match pattern {
                    Ok(pattern) => patterns.push(pattern),
                    Err(reason) => errors.push(RuleError::new(place.as_str(), reason)),
                }
                names.push(Found { path: place, shown: shortened(entry), is_regex });
            }
        }
        if errors.len() > known || patterns.is_empty() {
            return None;
        }
        let set = RegexSetBuilder::new(&patterns).size_limit(LIST_BYTES_MAX).dfa_size_limit(LIST_BYTES_MAX).build();
        match set {
            Ok(set) => Some(Self { set, names }),
            Err(_) => {
                errors.push(RuleError::new(path, "all entries together are too large; use fewer or simpler ones"));
                None
            }
        }
    }

    /// The first entry that occurs in any of `pieces`.
    pub(super) fn find(&self, pieces: &[&str]) -> Option<&Found> {
        let first = pieces.iter().filter_map(|piece| self.set.matches(piece).iter().next()).min();
        first.and_then(|index| self.names.get(index))
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// A compiled expression.
pub(super) fn compile_regex(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err("an expression cannot be empty".to_owned());
    }
    if pattern.chars().count() > REGEX_CHARS_MAX {
        return Err(format!("an expression has at most {REGEX_CHARS_MAX} characters"));
    }
    let built = RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the expression is too large once compiled; make it simpler".to_owned(),
        other => {
            let text = other.to_string();
            // The last line says what is wrong; those before it repeat and mark the expression.
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    })
}

fn regex_checked(pattern: &str) -> Result<String, String> {
    compile_regex(pattern, false).map(|_| pattern.to_owned())
}

/// The expression that finds `word` in any case, standing alone where words have edges.
fn word_pattern(word: &str, whole: bool) -> Result<String, String> {
    let word = word.trim();
    if word.is_empty() {
        return Err("a word cannot be empty".to_owned());
    }
    if word.chars().count() > WORD_CHARS_MAX {
        return Err(format!("a word has at most {WORD_CHARS_MAX} characters"));
    }
    let parts: Vec<String> = word.split_whitespace().map(regex::escape).collect();
    let edge = |c: Option<char>| if whole && c.is_some_and(has_edges) { r"\b" } else { "" };
    let (first, last) = (edge(word.chars().next()), edge(word.chars().next_back()));
    Ok(format!("(?i){first}{}{last}", parts.join(r"\s+")))
}

/// True for characters at which a word visibly begins and ends.
fn has_edges(c: char) -> bool {
    let unspaced = UNSPACED.as_ref().is_some_and(|scripts| scripts.is_match(c.encode_utf8(&mut [0; 4])));
    (c.is_alphanumeric() || c == '_') && !unspaced
}

fn shortened(entry: &str) -> String {
    let mut shown: String = entry.trim().chars().take(NAME_CHARS_MAX).collect();
    if entry.trim().chars().count() > NAME_CHARS_MAX {
        shown.push('…');
    }
    shown
}
