use serde_json::json;

use super::{rules, said};
use crate::{
    account::Platform,
    message::{Embed, Extra},
    rules::SourceChat,
    text::{RichText, Span, Style},
};

fn stripped(option: &str, text: RichText) -> RichText {
    let mut message = said("");
    message.text = text;
    rules(json!({ option: true })).transform(&message, Platform::Telegram, &SourceChat::default()).into_owned().text
}

fn check(option: &str, cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        assert_eq!(stripped(option, RichText::plain(*text)).text, *wanted, "{text}");
    }
}

#[test]
fn addresses_go_and_leave_no_gap() {
    check(
        "strip_links",
        &[
            ("see https://example.org/a?b=c now", "see now"),
            ("https://example.org first", "first"),
            ("last http://example.org", "last"),
            ("join t.me/news, please", "join , please"),
            ("T.ME/joinchat/abc\nwww.example.org x", "\nx"),
            ("https://a.example https://b.example end", "end"),
            ("a (https://a.example/x) b", "a () b"),
            ("discord.gg/abc!", "!"),
            ("no address at 10.30 or ada@example.org", "no address at 10.30 or ada@example.org"),
        ],
    );
}

#[test]
fn words_that_led_somewhere_stay_and_addresses_that_were_shown_go() {
    let link = |offset, length| Span { offset, length, style: Style::Link { url: "https://example.org".into() } };
    let text = RichText { text: "click here or example.org/x or t.me/a".into(), spans: vec![link(6, 4), link(31, 6)] };
    let found = stripped("strip_links", text);
    assert_eq!(found, RichText::plain("click here or example.org/x or"));
}

#[test]
fn previews_go_with_the_links() {
    let mut message = said("text");
    let preview = Embed { preview: true, ..Embed::default() };
    let boxed = Embed {
        url: Some("https://example.org".into()),
        title: Some("see www.example.org".into()),
        ..Embed::default()
    };
    message.extras = vec![Extra::Embed(Box::new(preview)), Extra::Embed(Box::new(boxed))];
    let found = rules(json!({ "strip_links": true }))
        .transform(&message, Platform::Discord, &SourceChat::default())
        .into_owned();
    let left = Embed { title: Some("see".into()), ..Embed::default() };
    assert_eq!(found.extras, [Extra::Embed(Box::new(left))]);
    let found = rules(json!({ "link_previews": false }))
        .transform(&message, Platform::Discord, &SourceChat::default())
        .into_owned();
    assert_eq!(found.extras.len(), 1);
}

#[test]
fn mentions_go_and_addresses_of_mail_stay() {
    check(
        "strip_mentions",
        &[
            ("thanks @ada_l and @Борис!", "thanks and !"),
            ("@everyone look", "look"),
            ("mail ada@example.org or a @ b", "mail ada@example.org or a @ b"),
            ("see x.com/@ada", "see x.com/@ada"),
        ],
    );
    let mention = Span { offset: 3, length: 3, style: Style::Mention { user_id: Some(1), pinged: None } };
    let bold = Span { offset: 0, length: 10, style: Style::Bold };
    let found = stripped("strip_mentions", RichText { text: "hi Ada yes".into(), spans: vec![bold, mention] });
    assert_eq!(found, RichText::styled("hi yes", Style::Bold));
}
