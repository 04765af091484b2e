//! Messages that belong together and are carried as one.

use super::Message;
use crate::text::RichText;

impl Message {
    /// One message of all items of an album, in their order: the first one with the captions and attachments of all.
    /// `None` when there are no items.
    #[must_use]
    pub fn together(items: Vec<Self>) -> Option<Self> {
        let text = RichText::join(items.iter().map(|item| &item.text), "\n");
        let mut items = items.into_iter();
        let mut first = items.next()?;
        for item in items {
            first.media.extend(item.media);
            first.extras.extend(item.extras);
            first.reply_to = first.reply_to.or(item.reply_to);
            first.unsupported = first.unsupported.or(item.unsupported);
        }
        first.text = text;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ChatId,
        clock::{Clock as _, SystemClock},
        message::{Media, MediaKind, MediaSource},
    };

    fn item(message_id: i64, text: &str) -> Message {
        let source = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id };
        let name = format!("{message_id}.jpg");
        let media = vec![Media::new(MediaKind::Photo, name, "image/jpeg".into(), 1, source)];
        Message { text: RichText::plain(text), media, ..Message::new(ChatId::new(1), message_id, SystemClock.now()) }
    }

    #[test]
    fn captions_and_attachments_are_kept_in_order() {
        let together = Message::together(vec![item(1, "one"), item(2, ""), item(3, "three")]).unwrap();
        assert_eq!((together.message_id, together.text.text.as_str()), (1, "one\nthree"));
        let names: Vec<_> = together.media.iter().map(|media| media.file_name.as_str()).collect();
        assert_eq!(names, ["1.jpg", "2.jpg", "3.jpg"]);
        assert_eq!(Message::together(Vec::new()), None);
    }
}
