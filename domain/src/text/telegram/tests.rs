use proptest::prelude::*;

use super::{ENTITIES_MAX, normalise, split};
use crate::text::{RichText, Span, Style, units::Units};

fn span(offset: usize, length: usize, style: Style) -> Span {
    Span { offset, length, style }
}

fn link(url: &str) -> Style {
    Style::Link { url: url.to_owned() }
}

fn pre() -> Style {
    Style::Pre { language: String::new() }
}

/// Normalises `text` with `spans` and compares text and spans.
fn check(text: &str, spans: Vec<Span>, wanted_text: &str, wanted: Vec<Span>) {
    let normal = normalise(RichText { text: text.to_owned(), spans });
    assert_eq!(normal, RichText { text: wanted_text.to_owned(), spans: wanted }, "{text:?}");
}

#[test]
fn spans_stay_within_whole_characters_of_the_text() {
    check("😀a", vec![span(0, 99, Style::Bold), span(9, 1, Style::Italic)], "😀a", vec![span(0, 3, Style::Bold)]);
    check("😀a", vec![span(1, 1, Style::Bold), span(2, 0, Style::Italic)], "😀a", vec![]);
    check("a", vec![span(usize::MAX, usize::MAX, Style::Bold)], "a", vec![]);
}

#[test]
fn white_space_is_trimmed_from_spans_and_text() {
    check("a b c", vec![span(1, 3, Style::Bold)], "a b c", vec![span(2, 1, Style::Bold)]);
    check("a   b", vec![span(1, 3, Style::Bold)], "a   b", vec![]);
    check("\n a b \n", vec![span(0, 7, Style::Bold)], "a b", vec![span(0, 3, Style::Bold)]);
    check("  let a;\n", vec![span(0, 9, pre())], "  let a;", vec![span(0, 8, pre())]);
    check("   ", vec![], "", vec![]);
}

#[test]
fn overlapping_spans_are_cut_to_nest() {
    check(
        "one two three",
        vec![span(0, 7, Style::Bold), span(4, 9, Style::Italic)],
        "one two three",
        vec![span(0, 7, Style::Bold), span(4, 3, Style::Italic), span(7, 6, Style::Italic)],
    );
}

#[test]
fn code_carries_nothing_but_gives_way_to_links_and_spoilers() {
    check(
        "abc",
        vec![span(0, 3, Style::Bold), span(1, 1, Style::Code)],
        "abc",
        vec![span(0, 1, Style::Bold), span(1, 1, Style::Code), span(2, 1, Style::Bold)],
    );
    check("abc", vec![span(0, 3, pre()), span(0, 3, Style::Code)], "abc", vec![span(0, 3, pre())]);
    check("abc", vec![span(0, 3, Style::Code), span(0, 3, Style::Spoiler)], "abc", vec![span(0, 3, Style::Spoiler)]);
    check(
        "abc",
        vec![span(0, 3, Style::Code), span(0, 3, link("https://x.y"))],
        "abc",
        vec![span(0, 3, link("https://x.y"))],
    );
    check(
        "abc",
        vec![span(0, 3, pre()), span(0, 3, Style::Quote)],
        "abc",
        vec![span(0, 3, Style::Quote), span(0, 3, pre())],
    );
}

#[test]
fn code_is_cut_where_a_quote_begins_after_white_space() {
    // The later quote begins after the earlier one and the blanks that follow it; the blanks are not code of their own.
    check(
        "abcd   ef",
        vec![span(0, 9, Style::Code), span(0, 4, Style::Quote), span(1, 8, Style::ExpandableQuote)],
        "abcd   ef",
        vec![
            span(0, 4, Style::Quote),
            span(0, 4, Style::Code),
            span(7, 2, Style::ExpandableQuote),
            span(7, 2, Style::Code),
        ],
    );
}

