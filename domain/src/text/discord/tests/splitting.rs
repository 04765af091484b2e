use super::{link, pre, rich};
use crate::text::{RichText, Span, Style, discord::split};

#[test]
fn short_text_is_one_message_and_blank_text_none() {
    assert_eq!(split(&rich("a b", &[("b", Style::Bold)]), 2000), ["a **b**"]);
    assert!(split(&RichText::plain(" \n\u{200b} "), 2000).is_empty());
    assert!(split(&RichText::default(), 2000).is_empty());
}

#[test]
fn cuts_prefer_paragraphs_lines_and_words() {
    assert_eq!(split(&RichText::plain("one two\n\nthree four"), 15), ["one two", "three four"]);
    assert_eq!(split(&RichText::plain("one two\nthree four"), 13), ["one two", "three four"]);
    assert_eq!(split(&RichText::plain("one two three"), 10), ["one two", "three"]);
    assert_eq!(split(&RichText::plain("onetwothree"), 8), ["onetwoth", "ree"]);
}

#[test]
fn styles_go_on_in_the_next_message() {
    assert_eq!(split(&rich("one two three", &[("one two three", Style::Bold)]), 13), ["**one two**", "**three**"]);
    let long = "word ".repeat(800);
    let messages = split(&RichText::styled(long.trim(), Style::Spoiler), 2000);
    assert!(messages.len() >= 2 && messages.iter().all(|message| message.starts_with("||") && message.ends_with("||")));
}

#[test]
fn code_blocks_are_closed_and_reopened() {
    let code = "    let a = 1;\n".repeat(300);
    let messages = split(&RichText::styled(code.as_str(), pre("rust")), 2000);
    assert_eq!(messages.len(), 3);
    let mut joined = String::new();
    for message in &messages {
        assert!(message.encode_utf16().count() <= 2000);
        joined.push_str(message.strip_prefix("```rust\n").and_then(|rest| rest.strip_suffix("```")).expect("fenced"));
    }
    assert_eq!(joined, code);
}

#[test]
fn pictures_of_several_characters_stay_whole() {
    let family = "👨‍👩‍👧‍👦";
    let messages = split(&RichText::plain(family.repeat(400)), 2000);
    assert!(
        messages.iter().all(|message| message.replace(family, "").is_empty() && message.encode_utf16().count() <= 2000)
    );
    assert_eq!(messages.concat(), family.repeat(400));
}

#[test]
fn escapes_count() {
    let messages = split(&RichText::plain("*".repeat(4096)), 2000);
    assert!(messages.iter().all(|message| message.len() <= 2000 && message.len() % 2 == 0));
    assert_eq!(messages.concat(), "\\*".repeat(4096));
}

#[test]
fn a_long_address_is_not_lost() {
    let url = format!("https://a.b/{}", "c".repeat(1500));
    let messages = split(&rich("label", &[("label", link(&url))]), 2000);
    assert_eq!(messages, [format!("label ({url})")]);
    let many: Vec<Span> =
        (0..900).map(|at| Span { offset: at * 2, length: 1, style: link("https://example.org/path") }).collect();
    let messages = split(&RichText { text: "a ".repeat(900), spans: many }, 2000);
    assert!(messages.iter().all(|message| message.len() <= 2000));
    assert_eq!(
        messages.iter().map(|message| message.matches("[a](https://example.org/path)").count()).sum::<usize>(),
        900
    );
}
