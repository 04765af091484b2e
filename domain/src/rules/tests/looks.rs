use std::{borrow::Cow, sync::Arc};

use serde_json::json;

use super::{file, rules, said};
use crate::{
    account::Platform,
    message::{Extra, MediaKind, Message, Poll},
    rules::{Rules, SourceChat, TextStep},
    text::{RichText, Span, Style},
};

fn looks(rules: &Rules, message: &Message) -> Message {
    rules.transform(message, Platform::Telegram, &SourceChat::default()).into_owned()
}

#[test]
fn without_options_a_message_is_not_even_copied() {
    let message = said("as it is");
    assert!(matches!(
        Rules::default().transform(&message, Platform::Discord, &SourceChat::default()),
        Cow::Borrowed(_)
    ));
    let filters = rules(json!({ "deny": { "words": ["x"] } }));
    assert!(matches!(filters.transform(&message, Platform::Discord, &SourceChat::default()), Cow::Borrowed(_)));
}

#[test]
fn header_and_footer_are_lines_of_their_own() {
    let rules = rules(json!({ "header": "**{author}**", "footer": "via {chat}" }));
    let mut message = said("😀 hello");
    message.text.spans = vec![Span { offset: 3, length: 5, style: Style::Code }];
    let found = looks(&rules, &message).text;
    assert_eq!(found.text, "Ada Lovelace\n😀 hello\nvia News");
    assert_eq!(
        found.spans,
        [Span { offset: 0, length: 12, style: Style::Bold }, Span { offset: 16, length: 5, style: Style::Code }]
    );
    message.author = None;
    assert_eq!(looks(&rules, &message).text.text, "😀 hello\nvia News");
    message.text = RichText::default();
    message.media = vec![file(MediaKind::Photo, "p", 1)];
    let captioned = looks(&rules, &message);
    assert_eq!((captioned.text.text.as_str(), captioned.media.len()), ("via News", 1));
}

#[test]
fn the_text_is_cleaned_before_it_is_framed() {
    let rules = rules(json!({
        "strip_links": true, "replace": [{ "pattern": "cat", "with": "dog" }], "header": "cat https://example.org",
    }));
    let found = looks(&rules, &said("cat https://cats.example"));
    assert_eq!(found.text.text, "cat https://example.org\ndog");
}

#[test]
fn polls_and_quotes_are_text_as_well() {
    let rules = rules(json!({ "replace": [{ "pattern": "cat", "with": "dog" }] }));
    let mut message = said("");
    message.quote = Some(RichText::plain("my cat"));
    message.extras =
        vec![Extra::Poll(Poll { question: "cat?".into(), options: vec!["a cat".into()], ..Poll::default() })];
    let found = looks(&rules, &message);
    assert_eq!(found.quote, Some(RichText::plain("my dog")));
    assert_eq!(
        found.extras,
        [Extra::Poll(Poll { question: "dog?".into(), options: vec!["a dog".into()], ..Poll::default() })]
    );
}

/// What a translation would be: a step that the caller brings along.
#[derive(Debug)]
struct Shout;

impl TextStep for Shout {
    fn name(&self) -> &'static str {
        "shout"
    }

    fn apply(&self, text: RichText) -> RichText {
        RichText { text: text.text.to_uppercase(), ..text }
    }
}

#[test]
fn a_step_of_the_callers_comes_after_replacements_and_before_the_template() {
    let rules = rules(json!({ "replace": [{ "pattern": "cat", "with": "dog" }], "template": "quiet: {text}" }));
    let found = looks(&rules.with_step(Arc::new(Shout)), &said("cat"));
    assert_eq!(found.text.text, "quiet: DOG");
}
