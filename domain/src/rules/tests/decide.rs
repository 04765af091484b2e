use serde_json::{Value, json};

use super::{at, decide, file, minutes, noon, rules, said, skipped};
use crate::{
    message::{Author, Embed, Extra, MediaKind, Message, Origin, Poll},
    rules::{Decision, Moment, Outcome, Rules},
    text::{RichText, Span, Style},
};

/// What the rules say of a text: the rule that skips it, or `None`.
fn check(options: Value, cases: &[(&str, Option<&str>)]) {
    let rules = rules(options.clone());
    for (text, wanted) in cases {
        let found = skipped(&rules, &said(text)).map(|(rule, _)| rule);
        assert_eq!(found.as_deref(), *wanted, "{options} on {text:?}");
    }
}

fn robot() -> Author {
    Author { id: 1, name: "b".into(), username: None, bot: true, avatar: None }
}

#[test]
fn without_options_everything_is_carried_and_nothing_is_asked() {
    let verdict = decide(&Rules::default(), &said("anything"));
    assert_eq!(verdict.decision, Decision::Carry { due_at: noon() });
    assert!(verdict.trace.is_empty());
}

#[test]
fn denied_words_stand_alone_and_in_any_case() {
    check(
        json!({ "deny": { "words": ["Art", "free money", "ПРИВЕТ", "c++", "🔥"] } }),
        &[
            ("modern art here", Some("deny.words[0]")),
            ("ART!", Some("deny.words[0]")),
            ("a party", None),
            ("get FREE\n money now", Some("deny.words[1]")),
            ("free", None),
            ("скажи привет всем", Some("deny.words[2]")),
            ("приветствие", None),
            ("I write C++.", Some("deny.words[3]")),
            ("hot🔥hot", Some("deny.words[4]")),
            ("", None),
        ],
    );
}

#[test]
fn scripts_without_spaces_are_searched_inside_words() {
    check(
        json!({ "deny": { "words": ["广告", "โฆษณา"] } }),
        &[("这是广告内容", Some("deny.words[0]")), ("นี่คือโฆษณาใหม่", Some("deny.words[1]")), ("内容", None)],
    );
}

#[test]
fn parts_of_words_are_found_when_asked() {
    check(
        json!({ "deny": { "words": ["art"], "whole_words": false } }),
        &[("a party", Some("deny.words[0]")), ("a", None)],
    );
}

#[test]
fn expressions_are_taken_as_they_are() {
    check(
        json!({ "deny": { "regexes": ["^\\d{4}$", "(?i)sale"] } }),
        &[("1234", Some("deny.regexes[0]")), ("12345", None), ("SALE", Some("deny.regexes[1]"))],
    );
}

#[test]
fn an_expression_that_ruins_other_engines_is_answered_at_once() {
    let rules = rules(json!({ "deny": { "regexes": ["^(a+)+$", "(x+x+)+y"] } }));
    let text = format!("{}!{}", "a".repeat(2_000), "x".repeat(2_000));
    assert_eq!(skipped(&rules, &said(&text)), None);
}

#[test]
fn allowed_words_are_needed_and_denied_ones_win() {
    check(
        json!({ "allow": { "words": ["btc"], "regexes": ["\\$[A-Z]+"] }, "deny": { "words": ["scam"] } }),
        &[("BTC up", None), ("buy $ETH", None), ("nothing", Some("allow")), ("btc scam", Some("deny.words[0]"))],
    );
}

#[test]
fn words_are_found_in_captions_albums_polls_boxes_and_behind_links() {
    let rules = rules(json!({ "deny": { "words": ["casino"] } }));
    let mut album = said("our casino");
    album.media = vec![file(MediaKind::Photo, "1", 1), file(MediaKind::Photo, "2", 1)];
    let mut poll = said("");
    poll.extras = vec![Extra::Poll(Poll { options: vec!["bar".into(), "Casino".into()], ..Poll::default() })];
    let mut boxed = said("");
    boxed.extras = vec![Extra::Embed(Box::new(Embed { description: RichText::plain("casino"), ..Embed::default() }))];
    let mut hidden = said("click");
    hidden.text.spans =
        vec![Span { offset: 0, length: 5, style: Style::Link { url: "https://casino.example".into() } }];
    let mut named = said("");
    named.media = vec![file(MediaKind::Document, "casino.pdf", 1)];
    for message in [album, poll, boxed, hidden, named] {
        assert_eq!(skipped(&rules, &message), Some(("deny.words[0]".into(), "denied_word")), "{message:?}");
    }
    // Names that programs make up are not text.
    let mut made_up = said("");
    made_up.media = vec![file(MediaKind::Photo, "casino.jpg", 1)];
    assert_eq!(skipped(&rules, &made_up), None);
}

