//! What a message says, without how it looks: every channel renders it by itself.

use serde::{Deserialize, Serialize};

/// The longest subject, in characters: what mail programs show in a list.
pub const SUBJECT_CHARS_MAX: usize = 150;
/// The most blocks of one message.
pub const BLOCKS_MAX: usize = 40;
/// The longest text of one block, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// The most items of one list: an outage of more is counted, not listed.
pub const LIST_ITEMS_MAX: usize = 50;

/// One message. Beyond the limits it is cut when it is built: a message that is too long is better than none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// One line that says it all.
    pub subject: String,
    /// What stands below it, in order.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// The one thing to do about it.
    #[serde(default)]
    pub button: Option<Button>,
    /// Small print below the button, such as what to do when one has not asked for this.
    #[serde(default)]
    pub note: Option<String>,
}

/// One part of a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A paragraph; a line feed is a new line in it.
    Paragraph(String),
    /// Short lines of equal standing.
    List(Vec<String>),
    /// Something to be typed elsewhere.
    Code(String),
}

/// A link that stands out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What following it does.
    pub label: String,
    /// Where it leads: `https`, `http` or `tg`. Anything else is shown as text.
    pub url: String,
}

/// A message may hold a token: it is not shown.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(..)")
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Block(..)")
    }
}

impl std::fmt::Debug for Button {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Button(..)")
    }
}

impl Content {
    /// A message that consists of its subject.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self { subject: one_line(subject, SUBJECT_CHARS_MAX), blocks: Vec::new(), button: None, note: None }
    }

    /// The same with one more paragraph.
    #[must_use]
    pub fn paragraph(self, text: &str) -> Self {
        self.block(Block::Paragraph(lines(text)))
    }

    /// The same with a list; of a long one the first items and how many there are more.
    #[must_use]
    pub fn list<Item: AsRef<str>>(self, items: impl IntoIterator<Item = Item>) -> Self {
        let mut items = items.into_iter();
        let mut shown: Vec<_> =
            items.by_ref().take(LIST_ITEMS_MAX).map(|item| one_line(item.as_ref(), TEXT_CHARS_MAX)).collect();
        let more = items.count();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        if shown.is_empty() { self } else { self.block(Block::List(shown)) }
    }

    /// The same with something to be typed elsewhere.
    #[must_use]
    pub fn code(self, code: &str) -> Self {
        self.block(Block::Code(one_line(code, TEXT_CHARS_MAX)))
    }

    /// The same with a button.
    #[must_use]
    pub fn button(mut self, label: &str, url: &str) -> Self {
        let url = url.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
        self.button = Some(Button { label: one_line(label, SUBJECT_CHARS_MAX), url });
        self
    }

    /// The same with small print.
    #[must_use]
    pub fn note(mut self, text: &str) -> Self {
        self.note = Some(lines(text));
        self
    }

    fn block(mut self, block: Block) -> Self {
        if self.blocks.len() < BLOCKS_MAX {
            self.blocks.push(block);
        }
        self
    }
}

impl Button {
    /// True when it leads somewhere that may be followed.
    #[must_use]
    pub fn is_link(&self) -> bool {
        ["https://", "http://", "tg://"].iter().any(|scheme| self.url.starts_with(scheme))
    }
}

/// One line: what ends lines or does not print is a space.
fn one_line(text: &str, chars_max: usize) -> String {
    let line: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    cut(line.trim(), chars_max)
}

/// Text in which only line feeds are left of what does not print.
fn lines(text: &str) -> String {
    let clean: String =
        text.replace("\r\n", "\n").chars().map(|c| if c != '\n' && breaks(c) { ' ' } else { c }).collect();
    cut(clean.trim(), TEXT_CHARS_MAX)
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}
