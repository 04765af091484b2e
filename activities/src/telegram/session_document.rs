//! The JSON form of a session. It holds the authorisation keys, so it is a secret as a whole.

use std::{
    collections::BTreeMap,
    net::{SocketAddrV4, SocketAddrV6},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grammers_session::types::{ChannelKind, ChannelState, DcOption, PeerAuth, PeerInfo, UpdatesState};
use serde::{Deserialize, Serialize};

use super::session::SessionState;

/// The form written today; an older one would be migrated while reading.
const VERSION: u32 = 1;

/// A text that is not a session document of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored session cannot be read")]
pub(super) struct UnreadableSession;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    home_dc: i32,
    dcs: Vec<Dc>,
    peers: Vec<Peer>,
    cursors: Cursors,
}

#[derive(Serialize, Deserialize)]
struct Dc {
    id: i32,
    ipv4: SocketAddrV4,
    ipv6: SocketAddrV6,
    /// Base64 of 256 bytes.
    key: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Peer {
    User {
        id: i64,
        hash: Option<i64>,
        bot: Option<bool>,
        me: Option<bool>,
    },
    Chat {
        id: i64,
    },
    Channel {
        id: i64,
        hash: Option<i64>,
        /// `broadcast`, `megagroup`, `gigagroup` or `community`.
        form: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct Cursors {
    pts: i32,
    qts: i32,
    date: i32,
    seq: i32,
    /// Channel id to its pts.
    channels: BTreeMap<i64, i32>,
}

pub(super) fn read(text: &str) -> Result<SessionState, UnreadableSession> {
    let document: Document = serde_json::from_str(text).map_err(|_| UnreadableSession)?;
    if document.version != VERSION {
        return Err(UnreadableSession);
    }
    let dcs = document.dcs.into_iter().map(read_dc).collect::<Result<_, _>>()?;
    let peers = document.peers.into_iter().map(read_peer);
    let peers = peers.filter_map(|peer| Some((peer.id().bot_api_dialog_id()?, peer))).collect();
    let Cursors { pts, qts, date, seq, channels } = document.cursors;
    let channels = channels.into_iter().map(|(id, pts)| ChannelState { id, pts }).collect();
    Ok(SessionState { home_dc: document.home_dc, dcs, peers, updates: UpdatesState { pts, qts, date, seq, channels } })
}

pub(super) fn write(state: &SessionState) -> String {
    let updates = &state.updates;
    let document = Document {
        version: VERSION,
        home_dc: state.home_dc,
        dcs: state.dcs.values().map(write_dc).collect(),
        peers: state.peers.values().map(write_peer).collect(),
        cursors: Cursors {
            pts: updates.pts,
            qts: updates.qts,
            date: updates.date,
            seq: updates.seq,
            channels: updates.channels.iter().map(|channel| (channel.id, channel.pts)).collect(),
        },
    };
    #[expect(clippy::expect_used, reason = "plain structs with string keys always have a JSON form")]
    serde_json::to_string(&document).expect("a session document has a JSON form")
}

fn read_dc(dc: Dc) -> Result<(i32, DcOption), UnreadableSession> {
    let auth_key = dc
        .key
        .map(|key| STANDARD.decode(key).ok().and_then(|key| key.try_into().ok()).ok_or(UnreadableSession))
        .transpose()?;
    Ok((dc.id, DcOption { id: dc.id, ipv4: dc.ipv4, ipv6: dc.ipv6, auth_key }))
}

fn write_dc(dc: &DcOption) -> Dc {
    Dc { id: dc.id, ipv4: dc.ipv4, ipv6: dc.ipv6, key: dc.auth_key.map(|key| STANDARD.encode(key)) }
}

fn read_peer(peer: Peer) -> PeerInfo {
    match peer {
        Peer::User { id, hash, bot, me } => {
            PeerInfo::User { id, auth: hash.map(PeerAuth::from_hash), bot, is_self: me }
        }
        Peer::Chat { id } => PeerInfo::Chat { id },
        Peer::Channel { id, hash, form } => {
            let kind = form.as_deref().and_then(|form| match form {
                "broadcast" => Some(ChannelKind::Broadcast),
                "megagroup" => Some(ChannelKind::Megagroup),
                "gigagroup" => Some(ChannelKind::Gigagroup),
                "community" => Some(ChannelKind::Community),
                _ => None,
            });
            PeerInfo::Channel { id, auth: hash.map(PeerAuth::from_hash), kind }
        }
    }
}

fn write_peer(peer: &PeerInfo) -> Peer {
    match peer {
        PeerInfo::User { id, auth, bot, is_self } => {
            Peer::User { id: *id, hash: auth.map(PeerAuth::hash), bot: *bot, me: *is_self }
        }
        PeerInfo::Chat { id } => Peer::Chat { id: *id },
        PeerInfo::Channel { id, auth, kind } => {
            let form = kind.map(|kind| match kind {
                ChannelKind::Broadcast => "broadcast",
                ChannelKind::Megagroup => "megagroup",
                ChannelKind::Gigagroup => "gigagroup",
                ChannelKind::Community => "community",
            });
            Peer::Channel { id: *id, hash: auth.map(PeerAuth::hash), form: form.map(String::from) }
        }
    }
}
