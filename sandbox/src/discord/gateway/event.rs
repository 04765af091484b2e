//! What is announced, and to whom.

use std::borrow::Cow;

use serde_json::Value;

use crate::discord::id::Id;

/// Gateway intents: which events a session asked for.
pub mod intent {
    /// Guilds, channels, threads.
    pub const GUILDS: u64 = 1;
    /// Members; privileged.
    pub const GUILD_MEMBERS: u64 = 1 << 1;
    /// Messages in guilds.
    pub const GUILD_MESSAGES: u64 = 1 << 9;
    /// Messages in direct conversations.
    pub const DIRECT_MESSAGES: u64 = 1 << 12;
    /// Text, files and embeds of others' messages; privileged.
    pub const MESSAGE_CONTENT: u64 = 1 << 15;
    /// All that Discord knows; others are refused.
    pub const KNOWN: u64 = (1 << 26) - 1;
}

/// Who hears of an event.
#[derive(Debug)]
pub enum Audience<'a> {
    /// These bots, if their session asked for the event.
    Bots(&'a [Id]),
    /// This bot.
    Bot(Id),
}

impl Audience<'_> {
    /// Whether a bot is in it.
    #[must_use]
    pub fn contains(&self, bot: Id) -> bool {
        match self {
            Self::Bots(bots) => bots.contains(&bot),
            Self::Bot(only) => *only == bot,
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    /// The event's name, such as `MESSAGE_CREATE`.
    pub name: Cow<'static, str>,
    /// The intent that asks for it; 0 when every session gets it.
    pub intent: u64,
    /// The data as JSON.
    pub full: String,
    /// The data without content, for sessions without the intent for it. None when nothing is hidden.
    pub blank: Option<String>,
    /// Who wrote it: the content is never hidden from its author.
    pub author: Id,
    /// Accounts that are addressed: the content is not hidden from them.
    pub addressed: Vec<Id>,
}

impl Event {
    /// An event that hides nothing.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, intent: u64, data: &Value) -> Self {
        Self { name: name.into(), intent, full: data.to_string(), blank: None, author: Id(0), addressed: Vec::new() }
    }

    /// The data for one session's intents; none when it did not ask for the event.
    #[must_use]
    pub fn data_for(&self, bot: Id, intents: u64) -> Option<&str> {
        if self.intent != 0 && intents & self.intent == 0 {
            return None;
        }
        let sees_content =
            intents & intent::MESSAGE_CONTENT != 0 || bot == self.author || self.addressed.contains(&bot);
        match &self.blank {
            Some(blank) if !sees_content => Some(blank),
            _ => Some(&self.full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_hidden_from_strangers_without_the_intent_only() {
        let event = Event {
            blank: Some("blank".to_owned()),
            full: "full".to_owned(),
            author: Id(1),
            addressed: vec![Id(2)],
            ..Event::new("MESSAGE_CREATE", intent::GUILD_MESSAGES, &Value::Null)
        };
        assert_eq!(event.data_for(Id(3), intent::GUILDS), None);
        assert_eq!(event.data_for(Id(3), intent::GUILD_MESSAGES), Some("blank"));
        assert_eq!(event.data_for(Id(1), intent::GUILD_MESSAGES), Some("full"));
        assert_eq!(event.data_for(Id(2), intent::GUILD_MESSAGES), Some("full"));
        assert_eq!(event.data_for(Id(3), intent::GUILD_MESSAGES | intent::MESSAGE_CONTENT), Some("full"));
    }
}
