//! Mentions that ping, where the pair says so; elsewhere a mention is the name that it shows.

use super::PartText;
use crate::{
    account::Platform,
    text::{Edit, Pinged, RichText, Span, Style, discord, telegram, urls::find_urls},
};

/// While text becomes markdown, a mention is one of these characters of the last private use area, by its place, and
/// then [`FILLER`] up to the length that its markup will have. Markdown leaves them alone.
const SLOT: u32 = 0x10_0000;
const FILLER: char = '\u{10fffd}';
/// Telegram itself makes a mention of every `@username` that it finds: with a character that has no picture behind the
/// `@`, it finds none.
const JOINT: &str = "\u{200b}";
/// The shortest username that Telegram looks for.
const USERNAME_CHARS_MIN: usize = 2;
/// Mentions of one message that ping; those after them are names. Discord itself resolves a hundred.
const PINGS_MAX: usize = 100;

/// Who may be pinged beside people and `@everyone`, which mean the same in every server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pings {
    /// Roles: the destination is in the server that they are from.
    pub roles: bool,
}

/// `text` in parts for the destination, with its mentions pinging as `pings` says: `None` nobody.
pub(super) fn texts(text: &RichText, destination: Platform, utf16_max: usize, pings: Option<Pings>) -> Vec<PartText> {
    match destination {
        Platform::Telegram => {
            let split = match pings {
                Some(_) => telegram::split(text, utf16_max),
                None => telegram::split(&silent(text), utf16_max),
            };
            split.into_iter().map(PartText::Telegram).collect()
        }
        Platform::Discord => {
            let pinging = pings.and_then(|pings| pinging(text, utf16_max, pings));
            let split = pinging.unwrap_or_else(|| discord::split(text, utf16_max));
            split.into_iter().map(PartText::Discord).collect()
        }
    }
}

fn silent(text: &RichText) -> RichText {
    let mut silent = text.clone();
    silent.spans.retain(|span| !matches!(span.style, Style::Mention { .. }));
    let joints: Vec<Edit> =
        usernames(&silent).into_iter().map(|at| Edit { range: at..at, with: RichText::plain(JOINT) }).collect();
    if joints.is_empty() { silent } else { silent.splice(joints) }
}

