//! The running server's state behind one lock: the world with its journal, the connections, the faults.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use grammers_tl_types::{Serializable as _, enums};

use crate::arrivals::Arrivals;

use super::faults::Faults;
use super::limits::Limits;
use super::live::Live;
use super::net::rsa::RsaKey;
use super::net::srp::Challenge;
use super::world::World;
use super::world::event::{Effect, Event};
use super::world::journal::{Journal, JournalError};
use super::world::model::Login;
use super::world::peer::Peer;

/// What all tasks share.
#[derive(Debug)]
pub(crate) struct Server {
    state: Mutex<State>,
    pub(crate) rsa: RsaKey,
    /// Where clients are told that the only data centre listens.
    pub(crate) port: u16,
    /// The folder of uploaded parts and stored files.
    pub(crate) folder: PathBuf,
}

/// The part behind the lock. Requests are carried out under it, one after another, so their order is the order of the
/// journal, of the states, and of each connection's queue.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) live: Live,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    /// Offered password checks by `srp_id`, with the account they are for.
    pub(crate) challenges: HashMap<i64, (i64, Challenge)>,
    /// What came to stand since the start.
    pub(crate) arrivals: Arrivals,
    journal: Journal,
}

impl Server {
    /// Opens the data folder and rebuilds the world.
    pub(crate) fn open(folder: &Path, port: u16) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder.join("files"))?;
        std::fs::create_dir_all(folder.join("parts"))?;
        let (journal, world) = Journal::open(folder)?;
        let state = State {
            world,
            live: Live::default(),
            faults: Faults::default(),
            limits: Limits::default(),
            challenges: HashMap::new(),
            arrivals: Arrivals::default(),
            journal,
        };
        Ok(Self { state: Mutex::new(state), rsa: RsaKey::sandbox(), port, folder: folder.to_owned() })
    }

    /// The state. A request that panicked has at worst left out a push; the world is only changed by whole events.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes events to the journal, then makes them true.
    pub(crate) fn commit(&mut self, events: Vec<Event>) -> Result<Vec<Effect>, JournalError> {
        self.journal.append(&events)?;
        for event in &events {
            if let Event::Posted { post } = event
                && post.content.action.is_none()
            {
                self.arrivals.note(post.to.dialog_id().to_string(), &post.content.text);
            }
        }
        Ok(events.into_iter().flat_map(|event| self.world.apply(event)).collect())
    }

    /// Commits and tells every connected client, except the session that caused it.
    pub(crate) fn commit_and_push(
        &mut self,
        events: Vec<Event>,
        except: Option<(i64, i64)>,
    ) -> Result<Vec<Effect>, JournalError> {
        let effects = self.commit(events)?;
        self.push(&effects, except);
        Ok(effects)
    }

    /// Who `key_id` is logged in as.
    pub(crate) fn user_of(&self, key_id: i64) -> Option<i64> {
        match self.world.logins.get(&key_id) {
            Some(Login::User(user)) => Some(*user),
            _ => None,
        }
    }

    /// Ends every session of the user: from now on its keys stand for nobody, or for a revoked session.
    pub(crate) fn revoke(&mut self, user: i64, says_so: bool) -> Result<(), JournalError> {
        self.nudge(user);
        let keys: Vec<i64> = self.world.keys_of.get(&user).into_iter().flatten().copied().collect();
        let end = |key_id| match says_so {
            true => Event::KeyBound { key_id, login: Login::Revoked },
            false => Event::KeyFreed { key_id },
        };
        self.commit(keys.into_iter().map(end).collect())?;
        Ok(())
    }

    /// Makes the user's clients ask for the difference, as the real service does when something is up with the account:
    /// the answer tells them what.
    pub(crate) fn nudge(&self, user: i64) {
        for key_id in self.world.keys_of.get(&user).into_iter().flatten() {
            self.live.push(*key_id, None, &enums::Updates::TooLong.to_bytes());
        }
    }

    /// Closes the user's connections.
    pub(crate) fn close_user(&self, user: i64) {
        for key_id in self.world.keys_of.get(&user).into_iter().flatten() {
            self.live.close_key(*key_id);
        }
    }
}

/// Who may do what: the questions that requests and the control API share.
impl State {
    /// Whether the user may see the channel's messages.
    pub(crate) fn may_read(&self, user: i64, peer: Peer) -> bool {
        match peer {
            Peer::User(_) => true,
            Peer::Group(id) => self
                .world
                .groups
                .get(&id)
                .is_some_and(|group| group.members.get(&user).is_some_and(|m| m.role.is_inside())),
            Peer::Channel(id) => self.world.channels.get(&id).is_some_and(|channel| match channel.role(user) {
                Some(role) if role.is_inside() => true,
                Some(super::world::model::Role::Kicked) => false,
                _ => channel.username.is_some(),
            }),
        }
    }
}
