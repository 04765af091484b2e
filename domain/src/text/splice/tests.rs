use proptest::prelude::*;

use super::Edit;
use crate::text::{RichText, Span, Style};

fn bold(offset: usize, length: usize) -> Span {
    Span { offset, length, style: Style::Bold }
}

fn edit(range: std::ops::Range<usize>, with: &str) -> Edit {
    Edit { range, with: RichText::plain(with) }
}

/// One bold stretch of `text`, given in units, after the edits.
fn check(text: &str, span: (usize, usize), edits: Vec<Edit>, wanted: &str, wanted_span: Option<(usize, usize)>) {
    let rich = RichText { text: text.to_owned(), spans: vec![bold(span.0, span.1)] };
    let found = rich.splice(edits);
    let spans: Vec<(usize, usize)> = found.spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((found.text.as_str(), spans), (wanted, wanted_span.into_iter().collect::<Vec<_>>()));
}

#[test]
fn a_style_goes_with_its_words() {
    // "hello world", "world" in bold.
    check("hello world", (6, 5), vec![edit(0..5, "bye")], "bye world", Some((4, 5)));
    check("hello world", (6, 5), vec![edit(6..11, "moon")], "hello moon", Some((6, 4)));
    check("hello world", (6, 5), vec![edit(8..9, "")], "hello wold", Some((6, 4)));
    check("hello world", (6, 5), vec![edit(4..8, "-")], "hell-rld", Some((5, 3)));
    check("hello world", (6, 5), vec![edit(9..11, "")], "hello wor", Some((6, 3)));
    check("hello world", (6, 5), vec![edit(0..11, "x")], "x", None);
    check("hello world", (6, 5), vec![edit(6..6, "> ")], "hello > world", Some((8, 5)));
    check("hello world", (6, 5), vec![edit(11..11, "!")], "hello world!", Some((6, 5)));
    check("hello world", (6, 5), vec![edit(8..8, "_")], "hello wo_rld", Some((6, 6)));
    check("hello world", (0, 11), vec![edit(0..5, "a"), edit(6..11, "b")], "a b", Some((0, 3)));
}

#[test]
fn offsets_are_utf16_whatever_the_letters() {
    // Before the bold word stand an emoji of two units (four bytes) and a letter of two bytes.
    check("😀é word", (4, 4), vec![edit(0..4, "🎉🎉")], "🎉🎉é word", Some((6, 4)));
    check("😀é word", (4, 4), vec![edit(4..6, "")], "😀 word", Some((3, 4)));
    check("😀é word", (4, 4), vec![edit(7..11, "😀")], "😀é 😀", Some((4, 2)));
}

#[test]
fn edits_that_cannot_be_are_left_out() {
    check("😀é", (0, 2), vec![edit(1..4, "x")], "😀é", Some((0, 2)));
    check("abcd", (0, 4), vec![edit(0..3, "x"), edit(2..4, "y")], "xd", Some((0, 2)));
    check("abcd", (0, 4), vec![edit(2..9, "x")], "abcd", Some((0, 4)));
}

#[test]
fn what_stands_for_exactly_its_text_goes_with_any_of_it() {
    let rich = RichText {
        text: "hi @ada".into(),
        spans: vec![Span { offset: 3, length: 4, style: Style::Mention { user_id: Some(1), pinged: None } }],
    };
    assert!(rich.splice(vec![edit(4..5, "A")]).spans.is_empty());
    assert_eq!(rich.splice(vec![edit(0..2, "hey")]).spans[0].offset, 4);
}

#[test]
fn what_is_put_in_keeps_its_own_formatting() {
    let rich = RichText { text: "[x]".into(), spans: vec![bold(0, 3)] };
    let with = RichText::styled("new", Style::Italic);
    let found = rich.splice(vec![Edit { range: 1..2, with }]);
    assert_eq!(found.text, "[new]");
    assert_eq!(found.spans, [bold(0, 5), Span { offset: 1, length: 3, style: Style::Italic }]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_splice_panics_and_spans_stay_within_the_text(
        text in "[a😀é שׁ\n]{0,20}",
        spans in prop::collection::vec((0_usize..30, 0_usize..30), 0..5),
        edits in prop::collection::vec((0_usize..60, 0_usize..20, "[x😀]{0,4}"), 0..6),
    ) {
        let rich = RichText { text, spans: spans.into_iter().map(|(offset, length)| bold(offset, length)).collect() };
        let edits: Vec<Edit> = edits.into_iter().map(|(from, length, with)| edit(from..from + length, &with)).collect();
        let spliced = rich.splice(edits.clone());
        let length = spliced.utf16_len();
        prop_assert!(spliced.spans.iter().all(|span| span.length > 0 && span.end() <= length));
        if edits.is_empty() {
            prop_assert_eq!(&spliced.text, &rich.text);
        }
    }
}
