//! The state of one Telegram login: data centre keys, access hashes and update cursors, held in memory and written as
//! one JSON document that the store seals.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv6Addr, SocketAddrV6},
    sync::{Mutex, MutexGuard, PoisonError},
};

use grammers_session::{
    BoxFuture, Session, SessionData,
    types::{ChannelState, DcOption, PeerId, PeerInfo, UpdateState, UpdatesState},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    endpoint::TelegramEndpoint,
    session_document::{self, UnreadableSession},
};

/// The data centre that a custom endpoint plays.
pub(super) const CUSTOM_DC: i32 = 2;

/// What a session knows.
pub(super) struct SessionState {
    pub(super) home_dc: i32,
    pub(super) dcs: BTreeMap<i32, DcOption>,
    /// By Bot API dialog id.
    pub(super) peers: BTreeMap<i64, PeerInfo>,
    pub(super) updates: UpdatesState,
}

#[derive(Default)]
struct Dirt {
    /// Keys, the home data centre or peers changed: losing that costs a login or an access hash.
    precious: bool,
    /// Only the update cursors moved: losing that costs a few repeated updates.
    cursors: bool,
}

/// The session that grammers reads and writes, and that the adapter saves.
pub(super) struct TelegramSession {
    inner: Mutex<(SessionState, Dirt)>,
}

impl TelegramSession {
    /// A session that knows nothing but where Telegram is.
    pub(super) fn new(endpoint: &TelegramEndpoint) -> Self {
        let known = SessionData::default();
        let state = SessionState {
            home_dc: known.home_dc,
            dcs: known.dc_options.into_iter().collect(),
            peers: BTreeMap::new(),
            updates: UpdatesState::default(),
        };
        Self::from_state(state, endpoint)
    }

    /// The session that `document` holds. The endpoint's address wins over the document's.
    pub(super) fn open(document: &SecretString, endpoint: &TelegramEndpoint) -> Result<Self, UnreadableSession> {
        Ok(Self::from_state(session_document::read(document.expose_secret())?, endpoint))
    }

