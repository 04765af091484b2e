//! JSON with the numbers as they are spelled, and the spelling of it that NOWPayments signs.
//!
//! The provider signs what `JSON.stringify` prints of the body with the keys of every object sorted. Its sample for
//! `JavaScript` makes an object of a list on the way, its SDK for Node.js and its sample for PHP keep the list. Numbers are
//! the trap: 0.0000083 is the same number as 8.3e-6 and another text, so both the text that came and the one that
//! ECMAScript prints (`Number::toString`) are ways to write it.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::value::RawValue;

/// Objects and lists in one another; the provider's have two.
const DEPTH_MAX: usize = 12;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is spelled.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object. Of a key that is there twice the last one counts, as in ECMAScript.
    Object(BTreeMap<String, Json>),
}

/// One way to write it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Numbers are spelled as ECMAScript does, else as they came.
    pub ecmascript: bool,
    /// A list is written as an object with the keys 0, 1, and so on.
    pub indexed: bool,
}

impl Form {
    /// Every way that the provider may have signed.
    pub const ALL: [Self; 4] = [
        Self { ecmascript: true, indexed: false },
        Self { ecmascript: false, indexed: false },
        Self { ecmascript: true, indexed: true },
        Self { ecmascript: false, indexed: true },
    ];
}

impl Json {
    /// Reads a whole text; `None` when it is no JSON, or nested too deeply.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        read(serde_json::from_slice(bytes).ok()?, DEPTH_MAX)
    }

    /// The value of this key; null where there is none.
    pub fn get(&self, key: &str) -> &Self {
        match self {
            Self::Object(fields) => fields.get(key).unwrap_or(&Self::Null),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => &Self::Null,
        }
    }

    /// A text, or a number as it is spelled; an empty text is none.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The text with sorted keys and no space.
    pub fn canonical(&self, form: Form) -> String {
        let mut out = String::new();
        write(self, form, &mut out);
        out
    }
}

fn read(raw: &RawValue, depth: usize) -> Option<Json> {
    let (text, depth) = (raw.get(), depth.checked_sub(1)?);
    match text.bytes().next()? {
        b'n' => Some(Json::Null),
        b't' => Some(Json::Bool(true)),
        b'f' => Some(Json::Bool(false)),
        b'"' => serde_json::from_str(text).ok().map(Json::Text),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            items.into_iter().map(|item| read(item, depth)).collect::<Option<_>>().map(Json::List)
        }
        b'{' => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let fields = fields.into_iter().map(|(key, value)| Some((key, read(value, depth)?)));
            fields.collect::<Option<_>>().map(Json::Object)
        }
        _ => Some(Json::Number(text.to_owned())),
    }
}

fn write(value: &Json, form: Form, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(literal) if form.ecmascript => out.push_str(&ecmascript(literal)),
        Json::Number(literal) => out.push_str(literal),
        Json::Text(text) => quote(text, out),
        Json::List(items) if form.indexed => {
            // ECMAScript lists such keys in the order of their numbers, however they are sorted before.
            let fields = items.iter().enumerate().map(|(index, item)| (index.to_string(), item));
            object(fields.collect(), form, out);
        }
        Json::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, form, out);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            let mut fields: Vec<(String, &Json)> = fields.iter().map(|(key, value)| (key.clone(), value)).collect();
            fields.sort_by(|(one, _), (other, _)| key_order(one, other));
            object(fields, form, out);
        }
    }
}

fn object(fields: Vec<(String, &Json)>, form: Form, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        quote(&key, out);
        out.push(':');
        write(value, form, out);
    }
    out.push('}');
}

