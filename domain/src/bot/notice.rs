//! A notification as the bot writes it.

use crate::{
    RichText, Style,
    notification::{Block, Content},
    text::telegram,
};

/// Messages that one text becomes at the most; what does not fit is cut off.
pub const PARTS_MAX: usize = 5;

/// The notification as a message.
#[must_use]
pub fn notice(content: &Content) -> RichText {
    let mut pieces = vec![RichText::styled(content.subject.clone(), Style::Bold)];
    for block in &content.blocks {
        pieces.push(match block {
            Block::Paragraph(text) => RichText::plain(text.clone()),
            Block::List(items) => {
                RichText::plain(items.iter().map(|item| format!("• {item}")).collect::<Vec<_>>().join("\n"))
            }
            Block::Code(code) => RichText::styled(code.clone(), Style::Code),
        });
    }
    pieces.extend(content.button.as_ref().map(|button| match button.is_link() {
        true => RichText::styled(button.label.clone(), Style::Link { url: button.url.clone() }),
        false => RichText::plain(format!("{}: {}", button.label, button.url)),
    }));
    pieces.extend(content.note.as_ref().map(|note| RichText::styled(note.clone(), Style::Italic)));
    RichText::join(&pieces, "\n\n")
}

/// The messages that hold the text, at least one: Telegram takes no empty one.
#[must_use]
pub fn parts(text: &RichText) -> Vec<RichText> {
    let mut parts = telegram::split(text, telegram::TEXT_UTF16_MAX);
    if parts.is_empty() {
        parts.push(RichText::plain("…"));
    }
    if parts.len() > PARTS_MAX {
        parts.truncate(PARTS_MAX - 1);
        parts.push(RichText::plain("… and more than fits here."));
    }
    parts
}
