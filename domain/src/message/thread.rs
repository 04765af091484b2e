//! Topics and threads: which one a message stands in, and a name for one that it begins.

use super::Message;

/// Telegram's first topic of every forum: its messages name no topic.
pub const GENERAL_TOPIC: i64 = 1;

/// The longest name, in characters: Discord's limit.
const HEADLINE_CHARS_MAX: usize = 100;

impl Message {
    /// The name of the thread that the message stands in, or else its first line, its first file or its author. At most
    /// 100 characters, never empty.
    #[must_use]
    pub fn headline(&self) -> String {
        let line = self.text.text.lines().map(str::trim).find(|line| !line.is_empty());
        let file = || self.media.first().map(|media| media.file_name.as_str());
        let author = || self.author.as_ref().map(|author| author.name.as_str());
        let name = self.thread_title.as_deref().or(line).or_else(file).or_else(author).unwrap_or_default();
        let name: String = name.chars().take(HEADLINE_CHARS_MAX).collect();
        if name.trim().is_empty() { "…".to_owned() } else { name }
    }

    /// The topic or thread of its chat that the message stands in: a Telegram topic, or a Discord thread, which is a chat
    /// of its own.
    #[must_use]
    pub fn source_thread(&self) -> Option<i64> {
        self.parent.map_or(self.topic, |_| Some(self.chat.get()))
    }

    /// It stands in this topic of its chat; `None` is the whole chat.
    #[must_use]
    pub fn is_in_topic(&self, topic: Option<i64>) -> bool {
        topic.is_none_or(|topic| self.topic.unwrap_or(GENERAL_TOPIC) == topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ChatId,
        clock::{Clock as _, SystemClock},
        text::RichText,
    };

    #[test]
    fn a_thread_is_named_by_what_there_is() {
        let message = Message::new(ChatId::new(1), 2, SystemClock.now());
        assert_eq!(message.headline(), "…");
        let text = Message { text: RichText::plain("\n  first line \nsecond"), ..message.clone() };
        assert_eq!(text.headline(), "first line");
        let titled = Message { thread_title: Some("plans".into()), ..text };
        assert_eq!(titled.headline(), "plans");
        let long = Message { text: RichText::plain("ä".repeat(300)), ..message };
        assert_eq!(long.headline().chars().count(), 100);
    }

    #[test]
    fn what_names_no_topic_is_in_the_general_one() {
        let general = Message::new(ChatId::new(7), 2, SystemClock.now());
        let named = Message { topic: Some(5), ..general.clone() };
        let stands = |message: &Message| [None, Some(GENERAL_TOPIC), Some(5)].map(|topic| message.is_in_topic(topic));
        assert_eq!(stands(&general), [true, true, false]);
        assert_eq!(stands(&named), [true, false, true]);
    }

    #[test]
    fn a_discord_thread_is_a_chat_and_a_telegram_topic_a_number() {
        let message = Message::new(ChatId::new(7), 2, SystemClock.now());
        assert_eq!(message.source_thread(), None);
        assert_eq!(Message { topic: Some(5), ..message.clone() }.source_thread(), Some(5));
        assert_eq!(Message { parent: Some(ChatId::new(1)), ..message }.source_thread(), Some(7));
    }
}
