mod compile;
mod decide;
mod duplicates;
mod looks;
mod properties;
mod replace;
mod schedule;
mod strip;
mod template;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Decision, Moment, PairOptions, Rules, Verdict};
use crate::{
    chat::ChatId,
    message::{Author, Media, MediaKind, MediaSource, Message},
    text::RichText,
};

/// A Wednesday at noon in UTC.
fn noon() -> DateTime<Utc> {
    at("2026-03-04T12:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn options(json: serde_json::Value) -> PairOptions {
    serde_json::from_value(json).unwrap()
}

fn rules(json: serde_json::Value) -> Rules {
    Rules::compile(&options(json)).unwrap()
}

fn said(text: &str) -> Message {
    Message {
        author: Some(Author { id: 42, name: "Ada Lovelace".into(), username: None, bot: false, avatar: None }),
        chat_title: Some("News".into()),
        text: RichText::plain(text),
        ..Message::new(ChatId::new(-1_001_234), 7, noon())
    }
}

fn file(kind: MediaKind, name: &str, size_bytes: u64) -> Media {
    let source = MediaSource::PublicUrl { url: "https://example.org/f".into() };
    Media::new(kind, name.into(), "application/octet-stream".into(), size_bytes, source)
}

fn decide(rules: &Rules, message: &Message) -> Verdict {
    rules.decide(message, Moment { received_at: noon(), due_at: noon() })
}

/// The rule and code of a skip; `None` for a message that is carried at once.
fn skipped(rules: &Rules, message: &Message) -> Option<(String, &'static str)> {
    match decide(rules, message).decision {
        Decision::Carry { due_at } => {
            assert_eq!(due_at, noon());
            None
        }
        Decision::Hold { until } => panic!("held until {until}"),
        Decision::Skip { rule, code, text } => {
            assert!(!text.is_empty());
            Some((rule, code))
        }
    }
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}
