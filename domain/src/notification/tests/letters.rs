use proptest::prelude::*;

use crate::notification::{
    Block, Content, Footer, Kind, LIST_ITEMS_MAX, SUBJECT_CHARS_MAX, TEXT_CHARS_MAX, render::escape,
};

const FOOTER: Footer<'static> =
    Footer { kind: Kind::HealthAlert, unsubscribe: Some("https://c.example/unsubscribe/x") };

fn sample() -> Content {
    Content::new("Two accounts are away")
        .paragraph("Telegram does not answer.\nWe keep trying.")
        .list(["+49 <1>", "Bot & Co"])
        .code("123 456")
        .button("Look at them", "https://c.example/?a=1&b=\"2\"")
        .note("Nothing is lost.")
}

#[test]
fn both_parts_say_the_same() {
    let letter = sample().letter(FOOTER);
    assert_eq!(letter.subject, "Two accounts are away");
    let text = "Telegram does not answer.\nWe keep trying.\n\n- +49 <1>\n- Bot & Co\n\n    123 456\n\n\
                Look at them:\nhttps://c.example/?a=1&b=\"2\"\n\nNothing is lost.\n\n\
                -- \nYou get this because you are told when something stops carrying messages.\n\
                Turn messages like this off: https://c.example/unsubscribe/x\n";
    assert_eq!(letter.text, text);
    for part in [
        "<html lang=\"en\">",
        "<title>Two accounts are away</title>",
        "<p>Telegram does not answer.<br>\nWe keep trying.</p>",
        "<li>+49 &lt;1&gt;</li>",
        "<li>Bot &amp; Co</li>",
        "<code>123 456</code>",
        "<a href=\"https://c.example/?a=1&amp;b=&quot;2&quot;\" style=\"font-weight:bold\">Look at them</a>",
        "<p>Nothing is lost.</p>",
        "<a href=\"https://c.example/unsubscribe/x\">Turn messages like this off</a>",
    ] {
        assert!(letter.html.contains(part), "{part} is missing in {}", letter.html);
    }
}

#[test]
fn what_cannot_be_turned_off_has_no_link_to_do_so() {
    let letter = sample().letter(Footer { kind: Kind::PasswordReset, unsubscribe: None });
    assert!(!letter.text.contains("unsubscribe") && !letter.html.contains("unsubscribe"));
}

#[test]
fn an_address_that_may_not_be_followed_is_text() {
    let content = Content::new("x").button("go", "javascript:alert(1)");
    assert!(!content.letter(FOOTER).html.contains("href=\"javascript"));
    assert!(content.letter(FOOTER).html.contains("<p>go: javascript:alert(1)</p>"));
}

#[test]
fn a_subject_is_one_line_and_everything_has_its_longest() {
    let content = Content::new("a\r\nBcc: victim@example.org\u{2028}b");
    assert_eq!(content.subject, "a  Bcc: victim@example.org b");
    assert_eq!(Content::new(&"ä".repeat(500)).subject.chars().count(), SUBJECT_CHARS_MAX);
    let long = Content::new("x").paragraph(&"ä".repeat(9_000)).list((0..70).map(|n| n.to_string()));
    let [Block::Paragraph(text), Block::List(items)] = &long.blocks[..] else { panic!("two blocks") };
    assert_eq!(text.chars().count(), TEXT_CHARS_MAX);
    assert_eq!(items.len(), LIST_ITEMS_MAX + 1);
    assert_eq!(items.last().map(String::as_str), Some("and 20 more"));
    assert!(Content::new("x").list(Vec::<String>::new()).blocks.is_empty());
}

#[test]
fn a_message_survives_storage_and_is_not_shown_by_debug() {
    let json = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), sample());
    assert_eq!(serde_json::from_str::<Content>(r#"{"subject":"x"}"#).unwrap(), Content::new("x"));
    assert!(!format!("{:?} {:?} {:?}", sample(), sample().blocks, sample().letter(FOOTER)).contains("123"));
}

fn unescape(html: &str) -> String {
    let quotes = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    quotes.replace("&amp;", "&")
}

proptest! {
    #[test]
    fn no_text_can_leave_its_place(text in any::<String>()) {
        let escaped = escape(&text);
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        prop_assert_eq!(unescape(&escaped), text);
    }

    #[test]
    fn a_letter_has_the_tags_of_its_blocks_whatever_they_say(
        subject in any::<String>(), text in any::<String>(), item in any::<String>(), url in any::<String>()
    ) {
        let made = |subject: &str, text: &str, item: &str, url: &str| {
            Content::new(subject).paragraph(text).list([item]).button(subject, url).letter(FOOTER)
        };
        let letter = made(&subject, &text.replace(['\n', '\r'], " "), &item, &format!("https://{url}"));
        let tags = |html: &str| html.matches('<').count();
        prop_assert_eq!(tags(&letter.html), tags(&made("a", "a", "a", "https://a").html));
        prop_assert!(!letter.subject.contains(['\r', '\n']));
    }
}
