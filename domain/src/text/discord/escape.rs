//! Escaping: plain text that Discord must show as it is.

use super::{JOINT, inline::is_everyone};

/// `text` with a backslash before everything that would be read as markup. `line_start`: only white space stands
/// before it on its line. `before`: the character before it, if any.
pub(super) fn escape(text: &str, line_start: bool, before: Option<char>) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut previous = before;
    let mut starts_line = line_start;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let risky = match c {
            '\\' | '*' | '_' | '~' | '|' | '`' | '<' | '[' | ']' => true,
            '#' | '@' | '/' | '&' if previous == Some('<') => true,
            // Not an address (those are not escaped), but it would become one together with the markup behind it.
            '/' => text[..at].ends_with("http:") || text[..at].ends_with("https:"),
            '(' => previous == Some(']'),
            ':' => previous == Some('<') || is_shortcode(rest),
            '#' | '>' | '-' | '+' => starts_line,
            '.' => starts_line_number(&text[..at], line_start) && rest.chars().next().is_none_or(char::is_whitespace),
            _ => false,
        };
        if risky {
            escaped.push('\\');
        }
        escaped.push(c);
        if c == '@' && is_everyone(rest) {
            escaped.push(JOINT);
        }
        starts_line &= c.is_whitespace();
        previous = Some(c);
    }
    escaped
}

/// The address for a masked link: characters that would end it or the markup around it are percent-encoded.
pub(super) fn encode_url(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for c in url.trim().chars() {
        match c {
            '(' | ')' | '<' | '>' | '\\' | '"' | '`' | '|' | '*' => encoded.push_str(&format!("%{:02X}", u32::from(c))),
            c if c.is_whitespace() || c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    encoded.push_str(&format!("%{byte:02X}"));
                }
            }
            c => encoded.push(c),
        }
    }
    encoded.replace("@everyone", "%40everyone").replace("@here", "%40here")
}

/// `name:` behind a colon: Discord's clients make a picture of it.
fn is_shortcode(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '~'))
    })
}

fn starts_line_number(before: &str, line_start: bool) -> bool {
    let digits = before.trim_start();
    line_start && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
