use proptest::prelude::*;

use super::{link, pre};
use crate::text::{
    RichText, Span, Style,
    discord::{Mentions, parse, prepare::spell_out, render, split},
    urls,
};

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        3 => Just(Style::Bold),
        3 => Just(Style::Italic),
        2 => Just(Style::Underline),
        2 => Just(Style::Strikethrough),
        2 => Just(Style::Spoiler),
        2 => Just(Style::Code),
        1 => Just(Style::Quote),
        1 => Just(Style::ExpandableQuote),
        1 => Just(pre("rust")),
        1 => Just(pre("")),
        1 => Just(link("https://example.org/a_b")),
        1 => Just(link("tg://resolve?domain=x")),
        1 => Just(Style::NAMED),
        1 => Just(Style::CustomEmoji { id: 1 }),
    ]
}

/// Words, markers, emoji, right-to-left text, families, line breaks and addresses.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-zA-Z0-9]{1,8}",
        4 => Just(" ".to_owned()),
        2 => Just("\n".to_owned()),
        4 => "[*_~|`\\\\<>#@:\\[\\]()!.-]{1,3}",
        2 => prop::sample::select(vec!["😀", "👨‍👩‍👧", "שלום", "مرحبا", "é", "ツ", "@everyone", "<@1>", ":a:", "1. ", "- ", "```"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["https://a.b/c_d_e", "http://x.y/*z*", "https://q.r/(s)?t=u,"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn marked(text: impl Strategy<Value = String>, style: impl Strategy<Value = Style>) -> impl Strategy<Value = RichText> {
    let span = (0_usize..60, 0_usize..40, style).prop_map(|(offset, length, style)| Span { offset, length, style });
    (text, prop::collection::vec(span, 0..6)).prop_map(|(text, spans)| RichText { text, spans })
}

/// For each character that can be seen, the character and its inline styles, sorted.
fn styled_chars(rich: &RichText) -> Vec<(char, Vec<String>)> {
    let mut at = 0;
    let mut chars = Vec::new();
    for c in rich.text.chars() {
        let covering = rich.spans.iter().filter(|span| span.offset <= at && at < span.end());
        let mut names: Vec<String> = covering.map(|span| format!("{:?}", span.style)).collect();
        names.sort();
        names.dedup();
        at += c.len_utf16();
        if !c.is_whitespace() && !urls::is_invisible(c) {
            chars.push((c, names));
        }
    }
    chars
}

fn visible(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !urls::is_invisible(*c)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_as_the_same_text(rich in marked(text(), style())) {
        let written = render(&rich);
        let said = spell_out(&rich, 1000).text;
        let read = parse(&written, &Mentions::default()).text;
        prop_assert_eq!(read.trim(), said.trim(), "{}", written);
    }

    #[test]
    fn nobody_is_pinged(text in "(@everyone|@here|<@1>|<@!2>|<@&3>|<#4>|https://a\\.b/|[<@>*a ]){0,20}") {
        let written = render(&RichText::plain(text));
        for ping in ["@everyone", "@here", "<@", "<#"] {
            prop_assert!(!written.contains(ping), "{}", written);
        }
    }

    #[test]
    fn words_keep_their_styles(
        rich in marked("([a-z]{1,4} |😀 |שלום |[a-z]{1,4}\n){1,12}", prop_oneof![Just(Style::Bold), Just(Style::Italic), Just(Style::Underline), Just(Style::Strikethrough), Just(Style::Spoiler), Just(link("https://example.org/a"))])
    ) {
        let read = parse(&render(&rich), &Mentions::default());
        prop_assert_eq!(styled_chars(&read), styled_chars(&cleaned(&rich)));
    }

    #[test]
    fn hidden_text_is_never_shown(rich in marked(text(), prop_oneof![3 => Just(Style::Spoiler), 7 => style()])) {
        let read = parse(&render(&rich), &Mentions::default());
        let hidden = |rich: &RichText| -> Vec<bool> {
            styled_chars(rich).iter().map(|(_, styles)| styles.iter().any(|style| style == "Spoiler")).collect()
        };
        let (wanted, found) = (hidden(&spell_out(&rich, 1000)), hidden(&read));
        prop_assert_eq!(wanted.len(), found.len());
        prop_assert!(wanted.iter().zip(&found).all(|(wanted, found)| found >= wanted), "{}", render(&rich));
    }

    #[test]
    fn reading_never_fails_and_keeps_every_letter(markdown in "([a-z]|[*_~| \n\\\\#>.`-]){0,120}") {
        let letters = |text: &str| -> String { text.chars().filter(char::is_ascii_alphabetic).collect() };
        let read = parse(&markdown, &Mentions::default());
        // A word behind a fence names a language; it is in the span instead.
        if !markdown.contains("```") {
            prop_assert_eq!(letters(&read.text), letters(&markdown));
        }
        let length = read.utf16_len();
        prop_assert!(read.spans.iter().all(|span| span.length > 0 && span.end() <= length));
    }

    #[test]
    fn reading_takes_any_string(markdown in any::<String>()) {
        let read = parse(&markdown, &Mentions::default());
        let length = read.utf16_len();
        prop_assert!(read.spans.iter().all(|span| span.length > 0 && span.end() <= length));
    }

    #[test]
    fn splits_fit_and_together_say_everything(rich in marked(text(), style()), limit in 8_usize..80) {
        let messages = split(&rich, limit);
        let mut said = String::new();
        for message in &messages {
            prop_assert!(message.encode_utf16().count() <= limit, "{:?}", message);
            prop_assert!(!message.trim().is_empty());
            said.push_str(&parse(message, &Mentions::default()).text);
        }
        let wanted = spell_out(&rich, 1000.min(limit / 2)).text;
        if limit >= 40 {
            prop_assert_eq!(visible(&said), visible(&wanted), "{:?}", messages);
        }
    }
}

fn cleaned(rich: &RichText) -> RichText {
    let units = crate::text::units::Units::new(&rich.text);
    RichText { text: rich.text.clone(), spans: crate::text::spans::clean(rich, &units) }
}
