//! Threads of text channels and posts of forums.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::ChatId;
use serde::Deserialize;
use serde_json::json;
use serenity::all::{ChannelType, GuildChannel, ThreadsData};
use serenity::http::{LightMethod, Route};

use crate::platform::{Below, PlatformError};

use super::ask::Ask;
use super::chats::Asker;
use super::errors::{chat as closed, message};
use super::send::number;
use super::snowflake;

/// Discord's limit on a thread's name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// A thread is hidden from the list after a week of silence, the longest that Discord offers; writing shows it again.
const HIDDEN_AFTER_MINUTES: u32 = 10_080;

/// Discord's largest page of archived threads.
const ARCHIVED_PAGE: usize = 100;
/// Pages of archived threads that are read: more were not archived in any time that a gap lasts.
const ARCHIVED_PAGES_MAX: usize = 20;
/// How far our clock and Discord's may differ.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);

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

/// Threads and posts below a channel: the active ones, and those that were archived since `since`. Archived private ones
/// are not among them: a bot that may not manage threads is not told of them.
pub(super) async fn below(
    asker: &Asker<'_>,
    chat: ChatId,
    since: DateTime<Utc>,
) -> Result<Vec<GuildChannel>, PlatformError> {
    let channel_id = snowflake::channel(chat)?;
    let above = asker.channel(channel_id).await?;
    let active = Route::GuildThreadsActive { guild_id: above.guild_id };
    let active: ThreadsData = asker.rest.get(active, Vec::new()).await?;
    let mut found = active.threads;
    found.retain(|thread| thread.parent_id == Some(channel_id));
    // Newest archived first.
    let mut before: Option<DateTime<Utc>> = None;
    for _ in 0..ARCHIVED_PAGES_MAX {
        let mut params = vec![("limit", ARCHIVED_PAGE.to_string())];
        params.extend(before.map(|before| ("before", before.to_rfc3339_opts(SecondsFormat::Millis, true))));
        let page: ThreadsData = asker.rest.get(Route::ChannelArchivedPublicThreads { channel_id }, params).await?;
        before = page.threads.last().and_then(archived_at);
        found.extend(page.threads);
        if !page.has_more || before.is_none_or(|before| before < since) {
            break;
        }
    }
    // Pages touch within a millisecond.
    found.sort_by_key(|thread| thread.id);
    found.dedup_by_key(|thread| thread.id);
    Ok(found)
}

/// When a thread was archived, to the end of the millisecond.
fn archived_at(thread: &GuildChannel) -> Option<DateTime<Utc>> {
    let at = thread.thread_metadata?.archive_timestamp?;
    DateTime::from_timestamp_millis(at.timestamp_millis().saturating_add(1))
}

/// Threads below a channel in which something was written since `since`. Other kinds of chats have none.
pub(super) async fn written_since(
    asker: &Asker<'_>,
    chat: ChatId,
    since: DateTime<Utc>,
) -> Result<Vec<Below>, PlatformError> {
    if !matches!(asker.kind_of(chat).await?, ChannelType::Text | ChannelType::News | ChannelType::Forum) {
        return Ok(Vec::new());
    }
    let after = snowflake::at(since);
    let mut written = Vec::new();
    for thread in below(asker, chat, since).await? {
        asker.names.put_channel(&thread);
        if thread.last_message_id.is_some_and(|last| snowflake::signed(last.get()) > after) {
            written.push(Below { chat: ChatId::new(snowflake::signed(thread.id.get())), after });
        }
    }
    Ok(written)
}

/// Threads of this title that the bot itself has opened since `since`, oldest first.
pub(super) async fn opened(
    asker: &Asker<'_>,
    chat: ChatId,
    title: &str,
    since: DateTime<Utc>,
) -> Result<Vec<i64>, PlatformError> {
    let (title, since) = (shortened(title), since - CLOCK_SKEW);
    let is_ours = |thread: &GuildChannel| {
        let owner = thread.owner_id.map(|owner| snowflake::signed(owner.get()));
        thread.name == title && owner == Some(asker.me)
    };
    let mut opened: Vec<i64> = below(asker, chat, since)
        .await?
        .iter()
        .filter(|thread| is_ours(thread))
        .map(|thread| snowflake::signed(thread.id.get()))
        .filter(|id| *id > snowflake::at(since))
        .collect();
    opened.sort_unstable();
    Ok(opened)
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