#[test]
fn what_telegram_does_not_take_is_left_out() {
    check("@ada", vec![span(0, 4, Style::NAMED)], "@ada", vec![]);
    let known = Style::Mention { user_id: Some(1), pinged: None };
    check("Ada", vec![span(0, 3, known.clone())], "Ada", vec![span(0, 3, known)]);
    check("https://x.y", vec![span(0, 11, link("https://x.y"))], "https://x.y", vec![]);
    check("a", vec![span(0, 1, link("javascript:a"))], "a", vec![]);
    let many = (0..150).map(|at| span(at * 2, 1, Style::Bold)).collect();
    let normal = normalise(RichText { text: "a ".repeat(150), spans: many });
    assert_eq!(normal.spans.len(), ENTITIES_MAX);
    assert_eq!(normal.spans.last().map(|span| span.offset), Some(198));
}

#[test]
fn splits_cut_spans_and_prefer_boundaries() {
    let long = RichText { text: "one two\n\nthree four".to_owned(), spans: vec![span(4, 9, Style::Bold)] };
    let pieces = split(&long, 12);
    assert_eq!(pieces[0], RichText { text: "one two".to_owned(), spans: vec![span(4, 3, Style::Bold)] });
    assert_eq!(pieces[1], RichText { text: "three four".to_owned(), spans: vec![span(0, 4, Style::Bold)] });
    assert_eq!(pieces.len(), 2);
}

#[test]
fn each_message_of_a_split_has_its_own_hundred_entities() {
    let many = (0..150).map(|at| span(at * 2, 1, Style::Bold)).collect();
    let pieces = split(&RichText { text: "a ".repeat(150), spans: many }, 200);
    assert_eq!(pieces.iter().map(|piece| piece.spans.len()).collect::<Vec<_>>(), [100, 50]);
}

#[test]
fn families_and_surrogate_pairs_stay_whole() {
    let family = "👨‍👩‍👧‍👦";
    let pieces = split(&RichText::plain(family.repeat(5)), 30);
    assert!(pieces.iter().all(|piece| piece.text.replace(family, "").is_empty()));
    let pieces = split(&RichText::plain("😀😀"), 3);
    assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>(), ["😀", "😀"]);
    // A picture that is longer than the limit is cut between its characters.
    let pieces = split(&RichText::plain(family), 4);
    assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), family);
}

fn style() -> impl Strategy<Value = Style> {
    prop::sample::select(vec![
        Style::Bold,
        Style::Italic,
        Style::Spoiler,
        Style::Code,
        pre(),
        Style::Quote,
        Style::ExpandableQuote,
        link("https://x.y"),
    ])
}

fn rich() -> impl Strategy<Value = RichText> {
    let piece = prop::sample::select(vec!["word", " ", "\n", "\n\n", "😀", "👨‍👩‍👧", "שלום", "é", "a"]);
    let text = prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    let span = (0_usize..120, 0_usize..80, style()).prop_map(|(offset, length, style)| span(offset, length, style));
    (text, prop::collection::vec(span, 0..8)).prop_map(|(text, spans)| RichText { text, spans })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn splits_fit_nest_and_together_are_the_whole(rich in rich(), limit in 2_usize..60) {
        let pieces = split(&rich, limit);
        let mut rest = rich.text.as_str();
        for piece in &pieces {
            let units = Units::new(&piece.text);
            prop_assert!(units.len() <= limit && !piece.is_blank());
            for (at, span) in piece.spans.iter().enumerate() {
                prop_assert!(span.length > 0 && span.end() <= units.len());
                prop_assert!(units.is_boundary(span.offset) && units.is_boundary(span.end()));
                for inner in &piece.spans[at + 1..] {
                    prop_assert!(inner.end() <= span.end() || span.end() <= inner.offset);
                }
            }
            // Only white space (and what cannot be seen) may be missing between two pieces.
            let at = rest.find(&piece.text).expect("the piece is in the text");
            prop_assert!(RichText::plain(&rest[..at]).is_blank());
            rest = &rest[at + piece.text.len()..];
        }
        prop_assert!(RichText::plain(rest).is_blank());
    }

    #[test]
    fn normalising_twice_changes_nothing(rich in rich()) {
        let once = normalise(rich);
        prop_assert_eq!(normalise(once.clone()), once);
    }
}