#[test]
fn kinds_and_sizes_of_an_album_count_as_a_whole() {
    let with = |kinds: &[(MediaKind, u64)]| {
        let media = kinds.iter().map(|(kind, size)| file(*kind, "f", *size)).collect();
        Message { media, ..said("caption") }
    };
    let (photo, video) = ((MediaKind::Photo, 10), (MediaKind::Video, 2_000));
    for (options, message, wanted) in [
        (json!({ "deny": ["video"] }), with(&[photo, video]), Some(("media.deny", "media_denied"))),
        (json!({ "deny": ["video"] }), with(&[photo]), None),
        (json!({ "allow": ["photo"] }), with(&[photo]), None),
        (json!({ "allow": ["photo"] }), with(&[photo, video]), Some(("media.allow", "media_not_allowed"))),
        (json!({ "allow": ["photo"] }), with(&[]), Some(("media.allow", "media_not_allowed"))),
        (json!({ "allow": ["photo", "text"] }), with(&[]), None),
        (json!({ "deny": ["text"] }), with(&[]), Some(("media.deny", "media_denied"))),
        (json!({ "size_bytes_max": 1_999 }), with(&[photo, video]), Some(("media.size_bytes_max", "media_size"))),
        (json!({ "size_bytes_max": 2_000 }), with(&[photo, video]), None),
        (
            json!({ "deny": ["poll"] }),
            Message { extras: vec![Extra::Poll(Poll::default())], ..said("") },
            Some(("media.deny", "media_denied")),
        ),
    ] {
        let found = skipped(&rules(json!({ "media": options })), &message);
        assert_eq!(found.as_ref().map(|(rule, code)| (rule.as_str(), *code)), wanted, "{options}");
    }
}

#[test]
fn an_item_of_an_album_is_judged_by_what_it_tells_alone() {
    let rules = rules(json!({ "allow": { "words": ["yes"] }, "media": { "deny": ["video"] }, "bots": "deny" }));
    let item = Message { album: Some(1), media: vec![file(MediaKind::Video, "v", 1)], ..said("") };
    let moment = Moment { received_at: noon(), due_at: noon() };
    assert_eq!(rules.decide_item(&item, moment).decision, Decision::Carry { due_at: noon() });
    let bot = Message { author: Some(robot()), ..item };
    assert!(matches!(rules.decide_item(&bot, moment).decision, Decision::Skip { code: "bot", .. }));
}

#[test]
fn authors_are_known_by_id_or_name() {
    let nobody = Message { author: None, ..said("post") };
    let code = |options: Value, message: &Message| {
        skipped(&rules(json!({ "authors": options })), message).map(|(rule, _)| rule)
    };
    let ada = said("hi");
    assert_eq!(code(json!({ "deny": ["x", "42"] }), &ada).as_deref(), Some("authors.deny[1]"));
    assert_eq!(code(json!({ "deny": [" @ada LOVELACE "] }), &ada).as_deref(), Some("authors.deny[0]"));
    assert_eq!(code(json!({ "deny": ["ada"] }), &ada), None);
    assert_eq!(code(json!({ "allow": ["ada lovelace"] }), &ada), None);
    assert_eq!(code(json!({ "allow": ["7"] }), &ada).as_deref(), Some("authors.allow"));
    assert_eq!(code(json!({ "allow": ["42"], "deny": ["42"] }), &ada).as_deref(), Some("authors.deny[0]"));
    assert_eq!(code(json!({ "allow": ["42"] }), &nobody).as_deref(), Some("authors.allow"));
    assert_eq!(code(json!({ "deny": ["42"] }), &nobody), None);
}

#[test]
fn authors_are_known_by_their_username_too() {
    let mut countess = said("hi");
    countess.author = countess.author.map(|author| Author { username: Some("Countess".into()), ..author });
    let code = |options: Value| skipped(&rules(json!({ "authors": options })), &countess).map(|(rule, _)| rule);
    for entry in ["countess", "@COUNTESS", " @Countess ", "@ada lovelace", "42"] {
        assert_eq!(code(json!({ "deny": [entry] })).as_deref(), Some("authors.deny[0]"), "{entry}");
        assert_eq!(code(json!({ "allow": [entry] })), None, "{entry}");
    }
    for entry in ["count", "@countess2", "@42x"] {
        assert_eq!(code(json!({ "deny": [entry] })), None, "{entry}");
        assert_eq!(code(json!({ "allow": [entry] })).as_deref(), Some("authors.allow"), "{entry}");
    }
}

