//! Bare URLs in a text, found the way Discord finds them.

/// Characters at the end of a URL that are taken for punctuation of the sentence.
const TRAILING: &[char] = &['.', ',', ':', ';', '"', '\'', ']'];
/// Characters that no URL may hold; where one stands, the URL ends for us whatever Discord thinks.
const NEVER: &[char] = &['>', '"', '`', '|', '\\', '^', '{', '}'];

/// The length in bytes of the URL at the start of `text`, as Discord's renderer would take it; `None` without one.
pub(super) fn match_url(text: &str) -> Option<usize> {
    let body = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let scheme = text.len() - body.len();
    let end = body.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(body.len());
    let mut url = body[..end].trim_end_matches(TRAILING);
    if url.ends_with(')') && url.matches(')').count() > url.matches('(').count() {
        url = &url[..url.len() - 1];
    }
    // One character before and one for the last: a scheme alone is no URL.
    (url.chars().count() >= 2).then_some(scheme + url.len())
}

/// Byte ranges of the URLs in `text`, each cut before a character that no URL may hold or a word that would ping.
pub(crate) fn find_urls(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find("http").map(|offset| at + offset) {
        at = next + 4;
        if let Some(length) = match_url(&text[next..]) {
            let url = &text[next..next + length];
            let length = url.find(NEVER).unwrap_or(length);
            // A word that could ping is escaped like any other text, at the price of a shorter link.
            let length = ["@everyone", "@here"].iter().filter_map(|word| url.find(word)).fold(length, usize::min);
            // What is left must still be an address.
            if let Some(length) = match_url(&url[..length]) {
                found.push((next, next + length));
                at = next + length;
            }
        }
    }
    found
}

/// True when a reader could take `text` for an address, so that Discord refuses to hide another one behind it.
pub(crate) fn looks_like_url(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.contains("://") || lower.contains("www.") || lower.contains("discord.gg/")
}

/// True for characters without a picture: zero-width spaces, joiners and direction marks.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// True when only sentence punctuation stands between the end of a URL and the next white space or the end.
pub(super) fn ends_cleanly(rest: &str) -> bool {
    let rest = rest.strip_prefix(')').unwrap_or(rest).trim_start_matches(TRAILING);
    rest.chars().next().is_none_or(char::is_whitespace)
}

/// Length in bytes of the punctuation that follows a URL and must stay unescaped, for a backslash would join the URL.
pub(super) fn trailing_punctuation(rest: &str) -> usize {
    let after_bracket = rest.strip_prefix(')').unwrap_or(rest);
    rest.len() - after_bracket.trim_start_matches(TRAILING).len()
}
