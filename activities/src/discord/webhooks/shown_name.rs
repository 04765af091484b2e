//! The name that a webhook's message shows.

use super::NAME;

/// Discord's limit on the name that a message shows, in characters.
const SHOWN_NAME_CHARS_MAX: usize = 80;
/// What Discord does not take inside a shown name, in whatever case.
const TAKEN: [&str; 2] = ["discord", "clyde"];
/// Breaks a taken word and is hardly seen.
const HAIR_SPACE: char = '\u{200a}';

/// A name that Discord takes for a webhook's message.
pub(in crate::discord) fn shown_name(name: &str) -> String {
    let mut shown: String = name.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for word in TAKEN {
        while let Some(at) = position(&shown, word) {
            shown.insert(at + 1, HAIR_SPACE);
        }
    }
    let shown: String = shown.chars().take(SHOWN_NAME_CHARS_MAX).collect();
    let shown = shown.trim();
    if shown.is_empty() { NAME.to_owned() } else { shown.to_owned() }
}

/// Where `word`, which is ASCII, stands in `text` in whatever case.
fn position(text: &str, word: &str) -> Option<usize> {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len()).position(|piece| piece.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_name_is_one_that_discord_takes() {
        assert_eq!(shown_name(" Alice\n(Telegram) "), "Alice (Telegram)");
        assert_eq!(shown_name("Discord DISCORD Clyde"), "D\u{200a}iscord D\u{200a}ISCORD C\u{200a}lyde");
        assert_eq!(shown_name(&"ä".repeat(100)).chars().count(), 80);
        assert_eq!(shown_name("  "), "Causeway");
    }
}
