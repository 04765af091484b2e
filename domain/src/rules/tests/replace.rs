use serde_json::{Value, json};

use super::{rules, said};
use crate::{
    account::Platform,
    rules::SourceChat,
    text::{RichText, Span, Style},
};

fn replaced(replace: Value, text: RichText) -> RichText {
    let mut message = said("");
    message.text = text;
    let rules = rules(json!({ "replace": replace }));
    rules.transform(&message, Platform::Telegram, &SourceChat::default()).into_owned().text
}

fn check(replace: Value, text: &str, wanted: &str) {
    assert_eq!(replaced(replace.clone(), RichText::plain(text)).text, wanted, "{replace}");
}

#[test]
fn expressions_are_replaced_with_their_groups() {
    check(json!([{ "pattern": "(\\w+)@(\\w+)", "with": "$2 at ${1}s" }]), "ada@home", "home at adas");
    check(json!([{ "pattern": "(?P<n>\\d+) USD", "with": "$$$n" }]), "12 USD", "$12");
    check(json!([{ "pattern": "BAD", "with": "***", "ignore_case": true }]), "bad Bad BAD", "*** *** ***");
    check(json!([{ "pattern": "bad" }]), "so bad", "so ");
    check(json!([{ "pattern": "(?m)^", "with": "> " }]), "a\nb", "> a\n> b");
}

#[test]
fn replacements_are_made_one_after_the_other() {
    check(json!([{ "pattern": "a", "with": "b" }, { "pattern": "b", "with": "c" }]), "ab", "cc");
}

#[test]
fn formatting_stays_on_what_is_replaced_and_around_it() {
    let text = RichText {
        text: "😀 buy now today".into(),
        spans: vec![
            Span { offset: 3, length: 7, style: Style::Bold },
            Span { offset: 11, length: 5, style: Style::Italic },
        ],
    };
    let found = replaced(json!([{ "pattern": "now", "with": "never ever" }]), text);
    assert_eq!(found.text, "😀 buy never ever today");
    assert_eq!(
        found.spans,
        [Span { offset: 3, length: 14, style: Style::Bold }, Span { offset: 18, length: 5, style: Style::Italic }]
    );
}

#[test]
fn replacements_that_feed_each_other_end() {
    let double: Vec<Value> = (0..50).map(|_| json!({ "pattern": ".", "with": "$0$0" })).collect();
    let found = replaced(json!(double), RichText::plain("x".repeat(100)));
    assert!(found.text.len() <= 64 * 1024, "{}", found.text.len());
    assert!(found.text.len() > 1_000);
}
