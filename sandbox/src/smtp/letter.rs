//! A mail as its reader sees it.

use mail_parser::{Address, Message, MessageParser, PartType};
use serde_json::{Value, json};

use super::mailbox::Mail;

/// What ends an address within plain text.
const ENDS: &[char] = &['<', '>', '"', '\'', ')', ']', '}'];

/// A mail with its parts undone.
#[must_use]
pub fn shown(mail: &Mail) -> Value {
    let raw = mail.raw();
    let envelope = json!({
        "id": mail.id,
        "at_ms": mail.at_ms,
        "envelope_from": mail.from,
        "recipients": mail.to,
    });
    // What is no mail at all is shown as one with nothing in it.
    let parsed = MessageParser::default().parse(&raw).filter(|parsed| !parsed.parts.is_empty());
    let inside = parsed.map_or_else(
        || json!({ "from": [], "to": [], "reply_to": [], "headers": [], "links": [] }),
        |parsed| undone(&parsed),
    );
    let (Value::Object(mut shown), Value::Object(inside)) = (envelope, inside) else { return Value::Null };
    shown.extend(inside);
    Value::Object(shown)
}

fn undone(parsed: &Message<'_>) -> Value {
    let (text, html) = parts(parsed);
    let links = links(text.as_deref(), html.as_deref());
    json!({
        "from": addresses(parsed.from()),
        "to": addresses(parsed.to()),
        "reply_to": addresses(parsed.reply_to()),
        "subject": parsed.subject(),
        "message_id": parsed.message_id(),
        "date": parsed.date().map(mail_parser::DateTime::to_rfc3339),
        "text": text,
        "html": html,
        "headers": headers(parsed),
        "links": links,
    })
}

/// The first part of plain text and the first of HTML, only where they are really there.
fn parts(message: &Message<'_>) -> (Option<String>, Option<String>) {
    let mut found = (None, None);
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) => drop(found.0.get_or_insert_with(|| text.to_string())),
            PartType::Html(html) => drop(found.1.get_or_insert_with(|| html.to_string())),
            PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) | PartType::Multipart(_) => (),
        }
    }
    found
}

fn addresses(address: Option<&Address<'_>>) -> Vec<String> {
    let addresses = address.into_iter().flat_map(Address::iter);
    addresses.filter_map(|one| one.address.as_ref().map(ToString::to_string)).collect()
}

/// Every header as `[name, value]`, in order, with folded lines joined.
fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    let joined = |value: &str| value.split("\r\n").map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
    message.headers_raw().map(|(name, value)| (name.to_owned(), joined(value))).collect()
}

/// The web addresses of both parts, each once.
fn links(text: Option<&str>, html: Option<&str>) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    let words = text.into_iter().flat_map(str::split_whitespace).filter_map(|word| {
        let from = word.find("https://").or_else(|| word.find("http://"))?;
        word[from..].split(ENDS).next().map(|link| link.trim_end_matches(['.', ',', ';']).to_owned())
    });
    let attributes = html.into_iter().flat_map(|html| html.split("href=\"").skip(1)).filter_map(|rest| {
        let value = rest.split('"').next()?;
        Some(value.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&"))
    });
    for link in words.chain(attributes) {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(raw: &str) -> Value {
        let dir = std::env::temp_dir().join(format!("causeway-letter-{}-{}", std::process::id(), raw.len()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut mailbox = super::super::mailbox::Mailbox::open(&dir).unwrap();
        let id = mailbox.keep("a@b.co".into(), vec!["c@d.co".into()], raw.as_bytes()).unwrap();
        let value = shown(mailbox.find(id).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
        value
    }

    #[test]
    fn a_mail_is_shown_with_its_parts_headers_and_links() {
        let raw = "From: Causeway <a@b.co>\r\nTo: c@d.co\r\nSubject: =?utf-8?b?w6Q=?=\r\nMessage-ID: <1@b.co>\r\n\
                   X-Long: one\r\n two\r\nContent-Type: multipart/alternative; boundary=\"x\"\r\n\r\n\
                   --x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee https://b.co/?a=1&b=2.\r\n\
                   --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
                   <a href=\"https://b.co/?a=1&amp;b=2\">x</a> <a href=\"https://b.co/off\">y</a>\r\n--x--\r\n";
        let mail = show(raw);
        assert_eq!(mail["from"], json!(["a@b.co"]));
        assert_eq!((&mail["subject"], &mail["message_id"]), (&json!("ä"), &json!("1@b.co")));
        assert_eq!(mail["text"].as_str().unwrap().trim(), "See https://b.co/?a=1&b=2.");
        assert_eq!(mail["links"], json!(["https://b.co/?a=1&b=2", "https://b.co/off"]));
        let headers = mail["headers"].as_array().unwrap();
        assert!(headers.contains(&json!(["X-Long", "one two"])), "{headers:?}");
    }

    #[test]
    fn a_mail_without_a_part_has_none() {
        let mail = show("Subject: x\r\n\r\nonly text\r\n");
        assert_eq!((mail["html"].as_str(), mail["text"].as_str().map(str::trim)), (None, Some("only text")));
        assert_eq!(show("")["subject"], Value::Null);
    }
}