#[test]
fn bots_forwards_and_answers() {
    let bot = Message { author: Some(robot()), ..said("beep") };
    let forwarded = Message { forwarded_from: Some(Origin::default()), ..said("from elsewhere") };
    let answer = Message { reply_to: Some(3), ..said("yes") };
    let plain = said("plain");
    for (options, message, wanted) in [
        (json!({ "bots": "deny" }), &bot, Some("bot")),
        (json!({ "bots": "deny" }), &plain, None),
        (json!({ "bots": "only" }), &bot, None),
        (json!({ "bots": "only" }), &plain, Some("not_a_bot")),
        (json!({ "bots": "allow" }), &bot, None),
        (json!({ "origin": "forwarded_only" }), &forwarded, None),
        (json!({ "origin": "forwarded_only" }), &plain, Some("not_forwarded")),
        (json!({ "origin": "original_only" }), &forwarded, Some("forwarded")),
        (json!({ "origin": "original_only" }), &plain, None),
        (json!({ "replies_only": true }), &answer, None),
        (json!({ "replies_only": true }), &plain, Some("not_a_reply")),
    ] {
        assert_eq!(skipped(&rules(options.clone()), message).map(|(_, code)| code), wanted, "{options}");
    }
}

#[test]
fn old_messages_are_left_when_asked() {
    let rules = rules(json!({ "catch_up": { "age_seconds_max": 3_600 } }));
    for (age, wanted) in [(0, None), (60, None), (61, Some("too_old"))] {
        let message = Message { sent_at: noon() - minutes(age), ..said("news") };
        assert_eq!(skipped(&rules, &message).map(|(_, code)| code), wanted, "{age}");
    }
}

#[test]
fn the_hours_hold_what_is_due_outside_of_them_or_skip_what_was_written_there() {
    let hours = |outside: &str| {
        rules(
            json!({ "time_zone": "Europe/Berlin", "schedule": { "outside": outside, "hours": { "wed": ["14:00-16:00"] } } }),
        )
    };
    let verdict = decide(&hours("hold"), &said("early"));
    assert_eq!(verdict.decision, Decision::Hold { until: at("2026-03-04T13:00:00Z") });
    assert_eq!(verdict.trace.last().unwrap().outcome, Outcome::Held);
    assert!(verdict.trace.last().unwrap().detail.ends_with("2026-03-04 14:00 CET"), "{verdict:?}");
    let delayed = Moment { received_at: noon(), due_at: noon() + minutes(90) };
    assert_eq!(hours("hold").decide(&said("x"), delayed).decision, Decision::Carry { due_at: noon() + minutes(90) });
    let (until, text) = hours("hold").held_until(noon()).unwrap();
    assert_eq!((until, text.ends_with("2026-03-04 14:00 CET")), (at("2026-03-04T13:00:00Z"), true), "{text}");
    for (outside, minute) in [("hold", 90), ("skip", 0), ("skip", 90)] {
        assert_eq!(hours(outside).held_until(noon() + minutes(minute)), None, "{outside} {minute}");
    }
    assert_eq!(skipped(&hours("skip"), &said("early")), Some(("schedule".into(), "outside_hours")));
    // Written in time and received late, after an absence: it is carried.
    let late = Moment { received_at: noon() + minutes(600), due_at: noon() + minutes(600) };
    let in_time = Message { sent_at: noon() + minutes(61), ..said("in time") };
    assert!(matches!(hours("skip").decide(&in_time, late).decision, Decision::Carry { .. }));
}

#[test]
fn the_trace_names_the_rules_in_their_order_up_to_the_one_that_decided() {
    let rules = rules(json!({
        "bots": "deny", "media": { "allow": ["text"] }, "deny": { "words": ["bad"] }, "allow": { "words": ["good"] },
    }));
    let trace = |text: &str| -> Vec<(String, Outcome)> {
        decide(&rules, &said(text)).trace.into_iter().map(|asked| (asked.rule, asked.outcome)).collect()
    };
    let passed = |rule: &str| (rule.to_owned(), Outcome::Passed);
    assert_eq!(trace("good"), [passed("bots"), passed("media"), passed("deny"), passed("allow")]);
    assert_eq!(trace("bad"), [passed("bots"), passed("media"), ("deny.words[0]".to_owned(), Outcome::Skipped)]);
}
