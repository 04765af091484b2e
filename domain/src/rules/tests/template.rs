use serde_json::json;

use super::{at, options, rules, said};
use crate::{
    account::Platform,
    message::Message,
    rules::{Rules, SourceChat},
    text::{RichText, Span, Style},
};

fn shown(template: &str, message: &Message) -> RichText {
    let rules = rules(json!({ "template": template, "time_zone": "Europe/Berlin" }));
    rules.transform(message, Platform::Telegram, &SourceChat::default()).into_owned().text
}

#[test]
fn variables_stand_for_what_they_name() {
    let mut message = said("hello");
    message.sent_at = at("2026-07-01T22:30:00Z");
    message.chat = crate::chat::ChatId::new(-1_000_000_001_234);
    message.thread_title = Some("Off\ntopic".into());
    for (template, wanted) in [
        ("{text}", "hello"),
        ("{author} in {chat}: {text}", "Ada Lovelace in News: hello"),
        ("{author.id}/{chat.id}: {text}", "42/-1000000001234: hello"),
        ("[{date} {time}] {text}", "[2026-07-02 00:30] hello"),
        ("{time:%d.%m.%y %Hh}: {text}", "02.07.26 00h: hello"),
        ("{topic} {platform} {text}", "Off topic Telegram hello"),
        ("{text} {link}", "hello https://t.me/c/1234/7"),
        ("{{{text}}} {{author}}", "{hello} {author}"),
        ("{text} {text}", "hello hello"),
    ] {
        assert_eq!(shown(template, &message).text, wanted, "{template}");
    }
}

#[test]
fn what_is_not_known_is_empty() {
    let mut message = said("hello");
    (message.author, message.chat_title) = (None, None);
    message.chat = crate::chat::ChatId::new(12);
    assert_eq!(shown("{author}|{author.id}|{chat}|{topic}|{link}|{link:source}|{text}", &message).text, "||||||hello");
}

#[test]
fn a_template_is_markdown_and_its_values_are_not() {
    let mut message = said("*plain* {author} hello");
    message.text.spans = vec![Span { offset: 17, length: 5, style: Style::Italic }];
    message.author.as_mut().unwrap().name = "**Ada** {text}".into();
    let found = shown("**{author}** said:\n> {text}\n{link:source}", &message);
    assert_eq!(found.text, "**Ada** {text} said:\n*plain* {author} hello\n");
    let styles: Vec<_> = found.spans.iter().map(|span| (span.offset, span.length, span.style.clone())).collect();
    assert_eq!(styles, [(0, 14, Style::Bold), (21, 22, Style::Quote), (38, 5, Style::Italic)]);
}

#[test]
fn words_lead_to_the_message() {
    let mut message = said("hello");
    message.chat = crate::chat::ChatId::new(-1_000_000_001_234);
    let found = shown("{text}\n{link:to the source}", &message);
    assert_eq!(found.text, "hello\nto the source");
    assert_eq!(
        found.spans,
        [Span { offset: 6, length: 13, style: Style::Link { url: "https://t.me/c/1234/7".into() } }]
    );
}

#[test]
fn a_mistake_says_what_is_known() {
    for (template, wanted) in [
        ("{text} {nobody}", "there is no variable {nobody}"),
        ("{text} {", "a brace alone"),
        ("{text} }", "a brace alone"),
        ("{text} {time:%Q!}", "is not a format"),
        ("{text} {link:}", "there is no variable {link}"),
        ("{text} \u{e000}", "private use"),
        ("nothing", "must hold {text}"),
    ] {
        let errors = Rules::compile(&options(json!({ "template": template }))).unwrap_err();
        assert!(errors.iter().all(|error| error.path == "template"), "{errors:?}");
        assert!(errors[0].reason.contains(wanted), "{template}: {errors:?}");
    }
}
