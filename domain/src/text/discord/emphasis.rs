//! Finding the end of bold, italic, underlined, struck and hidden text.
//!
//! The rules are those of Discord's renderer: no delimiter runs as in CommonMark, but for each marker the nearest end
//! that fits, and of several readings the longest. Lengths are bytes.

use crate::text::Style;

/// Styled text at the start of a source.
pub(super) struct Emphasis<'s> {
    pub(super) style: Style,
    /// What stands between the markers.
    pub(super) content: &'s str,
    /// Length of it all, markers included.
    pub(super) length: usize,
}

/// The styled text that `source` begins with, if its first marker has an end.
pub(super) fn emphasis(source: &str) -> Option<Emphasis<'_>> {
    let readings: [Option<Emphasis<'_>>; 2] = match source.as_bytes().first()? {
        b'*' => [
            star_italic(source).map(|end| between(source, 1, end, Style::Italic)),
            doubled(source, b'*').map(|end| between(source, 2, end, Style::Bold)),
        ],
        b'_' => [
            underscore_italic(source).map(|end| between(source, 1, end, Style::Italic)),
            doubled(source, b'_').map(|end| between(source, 2, end, Style::Underline)),
        ],
        b'~' => [verbatim(source, "~~", Some('_')).map(|end| between(source, 2, end, Style::Strikethrough)), None],
        b'|' => [verbatim(source, "||", None).map(|end| between(source, 2, end, Style::Spoiler)), None],
        _ => [None, None],
    };
    // The longest reading wins; of two equal ones the first, which is italics. A line of nothing but markers is a line.
    let marker = source.chars().next()?;
    let says_something = |found: &Emphasis<'_>| found.content.chars().any(|c| c != marker);
    readings
        .into_iter()
        .flatten()
        .filter(says_something)
        .reduce(|best, other| if other.length > best.length { other } else { best })
}

const fn between(source: &str, marker: usize, end: usize, style: Style) -> Emphasis<'_> {
    let (head, _) = source.split_at(end);
    let (_, content) = head.split_at(marker);
    Emphasis { style, content, length: end + marker }
}

/// `*text*`: no white space inside the markers' edges, `**` inside is passed over.
fn star_italic(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut at = 1;
    if source[1..].chars().next().is_none_or(char::is_whitespace) {
        return None;
    }
    loop {
        match *bytes.get(at)? {
            b'*' if bytes.get(at + 1) == Some(&b'*') => at += 2,
            b'*' => return (at > 1).then_some(at),
            b'\\' => at += escaped_length(source, at)?,
            _ => {
                let c = source[at..].chars().next()?;
                at += c.len_utf8();
                if c.is_whitespace() {
                    at += source[at..].len() - source[at..].trim_start().len();
                    let closes = bytes.get(at) == Some(&b'*') && bytes.get(at + 1) != Some(&b'*');
                    if closes {
                        return None;
                    }
                }
            }
        }
    }
}

/// `_text_`: must not be followed by a letter, so that snake_case stays what it is.
fn underscore_italic(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'_' if at > 1 && !continues_word(bytes.get(at + 1)) => return Some(at),
            b'_' if bytes.get(at + 1) == Some(&b'_') => at += 2,
            b'_' => return None,
            b'\\' => at += escaped_length(source, at)?,
            _ => at += char_length(source, at)?,
        }
    }
}

/// `**text**` and `__text__`: the end must not be followed by the same character again.
fn doubled(source: &str, marker: u8) -> Option<usize> {
    let bytes = source.as_bytes();
    if bytes.get(1) != Some(&marker) {
        return None;
    }
    let mut at = 2;
    loop {
        let here = *bytes.get(at)?;
        let ends = at > 2 && here == marker && bytes.get(at + 1) == Some(&marker) && bytes.get(at + 2) != Some(&marker);
        if ends {
            return Some(at);
        }
        at += if here == b'\\' { escaped_length(source, at)? } else { char_length(source, at)? };
    }
}

/// `~~text~~` and `||text||`: the nearest end, escaped or not, that is not followed by `refused`.
fn verbatim(source: &str, marker: &str, refused: Option<char>) -> Option<usize> {
    let content = source.strip_prefix(marker)?;
    let mut at = marker.len() + content.chars().next()?.len_utf8();
    loop {
        at += source[at..].find(marker)?;
        let after = source[at + marker.len()..].chars().next();
        if refused.is_none() || after != refused {
            return Some(at);
        }
        at += 1;
    }
}

fn char_length(source: &str, at: usize) -> Option<usize> {
    source[at..].chars().next().map(char::len_utf8)
}

/// A backslash and whatever stands behind it; `None` when nothing does.
fn escaped_length(source: &str, at: usize) -> Option<usize> {
    char_length(source, at + 1).map(|length| 1 + length)
}

fn continues_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
