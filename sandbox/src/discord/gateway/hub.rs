//! Sessions: who is connected, what they missed, and what is sent to them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::mpsc::UnboundedSender;

use super::event::{Audience, Event, intent};
use crate::discord::{clock::now_ms, id::Id};

/// Events kept for a resume. A session that missed more must identify anew.
const REPLAY_MAX: usize = 5_000;

/// How long a session without a connection can be resumed, in milliseconds.
const RESUMABLE_MS: u64 = 10 * 60 * 1000;

/// What a connection is told to do.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Send this text.
    Text(Arc<str>),
    /// Close with this code.
    Close(u16, &'static str),
    /// Go away without a word.
    Drop,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Hub {
    sessions: HashMap<String, Session>,
    links: u64,
    closed_until_ms: u64,
}

#[derive(Debug)]
struct Session {
    bot: Id,
    intents: u64,
    sequence: u64,
    replay: VecDeque<(u64, Arc<str>)>,
    link: Option<(u64, UnboundedSender<Outgoing>)>,
    left_ms: u64,
}

/// Why a session cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResume {
    /// Unknown, too old or somebody else's: identify anew.
    Unknown,
    /// The client claims to have seen what was never sent.
    BadSequence,
}

impl Hub {
    /// Opens a session and returns the number of its connection.
    pub fn open(&mut self, id: &str, bot: Id, intents: u64, to: UnboundedSender<Outgoing>) -> u64 {
        let now = now_ms();
        self.sessions.retain(|_, session| session.link.is_some() || session.left_ms + RESUMABLE_MS >= now);
        self.links += 1;
        let link = Some((self.links, to));
        let session = Session { bot, intents, sequence: 0, replay: VecDeque::new(), link, left_ms: 0 };
        self.sessions.insert(id.to_owned(), session);
        self.links
    }

    /// Continues a session on a new connection: sends what came after `seen`, then `RESUMED`.
    ///
    /// # Errors
    /// When there is nothing to continue.
    pub fn resume(&mut self, id: &str, bot: Id, seen: u64, to: UnboundedSender<Outgoing>) -> Result<u64, NoResume> {
        let session = self.sessions.get_mut(id).filter(|it| it.bot == bot).ok_or(NoResume::Unknown)?;
        if seen > session.sequence {
            return Err(NoResume::BadSequence);
        }
        let missed = session.sequence - seen;
        let expired = session.link.is_none() && session.left_ms + RESUMABLE_MS < now_ms();
        if expired || missed > session.replay.len() as u64 {
            self.sessions.remove(id);
            return Err(NoResume::Unknown);
        }
        for (_, text) in session.replay.iter().filter(|(sequence, _)| *sequence > seen) {
            to.send(Outgoing::Text(Arc::clone(text))).ok();
        }
        if let Some((_, old)) = session.link.take() {
            old.send(Outgoing::Close(4000, "resumed elsewhere")).ok();
        }
        self.links += 1;
        session.link = Some((self.links, to));
        session.push("RESUMED", r#"{"_trace":["sandbox"]}"#);
        Ok(self.links)
    }

    /// A connection ended; its session can be resumed for a while.
    pub fn leave(&mut self, id: &str, link: u64) {
        if let Some(session) = self.sessions.get_mut(id)
            && session.link.as_ref().is_some_and(|(number, _)| *number == link)
        {
            session.link = None;
            session.left_ms = now_ms();
        }
    }

    /// A client closed with 1000 or 1001: its session is over.
    pub fn end(&mut self, id: &str) {
        self.sessions.remove(id);
    }

    /// Sends to one session whatever its intents.
    pub fn tell(&mut self, id: &str, name: &str, data: &str) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.push(name, data);
        }
    }

    /// Sends an event to every session of the audience that asked for it.
    pub fn publish(&mut self, event: &Event, audience: &Audience<'_>) {
        for session in self.sessions.values_mut().filter(|session| audience.contains(session.bot)) {
            if let Some(data) = event.data_for(session.bot, session.intents) {
                session.push(&event.name, data);
            }
        }
    }

    /// The bots that have a session.
    #[must_use]
    pub fn bots(&self) -> Vec<Id> {
        let mut bots: Vec<Id> = self.sessions.values().map(|session| session.bot).collect();
        bots.sort_unstable();
        bots.dedup();
        bots
    }

    /// Whether some session has not asked for message content.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.sessions.values().any(|session| session.intents & intent::MESSAGE_CONTENT == 0)
    }

    /// Tells the connections of one bot, or of all, to do something. Returns how many there were.
    pub fn order(&self, bot: Option<Id>, what: &Outgoing) -> usize {
        let wanted = self.sessions.values().filter(|session| bot.is_none_or(|bot| bot == session.bot));
        wanted.filter_map(|session| session.link.as_ref()).filter(|(_, to)| to.send(what.clone()).is_ok()).count()
    }

    /// Forgets the sessions of one bot, or all, so that a resume is refused.
    pub fn forget(&mut self, bot: Option<Id>) {
        self.sessions.retain(|_, session| bot.is_some_and(|bot| bot != session.bot));
    }

    /// Refuses new connections until `ms` since 1970.
    pub const fn close_until(&mut self, ms: u64) {
        self.closed_until_ms = ms;
    }

    /// Whether new connections are refused.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        now_ms() < self.closed_until_ms
    }
}

impl Session {
    fn push(&mut self, name: &str, data: &str) {
        self.sequence += 1;
        let text: Arc<str> = format!(r#"{{"t":"{name}","s":{},"op":0,"d":{data}}}"#, self.sequence).into();
        if self.replay.len() == REPLAY_MAX {
            self.replay.pop_front();
        }
        self.replay.push_back((self.sequence, Arc::clone(&text)));
        if let Some((_, to)) = &self.link {
            to.send(Outgoing::Text(text)).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn texts(from: &mut UnboundedReceiver<Outgoing>) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(Outgoing::Text(text)) = from.try_recv() {
            seen.push(text.to_string());
        }
        seen
    }

    #[test]
    fn a_resumed_session_gets_exactly_what_it_missed() {
        let mut hub = Hub::default();
        let (to, mut from) = unbounded_channel();
        let link = hub.open("s", Id(1), 0, to);
        hub.tell("s", "A", "1");
        hub.leave("s", link);
        hub.tell("s", "B", "2");
        hub.tell("s", "C", "3");
        assert_eq!(texts(&mut from), [r#"{"t":"A","s":1,"op":0,"d":1}"#]);
        let (to, mut from) = unbounded_channel();
        assert_eq!(hub.resume("s", Id(1), 9, to.clone()), Err(NoResume::BadSequence));
        assert_eq!(hub.resume("s", Id(2), 1, to.clone()), Err(NoResume::Unknown));
        assert_eq!(hub.resume("s", Id(1), 1, to), Ok(2));
        let seen = texts(&mut from);
        assert_eq!(seen.len(), 3);
        assert!(seen[0].contains("\"B\"") && seen[1].contains("\"C\"") && seen[2].contains("RESUMED"));
    }

    #[test]
    fn a_session_that_missed_too_much_is_refused() {
        let mut hub = Hub::default();
        let (to, _from) = unbounded_channel();
        let link = hub.open("s", Id(1), 0, to.clone());
        hub.leave("s", link);
        for _ in 0..=REPLAY_MAX {
            hub.tell("s", "A", "1");
        }
        assert_eq!(hub.resume("s", Id(1), 0, to.clone()), Err(NoResume::Unknown));
        assert_eq!(hub.resume("s", Id(1), 5, to), Err(NoResume::Unknown));
    }
}
