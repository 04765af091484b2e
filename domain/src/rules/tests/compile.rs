use serde_json::json;

use super::options;
use crate::rules::{PairOptions, Rules};

fn errors(json: serde_json::Value) -> Vec<String> {
    Rules::compile(&options(json)).unwrap_err().into_iter().map(|error| error.path).collect()
}

#[test]
fn options_that_say_nothing_are_the_default() {
    assert_eq!(options(json!({})), PairOptions::default());
    let rules = Rules::compile(&options(json!({}))).unwrap();
    assert!(!rules.transforms());
}

#[test]
fn options_survive_the_database_and_a_newer_version() {
    let written =
        json!({ "header": "h", "deny": { "words": ["x"] }, "from_the_future": { "a": 1 }, "media": { "new": 1 } });
    let read = options(written);
    assert_eq!(options(serde_json::to_value(&read).unwrap()), read);
    assert_eq!((read.header.as_deref(), read.deny.words.as_slice()), (Some("h"), ["x".to_owned()].as_slice()));
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let found = errors(json!({
        "time_zone": "Mars/Olympus",
        "header": "{text}",
        "footer": "{nobody}",
        "template": "no text",
        "replace": [{ "pattern": "a", "with": "b" }, { "pattern": "(" }, { "pattern": "(a)", "with": "$2" }, { "pattern": "" }],
        "deny": { "words": ["fine", " "], "regexes": ["[", "fine"] },
        "allow": { "words": ["x".repeat(101)], "regexes": ["(?:\\w{50}){50}"] },
        "media": { "allow": ["photo"], "deny": ["photo"], "size_bytes_max": 0 },
        "authors": { "allow": ["@"], "deny": ["fine"] },
        "duplicates": { "window_seconds": 0 },
        "schedule": { "hours": { "mon": ["09:00-17:00", "9-17", "25:00-26:00", "24:00-24:00"] } },
        "catch_up": { "age_seconds_max": 0 },
    }));
    let wanted = [
        "time_zone",
        "footer",
        "header",
        "template",
        "replace[1].pattern",
        "replace[2].with",
        "replace[3].pattern",
        "allow.words[0]",
        "allow.regexes[0]",
        "deny.words[1]",
        "deny.regexes[0]",
        "authors.allow[0]",
        "media.allow[0]",
        "media.size_bytes_max",
        "duplicates.window_seconds",
        "catch_up.age_seconds_max",
        "schedule.hours.mon[1]",
        "schedule.hours.mon[2]",
        "schedule.hours.mon[3]",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn lists_have_limits() {
    let many = |count: usize| vec!["a"; count];
    assert_eq!(errors(json!({ "deny": { "words": many(501), "regexes": many(51) } })), ["deny.words", "deny.regexes"]);
    assert_eq!(errors(json!({ "authors": { "deny": many(201) } })), ["authors.deny"]);
    let replace: Vec<_> = (0..51).map(|_| json!({ "pattern": "a" })).collect();
    assert_eq!(errors(json!({ "replace": replace })), ["replace"]);
    assert_eq!(errors(json!({ "header": "x".repeat(1_001) })), ["header"]);
    assert_eq!(errors(json!({ "schedule": {} })), ["schedule.hours"]);
    assert_eq!(errors(json!({ "deny": { "regexes": ["a".repeat(501)] } })), ["deny.regexes[0]"]);
}

#[test]
fn a_reason_says_what_is_wrong_with_an_expression() {
    let errors = Rules::compile(&options(json!({ "deny": { "regexes": ["a(b"] } }))).unwrap_err();
    assert_eq!(errors[0].to_string(), "deny.regexes[0]: unclosed group");
}