    fn from_state(mut state: SessionState, endpoint: &TelegramEndpoint) -> Self {
        if let TelegramEndpoint::Custom { addr, .. } = endpoint {
            let auth_key = state.dcs.get(&CUSTOM_DC).and_then(|dc| dc.auth_key);
            let ipv6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, addr.port(), 0, 0);
            state.home_dc = CUSTOM_DC;
            state.dcs = BTreeMap::from([(CUSTOM_DC, DcOption { id: CUSTOM_DC, ipv4: *addr, ipv6, auth_key })]);
        } else {
            for (id, known) in SessionData::default().dc_options {
                state.dcs.entry(id).or_insert(known);
            }
        }
        Self { inner: Mutex::new((state, Dirt::default())) }
    }

    /// The document as it is now; marks everything as saved.
    pub(super) fn export(&self) -> SecretString {
        let mut inner = self.lock();
        inner.1 = Dirt::default();
        SecretString::from(session_document::write(&inner.0))
    }

    /// True when a key, the home data centre or a peer changed since the last export.
    pub(super) fn is_precious(&self) -> bool {
        self.lock().1.precious
    }

    /// True when anything changed since the last export.
    pub(super) fn is_dirty(&self) -> bool {
        let inner = self.lock();
        inner.1.precious || inner.1.cursors
    }

    /// Remembers how to address a peer, if that is news.
    pub(super) fn remember(&self, peer: PeerInfo) {
        let Some(id) = peer.id().bot_api_dialog_id() else { return };
        let mut inner = self.lock();
        let (state, dirt) = &mut *inner;
        let mut merged = state.peers.get(&id).cloned().unwrap_or_else(|| peer.clone());
        merged.extend_info(&peer);
        if state.peers.get(&id) != Some(&merged) {
            state.peers.insert(id, merged);
            dirt.precious = true;
        }
    }

    /// What is known of a dialog's peer.
    pub(super) fn known(&self, dialog_id: i64) -> Option<PeerInfo> {
        self.lock().0.peers.get(&dialog_id).cloned()
    }

    /// True when no chat but the account itself is known.
    pub(super) fn knows_no_chats(&self) -> bool {
        self.lock().0.peers.values().all(is_self)
    }

    /// Forgets all peers but the account itself.
    pub(super) fn forget_others(&self) {
        self.lock().0.peers.retain(|_, peer| is_self(peer));
    }

    /// Whether the data centre that requests go to has a key.
    pub(super) fn has_key(&self) -> bool {
        let inner = self.lock();
        inner.0.dcs.get(&inner.0.home_dc).is_some_and(|dc| dc.auth_key.is_some())
    }

    /// Stores the key agreed on with the home data centre.
    pub(super) fn set_key(&self, key: Option<[u8; 256]>) {
        let mut inner = self.lock();
        let (state, dirt) = &mut *inner;
        if let Some(dc) = state.dcs.get_mut(&state.home_dc) {
            dc.auth_key = key;
            dirt.precious = true;
        }
    }

    /// Moves the home data centre, as a 303 answer asks.
    pub(super) fn set_home(&self, dc: i32) {
        let mut inner = self.lock();
        inner.0.home_dc = dc;
        inner.1.precious = true;
    }

    /// The data centre that requests go to.
    pub(super) fn home(&self) -> i32 {
        self.lock().0.home_dc
    }

    /// The update cursors as last acknowledged.
    pub(super) fn cursors(&self) -> UpdatesState {
        self.lock().0.updates.clone()
    }

    /// Moves the update cursors.
    pub(super) fn set_cursors(&self, cursors: UpdatesState) {
        let mut inner = self.lock();
        if inner.0.updates != cursors {
            inner.0.updates = cursors;
            inner.1.cursors = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, (SessionState, Dirt)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_self(peer: &PeerInfo) -> bool {
    matches!(peer, PeerInfo::User { is_self: Some(true), .. })
}

impl Session for TelegramSession {
    type Error = Infallible;

    fn home_dc_id(&self) -> Result<i32, Infallible> {
        Ok(self.home())
    }

    fn set_home_dc_id(&self, dc_id: i32) -> BoxFuture<'_, Result<(), Infallible>> {
        self.set_home(dc_id);
        Box::pin(std::future::ready(Ok(())))
    }

    fn dc_option(&self, dc_id: i32) -> Result<Option<DcOption>, Infallible> {
        Ok(self.lock().0.dcs.get(&dc_id).cloned())
    }

    fn set_dc_option(&self, dc_option: &DcOption) -> BoxFuture<'_, Result<(), Infallible>> {
        let mut inner = self.lock();
        let (state, dirt) = &mut *inner;
        if state.dcs.get(&dc_option.id) != Some(dc_option) {
            state.dcs.insert(dc_option.id, dc_option.clone());
            dirt.precious = true;
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn peer(&self, peer: PeerId) -> BoxFuture<'_, Result<Option<PeerInfo>, Infallible>> {
        let found = match peer.bot_api_dialog_id() {
            Some(id) => self.known(id),
            None => self.lock().0.peers.values().find(|peer| is_self(peer)).cloned(),
        };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn cache_peer(&self, peer: PeerInfo) -> BoxFuture<'_, Result<(), Infallible>> {
        self.remember(peer);
        Box::pin(std::future::ready(Ok(())))
    }

    fn updates_state(&self) -> BoxFuture<'_, Result<UpdatesState, Infallible>> {
        Box::pin(std::future::ready(Ok(self.cursors())))
    }

    fn set_update_state(&self, update: UpdateState) -> BoxFuture<'_, Result<(), Infallible>> {
        let mut cursors = self.cursors();
        match update {
            UpdateState::All(all) => cursors = all,
            UpdateState::Primary { pts, date, seq } => (cursors.pts, cursors.date, cursors.seq) = (pts, date, seq),
            UpdateState::Secondary { qts } => cursors.qts = qts,
            UpdateState::Channel { id, pts } => {
                cursors.channels.retain(|channel| channel.id != id);
                cursors.channels.push(ChannelState { id, pts });
            }
        }
        self.set_cursors(cursors);
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use grammers_session::types::{ChannelKind, PeerAuth};

    use super::*;

    fn channel(hash: Option<i64>) -> PeerInfo {
        PeerInfo::Channel { id: 77, auth: hash.map(PeerAuth::from_hash), kind: Some(ChannelKind::Broadcast) }
    }

    #[test]
    fn a_session_survives_its_document() {
        let session = TelegramSession::new(&TelegramEndpoint::Production);
        session.set_home(4);
        session.set_key(Some([7; 256]));
        session.remember(channel(Some(-5)));
        session.remember(PeerInfo::User {
            id: 9,
            auth: Some(PeerAuth::from_hash(3)),
            bot: Some(false),
            is_self: Some(true),
        });
        session.remember(PeerInfo::Chat { id: 12 });
        let cursors = UpdatesState { pts: 5, qts: 6, date: 7, seq: 8, channels: vec![ChannelState { id: 77, pts: 3 }] };
        session.set_cursors(cursors.clone());
        let document = session.export();
        assert!(!session.is_dirty());

        let again = TelegramSession::open(&document, &TelegramEndpoint::Production).unwrap();
        assert_eq!(again.home(), 4);
        assert!(again.has_key());
        assert_eq!(again.cursors(), cursors);
        assert_eq!(again.known(-1_000_000_000_077), Some(channel(Some(-5))));
        assert_eq!(again.known(-12), Some(PeerInfo::Chat { id: 12 }));
        assert!(again.known(9).is_some());
        assert_eq!(again.dc_option(1).unwrap(), session.dc_option(1).unwrap());
        assert_eq!(again.export().expose_secret(), document.expose_secret());
    }

    #[test]
    fn only_news_makes_it_dirty() {
        let session = TelegramSession::new(&TelegramEndpoint::Production);
        session.remember(channel(Some(5)));
        assert!(session.is_precious());
        session.export();
        session.remember(channel(Some(5)));
        session.remember(channel(None));
        assert!(!session.is_dirty());
        assert_eq!(session.known(-1_000_000_000_077), Some(channel(Some(5))));
        session.set_cursors(UpdatesState { pts: 1, ..UpdatesState::default() });
        assert!(session.is_dirty() && !session.is_precious());
    }

    #[test]
    fn an_unreadable_document_is_an_error() {
        for text in ["", "{}", "{\"version\":99}"] {
            assert!(TelegramSession::open(&SecretString::from(text), &TelegramEndpoint::Production).is_err(), "{text}");
        }
    }
}
