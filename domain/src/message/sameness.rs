//! Whether two readings of a message show the same: platforms report an edit for much that nobody can see.

use super::{Extra, Media, MediaSource, Message};

impl Media {
    /// What tells the attachment from another one: all that is lasting, so not a signed address.
    #[must_use]
    pub fn identity(&self) -> String {
        let place = match &self.source {
            MediaSource::TelegramMessage { chat, message_id } => format!("{chat}/{message_id}"),
            MediaSource::DiscordAttachment { attachment_id, .. } => attachment_id.to_string(),
            MediaSource::PublicUrl { url } => url.clone(),
        };
        let Self { kind, file_name, mime, size_bytes, .. } = self;
        format!("{kind:?}|{file_name}|{mime}|{size_bytes}|{place}")
    }
}

impl Message {
    /// True when both carry the same attachments in the same order.
    #[must_use]
    pub fn same_media(&self, other: &Self) -> bool {
        self.media.len() == other.media.len()
            && self.media.iter().zip(&other.media).all(|(one, two)| one.identity() == two.identity())
    }

    /// True when this reading of the message, which may be an older one, has something to say that `known` does not.
    #[must_use]
    pub fn is_news_to(&self, known: &Self) -> bool {
        let older = matches!((self.edited_at, known.edited_at), (Some(new), Some(old)) if new < old);
        !older && !self.shows_the_same(known)
    }

    /// True when a reader sees no difference: text, attachments and what else is carried. Previews of links, names of
    /// people and chats, and times may differ.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        let own = |extra: &&Extra| !matches!(extra, Extra::Embed(embed) if embed.preview);
        self.text == other.text
            && self.unsupported == other.unsupported
            && self.same_media(other)
            && self.extras.iter().filter(own).eq(other.extras.iter().filter(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ChatId,
        clock::{Clock as _, SystemClock},
        message::{Author, Embed, MediaKind, Poll},
        text::RichText,
    };

    fn message() -> Message {
        let source = MediaSource::DiscordAttachment {
            chat: ChatId::new(1),
            message_id: 2,
            attachment_id: 3,
            url: "https://cdn/a?sig=1".into(),
        };
        let media = Media::new(MediaKind::Photo, "a.png".into(), "image/png".into(), 3, source);
        Message {
            text: RichText::plain("hello"),
            media: vec![media],
            ..Message::new(ChatId::new(1), 2, SystemClock.now())
        }
    }

    #[test]
    fn what_nobody_sees_is_no_change() {
        let mut again = message();
        again.media[0].source = MediaSource::DiscordAttachment {
            chat: ChatId::new(1),
            message_id: 2,
            attachment_id: 3,
            url: "https://cdn/a?sig=2".into(),
        };
        again.chat_title = Some("renamed".into());
        again.author =
            Some(Author { id: 1, name: "Ada".into(), username: Some("ada".into()), bot: false, avatar: None });
        again.edited_at = Some(SystemClock.now());
        again.extras = vec![Extra::Embed(Box::new(Embed { preview: true, ..Embed::default() }))];
        assert!(message().shows_the_same(&again));
    }

    #[test]
    fn text_files_and_polls_are_changes() {
        let text = Message { text: RichText::plain("hello!"), ..message() };
        let media = Message { media: Vec::new(), ..message() };
        let poll = Message { extras: vec![Extra::Poll(Poll::default())], ..message() };
        for changed in [&text, &media, &poll] {
            assert!(!message().shows_the_same(changed), "{changed:?}");
        }
        assert!(message().same_media(&text) && !message().same_media(&media));
    }

    #[test]
    fn an_older_edit_is_no_news() {
        let now = SystemClock.now();
        let known = Message { edited_at: Some(now), ..message() };
        let edited = |at| Message { edited_at: Some(at), text: RichText::plain("other"), ..message() };
        assert!(edited(now).is_news_to(&known) && edited(now).is_news_to(&message()));
        assert!(!edited(now - chrono::TimeDelta::seconds(1)).is_news_to(&known));
        assert!(!Message { edited_at: Some(now), ..message() }.is_news_to(&message()));
    }
}