/// The order in which ECMAScript lists the keys of an object that was filled in sorted order: whole numbers by their value,
/// then the others by their UTF-16 code units.
fn key_order(one: &str, other: &str) -> Ordering {
    match (index(one), index(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.encode_utf16().cmp(other.encode_utf16()),
    }
}

/// An array index: a number below 2³²-1 as ECMAScript writes it.
fn index(key: &str) -> Option<u32> {
    key.parse().ok().filter(|number: &u32| *number < u32::MAX && number.to_string() == key)
}

/// As `JSON.stringify` does: no escape but those that JSON needs.
fn quote(text: &str, out: &mut String) {
    // A text is always writable; were it not, nothing in its place proves no signature.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// The number as `JSON.stringify` prints it.
fn ecmascript(literal: &str) -> String {
    match literal.parse::<f64>() {
        Ok(number) if number.is_finite() => ryu_js::Buffer::new().format_finite(number).to_owned(),
        Ok(_) | Err(_) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(json: &str, ecmascript: bool, indexed: bool) -> String {
        Json::parse(json.as_bytes()).unwrap().canonical(Form { ecmascript, indexed })
    }

    #[test]
    fn numbers_are_spelled_as_they_came_or_as_ecmascript_does() {
        let spellings = [
            ("10.0", "10"),
            ("0.000083", "0.000083"),
            ("8.3e-05", "0.000083"),
            ("8.3e-6", "0.0000083"),
            ("1e-6", "0.000001"),
            ("9.8e-07", "9.8e-7"),
            ("1E-7", "1e-7"),
            ("1e+21", "1e+21"),
            ("1e21", "1e+21"),
            ("1e16", "10000000000000000"),
            ("-0", "0"),
            ("-0.5", "-0.5"),
            ("9007199254740993", "9007199254740992"),
            ("0.1000000000000000055511151231257827", "0.1"),
            ("1e400", "null"),
        ];
        for (literal, number) in spellings {
            assert_eq!(written(literal, true, false), number, "{literal}");
            assert_eq!(written(literal, false, false), literal);
        }
    }

    #[test]
    fn keys_are_sorted_at_every_level_and_lists_are_kept_or_indexed() {
        let json = r#"{ "b":[{"z":1,"y":[]}, "x"], "10":1, "9":2, "B":null, "a":{"d":true,"c":"/é\u00e9\n\u0001"} }"#;
        let a = r#"{"c":"/éé\n\u0001","d":true}"#;
        assert_eq!(
            written(json, true, false),
            format!(r#"{{"9":2,"10":1,"B":null,"a":{a},"b":[{{"y":[],"z":1}},"x"]}}"#)
        );
        assert_eq!(
            written(json, true, true),
            format!(r#"{{"9":2,"10":1,"B":null,"a":{a},"b":{{"0":{{"y":{{}},"z":1}},"1":"x"}}}}"#)
        );
        let many = format!("[{}]", (0..12).map(|number| number.to_string()).collect::<Vec<_>>().join(","));
        assert!(written(&many, true, true).ends_with(r#""9":9,"10":10,"11":11}"#));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        assert_eq!(written(r#"{"a":1,"a":2}"#, false, false), r#"{"a":2}"#);
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_not_read() {
        for wrong in ["", "{", "01", "+1", ".5", "1.", "NaN", "'a'", "{a:1}", "[1,]", "1 2", "\"\\ud800\""] {
            assert_eq!(Json::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), None);
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(DEPTH_MAX).as_bytes()).is_some());
        assert!(Json::parse(nested(DEPTH_MAX + 1).as_bytes()).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_canonical_text_is_its_own(text in ".{0,20}", number in any::<f64>(), key in "[a-z0-9é𐐷]{0,6}") {
            let number = if number.is_finite() { number } else { 0.0 };
            let json = serde_json::json!({ "T!": text, key: [number, { "n": number }], "0": null }).to_string();
            for form in Form::ALL {
                let once = written(&json, form.ecmascript, form.indexed);
                prop_assert_eq!(&written(&once, form.ecmascript, form.indexed), &once);
                if form.ecmascript && !form.indexed {
                    let same: serde_json::Value = serde_json::from_str(&once).unwrap();
                    prop_assert_eq!(&same["T!"], &serde_json::json!(text));
                }
            }
        }
    }
}
