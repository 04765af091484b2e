use proptest::prelude::*;
use serde_json::{Value, json};

use super::{decide, options, said};
use crate::{
    account::Platform,
    anything,
    rules::{PairOptions, Rules, SourceChat},
    text::{RichText, Span, Style},
};

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::Bold),
        Just(Style::Code),
        Just(Style::Quote),
        Just(Style::ExpandableQuote),
        Just(Style::Spoiler),
        Just(Style::Link { url: "https://example.org/a".into() }),
        Just(Style::Link { url: String::new() }),
        Just(Style::NAMED),
        Just(Style::CustomEmoji { id: 1 }),
    ]
}

/// Words, addresses, names, emoji and scripts in which units, bytes and characters differ.
fn rich() -> impl Strategy<Value = RichText> {
    let piece = prop_oneof![
        4 => "[a-zA-Z]{1,6}",
        2 => "[ \n]",
        1 => "[{}$*_<>@.:/]{1,3}",
        1 => prop::sample::select(vec!["😀", "👨‍👩‍👧", "שלום", "é", "https://a.example/b?c", "t.me/x", "@ada", "\u{e001}", "\u{200b}"]).prop_map(str::to_owned),
    ];
    // Whoever tries rules on a made-up message may say anything about it.
    let number = || prop_oneof![9 => 0_usize..50, 1 => any::<usize>(), 1 => Just(usize::MAX)];
    let span = (number(), number(), style()).prop_map(|(offset, length, style)| Span { offset, length, style });
    (prop::collection::vec(piece, 0..16), prop::collection::vec(span, 0..6))
        .prop_map(|(pieces, spans)| RichText { text: pieces.concat(), spans })
}

fn transformed(options_json: Value, text: &RichText) -> RichText {
    let rules = Rules::compile(&options(options_json)).unwrap();
    let mut message = said("");
    message.text = text.clone();
    let _decided = decide(&rules, &message);
    rules.transform(&message, Platform::Telegram, &SourceChat::default()).into_owned().text
}

fn well_formed(text: &RichText) -> bool {
    let length = text.utf16_len();
    text.spans.iter().all(|span| span.length > 0 && span.end() <= length)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_spans_stay_within_the_text(
        text in rich(),
        links in any::<bool>(),
        mentions in any::<bool>(),
        pattern in prop::sample::select(vec!["a", "\\w+", "(?m)^", ".", "$", "[^\\x00-\\x7f]", "(a)(b)?"]),
        with in prop::sample::select(vec!["", "x", "😀", "$0$0", "{text}", "$$"]),
    ) {
        let found = transformed(json!({
            "strip_links": links, "strip_mentions": mentions, "replace": [{ "pattern": pattern, "with": with }],
            "header": "**{author}** 😀", "template": "> {text} {link:s}", "footer": "{chat}",
        }), &text);
        prop_assert!(well_formed(&found), "{found:?}");
    }

    #[test]
    fn no_text_is_lost_where_no_rule_removes_it(text in rich()) {
        let found = transformed(json!({ "header": "H", "template": "a{text}b", "footer": "F" }), &text);
        prop_assert_eq!(found.text, format!("H\na{}b\nF", text.text));
    }

    #[test]
    fn only_addresses_and_names_are_stripped(text in "[a-z ]{0,40}") {
        let found = transformed(json!({ "strip_links": true, "strip_mentions": true }), &RichText::plain(text.as_str()));
        prop_assert_eq!(found.text, text);
    }

    #[test]
    fn a_replacement_says_what_the_engine_says(text in rich(), with in "[a-z😀]{0,3}") {
        let found = transformed(json!({ "replace": [{ "pattern": "[aeiou😀]+", "with": with }] }), &text);
        let wanted = regex::Regex::new("[aeiou😀]+").unwrap().replace_all(&text.text, with.as_str()).into_owned();
        prop_assert_eq!(found.text, wanted);
    }

    #[test]
    fn what_is_read_of_options_is_what_is_kept(bent in anything::bent(json!({
        "header": "h", "deny": { "words": ["a"], "regexes": ["b"] }, "replace": [{ "pattern": "c", "with": "d" }],
        "media": { "allow": ["photo"], "size_bytes_max": 5 }, "authors": { "deny": ["Ada"] }, "bots": "deny",
        "schedule": { "hours": { "mon": ["09:00-17:00"] }, "outside": "hold" }, "time_zone": "Europe/Berlin",
        "duplicates": { "window_seconds": 60, "scope": "pair" }, "catch_up": { "age_seconds_max": 60 },
    }))) {
        let Ok(read) = serde_json::from_value::<PairOptions>(bent) else { return Ok(()) };
        let kept = serde_json::to_value(&read).unwrap();
        prop_assert_eq!(&serde_json::from_value::<PairOptions>(kept).unwrap(), &read);
        if let Ok(rules) = Rules::compile(&read) {
            let _decided = decide(&rules, &said("x"));
        }
    }

    #[test]
    fn any_options_compile_or_say_why(
        header in any::<String>(),
        pattern in any::<String>(),
        word in any::<String>(),
        hours in "[0-9:-]{0,12}",
    ) {
        let compiled = Rules::compile(&options(json!({
            "header": header, "deny": { "words": [word], "regexes": [pattern] }, "replace": [{ "pattern": pattern, "with": header }],
            "schedule": { "hours": { "mon": [hours] } },
        })));
        match compiled {
            Ok(rules) => prop_assert!(decide(&rules, &said("x")).trace.len() <= 3),
            Err(errors) => prop_assert!(errors.iter().all(|error| !error.path.is_empty() && !error.reason.is_empty())),
        }
    }
}
