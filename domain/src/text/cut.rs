//! Where a long text may be cut: between paragraphs, lines, words, graphemes, in this order of preference.

use unicode_segmentation::UnicodeSegmentation;

use super::units::Units;

/// The best place, in UTF-16 units after `from`, to end a piece that may reach `to` at the most.
///
/// Paragraphs and lines count only in the second half of the piece, so that pieces do not become slivers. A grapheme
/// is cut only when it alone is longer than the piece, a surrogate pair only when `to` allows a single unit.
pub(super) fn best_cut(text: &str, units: &Units, from: usize, to: usize) -> usize {
    if to >= units.len() {
        return units.len();
    }
    let piece = units.str(text, from, to);
    let half = piece.len() / 2;
    // What comes after the limit decides whether a word ends exactly there.
    let ends_word = text[units.byte(to)..].starts_with(char::is_whitespace);
    let paragraph = piece.rfind("\n\n").map(|at| at + 2).filter(|at| *at > half);
    let line = || piece.rfind('\n').map(|at| at + 1).filter(|at| *at > half);
    let word = || match ends_word {
        true => Some(piece.len()),
        false => piece.char_indices().rfind(|(_, c)| c.is_whitespace()).map(|(at, c)| at + c.len_utf8()),
    };
    let has_text = |at: &usize| !piece[..*at].trim().is_empty();
    let best = paragraph.or_else(line).or_else(word).filter(has_text);
    match best {
        Some(bytes) => units.unit(units.byte(from) + bytes),
        None => last_grapheme(text, units, from, to),
    }
}

/// The last grapheme boundary up to `to`; the last character boundary when a single grapheme is longer than that.
fn last_grapheme(text: &str, units: &Units, from: usize, to: usize) -> usize {
    let start = units.byte(from);
    // One grapheme more than fits is needed to know where the last one ends.
    let boundary = text[start..]
        .grapheme_indices(true)
        .map(|(at, _)| units.unit(start + at))
        .take_while(|unit| *unit <= to)
        .last()
        .filter(|unit| *unit > from);
    boundary.unwrap_or_else(|| {
        let mut unit = to;
        while unit > from && !units.is_boundary(unit) {
            unit -= 1;
        }
        if unit > from { unit } else { next_boundary(units, from) }
    })
}

fn next_boundary(units: &Units, from: usize) -> usize {
    let mut unit = from + 1;
    while !units.is_boundary(unit) {
        unit += 1;
    }
    unit
}
