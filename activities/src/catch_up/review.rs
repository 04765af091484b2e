//! What was there before an absence, read again: edits and deletions that happened meanwhile are no gap in the numbers.

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use domain::{ChatId, Message, Platform, Update, message::Deletion};
use store::chats::Source as Chat;

use super::{CatchUp, PAGE, persist};
use crate::{ingest::ingest, platform::PlatformError};

/// Older messages are not looked at again: edits after two days are rare, and Telegram forbids most of them.
const REVIEW_AGE_MAX: TimeDelta = TimeDelta::hours(48);
/// Messages of one chat that are looked at again on Discord, the newest: a day of a busy chat. The live stream waits
/// meanwhile, some 6 s for so many. What lies behind them is for the reconciliation to find.
const DISCORD_MAX: i64 = 2_000;
/// The same on Telegram, whose own difference tells of changes in all but the longest absences: one page.
const TELEGRAM_MAX: i64 = 100;
/// Between two pages of a chat: reading history must not use up what the account may ask.
const PAGE_PAUSE: Duration = Duration::from_millis(200);

impl CatchUp<'_> {
    /// Reads again what the ledger had of `chats` when they were looked up. The ledger itself finds what has changed.
    pub(super) async fn review(&self, chats: &[Chat]) -> Result<(), PlatformError> {
        let limit = match self.source.platform {
            Platform::Discord => DISCORD_MAX,
            Platform::Telegram => TELEGRAM_MAX,
        };
        for chat in chats {
            let known = persist("read the messages from before the absence", || async {
                let since = self.context.clock.now() - REVIEW_AGE_MAX;
                let mut database = self.context.database().await?;
                store::chats::newest_messages(&mut database, self.source.account, *chat, since, limit).await
            })
            .await;
            self.review_chat(chat.chat, &known).await?;
        }
        Ok(())
    }

    /// Compares the messages `known`, ascending, with the chat: a page of the newest first.
    async fn review_chat(&self, chat: ChatId, known: &[i64]) -> Result<(), PlatformError> {
        // Messages that are not on record may stand between those that are.
        let pages_max = 2 * known.len().div_ceil(PAGE);
        let mut pages = 0;
        for part in known.rchunks(PAGE) {
            let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
            let mut after = first - 1;
            while after < *last && pages < pages_max {
                if pages > 0 {
                    tokio::time::sleep(PAGE_PAUSE).await;
                }
                pages += 1;
                let Ok(page) = self.history(chat, after).await? else { return Ok(()) };
                // Behind an empty page nothing stands any more.
                let up_to = page.last().map_or(*last, |message| message.message_id);
                let updates = changes(chat, page, (after, up_to), part);
                persist("record missed changes", || ingest(self.context, self.client, self.source, &updates)).await;
                after = up_to;
            }
        }
        Ok(())
    }
}

/// What a page says of those messages of `known`, ascending, that are above `after` and not above `up_to`: how each
/// reads now, and which are gone.
fn changes(chat: ChatId, page: Vec<Message>, (after, up_to): (i64, i64), known: &[i64]) -> Vec<Update> {
    let standing: HashSet<i64> = page.iter().map(|message| message.message_id).collect();
    let is_gone = |id: &i64| *id > after && *id <= up_to && !standing.contains(id);
    let gone: Vec<i64> = known.iter().copied().filter(is_gone).collect();
    let is_known = |message: &Message| known.binary_search(&message.message_id).is_ok();
    let mut updates: Vec<Update> = page.into_iter().filter(is_known).map(Update::Edited).collect();
    if !gone.is_empty() {
        updates.push(Update::Deleted(Deletion { chat: Some(chat), message_ids: gone }));
    }
    updates
}

#[cfg(test)]
mod tests {
    use domain::{Clock as _, SystemClock};

    use super::*;

    const CHAT: ChatId = ChatId::new(1);

    /// The ids that are shown again, and those that are gone.
    fn ids(page: &[i64], range: (i64, i64), known: &[i64]) -> (Vec<i64>, Vec<i64>) {
        let page = page.iter().map(|id| Message::new(CHAT, *id, SystemClock.now())).collect();
        let (mut shown, mut gone) = (Vec::new(), Vec::new());
        for update in changes(CHAT, page, range, known) {
            match update {
                Update::Edited(message) => shown.push(message.message_id),
                Update::Deleted(deletion) => gone.extend(deletion.message_ids),
                Update::Posted(message) => panic!("{message:?}"),
            }
        }
        (shown, gone)
    }

    #[test]
    fn a_page_speaks_for_its_own_range_only() {
        let known = [2, 4, 6, 8];
        assert_eq!(ids(&[2, 3, 5, 6], (1, 6), &known), (vec![2, 6], vec![4]));
        assert_eq!(ids(&[9], (6, 9), &known), (vec![], vec![8]));
        assert_eq!(ids(&[2, 4, 6, 8], (1, 8), &known), (vec![2, 4, 6, 8], vec![]));
    }

    #[test]
    fn behind_an_empty_page_all_is_gone() {
        assert_eq!(ids(&[], (1, 8), &[2, 4, 8]), (vec![], vec![2, 4, 8]));
    }
}
