//! Text before it is set: what the font cannot show, what is not seen, where lines end, and which way they run.

use unicode_bidi::BidiInfo;
use unicode_normalization::UnicodeNormalization as _;

use crate::font::Face;

mod arabic;
#[cfg(test)]
mod tests;

/// What stands for a character that the font does not have.
pub(crate) const REPLACEMENT: char = '\u{fffd}';

/// One line of what somebody wrote, in the order of reading: composed, without what is not seen, and with
/// [`REPLACEMENT`] for what the font does not have.
pub(crate) fn clean(text: &str, face: &Face) -> String {
    let composed = text.nfc().filter(|c| !is_invisible(*c));
    composed
        .map(|c| match c {
            c if c.is_whitespace() || c.is_control() => ' ',
            c if face.covers(c) => c,
            _ => REPLACEMENT,
        })
        .collect()
}

/// Marks that change how their neighbours are shown: without a layout engine they would be boxes, and some could hide
/// what a line says.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Cuts clean text into lines of at most this width, in points: between words, or within a word that is longer.
pub(crate) fn wrap(text: &str, face: &Face, size: f32, width_max: f32) -> Vec<String> {
    let fits = |line: &str| face.width(line, size) <= width_max;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            // A character that is wider than the column stands alone.
            if !fits(&line) && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The characters of one line from left to right: what is read from right to left is turned round, and Arabic letters
/// have the forms that join.
pub(crate) fn visual(line: &str, face: &Face) -> String {
    let joined = arabic::join(line, face);
    let info = BidiInfo::new(&joined, None);
    match info.paragraphs.first() {
        Some(paragraph) if info.has_rtl() => info.reorder_line(paragraph, paragraph.range.clone()).into_owned(),
        _ => joined,
    }
}