/// Where names begin that Telegram would take for usernames, in bytes. In code, in addresses and in e-mail addresses it looks
/// for none.
fn usernames(text: &RichText) -> Vec<usize> {
    let opaque = |style: &Style| matches!(style, Style::Code | Style::Pre { .. } | Style::Link { .. });
    let spans = text.spans.iter().zip(text.byte_ranges()).filter(|(span, _)| opaque(&span.style));
    let mut closed: Vec<_> = spans.map(|(_, range)| range).collect();
    closed.extend(find_urls(&text.text).into_iter().map(|(from, to)| from..to));
    let signs = text.text.match_indices('@').map(|(at, _)| at);
    signs
        .filter(|at| !closed.iter().any(|range| range.contains(at)))
        .map(|at| at + 1)
        .filter(|at| {
            let name = text.text[*at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_');
            name.take(USERNAME_CHARS_MIN).count() == USERNAME_CHARS_MIN && !continues_word(&text.text[..at - 1])
        })
        .collect()
}

/// What ends here goes on behind an `@`: the name of a mailbox, or the path of an address without a scheme.
fn continues_word(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    word.ends_with(|c: char| c.is_alphanumeric() || c == '_') || (word.ends_with('/') && word.contains('.'))
}

/// Markdown with mentions in it; `None` when there are none, or when they cannot be kept whole.
fn pinging(text: &RichText, utf16_max: usize, pings: Pings) -> Option<Vec<String>> {
    if text.text.chars().any(is_slot) {
        return None;
    }
    let mut markups = Vec::new();
    let mut edits = Vec::new();
    for (span, range) in text.spans.iter().zip(text.byte_ranges()) {
        let Some(markup) = markup(span, pings).filter(|_| !is_covered(span, &text.spans)) else { continue };
        if markups.len() == PINGS_MAX {
            break;
        }
        edits.push(Edit { range, with: RichText::plain(slot(markups.len(), markup.len())?) });
        markups.push(markup);
    }
    if markups.is_empty() {
        return None;
    }
    let parts = discord::split(&text.splice(edits), utf16_max);
    let filled: Vec<String> = parts.iter().map(|part| filled(part, &markups)).collect();
    // A mention longer than a message, cut in two, is no mention.
    (!filled.iter().any(|part| part.chars().any(is_slot))).then_some(filled)
}

fn markup(span: &Span, pings: Pings) -> Option<String> {
    let Style::Mention { pinged, .. } = &span.style else { return None };
    match (*pinged)? {
        Pinged::User(id) => Some(format!("<@{id}>")),
        Pinged::Role(id) => pings.roles.then(|| format!("<@&{id}>")),
        Pinged::Everyone => Some("@everyone".to_owned()),
        Pinged::Here => Some("@here".to_owned()),
    }
}

/// Within code and the words of a link, Discord knows no mentions.
fn is_covered(span: &Span, spans: &[Span]) -> bool {
    let opaque = |style: &Style| matches!(style, Style::Code | Style::Pre { .. } | Style::Link { .. });
    spans.iter().any(|other| opaque(&other.style) && other.offset < span.end() && span.offset < other.end())
}

/// At least as long as the markup, so that a part that has room for it has room for the markup.
fn slot(place: usize, markup_len: usize) -> Option<String> {
    let mut slot = String::from(char::from_u32(SLOT.checked_add(u32::try_from(place).ok()?)?)?);
    let fillers = markup_len.div_ceil(FILLER.len_utf16()).saturating_sub(1);
    slot.extend(std::iter::repeat_n(FILLER, fillers));
    Some(slot)
}

fn filled(part: &str, markups: &[String]) -> String {
    let mut filled = part.to_owned();
    for (place, markup) in markups.iter().enumerate() {
        if let Some(slot) = slot(place, markup.len()) {
            filled = filled.replace(&slot, markup);
        }
    }
    filled
}

const fn is_slot(c: char) -> bool {
    c as u32 >= SLOT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::discord::{Mentions, parse};

    fn parts(markdown: &str, max: usize, pings: Option<Pings>) -> Vec<String> {
        let mentions = Mentions::default().user(7, "Bob").role(8, "Staff").pinging(true);
        let parts = texts(&parse(markdown, &mentions), Platform::Discord, max, pings);
        parts.iter().map(|part| part.as_str().to_owned()).collect()
    }

    #[test]
    fn a_mention_pings_only_where_it_shall() {
        let said = "**hi <@7>** <@&8> @everyone and @here, <@9> `<@7>`";
        let all = "**hi <@7>** <@&8> @everyone and @here, @unknown-user `<@7>`";
        assert_eq!(parts(said, 2_000, Some(Pings { roles: true })), [all]);
        assert_eq!(parts(said, 2_000, Some(Pings { roles: false })), [all.replace("<@&8>", "@Staff")]);
        let none = "**hi @Bob** @Staff @\u{200b}everyone and @\u{200b}here, @unknown-user `<@7>`";
        assert_eq!(parts(said, 2_000, None), [none]);
    }

    #[test]
    fn words_that_only_look_like_mentions_ping_nobody() {
        let text = parse("<@7> <@&8> @everyone", &Mentions::default().user(7, "Bob").role(8, "Staff"));
        let part = texts(&text, Platform::Discord, 2_000, Some(Pings { roles: true })).remove(0);
        assert_eq!(part.as_str(), "@Bob @Staff @\u{200b}everyone");
        let plain = RichText::plain("<@7> @everyone \u{100001}");
        let part = texts(&plain, Platform::Discord, 2_000, Some(Pings { roles: true })).remove(0);
        assert_eq!(part.as_str(), "\\<\\@7> @\u{200b}everyone \u{100001}");
    }

    #[test]
    fn a_mention_is_never_cut_and_no_part_is_too_long() {
        let said = "<@7> word ".repeat(300);
        let found = parts(&said, 100, Some(Pings::default()));
        assert!(found.iter().all(|part| part.encode_utf16().count() <= 100));
        assert_eq!(found.iter().map(|part| part.matches("<@7>").count()).sum::<usize>(), PINGS_MAX);
        assert_eq!(found.iter().map(|part| part.matches("@Bob").count()).sum::<usize>(), 200);
    }

    #[test]
    fn telegram_finds_no_username_where_nobody_shall_be_pinged() {
        let silent = |text: RichText| match texts(&text, Platform::Telegram, 4_096, None).remove(0) {
            PartText::Telegram(text) => text,
            PartText::Discord(text) => panic!("{text:?}"),
        };
        for (said, reads) in [
            ("@ada_l, (@bob) and\n@eve.", "@\u{200b}ada_l, (@\u{200b}bob) and\n@\u{200b}eve."),
            ("hi.@ada and/@bob", "hi.@\u{200b}ada and/@\u{200b}bob"),
            ("ada@example.org, @ alone, @a, @Борис", "ada@example.org, @ alone, @a, @Борис"),
            ("https://x.com/@ada x.com/@ada", "https://x.com/@ada x.com/@ada"),
        ] {
            assert_eq!(silent(RichText::plain(said)).text, reads);
        }
        let bold = silent(RichText::styled("hi @ada", Style::Bold));
        assert_eq!(bold, RichText::styled("hi @\u{200b}ada", Style::Bold));
        let code = RichText::styled("hi @ada", Style::Code);
        assert_eq!(silent(code.clone()), code);
        let loud = texts(&RichText::plain("@ada"), Platform::Telegram, 4_096, Some(Pings::default()));
        assert_eq!(loud, [PartText::Telegram(RichText::plain("@ada"))]);
    }

    #[test]
    fn telegram_pings_whom_it_knows_by_id() {
        let style = Style::Mention { user_id: Some(5), pinged: None };
        let text = RichText::styled("Ann", style);
        let of = |pings| texts(&text, Platform::Telegram, 4_096, pings);
        assert_eq!(of(Some(Pings::default())), [PartText::Telegram(text.clone())]);
        assert_eq!(of(None), [PartText::Telegram(RichText::plain("Ann"))]);
    }
}
