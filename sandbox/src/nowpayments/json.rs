//! JSON whose numbers are spelled as one asks for. The real server prints them as `JavaScript` does, and readers have
//! stumbled over other spellings, so there are some.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::{Deserialize, Serialize};

/// A value. Fields of an object stand in the order in which they were put there.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that is a name, spelled in one way only.
    Id(u64),
    /// An amount.
    Number(Decimal),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(&'static str, Json)>),
}

/// How amounts are spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// As `JSON.stringify`: 10, 0.000083, 9.8e-7.
    #[default]
    Javascript,
    /// As Python's `json.dumps`: 10, 8.3e-05, 9.8e-07.
    Python,
    /// With eight digits after the point at least: 10.00000000, 0.00008300.
    Fixed,
    /// With an exponent throughout: 1E+1, 8.3E-5.
    Exponent,
    /// In quotation marks: "10", "0.000083".
    Text,
}

/// How lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// As lists.
    Kept,
    /// As objects with the keys 0, 1, and so on: what becomes of them where lists are sorted as objects are.
    Indexed,
}

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Amounts.
    pub spelling: Spelling,
    /// Lists.
    pub lists: Lists,
    /// The fields of every object in the order of their names.
    pub sorted: bool,
    /// Letters beyond ASCII as `\uXXXX`.
    pub ascii: bool,
}

impl Style {
    /// As the server writes its answers.
    #[must_use]
    pub const fn plain(spelling: Spelling) -> Self {
        Self { spelling, lists: Lists::Kept, sorted: false, ascii: false }
    }
}

impl From<Option<String>> for Json {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<u64>> for Json {
    fn from(id: Option<u64>) -> Self {
        id.map_or(Self::Null, Self::Id)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Json {
    /// The text.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        self.write(style, &mut out);
        out
    }

    fn write(&self, style: Style, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(&value.to_string()),
            Self::Id(id) => out.push_str(&id.to_string()),
            Self::Number(number) => out.push_str(&spelled(*number, style.spelling)),
            Self::Text(text) => out.push_str(&quoted(text, style.ascii)),
            Self::List(items) if style.lists == Lists::Kept => {
                enclosed('[', items.iter().map(|item| item.text(style)), ']', out);
            }
            Self::List(items) => {
                let fields = items.iter().enumerate().map(|(index, item)| format!("\"{index}\":{}", item.text(style)));
                enclosed('{', fields, '}', out);
            }
            Self::Object(fields) => {
                let mut fields: Vec<&(&str, Self)> = fields.iter().collect();
                if style.sorted {
                    fields.sort_by_key(|(name, _)| *name);
                }
                let fields = fields.into_iter().map(|(name, value)| format!("\"{name}\":{}", value.text(style)));
                enclosed('{', fields, '}', out);
            }
        }
    }
}

fn enclosed(open: char, items: impl Iterator<Item = String>, close: char, out: &mut String) {
    out.push(open);
    out.push_str(&items.collect::<Vec<_>>().join(","));
    out.push(close);
}

fn quoted(text: &str, ascii: bool) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !ascii {
        return quoted;
    }
    let mut out = String::new();
    for letter in quoted.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            out.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// A number, spelled.
#[must_use]
pub fn spelled(number: Decimal, spelling: Spelling) -> String {
    match spelling {
        Spelling::Javascript => laid_out(number, 21, -6, 1),
        Spelling::Python => laid_out(number, 16, -4, 2),
        Spelling::Fixed => {
            let places = usize::try_from(number.normalize().scale()).unwrap_or(0).max(8);
            format!("{number:.places$}")
        }
        Spelling::Exponent => {
            let (sign, digits, exponent) = shortest(number);
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{point}{rest}E{exponent:+}")
        }
        Spelling::Text => format!("\"{}\"", laid_out(number, 21, -6, 1)),
    }
}

/// The shortest digits that mean the same float, and the power of ten of the first one.
fn shortest(number: Decimal) -> (&'static str, String, i32) {
    let float = number.to_f64().unwrap_or(0.0);
    let sign = if float < 0.0 { "-" } else { "" };
    let text = format!("{:e}", float.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (sign, mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// `Number::toString` of ECMAScript with its own limits, and `repr` of Python with others: plain while the power of ten of
/// the first digit is at least `least` and below `most`, else with an exponent of at least `exponent_digits`.
fn laid_out(number: Decimal, most: i32, least: i32, exponent_digits: usize) -> String {
    let (sign, digits, power) = shortest(number);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |many: i32| "0".repeat(usize::try_from(many).unwrap_or(0));
    if power >= most || power < least {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let mark = if power < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{mark}{:0>exponent_digits$}", power.unsigned_abs());
    }
    if power < 0 {
        return format!("{sign}0.{}{digits}", zeros(-power - 1));
    }
    if count <= power + 1 {
        return format!("{sign}{digits}{}", zeros(power + 1 - count));
    }
    let (whole, rest) = digits.split_at(usize::try_from(power + 1).unwrap_or(0));
    format!("{sign}{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::from_scientific(text).or_else(|_| text.parse()).unwrap()
    }

    #[test]
    fn amounts_are_spelled_as_each_language_does() {
        let rows = [
            ("10", "10", "10", "10.00000000", "1E+1"),
            ("12.5", "12.5", "12.5", "12.50000000", "1.25E+1"),
            ("0.000083", "0.000083", "8.3e-05", "0.00008300", "8.3E-5"),
            ("0.0000083", "0.0000083", "8.3e-06", "0.00000830", "8.3E-6"),
            ("0.00000098", "9.8e-7", "9.8e-07", "0.00000098", "9.8E-7"),
            ("0", "0", "0", "0.00000000", "0E+0"),
            ("1e22", "1e+22", "1e+22", "10000000000000000000000.00000000", "1E+22"),
            ("1e17", "100000000000000000", "1e+17", "100000000000000000.00000000", "1E+17"),
            ("-0.5", "-0.5", "-0.5", "-0.50000000", "-5E-1"),
        ];
        for (text, javascript, python, fixed, exponent) in rows {
            let is = |spelling| spelled(number(text), spelling);
            assert_eq!((is(Spelling::Javascript).as_str(), is(Spelling::Python).as_str()), (javascript, python));
            assert_eq!((is(Spelling::Fixed).as_str(), is(Spelling::Exponent).as_str()), (fixed, exponent));
            assert_eq!(is(Spelling::Text), format!("\"{javascript}\""));
        }
    }

    #[test]
    fn fields_are_sorted_and_lists_indexed_when_that_is_asked_for() {
        let json = Json::Object(vec![
            ("b", Json::List(vec![Json::Id(7), Json::from("é")])),
            ("a", Json::Object(vec![("z", Json::Null), ("y", Json::Bool(true))])),
        ]);
        let plain = Style::plain(Spelling::Javascript);
        assert_eq!(json.text(plain), r#"{"b":[7,"é"],"a":{"z":null,"y":true}}"#);
        let style = Style { sorted: true, lists: Lists::Indexed, ascii: true, ..plain };
        assert_eq!(json.text(style), r#"{"a":{"y":true,"z":null},"b":{"0":7,"1":"\u00e9"}}"#);
    }
}
