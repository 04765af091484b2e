//! Questions about messages that several requests ask: windows of a history, ends of a log.

use super::World;
use super::event::Holder;
use super::model::{LogEntry, Message};
use super::peer::Peer;

/// A request for a part of a history, in the protocol's terms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// The window begins below this id; 0 means at the newest message.
    pub(crate) offset_id: i32,
    /// Used when `offset_id` is 0: the window begins below this date.
    pub(crate) offset_date: i32,
    /// Moves the beginning towards older messages, or towards newer ones when negative.
    pub(crate) add_offset: i32,
    pub(crate) limit: usize,
    /// Only ids below; 0 means any.
    pub(crate) max_id: i32,
    /// Only ids above.
    pub(crate) min_id: i32,
}

impl World {
    /// The ascending ids of a conversation as `viewer` sees it.
    pub(crate) fn ids(&self, viewer: i64, peer: Peer) -> &[i32] {
        match peer {
            Peer::Channel(id) => self.channels.get(&id).map_or(&[], |c| c.ids.as_slice()),
            _ => self
                .accounts
                .get(&viewer)
                .and_then(|a| a.dialogs.get(&peer))
                .map_or(&[], |dialog| dialog.ids.as_slice()),
        }
    }

    /// A message of a conversation as `viewer` sees it.
    pub(crate) fn message(&self, viewer: i64, peer: Peer, id: i32) -> Option<&Message> {
        match peer {
            Peer::Channel(channel) => self.channels.get(&channel)?.messages.get(&id),
            _ => self.accounts.get(&viewer)?.messages.get(&id).filter(|m| m.peer == peer),
        }
    }

    /// The messages in the window, newest first.
    pub(crate) fn history(&self, viewer: i64, peer: Peer, window: Window) -> Vec<&Message> {
        let ids = self.ids(viewer, peer);
        select(ids, window, |id| self.message(viewer, peer, id).map_or(0, |m| m.content.date))
            .into_iter()
            .filter_map(|id| self.message(viewer, peer, id))
            .collect()
    }

    /// The steps after `pts`, oldest first.
    pub(crate) fn log_after(&self, holder: Holder, pts: i32) -> &[LogEntry] {
        let log = match holder {
            Holder::Account(user) => self.accounts.get(&user).map(|a| &a.log),
            Holder::Channel(id) => self.channels.get(&id).map(|c| &c.log),
        };
        let Some(log) = log else { return &[] };
        &log[log.partition_point(|entry| entry.pts <= pts)..]
    }
}

/// Picks ids, newest first. The beginning is found first, then moved by `add_offset`; what would lie above the newest
/// message is cut off, and only then do `max_id` and `min_id` filter.
pub(crate) fn select(ids: &[i32], window: Window, date_of: impl Fn(i32) -> i32) -> Vec<i32> {
    let below = if window.offset_id > 0 {
        ids.partition_point(|id| *id < window.offset_id)
    } else if window.offset_date > 0 {
        ids.partition_point(|id| date_of(*id) < window.offset_date)
    } else {
        ids.len()
    };
    let begin = below as i64 - i64::from(window.add_offset);
    let end = (begin - window.limit as i64).clamp(0, ids.len() as i64) as usize;
    let begin = begin.clamp(0, ids.len() as i64) as usize;
    ids[end..begin.max(end)]
        .iter()
        .rev()
        .copied()
        .filter(|id| *id > window.min_id && (window.max_id == 0 || *id < window.max_id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Window, select};

    fn check(window: Window, expected: &[i32]) {
        let ids: Vec<i32> = (1..=10).map(|n| n * 10).collect();
        assert_eq!(select(&ids, window, |id| id), expected, "{window:?}");
    }

    #[test]
    fn windows_follow_the_protocol() {
        let window = Window { limit: 3, ..Window::default() };
        check(window, &[100, 90, 80]);
        check(Window { offset_id: 80, ..window }, &[70, 60, 50]);
        check(Window { offset_id: 85, ..window }, &[80, 70, 60]);
        check(Window { offset_date: 80, ..window }, &[70, 60, 50]);
        check(Window { offset_id: 80, add_offset: 1, ..window }, &[60, 50, 40]);
        check(Window { min_id: 90, ..window }, &[100]);
        check(Window { max_id: 90, ..window }, &[80]);
        check(Window { offset_id: 10, ..window }, &[]);
    }

    #[test]
    fn paging_towards_newer_messages_meets_every_message() {
        // What a client sends that walks from the oldest to the newest.
        let window = Window { limit: 3, add_offset: -3, ..Window::default() };
        check(Window { offset_id: 1, add_offset: -2, ..window }, &[20, 10]);
        check(Window { offset_id: 20, min_id: 20, ..window }, &[40, 30]);
        check(Window { offset_id: 90, min_id: 90, ..window }, &[100]);
        check(Window { offset_id: 100, min_id: 100, ..window }, &[]);
    }
}
