//! The line that says where a forwarded message comes from.

use super::{RichText, Style};

/// The longest name or title shown, in characters: both platforms allow 128 for titles, so this cuts only abuse.
const NAME_CHARS_MAX: usize = 128;

/// "Forwarded from **Author** in **Chat**", all in italics; empty when neither is known.
#[must_use]
pub fn attribution(author: Option<&str>, chat_title: Option<&str>) -> RichText {
    let names: Vec<RichText> = [author, chat_title]
        .into_iter()
        .flatten()
        .map(one_line)
        .filter(|name| !RichText::plain(name.as_str()).is_blank())
        .map(|name| RichText::styled(name, Style::Bold))
        .collect();
    if names.is_empty() {
        return RichText::default();
    }
    let mut line = RichText::plain("Forwarded from ");
    line.push(&RichText::join(&names, " in "));
    line.cover(Style::Italic);
    line
}

fn one_line(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").chars().take(NAME_CHARS_MAX).collect()
}
