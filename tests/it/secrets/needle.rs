//! Looking for secrets in many bytes at once, in every form in which they may stand there.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use regex::bytes::Regex;

/// Of a long secret its beginning is enough.
const NEEDLE_BYTES_MAX: usize = 48;

/// Secrets by name.
#[derive(Default)]
pub struct Secrets {
    /// Name and bytes of each.
    known: Vec<(String, Vec<u8>)>,
    /// Secrets that are too short to be told from chance but as a word of their own.
    words: Vec<(String, String)>,
}

/// The compiled search.
pub struct Search {
    needles: Vec<Needle>,
    all: Regex,
    words: Vec<(String, Regex)>,
}

struct Needle {
    name: String,
    form: &'static str,
    bytes: Vec<u8>,
}

impl Secrets {
    /// Looks for `secret`, of at least 8 bytes, in every form.
    pub fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(secret.len() >= 8, "{name} is too short to be looked for");
        self.known.push((name.to_owned(), secret.get(..NEEDLE_BYTES_MAX).unwrap_or(secret).to_vec()));
    }

    /// Looks for `secret` where nothing of a number, a name or an address stands beside it.
    pub fn add_word(&mut self, name: &str, secret: &str) {
        self.words.push((name.to_owned(), secret.to_owned()));
    }

    pub fn search(self) -> Search {
        let needles: Vec<Needle> = self.known.iter().flat_map(|(name, secret)| needles(name, secret)).collect();
        let literals: Vec<String> = needles.iter().map(|needle| literal(&needle.bytes)).collect();
        let all = Regex::new(&format!("(?-u){}", literals.join("|"))).expect("the literals compile");
        let word = |(name, secret): (String, String)| {
            let apart = "[^0-9A-Za-z.:+_-]";
            let word = format!("(?-u)(?:^|{apart})(?:{})(?:$|{apart})", literal(secret.as_bytes()));
            (name, Regex::new(&word).expect("the word compiles"))
        };
        Search { needles, all, words: self.words.into_iter().map(word).collect() }
    }
}

impl Search {
    /// The first secret in `hay`: its name and its form.
    pub fn find(&self, hay: &[u8]) -> Option<String> {
        if let Some(found) = self.all.find(hay) {
            let needle = self.needles.iter().find(|needle| needle.bytes == found.as_bytes());
            return needle.map(|needle| format!("{} ({})", needle.name, needle.form));
        }
        let (name, _) = self.words.iter().find(|(_, word)| word.is_match(hay))?;
        Some(name.clone())
    }
}

fn literal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// The forms of a secret: as it is, within JSON, percent-encoded, hexadecimal (PostgreSQL's form of bytes), and within
/// base64, where its letters depend on what stands before it.
fn needles(name: &str, secret: &[u8]) -> Vec<Needle> {
    let mut forms: Vec<(&'static str, Vec<u8>)> = vec![("as it is", secret.to_vec())];
    let lower: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.push(("upper hex", lower.to_uppercase().into_bytes()));
    forms.push(("hex", lower.into_bytes()));
    for before in 0..3 {
        for (form, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
            let encoded = engine.encode([vec![0; before], secret.to_vec()].concat());
            // The first and the last letters hold bits of the neighbours too.
            let (from, to) = (usize::from(before > 0) * (before + 1), encoded.len() - 2);
            forms.push((form, encoded.as_bytes()[from..to].to_vec()));
        }
    }
    if let Ok(text) = str::from_utf8(secret) {
        let json = serde_json::to_string(text).expect("a text is JSON");
        let twice = serde_json::to_string(&json).expect("a text is JSON");
        let inner = |quoted: &str, quotes: usize| quoted.as_bytes()[quotes..quoted.len() - quotes].to_vec();
        forms.push(("JSON", inner(&json, 1)));
        forms.push(("JSON in JSON", inner(&twice, 3)));
        let percent = text.bytes().map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        forms.push(("percent-encoded", percent.collect::<String>().into_bytes()));
    }
    forms.dedup_by(|one, other| one.1 == other.1);
    forms.into_iter().map(|(form, bytes)| Needle { name: name.to_owned(), form, bytes }).collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    const SECRET: &str = "a \"quoted\" secret/of the test?";
    let mut secrets = Secrets::default();
    secrets.add("it", SECRET);
    secrets.add_word("code", "12345");
    let search = secrets.search();
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::json!({ "text": SECRET }).to_string();
    let mut hays = vec![
        format!("before {SECRET} after"),
        format!("\\x00{hex}00"),
        hex.to_uppercase(),
        json.clone(),
        serde_json::json!({ "log": json }).to_string(),
        "q=a%20%22quoted%22%20secret%2Fof%20the%20test%3F".to_owned(),
        "{\"code\":\"12345\"}".to_owned(),
        "the code is 12345".to_owned(),
    ];
    for before in ["", "x", "xy", "xyz"] {
        hays.push(STANDARD_NO_PAD.encode(format!("{before}{SECRET} and more")));
        hays.push(URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}?>?")));
    }
    for hay in &hays {
        assert!(search.find(hay.as_bytes()).is_some(), "{hay}");
    }
    for hay in ["", "a quoted secret", "127.0.0.1:12345", "0.12345", "123456", "msg_12345"] {
        assert_eq!(search.find(hay.as_bytes()), None, "{hay}");
    }
}
