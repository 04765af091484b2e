//! Links to messages, where the platforms have them.

use crate::{account::Platform, chat::ChatId};

/// Dialog ids of Telegram's channels and supergroups count down from here.
const CHANNEL_BASE: i64 = -1_000_000_000_000;

/// What is known of a source chat beside its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceChat {
    /// Discord: the guild's id.
    pub guild_id: Option<String>,
    /// Telegram: the chat's public name, without the `@`.
    pub username: Option<String>,
}

/// The link that opens a message for everybody who may read it; `None` where there is none: Telegram's private chats and
/// basic groups, and Discord channels whose guild is not known.
#[must_use]
pub fn message_link(platform: Platform, chat: ChatId, message_id: i64, known: &SourceChat) -> Option<String> {
    match platform {
        Platform::Discord => {
            let guild = known.guild_id.as_deref()?;
            Some(format!("https://discord.com/channels/{guild}/{chat}/{message_id}"))
        }
        Platform::Telegram => match known.username.as_deref() {
            Some(username) => Some(format!("https://t.me/{username}/{message_id}")),
            None => {
                let internal = CHANNEL_BASE.checked_sub(chat.get()).filter(|internal| *internal > 0)?;
                Some(format!("https://t.me/c/{internal}/{message_id}"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_link_where_the_platform_has_one() {
        let link = |platform, chat, known: &SourceChat| message_link(platform, ChatId::new(chat), 7, known);
        let nothing = SourceChat::default();
        let guild = SourceChat { guild_id: Some("5".into()), ..nothing.clone() };
        let public = SourceChat { username: Some("news".into()), ..nothing.clone() };
        for (platform, chat, known, wanted) in [
            (Platform::Telegram, -1_001_234_567_890, &nothing, Some("https://t.me/c/1234567890/7")),
            (Platform::Telegram, -1_001_234_567_890, &public, Some("https://t.me/news/7")),
            (Platform::Telegram, -4_242, &nothing, None),
            (Platform::Telegram, 4_242, &nothing, None),
            (Platform::Discord, 9, &guild, Some("https://discord.com/channels/5/9/7")),
            (Platform::Discord, 9, &nothing, None),
        ] {
            assert_eq!(link(platform, chat, known).as_deref(), wanted, "{chat}");
        }
    }
}
