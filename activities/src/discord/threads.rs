//! Threads of text channels and posts of forums.

use domain::ChatId;
use serde::Deserialize;
use serde_json::json;
use serenity::all::{ChannelType, GuildChannel, ThreadsData};
use serenity::http::{LightMethod, Route};

use crate::platform::PlatformError;

use super::ask::Ask;
use super::chats::Asker;
use super::errors::{chat as closed, message};
use super::send::number;
use super::snowflake;

/// Discord's limit on a thread's name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// A thread is hidden from the list after a week of silence, the longest that Discord offers; writing shows it again.
const HIDDEN_AFTER_MINUTES: u32 = 10_080;

/// A name that Discord takes for a thread.
pub(super) fn shortened(title: &str) -> String {
    let name: String =
        title.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_CHARS_MAX).collect();
    let name = name.trim();
    if name.is_empty() { "…".to_owned() } else { name.to_owned() }
}

/// Opens a thread below a text or announcement channel.
pub(super) async fn open(asker: &Asker<'_>, chat: ChatId, title: &str) -> Result<i64, PlatformError> {
    let channel_id = snowflake::channel(chat)?;
    let kind = match asker.kind_of(chat).await? {
        ChannelType::Text => 11,
        ChannelType::News => 10,
        ChannelType::Forum => {
            return Err(message("thread_needs_message", "a post of a forum begins with a message"));
        }
        _ => return Err(closed("wrong_channel_type", "this channel cannot have threads")),
    };
    let body = json!({ "name": shortened(title), "type": kind, "auto_archive_duration": HIDDEN_AFTER_MINUTES });
    let ask = Ask::new(Route::ChannelThreads { channel_id }, LightMethod::Post).with_json(body);
    let opened: Opened = asker.rest.ask(&ask).await?;
    number(&opened.id)
}

/// Threads and posts below a channel: the active ones, and the latest of those that are archived.
pub(super) async fn below(asker: &Asker<'_>, chat: ChatId) -> Result<Vec<GuildChannel>, PlatformError> {
    let channel_id = snowflake::channel(chat)?;
    let above = asker.channel(channel_id).await?;
    let active = Route::GuildThreadsActive { guild_id: above.guild_id };
    let active: ThreadsData = asker.rest.get(active, Vec::new()).await?;
    let archived = Route::ChannelArchivedPublicThreads { channel_id };
    let archived: ThreadsData = asker.rest.get(archived, vec![("limit", "100".to_owned())]).await?;
    let mut found = active.threads;
    found.retain(|thread| thread.parent_id == Some(channel_id));
    found.extend(archived.threads);
    Ok(found)
}

#[derive(Deserialize)]
struct Opened {
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_fits() {
        assert_eq!(shortened("  a\nb "), "a b");
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 100);
        assert_eq!(shortened(" \n"), "…");
    }
}
