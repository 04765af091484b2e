//! Writing markdown, and cutting it into messages.

use super::{
    JOINT,
    code::is_language,
    emit::line,
    prepare::{Prepared, settle, spell_out},
};
use crate::text::{RichText, Span, Style, cut::best_cut, spans::overlap, units::Units};

/// The longest address of a masked link in a single message; a longer one is spelled out, so that it can be split.
const LINK_URL_UTF16_MAX: usize = 1000;
/// The longest name of a language behind a fence; Discord highlights none of that length.
const LANGUAGE_CHARS_MAX: usize = 32;
/// The least limit that a split keeps: room for one escaped character of any kind.
const SPLIT_LIMIT_MIN: usize = 8;

/// Markdown that Discord shows as `rich`; of any length, without white space at its ends.
///
/// Everything that is not a style is escaped; no mention, channel, emoji or timestamp can come out of plain text.
/// Mentions and custom emoji are the text they cover.
#[must_use]
pub fn render(rich: &RichText) -> String {
    write(&settle(spell_out(rich, LINK_URL_UTF16_MAX)))
}

/// Messages of at most `limit` UTF-16 units (at least 8) that together say what `rich` says.
///
/// Cuts prefer the ends of paragraphs, lines and words. Every message is complete markdown: styles and blocks of code
/// that go on are closed and opened again. None is blank.
#[must_use]
pub fn split(rich: &RichText, limit: usize) -> Vec<String> {
    let limit = limit.max(SPLIT_LIMIT_MIN);
    let whole = spell_out(rich, LINK_URL_UTF16_MAX.min(limit / 2));
    let units = Units::new(&whole.text);
    let mut messages = Vec::new();
    let mut from = 0;
    while from < units.len() {
        let (to, message) = longest(&whole, &units, from, limit);
        if !whole.slice(&units, from, to).is_blank() {
            messages.push(message);
        }
        from = to;
    }
    messages
}

/// The longest message that begins at `from`, and where it ends.
fn longest(whole: &RichText, units: &Units, from: usize, limit: usize) -> (usize, String) {
    let mut reach = limit;
    loop {
        let to = best_cut(&whole.text, units, from, from + reach);
        let mut piece = whole.slice(units, from, to);
        let message = render(&piece);
        let length = message.encode_utf16().count();
        if length <= limit {
            return (to, message);
        }
        if reach == 1 {
            // A single character with more markup than the limit has room for.
            piece.spans.clear();
            return (to, render(&piece));
        }
        let fitting = (to - from) * limit / length;
        reach = fitting.min(reach - 1).min(to - from).max(1);
    }
}

fn write(doc: &Prepared) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    while at <= doc.units.len() {
        let block = doc.spans.iter().find(|span| span.offset == at && matches!(span.style, Style::Pre { .. }));
        let end = block.map_or_else(|| line_end(doc, at), Span::end);
        let written = block.map_or_else(|| line(doc, at, end), |block| fenced(doc, block));
        let quoted = doc.spans.iter().any(|span| span.style.is_quote() && span.offset <= at && at < span.end());
        lines.extend(written.split('\n').map(|line| if quoted { format!("> {line}") } else { line.to_owned() }));
        at = end + 1;
    }
    lines.join("\n").trim().to_owned()
}

fn line_end(doc: &Prepared, at: usize) -> usize {
    let start = doc.units.byte(at);
    doc.text[start..].find('\n').map_or(doc.units.len(), |length| doc.units.unit(start + length))
}

fn fenced(doc: &Prepared, block: &Span) -> String {
    let Style::Pre { language } = &block.style else { return String::new() };
    let mut code = doc.units.str(&doc.text, block.offset, block.end()).to_owned();
    if code.contains("```") {
        code = code.replace("``", &format!("`{JOINT}`"));
    }
    let known = language.chars().all(is_language) && language.chars().count() <= LANGUAGE_CHARS_MAX;
    let language = if known { language.as_str() } else { "" };
    let hidden = doc.spans.iter().any(|span| span.style == Style::Spoiler && overlap(span, block));
    let guard = if hidden { "||" } else { "" };
    format!("{guard}```{language}\n{code}\n```{guard}")
}
