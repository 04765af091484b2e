//! Reading messages back: pages of history, and single messages.

use domain::{ChatId, Message};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, normalise};
use crate::platform::PlatformError;

/// The most messages that Telegram gives at once.
const PAGE_MAX: usize = 100;
/// Pages read when a window over deleted messages has to be crossed: 5,000 messages, far more than a gap holds.
const WALK_PAGES_MAX: usize = 50;

/// Messages with everything that is needed to read them.
pub(super) struct Page {
    pub(super) messages: Vec<enums::Message>,
    pub(super) users: Vec<enums::User>,
    pub(super) chats: Vec<enums::Chat>,
}

impl From<enums::messages::Messages> for Page {
    fn from(answer: enums::messages::Messages) -> Self {
        use enums::messages::Messages;
        match answer {
            Messages::Messages(page) => Self { messages: page.messages, users: page.users, chats: page.chats },
            Messages::Slice(page) => Self { messages: page.messages, users: page.users, chats: page.chats },
            Messages::ChannelMessages(page) => Self { messages: page.messages, users: page.users, chats: page.chats },
            Messages::NotModified(_) => Self { messages: Vec::new(), users: Vec::new(), chats: Vec::new() },
        }
    }
}

impl Account {
    /// Messages of `chat` with an id above `after`, oldest first, at most `limit`.
    pub(super) async fn history_after(
        &self,
        chat: ChatId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Message>, PlatformError> {
        let peer = self.input_peer(chat).await?;
        let mut after = message_number(after.max(0))?;
        let newest = self.newest(peer.clone(), 0, 1).await?;
        let Some(newest) = newest.messages.iter().map(normalise::id_of).max() else { return Ok(Vec::new()) };
        let mut found: Vec<Message> = Vec::new();
        while found.len() < limit && after < newest {
            let mut page = self.page_after(peer.clone(), after).await?;
            if page.is_empty() {
                // Deleted messages keep their places in Telegram's windows, so an empty one is not yet the end.
                page = self.walk_back(peer.clone(), after).await?;
            }
            let Some(last) = page.last().map(|message| message.message_id) else { break };
            after = message_number(last)?;
            found.extend(page);
        }
        found.truncate(limit);
        let mut in_topics: Vec<&mut Message> = found.iter_mut().filter(|message| message.topic.is_some()).collect();
        if !in_topics.is_empty() {
            self.name_topics(&mut in_topics).await;
        }
        Ok(found)
    }

    /// The newest messages of a chat, newest first.
    pub(super) async fn newest(
        &self,
        peer: enums::InputPeer,
        before: i32,
        limit: usize,
    ) -> Result<Page, PlatformError> {
        let request = functions::messages::GetHistory { offset_id: before, limit: page_size(limit), ..whole(peer) };
        let page = Page::from(self.link.ask(&request).await?);
        self.learn(&page.users, &page.chats);
        Ok(page)
    }

    /// One message as it is now.
    pub(super) async fn message(&self, chat: ChatId, message_id: i64) -> Result<Option<types::Message>, PlatformError> {
        let id = vec![types::InputMessageId { id: message_number(message_id)? }.into()];
        let answer = match self.input_channel(chat).await? {
            Some(channel) => self.link.ask(&functions::channels::GetMessages { channel, id }).await?,
            None => self.link.ask(&functions::messages::GetMessages { id }).await?,
        };
        Ok(Page::from(answer).messages.into_iter().find_map(|message| match message {
            enums::Message::Message(message) if i64::from(message.id) == message_id => Some(message),
            _ => None,
        }))
    }

    /// The page that follows `after`: a window that ends, going back in time, just above it. Oldest first.
    async fn page_after(&self, peer: enums::InputPeer, after: i32) -> Result<Vec<Message>, PlatformError> {
        let limit = page_size(PAGE_MAX);
        let request = functions::messages::GetHistory {
            offset_id: after.saturating_add(1),
            add_offset: -limit,
            limit,
            min_id: after,
            ..whole(peer)
        };
        let page = Page::from(self.link.ask(&request).await?);
        self.learn(&page.users, &page.chats);
        Ok(self.readable(&page, after))
    }

    /// All messages above `after`, found from the newest downwards. Oldest first; the oldest are missing when there
    /// are more than [`WALK_PAGES_MAX`] pages.
    async fn walk_back(&self, peer: enums::InputPeer, after: i32) -> Result<Vec<Message>, PlatformError> {
        let mut found: Vec<Message> = Vec::new();
        let mut before = 0;
        for _ in 0..WALK_PAGES_MAX {
            let page = self.newest(peer.clone(), before, PAGE_MAX).await?;
            found.extend(self.readable(&page, after));
            match page.messages.iter().map(normalise::id_of).min() {
                Some(lowest) if lowest > after.saturating_add(1) => before = lowest,
                _ => break,
            }
        }
        found.sort_by_key(|message| message.message_id);
        Ok(found)
    }

    /// The messages of a page above `after`, oldest first.
    fn readable(&self, page: &Page, after: i32) -> Vec<Message> {
        let me = self.identity.external_id;
        let above = page.messages.iter().filter(|message| normalise::id_of(message) > after);
        let mut messages: Vec<Message> =
            above.filter_map(|message| normalise::message(message, &self.names, me)).collect();
        messages.sort_by_key(|message| message.message_id);
        messages
    }
}

/// A message id in Telegram's range.
pub(super) fn message_number(id: i64) -> Result<i32, PlatformError> {
    i32::try_from(id).map_err(|_| PlatformError::Message {
        code: "message_id_invalid".to_owned(),
        detail: "this is not the id of a Telegram message".to_owned(),
    })
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit.min(PAGE_MAX)).unwrap_or(i32::MAX)
}

const fn whole(peer: enums::InputPeer) -> functions::messages::GetHistory {
    functions::messages::GetHistory {
        peer,
        offset_id: 0,
        offset_date: 0,
        add_offset: 0,
        limit: 0,
        max_id: 0,
        min_id: 0,
        hash: 0,
    }
}
