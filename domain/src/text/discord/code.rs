//! Inline code and fenced blocks of code.

use super::JOINT;

/// A block of code at the start of a source.
pub(super) struct Fence<'s> {
    pub(super) language: &'s str,
    pub(super) code: &'s str,
    /// Length in bytes, both fences included.
    pub(super) length: usize,
}

/// The fenced block that `source` begins with.
pub(super) fn fence(source: &str) -> Option<Fence<'_>> {
    let body = source.strip_prefix("```")?;
    let (language, body_start) = match body.split_once('\n') {
        Some((first, _)) if !first.is_empty() && first.chars().all(is_language) => (first, first.len() + 1),
        _ => ("", 0),
    };
    let read = |language, body_start: usize| {
        let code_start = body_start + (body[body_start..].len() - body[body_start..].trim_start_matches('\n').len());
        let first = body[code_start..].chars().next()?.len_utf8();
        let end = code_start + first + body[code_start + first..].find("```")?;
        let code = body[code_start..end].trim_end_matches('\n');
        Some(Fence { language, code, length: 3 + end + 3 })
    };
    read(language, body_start).or_else(|| read("", 0))
}

/// The inline code that `source` begins with: its content and the length of it all.
pub(super) fn inline_code(source: &str) -> Option<(&str, usize)> {
    let run = backticks(source);
    // A run that has no counterpart of its length is tried as a shorter one, the rest being content.
    (1..=run).rev().find_map(|ticks| {
        let mut at = run.max(ticks);
        loop {
            at += source[at..].find('`')?;
            let closing = backticks(&source[at..]);
            if closing == ticks {
                return Some((unpad(&source[ticks..at]), at + closing));
            }
            at += closing;
        }
    })
}

/// True for characters that the name of a language may have.
pub(super) const fn is_language(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.' | '#')
}

/// Code with the joints taken out again that keep backticks apart.
pub(super) fn without_joints(code: &str) -> String {
    let mut clear = String::with_capacity(code.len());
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        let joint = c == JOINT && clear.ends_with('`') && chars.peek() == Some(&'`');
        if !joint {
            clear.push(c);
        }
    }
    clear
}

fn backticks(source: &str) -> usize {
    source.len() - source.trim_start_matches('`').len()
}

/// One space beside a backtick at either end is padding.
fn unpad(content: &str) -> &str {
    let content =
        content.strip_prefix(' ').filter(|rest| rest.trim_start_matches(' ').starts_with('`')).unwrap_or(content);
    content.strip_suffix(' ').filter(|rest| rest.trim_end_matches(' ').ends_with('`')).unwrap_or(content)
}
