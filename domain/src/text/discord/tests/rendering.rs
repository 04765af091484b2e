use super::{link, pre, rich};
use crate::text::{RichText, Style, discord::render};

fn check(text: &str, spans: &[(&str, Style)], markdown: &str) {
    assert_eq!(render(&rich(text, spans)), markdown, "{text:?} {spans:?}");
}

#[test]
fn styles_are_written() {
    check("a b c", &[("b", Style::Bold)], "a **b** c");
    check("a b c", &[("b", Style::Italic)], "a *b* c");
    check("a b c", &[("b", Style::Underline)], "a __b__ c");
    check("a b c", &[("b", Style::Strikethrough)], "a ~~b~~ c");
    check("a b c", &[("b", Style::Spoiler)], "a ||b|| c");
    check("a b c", &[("b", Style::Code)], "a `b` c");
    check("a b c", &[("b", Style::Mention { user_id: Some(5), pinged: None })], "a b c");
    check("a 🔥 c", &[("🔥", Style::CustomEmoji { id: 5 })], "a 🔥 c");
}

#[test]
fn spans_nest_and_overlap() {
    check("bold both", &[("bold both", Style::Bold), ("both", Style::Italic)], "**bold _both_**");
    check("ab", &[("ab", Style::Bold), ("ab", Style::Italic)], "_**ab**_");
    check("one two three", &[("one two", Style::Bold), ("two three", Style::Italic)], "**one _two_** *three*");
    check(
        "one two three",
        &[("one two", Style::Underline), ("two three", Style::Strikethrough)],
        "__one ~~two~~__ ~~three~~",
    );
    check("overlapping", &[("overl", Style::Bold), ("lapp", Style::Underline)], "**over__l__**__app__ing");
    check("ab", &[("a", Style::Bold), ("b", Style::Italic)], "**a**_b_");
    check("abc", &[("a", Style::Bold), ("b", Style::Italic)], "**a**\u{200b}*b*c");
    check("ab", &[("a", Style::Strikethrough), ("b", Style::Underline)], "~~a~~\u{200b}__b__");
    check("snake case", &[("ak", Style::Italic)], "sn*ak*e case");
}

#[test]
fn markers_never_stand_beside_white_space() {
    check("a b c", &[(" b ", Style::Bold)], "a **b** c");
    check("a\nb", &[("a\nb", Style::Bold)], "**a**\n**b**");
    check("a   b", &[("   ", Style::Bold)], "a   b");
    check("a b", &[("a ", Style::Code)], "`a` b");
    check("😀 b", &[("b", Style::Bold)], "😀 **b**");
}

#[test]
fn markup_in_plain_text_is_escaped() {
    check("*a* _b_ ~c~ |d| `e` \\ [f](g)", &[], "\\*a\\* \\_b\\_ \\~c\\~ \\|d\\| \\`e\\` \\\\ \\[f\\]\\(g)");
    check("# a", &[], "\\# a");
    check("a # b > c - d", &[], "a # b > c - d");
    check("> a\n- b\n1. c\n  10. d\n-# e", &[], "\\> a\n\\- b\n1\\. c\n  10\\. d\n\\-# e");
    check("1.5 and 2. x", &[], "1.5 and 2. x");
    check(":smile: at 10:30", &[], "\\:smile: at 10:30");
    check("**", &[("**", Style::Bold)], "**\\*\\***");
}

#[test]
fn nobody_is_pinged() {
    check("@everyone and @here", &[], "@\u{200b}everyone and @\u{200b}here");
    check("https://a.b/@everyone", &[], "<https://a.b/>@\u{200b}everyone");
    check("a b", &[("a", link("https://a.b/@here"))], "[a](https://a.b/%40here) b");
    check("<@1> <@!2> <@&3> <#4>", &[], "\\<\\@1> \\<\\@!2> \\<\\@&3> \\<\\#4>");
    check("<t:1:R> <:a:1> </a:1>", &[], "\\<t\\:1:R> \\<\\:a:1> \\<\\/a:1>");
}

