use super::check_parse;

#[test]
fn styles_are_read() {
    check_parse("a **b** c", "a b c", &["bold[b]"]);
    check_parse("*a* and _b_", "a and b", &["italic[a]", "italic[b]"]);
    check_parse("__a__", "a", &["underline[a]"]);
    check_parse("~~a~~", "a", &["strikethrough[a]"]);
    check_parse("||a b||", "a b", &["spoiler[a b]"]);
    check_parse("`a*b*` and ``c`d``", "a*b* and c`d", &["code[a*b*]", "code[c`d]"]);
    check_parse("`` `a` ``", "`a`", &["code[`a`]"]);
    check_parse("**two\nlines**", "two\nlines", &["bold[two\nlines]"]);
}

#[test]
fn styles_nest() {
    check_parse("***a***", "a", &["italic[a]", "bold[a]"]);
    check_parse("**a *b* c**", "a b c", &["bold[a b c]", "italic[b]"]);
    check_parse("*a **b***", "a b", &["italic[a b]", "bold[b]"]);
    check_parse("**a *b***", "a b", &["bold[a b]", "italic[b]"]);
    check_parse("__a _b_ c__", "a b c", &["underline[a b c]", "italic[b]"]);
    check_parse("___a___", "a", &["italic[a]", "underline[a]"]);
    check_parse("||~~**a**~~||", "a", &["spoiler[a]", "strikethrough[a]", "bold[a]"]);
    check_parse("**[a](https://b.c)**", "a", &["bold[a]", "link(https://b.c)[a]"]);
    check_parse("[a **b**](https://b.c)", "a b", &["link(https://b.c)[a b]", "bold[b]"]);
}

#[test]
fn markers_without_an_end_stay() {
    for text in [
        "**a",
        "a*",
        "* a *",
        "_a",
        "~~a",
        "||a",
        "`a",
        "```a",
        "a ** b",
        "**",
        "****",
        "__",
        "~~~",
        "|| |",
        "[a](b",
        "2 * 3 * 4",
    ] {
        check_parse(text, text, &[]);
    }
}

#[test]
fn snake_case_is_not_italic() {
    check_parse("snake_case_word", "snake_case_word", &[]);
    check_parse("a _b_c", "a _b_c", &[]);
    check_parse("some__dunder__name", "somedundername", &["underline[dunder]"]);
}

#[test]
fn backslashes_escape() {
    check_parse("\\*a\\*", "*a*", &[]);
    check_parse("**a\\** b**", "a** b", &["bold[a** b]"]);
    check_parse("\\a \\\\ \\", "\\a \\ \\", &[]);
    check_parse("`\\*`", "\\*", &["code[\\*]"]);
    check_parse("¯\\_(ツ)_/¯", "¯\\_(ツ)_/¯", &[]);
}

#[test]
fn code_blocks_keep_their_content() {
    check_parse("```rust\nlet **a** = 1;\n```", "let **a** = 1;", &["pre(rust)[let **a** = 1;]"]);
    check_parse("```\na\n\n  b\n```", "a\n\n  b", &["pre()[a\n\n  b]"]);
    check_parse("```a b```", "a b", &["pre()[a b]"]);
    check_parse("x ```a``` y", "x \na\n y", &["pre()[a]"]);
    check_parse("x\n```a```\ny", "x\na\ny", &["pre()[a]"]);
    check_parse("||```a```||", "a", &["spoiler[a]", "pre()[a]"]);
}

#[test]
fn quotes_are_read_line_by_line() {
    check_parse("> a\n> b\nc", "a\nb\nc", &["quote[a\nb]"]);
    check_parse("a\n>>> b\n\nc", "a\nb\n\nc", &["quote[b\n\nc]"]);
    check_parse(">a", ">a", &[]);
    check_parse("a > b", "a > b", &[]);
    check_parse("> **a** > b", "a > b", &["quote[a > b]", "bold[a]"]);
    check_parse("> ```\n> a\n> ```\nb", "a\nb", &["quote[a]", "pre()[a]"]);
    check_parse("> > a", "> a", &["quote[> a]"]);
}

#[test]
fn headings_become_bold_and_subtext_plain() {
    check_parse("# a\nb", "a\nb", &["bold[a]"]);
    check_parse("### a *b*", "a b", &["bold[a b]", "italic[b]"]);
    check_parse("#### a", "#### a", &[]);
    check_parse("#a", "#a", &[]);
    check_parse("a # b", "a # b", &[]);
    check_parse("-# small *print*\nb", "small print\nb", &["italic[print]"]);
    check_parse("> # a", "a", &["quote[a]", "bold[a]"]);
}

#[test]
fn lists_stay_text() {
    check_parse("- a\n- **b**\n1. c\n* d", "- a\n- b\n1. c\n* d", &["bold[b]"]);
}

#[test]
fn links_are_read() {
    check_parse("[a](https://b.c/d_(e)?f=1)", "a", &["link(https://b.c/d_(e)?f=1)[a]"]);
    check_parse("[a](<https://b.c>)", "a", &["link(https://b.c)[a]"]);
    check_parse("[a](https://b.c \"title\")", "a", &["link(https://b.c)[a]"]);
    check_parse("[\\[1\\]](https://b.c)", "[1]", &["link(https://b.c)[[1]]"]);
    check_parse("<https://b.c/d_e_f>", "https://b.c/d_e_f", &[]);
    check_parse("see https://b.c/d_e_f*g*.", "see https://b.c/d_e_f*g*.", &[]);
    check_parse("(https://b.c/d)", "(https://b.c/d)", &[]);
    check_parse("**https://b.c**", "https://b.c", &["bold[https://b.c]"]);
    check_parse("[https://x.y](https://b.c)", "[https://x.y](https://b.c)", &[]);
    check_parse("[a](ftp://b.c)", "[a](ftp://b.c)", &[]);
    check_parse("[a] (https://b.c)", "[a] (https://b.c)", &[]);
}

#[test]
fn angle_brackets_are_resolved() {
    check_parse(
        "<@7> <@!7> <#8> <@&9>",
        "@Ada @Ada #general @staff",
        &["mention[@Ada]", "mention[@Ada]", "mention[#general]", "mention[@staff]"],
    );
    check_parse("<@1>", "@unknown-user", &["mention[@unknown-user]"]);
    check_parse("<:wave:1> <a:party:2>", ":wave: :party:", &[]);
    check_parse("</roll dice:3>", "/roll dice", &[]);
    check_parse("<t:0>", "1 January 1970 00:00 UTC", &[]);
    check_parse("<t:1618953630:F>", "Tuesday, 20 April 2021 21:20 UTC", &[]);
    check_parse("<t:1618953630:t> <t:1618953630:T> <t:1618953630:d>", "21:20 UTC 21:20:30 UTC 2021-04-20", &[]);
    check_parse("<t:1618953630:D> <t:1618953630:R>", "20 April 2021 20 April 2021 21:20 UTC", &[]);
    for text in ["a < b > c", "<t:x>", "<t:99999999999999999>", "<t:1:Q>", "<@>x<", "<b>", "<@a>"] {
        check_parse(text, text, &[]);
    }
    check_parse("`<@7>`", "<@7>", &["code[<@7>]"]);
}

#[test]
fn offsets_count_utf16_units() {
    check_parse("😀 **b**", "😀 b", &["bold[b]"]);
    check_parse("👨‍👩‍👧 ||שלום|| *б*", "👨‍👩‍👧 שלום б", &["spoiler[שלום]", "italic[б]"]);
}
