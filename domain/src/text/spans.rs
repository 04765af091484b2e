//! Arithmetic of spans: cleaning, cutting out, trimming, nesting.

use super::{RichText, Span, Style, units::Units};

/// Sorts as the model wants it: by offset, longer first; of equal stretches blocks first, so that the order does not
/// depend on how the spans came.
pub(super) fn sort(spans: &mut [Span]) {
    spans.sort_by_key(|span| (span.offset, usize::MAX - span.length, rank(&span.style)));
}

/// The spans of `rich` clamped to the text and to whole characters, without empty ones; stretches of the same style
/// that touch or overlap are one. Sorted.
pub(super) fn clean(rich: &RichText, units: &Units) -> Vec<Span> {
    let mut spans: Vec<Span> = rich.spans.iter().filter_map(|span| clamp(span, units)).collect();
    sort(&mut spans);
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let same = merged.iter_mut().rev().find(|earlier| earlier.style == span.style && joins(earlier, &span));
        match same {
            Some(earlier) => earlier.length = earlier.end().max(span.end()) - earlier.offset,
            None => merged.push(span),
        }
    }
    sort(&mut merged);
    merged
}

/// `span` without the parts that `holes` cover; what is left has no empty piece. No hole is empty.
pub(super) fn subtract(span: &Span, holes: &[(usize, usize)]) -> Vec<Span> {
    let mut left = vec![(span.offset, span.end())];
    for &(from, to) in holes {
        left = left
            .into_iter()
            .flat_map(|(start, end)| [(start, end.min(from)), (start.max(to), end)])
            .filter(|(start, end)| start < end)
            .collect();
        if left.is_empty() {
            break;
        }
    }
    left.into_iter()
        .map(|(start, end)| Span { offset: start, length: end - start, style: span.style.clone() })
        .collect()
}

/// `span` without white space at its edges; `None` when nothing else is in it.
pub(super) fn trim(span: &Span, text: &str, units: &Units) -> Option<Span> {
    let covered = units.str(text, span.offset, span.end());
    let lead = covered.len() - covered.trim_start().len();
    let offset = units.unit(units.byte(span.offset) + lead);
    let length = covered.trim().encode_utf16().count();
    (length > 0).then(|| Span { offset, length, style: span.style.clone() })
}

/// Cuts spans that overlap without nesting, so that each pair is nested or apart. Sorted.
pub(super) fn nest(mut spans: Vec<Span>) -> Vec<Span> {
    sort(&mut spans);
    let mut nested: Vec<Span> = Vec::with_capacity(spans.len());
    let mut queue: std::collections::VecDeque<Span> = spans.into();
    while let Some(mut span) = queue.pop_front() {
        let inside = |end: usize| span.offset < end && end < span.end();
        if let Some(end) = nested.iter().map(Span::end).filter(|end| inside(*end)).min() {
            let rest = Span { offset: end, length: span.end() - end, style: span.style.clone() };
            span.length = end - span.offset;
            let at = queue
                .partition_point(|other| (other.offset, usize::MAX - other.length) < (end, usize::MAX - rest.length));
            queue.insert(at, rest);
        }
        nested.push(span);
    }
    sort(&mut nested);
    nested
}

/// True when the two stretches have at least one unit in common.
pub(super) const fn overlap(a: &Span, b: &Span) -> bool {
    a.offset < b.end() && b.offset < a.end()
}

const fn rank(style: &Style) -> u8 {
    match style {
        Style::Quote | Style::ExpandableQuote => 0,
        Style::Pre { .. } => 1,
        Style::Spoiler => 2,
        Style::Link { .. } => 3,
        Style::Mention { .. } => 4,
        Style::Bold => 5,
        Style::Italic => 6,
        Style::Underline => 7,
        Style::Strikethrough => 8,
        Style::Code => 9,
        Style::CustomEmoji { .. } => 10,
    }
}

fn clamp(span: &Span, units: &Units) -> Option<Span> {
    let mut start = span.offset.min(units.len());
    let mut end = span.end().min(units.len());
    while !units.is_boundary(start) {
        start += 1;
    }
    while !units.is_boundary(end) {
        end -= 1;
    }
    (start < end).then(|| Span { offset: start, length: end - start, style: span.style.clone() })
}

/// Blocks and custom emoji that only touch stay apart; every other style flows together.
fn joins(earlier: &Span, later: &Span) -> bool {
    match earlier.style {
        Style::CustomEmoji { .. }
        | Style::Mention { .. }
        | Style::Pre { .. }
        | Style::Quote
        | Style::ExpandableQuote => later.offset < earlier.end(),
        Style::Bold
        | Style::Italic
        | Style::Underline
        | Style::Strikethrough
        | Style::Spoiler
        | Style::Code
        | Style::Link { .. } => later.offset <= earlier.end(),
    }
}
