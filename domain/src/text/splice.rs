//! Replacing stretches of a text while its formatting stays where it belongs.

use std::ops::Range;

use super::{RichText, Span, Style, spans, units::Units};

/// One stretch to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text, at character boundaries. Empty to insert.
    pub range: Range<usize>,
    /// What stands there instead; empty to remove.
    pub with: RichText,
}

impl Edit {
    /// Removes a stretch.
    #[must_use]
    pub fn remove(range: Range<usize>) -> Self {
        Self { range, with: RichText::default() }
    }
}

impl RichText {
    /// The text with all of `edits` made. An edit that overlaps an earlier one, or does not lie within the text at
    /// character boundaries, is left out.
    ///
    /// A style that covers the whole stretch covers what replaces it; one that covers a part ends at the edge, and one
    /// that lies within is gone. Mentions and custom emoji stand for exactly their text, so they go with any of it.
    #[must_use]
    pub fn splice(&self, mut edits: Vec<Edit>) -> Self {
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let units = Units::new(&self.text);
        let mut out = Self::default();
        let mut moves: Vec<Move> = Vec::new();
        let (mut at, mut length) = (0, 0);
        for Edit { range, with } in edits {
            let whole = self.text.get(range.clone()).is_some() && range.start >= at;
            if !whole {
                continue;
            }
            let kept = &self.text[at..range.start];
            out.text.push_str(kept);
            length += kept.encode_utf16().count();
            let old = units.unit(range.start)..units.unit(range.end);
            let new_start = length;
            let shift = |span: &Span| Span { offset: span.offset.saturating_add(new_start), ..span.clone() };
            let shifted = with.spans.iter().map(shift);
            out.spans.extend(shifted);
            out.text.push_str(&with.text);
            length += with.utf16_len();
            moves.push(Move { old, new: new_start..length });
            at = range.end;
        }
        out.text.push_str(&self.text[at..]);
        out.spans.extend(self.spans.iter().filter_map(|span| moved(span, &moves)));
        let units = Units::new(&out.text);
        let spans = spans::clean(&out, &units);
        Self { text: out.text, spans }
    }
}

/// A stretch and where its replacement stands, both in units.
struct Move {
    old: Range<usize>,
    new: Range<usize>,
}

fn moved(span: &Span, moves: &[Move]) -> Option<Span> {
    let exact = matches!(span.style, Style::Mention { .. } | Style::CustomEmoji { .. });
    let touched = |a: &Move| a.old.start < span.end() && span.offset < a.old.end;
    if exact && moves.iter().any(touched) {
        return None;
    }
    let covers = |a: &Move| span.offset <= a.old.start && a.old.end <= span.end();
    let start = place(span.offset, moves, |a| if covers(a) && !a.old.is_empty() { a.new.start } else { a.new.end });
    let end = place(span.end(), moves, |a| if covers(a) && !a.old.is_empty() { a.new.end } else { a.new.start });
    (start < end).then(|| Span { offset: start, length: end - start, style: span.style.clone() })
}

/// Where unit `at` has come to; `edge` decides at a stretch that holds it or touches it, the last of several.
fn place(at: usize, moves: &[Move], edge: impl Fn(&Move) -> usize) -> usize {
    let reached = moves.partition_point(|step| step.old.start <= at);
    match moves[..reached].last() {
        None => at,
        Some(step) if step.old.end < at => step.new.end.saturating_add(at - step.old.end),
        Some(step) => edge(step),
    }
}

#[cfg(test)]
mod tests;
