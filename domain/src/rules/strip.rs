//! Taking addresses and mentions out of a text, with the gaps closed that they leave.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::transform::TextStep;
use crate::text::{
    Edit, RichText, Style,
    urls::{find_urls, looks_like_url},
};

/// Addresses that people write without a scheme and both platforms open anyway.
static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:www\.|t\.me/|telegram\.me/|discord\.gg/|discord\.com/invite/)[^\s<>]*[^\s<>.,:;!?)'\]]").ok()
});
/// A name behind an `@`. What stands before it is looked at apart: an e-mail address is no mention.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"@[\p{L}\p{N}_]{2,32}").ok());

/// Takes addresses out of the text. Words that led somewhere stay as words; words that are an address go.
#[derive(Clone, Copy, Debug)]
pub(super) struct StripLinks;

impl TextStep for StripLinks {
    fn name(&self) -> &'static str {
        "strip_links"
    }

    fn apply(&self, mut text: RichText) -> RichText {
        let mut gone: Vec<Range<usize>> = find_urls(&text.text).into_iter().map(|(from, to)| from..to).collect();
        gone.extend(BARE.iter().flat_map(|bare| bare.find_iter(&text.text)).map(|found| found.range()));
        let bytes = text.byte_ranges();
        for (span, range) in text.spans.iter().zip(&bytes) {
            if matches!(span.style, Style::Link { .. }) && is_address(&text.text[range.clone()]) {
                gone.push(range.clone());
            }
        }
        text.spans.retain(|span| !matches!(span.style, Style::Link { .. }));
        remove(text, gone)
    }
}

/// Takes mentions of people out of the text, marked or written as `@name`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StripMentions;

impl TextStep for StripMentions {
    fn name(&self) -> &'static str {
        "strip_mentions"
    }

    fn apply(&self, text: RichText) -> RichText {
        let bytes = text.byte_ranges();
        let marked = text.spans.iter().zip(bytes).filter(|(span, _)| matches!(span.style, Style::Mention { .. }));
        let mut gone: Vec<Range<usize>> = marked.map(|(_, range)| range).collect();
        let named = NAME.iter().flat_map(|name| name.find_iter(&text.text)).map(|found| found.range());
        gone.extend(named.filter(|range| !follows_word(&text.text, range.start)));
        remove(text, gone)
    }
}

fn is_address(words: &str) -> bool {
    let words = words.trim();
    !words.contains(char::is_whitespace)
        && (looks_like_url(words)
            || BARE.as_ref().is_some_and(|bare| bare.find(words).is_some_and(|found| found.start() == 0)))
}

fn follows_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || ".-_+/".contains(c))
}

/// Takes stretches out, each with one of the two spaces that would be left beside each other or at the edge of a line.
fn remove(text: RichText, mut gone: Vec<Range<usize>>) -> RichText {
    gone.retain(|range| !range.is_empty());
    if gone.is_empty() {
        return text;
    }
    gone.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(gone.len());
    for range in gone {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    let mut from = 0;
    let mut edits = Vec::with_capacity(merged.len());
    for range in merged {
        let range = with_gap(&text.text, range, from);
        from = range.end;
        edits.push(Edit::remove(range));
    }
    text.splice(edits)
}

/// The stretch with the space that it leaves over, not reaching before `from`.
fn with_gap(text: &str, range: Range<usize>, from: usize) -> Range<usize> {
    let (before, after) = (&text[from.min(range.start)..range.start], &text[range.end..]);
    let at_line_start = before.ends_with('\n') || before.is_empty();
    let at_line_end = after.starts_with('\n') || after.is_empty();
    if after.starts_with(' ') && (at_line_start || before.ends_with(' ')) {
        range.start..range.end + 1
    } else if before.ends_with(' ') && at_line_end {
        range.start - 1..range.end
    } else {
        range
    }
}