#[test]
fn addresses_stay_whole() {
    check("see https://a.b/c_d_e*f.", &[], "see https://a.b/c_d_e*f.");
    check("(https://a.b/c_(d))", &[], "(https://a.b/c_(d))");
    check("https://a.b/c_d x", &[("https://a.b/c_d x", Style::Italic)], "https://a.b/c_d *x*");
    check("https://a.b", &[("https://a.b", Style::Bold)], "**https://a.b**");
    check("https://a.b/c d", &[("b/c d", Style::Bold)], "https://a.b/c **d**");
    check("https://a.b.>", &[], "<https://a.b>.>");
    check("<https://a.b>", &[], "\\<<https://a.b>>");
    check("https://a.b<@1>", &[], "<https://a.b>\\<\\@1>");
    check("https://a.b/|| x", &[("https://a.b/||", Style::Spoiler)], "||<https://a.b/>\\|\\|\u{200b}|| x");
}

#[test]
fn links_are_written_or_spelled_out() {
    check("a b", &[("a", link("https://x.y/z"))], "[a](https://x.y/z) b");
    check("a", &[("a", link("https://x.y/(z) w"))], "[a](https://x.y/%28z%29%20w)");
    check("https://x.y", &[("https://x.y", link("https://x.y"))], "https://x.y");
    check("https://x.y z", &[("https://x.y", link("https://evil.z"))], "https://x.y (https://evil.z) z");
    check("mail me", &[("me", link("mailto:a@b.c"))], "mail me (mailto:a@b.c)");
    check("[1] b", &[("[1]", link("https://x.y"))], "[\\[1\\]](https://x.y) b");
    check("a] b", &[("a]", link("https://x.y"))], "a\\] (https://x.y) b");
    check("a b", &[("a b", Style::Bold), ("b", link("https://x.y"))], "**a [b](https://x.y)**");
    check("\u{200b}a", &[("\u{200b}", link("https://x.y"))], "\u{200b} (https://x.y)a");
}

#[test]
fn code_is_fenced_by_what_it_does_not_hold() {
    check("a`b", &[("a`b", Style::Code)], "``a`b``");
    check("`a`", &[("`a`", Style::Code)], "`` `a` ``");
    check("a``b", &[("a``b", Style::Code)], "`a``b`");
    check("a`b``c", &[("a`b``c", Style::Code)], "a\\`b\\`\\`c");
    check("*a*", &[("*a*", Style::Code), ("*a*", Style::Bold)], "`*a*`");
    check("a\nb", &[("a\nb", Style::Code)], "`a`\n`b`");
}

#[test]
fn blocks_stand_on_their_own_lines() {
    check("a\nb\nc", &[("b", pre("rust"))], "a\n```rust\nb\n```\nc");
    check("a b c", &[("b", pre("no such"))], "a \n```\nb\n```\n c");
    check("a```b", &[("a```b", pre(""))], "```\na`\u{200b}``b\n```");
    check("a\n\nb", &[("a\n\nb", pre(""))], "```\na\n\nb\n```");
    check("a", &[("a", pre("")), ("a", Style::Spoiler)], "||```\na\n```||");
    check("a\nb\nc", &[("a\nb", Style::Quote)], "> a\n> b\nc");
    check("a\n\nb", &[("a\n\nb", Style::Quote)], "> a\n> \n> b");
    check("a b", &[("b", Style::Quote), ("b", Style::Bold)], "a \n> **b**");
    check("a\nb", &[("a\nb", pre("")), ("a\nb", Style::Quote)], "> ```\n> a\n> b\n> ```");
}

#[test]
fn hidden_text_stays_hidden() {
    check("a|", &[("a|", Style::Spoiler)], "||a\\|\u{200b}||");
    check("a||b", &[("a||b", Style::Spoiler)], "||a\\|\\|b||");
    check("abc", &[("abc", Style::Code), ("b", Style::Spoiler)], "`a`||`b`||`c`");
    check("a||b", &[("a||b", Style::Spoiler), ("a||b", Style::Code)], "||a\\|\\|b||");
    check("a||b", &[("a||b", Style::Spoiler), ("a||b", pre(""))], "||a\\|\\|b||");
}

#[test]
fn bad_spans_do_no_harm() {
    let mut text = RichText::plain("😀a");
    for (offset, length) in [(1, 1), (0, 99), (99, 1), (usize::MAX, usize::MAX), (1, 0)] {
        text.spans.push(crate::text::Span { offset, length, style: Style::Bold });
    }
    assert_eq!(render(&text), "**😀a**");
    assert_eq!(render(&RichText::default()), "");
}

#[test]
fn a_scheme_alone_is_not_made_an_address() {
    check("https://* a", &[], "https:\\//\\* a");
    check("https://a b", &[("a", Style::Spoiler)], "https:\\//||a|| b");
    check("https://a b", &[("a", link("https://x.y"))], "https:\\//[a](https://x.y) b");
}
