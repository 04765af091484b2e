use proptest::prelude::*;

use super::*;
use crate::font::Weight;

fn face() -> &'static Face {
    Weight::Regular.face().unwrap()
}

#[test]
fn what_the_font_lacks_is_seen_to_be_missing() {
    let check = |text, expected: &str| assert_eq!(clean(text, face()), expected, "{text}");
    check("Nguyễn Thị Đặng", "Nguyễn Thị Đặng");
    check("Nguye\u{302}\u{303}n", "Nguyễn");
    check("Щедрик Ωμέγα", "Щедрик Ωμέγα");
    check("漢字 🦦!", "\u{fffd}\u{fffd} \u{fffd}!");
    check("a\u{202e}b\u{200b}c\u{ad}d\u{feff}", "abcd");
    check("a\tb\nc\u{2028}d\u{7}e\u{a0}f", "a b c d e f");
}

#[test]
fn lines_end_between_words_or_within_a_long_one() {
    let width = |text: &str| face().width(text, 10.0) + 0.1;
    let wrap = |text: &str, to: &str| wrap(text, face(), 10.0, width(to));
    assert_eq!(wrap("one two three", "one two"), ["one two", "three"]);
    assert_eq!(wrap("one  two", "one two three"), ["one two"]);
    assert_eq!(wrap("x WWWWW", "WW"), ["x", "WW", "WW", "W"]);
    assert_eq!(wrap("WW", ""), ["W", "W"]);
    assert_eq!(wrap("  ", "WW"), Vec::<String>::new());
}

#[test]
fn arabic_letters_join_and_run_to_the_left() {
    let check = |text, expected: &str| assert_eq!(visual(text, face()), expected, "{text}");
    // seen, lam-alef, meem: joined, and the last one leftmost.
    check("سلام", "\u{fee1}\u{fefc}\u{feb3}");
    check("سلام 12 abc", "abc 12 \u{fee1}\u{fefc}\u{feb3}");
    check("abc سلام", "abc \u{fee1}\u{fefc}\u{feb3}");
    check("بيت", "\u{fe96}\u{fef4}\u{fe91}");
    check("دار", "\u{fead}\u{fe8d}\u{fea9}");
    check("לום", "םול");
    check("Nguyễn", "Nguyễn");
    check("", "");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_set_in_lines_that_fit(text in ".{0,80}|[ \u{600}-\u{6ff}a-z]{0,80}", width in 1.0..200.0_f32) {
        let face = face();
        let cleaned = clean(&text, face);
        prop_assert!(cleaned.chars().all(|c| face.covers(c)));
        let lines = wrap(&cleaned, face, 9.0, width);
        for line in &lines {
            prop_assert!(face.width(line, 9.0) <= width || line.chars().count() == 1, "{line:?}");
            prop_assert!(visual(line, face).chars().all(|c| face.covers(c)));
        }
        let squeezed = |text: &str| text.replace(' ', "");
        prop_assert_eq!(squeezed(&lines.concat()), squeezed(&cleaned), "nothing is lost");
    }
}
