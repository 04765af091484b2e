//! The texts of the corpus: what is written at the source, and what must stand at a destination of either platform.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// One text of the corpus.
pub struct Case(Value);

/// One message that must stand at a destination.
pub struct Part {
    /// The name of the case that it belongs to.
    pub case: String,
    /// Text on Telegram, markdown on Discord.
    pub text: String,
    /// Its formatting, [sorted]; empty on Discord.
    pub entities: Vec<Value>,
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cases from one platform for another, or for the same one, that need nothing but their text and that a person may
/// write in one message.
pub fn cases(from: &str, to: &str) -> Vec<Case> {
    let file = root().join("domain/corpus").join(format!("{from}_text.json"));
    let text = fs::read_to_string(file).expect("the corpus is there");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the corpus is JSON");
    let wanted = cases.into_iter().filter(|case| case["from"] == from && case["to"] == to && case["names"].is_null());
    let fits = |case: &Case| case.text().encode_utf16().count() <= utf16_max(from);
    wanted.map(Case).filter(fits).collect()
}

/// The longest text that a person may write on a platform, in UTF-16 units; on Discord without Nitro.
fn utf16_max(platform: &str) -> usize {
    if platform == "telegram" { 4_096 } else { 2_000 }
}

/// Everything that must stand at a destination of `platform` when all of `cases` have arrived.
pub fn parts(cases: &[Case], platform: &str) -> Vec<Part> {
    cases.iter().flat_map(|case| case.parts(platform)).collect()
}

impl Case {
    /// For people.
    pub fn name(&self) -> &str {
        self.0["name"].as_str().expect("a case has a name")
    }

    /// What is written at the source: text on Telegram, markdown on Discord.
    pub fn text(&self) -> String {
        text_of(&self.0)
    }

    /// Its formatting on Telegram.
    pub fn entities(&self) -> Vec<Value> {
        entities(&self.0["spans"])
    }

    /// `expect` is for the platform that the case goes to, `same` for another chat of the one that it comes from;
    /// without it, what was written stands there.
    fn parts(&self, platform: &str) -> Vec<Part> {
        let field = if self.0["to"] == platform { "expect" } else { "same" };
        let parts = match &self.0[field] {
            Value::Array(parts) => parts.as_slice(),
            _ => std::slice::from_ref(&self.0),
        };
        let part = |part: &Value| Part {
            case: self.name().to_owned(),
            text: text_of(part),
            entities: sorted(entities(&part["spans"])),
        };
        parts.iter().map(part).collect()
    }
}

fn text_of(rich: &Value) -> String {
    let field = ["markdown", "text", "content"].into_iter().find(|field| !rich[*field].is_null());
    whole(&rich[field.expect("it has a text")])
}

/// A text of the corpus: a string, or pieces of which some are repeated.
fn whole(text: &Value) -> String {
    let piece = |piece: &Value| match piece.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let times = piece["times"].as_u64().and_then(|times| usize::try_from(times).ok()).expect("a number");
            piece["repeat"].as_str().expect("a unit").repeat(times)
        }
    };
    match text {
        Value::Array(pieces) => pieces.iter().map(piece).collect(),
        one => piece(one),
    }
}

/// Spans of the corpus as the Telegram control API has entities.
fn entities(spans: &Value) -> Vec<Value> {
    let entity = |span: &Value| {
        let (offset, length, more) = (&span[1], &span[2], &span[3]);
        match span[0].as_str().expect("a style has a name") {
            "expandable_quote" => json!({ "type": "expandable_blockquote", "offset": offset, "length": length }),
            "quote" => json!({ "type": "blockquote", "offset": offset, "length": length }),
            "link" => json!({ "type": "text_link", "offset": offset, "length": length, "url": more }),
            "pre" => json!({ "type": "pre", "offset": offset, "length": length, "language": more }),
            "custom_emoji" => {
                json!({ "type": "custom_emoji", "offset": offset, "length": length, "custom_emoji_id": more })
            }
            name => json!({ "type": name, "offset": offset, "length": length }),
        }
    };
    spans.as_array().into_iter().flatten().map(entity).collect()
}

/// Entities in an order of their own, without those that Telegram finds by itself.
pub fn sorted(mut entities: Vec<Value>) -> Vec<Value> {
    entities.retain(|entity| {
        !matches!(
            entity["type"].as_str(),
            Some("url" | "mention" | "hashtag" | "email" | "cashtag" | "bot_command" | "phone_number")
        )
    });
    entities.sort_by_key(|entity| (entity["offset"].as_u64(), entity["type"].to_string()));
    entities
}
