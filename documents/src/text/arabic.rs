//! The forms of Arabic letters: which of its four a letter has depends on what stands beside it. The forms have
//! characters of their own (Unicode, Arabic Presentation Forms A and B), so that a font alone can show them.

use crate::font::Face;

/// How many forms each letter from U+0621 to U+064A has, in order; those from U+063B to U+0640 are none of the block.
/// The forms stand one after the other from U+FE80: alone, after another, before another, between two.
const FORMS: [u8; 42] = [
    1, 2, 2, 2, 2, 4, 2, 4, 2, 4, 4, 4, 4, 4, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4,
    4, 2, 2, 4,
];
/// Letters of Persian and Urdu: the letter, its first form, how many it has.
const MORE: [(char, u32, u8); 6] = [
    ('\u{67e}', 0xfb56, 4),
    ('\u{686}', 0xfb7a, 4),
    ('\u{698}', 0xfb8a, 2),
    ('\u{6a9}', 0xfb8e, 4),
    ('\u{6af}', 0xfb92, 4),
    ('\u{6cc}', 0xfbfc, 4),
];
const LAM: char = '\u{644}';
/// A stroke that lengthens the line: it joins on both sides and has one form.
const TATWEEL: char = '\u{640}';

/// A letter's first form and how many there are.
fn forms(c: char) -> Option<(u32, u8)> {
    if let Some((_, first, count)) = MORE.iter().find(|(letter, ..)| *letter == c) {
        return Some((*first, *count));
    }
    let index = usize::try_from(u32::from(c).checked_sub(0x621)?).ok()?;
    let count = *FORMS.get(index).filter(|count| **count > 0)?;
    let before: u32 = FORMS.iter().take(index).map(|count| u32::from(*count)).sum();
    Some((0xfe80 + before, count))
}

/// What a lam and this letter become, alone.
fn with_lam(c: char) -> Option<u32> {
    match c {
        '\u{622}' => Some(0xfef5),
        '\u{623}' => Some(0xfef7),
        '\u{625}' => Some(0xfef9),
        '\u{627}' => Some(0xfefb),
        _ => None,
    }
}

/// A vowel above or below a letter, which joins as if it were not there.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}')
}

fn joins_before(c: char) -> bool {
    c == TATWEEL || forms(c).is_some_and(|(_, count)| count >= 2)
}

fn joins_after(c: char) -> bool {
    c == TATWEEL || forms(c).is_some_and(|(_, count)| count == 4)
}

/// The line with the forms of its letters, as far as the font has them.
pub(super) fn join(line: &str, face: &Face) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut joined = String::with_capacity(line.len());
    let mut after = false;
    let mut rest = chars.as_slice();
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        if is_mark(c) {
            joined.push(c);
            continue;
        }
        let next = tail.iter().copied().find(|c| !is_mark(*c));
        if let (LAM, Some((&letter, tail))) = (c, tail.split_first())
            && let Some(form) = with_lam(letter).and_then(|form| shown(form + u32::from(after), face))
        {
            joined.push(form);
            (rest, after) = (tail, false);
            continue;
        }
        let before = joins_after(c) && next.is_some_and(joins_before);
        let joins = after && joins_before(c);
        let form = forms(c).and_then(|(first, _)| {
            let index = match (joins, before) {
                (false, false) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (true, true) => 3,
            };
            shown(first + index, face)
        });
        joined.push(form.unwrap_or(c));
        after = before;
    }
    joined
}

fn shown(form: u32, face: &Face) -> Option<char> {
    char::from_u32(form).filter(|form| face.covers(*form))
}
