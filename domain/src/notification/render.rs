//! A message as an e-mail: a part of plain text and one of HTML that say the same.
//!
//! The HTML is small on purpose: headings, paragraphs, lists and links that every mail program and screen reader knows,
//! no images, nothing that is fetched, and colours that follow the reader's own.

use super::{Block, Content, Kind};

/// What stands below the message.
#[derive(Clone, Copy, Debug)]
pub struct Footer<'a> {
    /// What it is about: says why the reader gets it.
    pub kind: Kind,
    /// Where to turn such messages off, for those that can be.
    pub unsubscribe: Option<&'a str>,
}

/// A message as an e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// The part of plain text.
    pub text: String,
    /// The part of HTML, a whole document.
    pub html: String,
}

/// A message may hold a token: it is not shown.
impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter(..)")
    }
}

impl Content {
    /// The message as an e-mail.
    #[must_use]
    pub fn letter(&self, footer: Footer<'_>) -> Letter {
        Letter { subject: self.subject.clone(), text: self.plain(footer), html: self.html(footer) }
    }

    fn plain(&self, footer: Footer<'_>) -> String {
        let mut parts: Vec<String> = Vec::new();
        for block in &self.blocks {
            parts.push(match block {
                Block::Paragraph(text) => text.clone(),
                Block::List(items) => items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"),
                Block::Code(code) => format!("    {code}"),
            });
        }
        if let Some(button) = &self.button {
            parts.push(format!("{}:\n{}", button.label, button.url));
        }
        parts.extend(self.note.clone());
        let mut foot = format!("-- \n{}", footer.kind.why());
        if let Some(url) = footer.unsubscribe {
            foot.push_str(&format!("\nTurn messages like this off: {url}"));
        }
        parts.push(foot);
        parts.join("\n\n") + "\n"
    }

    fn html(&self, footer: Footer<'_>) -> String {
        let mut body = format!("<h1 style=\"font-size:1.3em\">{}</h1>\n", escape(&self.subject));
        for block in &self.blocks {
            body.push_str(&match block {
                Block::Paragraph(text) => format!("<p>{}</p>\n", broken(text)),
                Block::List(items) => {
                    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
                    format!("<ul>\n{items}</ul>\n")
                }
                Block::Code(code) => {
                    format!("<p style=\"font-size:1.3em\"><code>{}</code></p>\n", escape(code))
                }
            });
        }
        if let Some(button) = &self.button {
            let (label, url) = (escape(&button.label), escape(&button.url));
            body.push_str(&if button.is_link() {
                format!(
                    "<p><a href=\"{url}\" style=\"font-weight:bold\">{label}</a></p>\n\
                     <p>If that does not open, copy this address: {url}</p>\n"
                )
            } else {
                format!("<p>{label}: {url}</p>\n")
            });
        }
        if let Some(note) = &self.note {
            body.push_str(&format!("<p>{}</p>\n", broken(note)));
        }
        let mut foot = escape(footer.kind.why());
        if let Some(url) = footer.unsubscribe {
            foot.push_str(&format!("<br>\n<a href=\"{}\">Turn messages like this off</a>", escape(url)));
        }
        document(&self.subject, &format!("{body}<hr>\n<p><small>{foot}</small></p>\n"))
    }
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body style=\"font-family:sans-serif;line-height:1.5;max-width:40em;margin:1em auto;padding:0 1em\">\n\
         {body}</body>\n</html>\n",
        escape(title)
    )
}

/// Text in which a line feed is a new line.
fn broken(text: &str) -> String {
    escape(text).replace('\n', "<br>\n")
}

/// Text as it stands in HTML, between tags and within quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
