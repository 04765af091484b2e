//! Who a message can be sent to: the three kinds of peer and their identifiers.

use grammers_tl_types::{enums, types};
use serde::{Deserialize, Serialize};

/// Channels and supergroups are written as `-(this + id)` in the Bot API form.
const CHANNEL_OFFSET: i64 = 1_000_000_000_000;

/// A user, a basic group, or a channel (broadcast channels and supergroups alike).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub(crate) enum Peer {
    User(i64),
    Group(i64),
    Channel(i64),
}

impl Peer {
    /// The Bot API form: users positive, basic groups negative, channels -100…
    pub(crate) fn dialog_id(self) -> i64 {
        match self {
            Self::User(id) => id,
            Self::Group(id) => -id,
            Self::Channel(id) => -(CHANNEL_OFFSET + id),
        }
    }

    /// The reverse of [`Peer::dialog_id`].
    pub(crate) fn from_dialog_id(id: i64) -> Self {
        if id >= 0 {
            Self::User(id)
        } else if id > -CHANNEL_OFFSET {
            Self::Group(-id)
        } else {
            Self::Channel(-id - CHANNEL_OFFSET)
        }
    }

    /// The protocol's form.
    pub(crate) fn to_tl(self) -> enums::Peer {
        match self {
            Self::User(user_id) => types::PeerUser { user_id }.into(),
            Self::Group(chat_id) => types::PeerChat { chat_id }.into(),
            Self::Channel(channel_id) => types::PeerChannel { channel_id }.into(),
        }
    }
}

impl From<i64> for Peer {
    fn from(id: i64) -> Self {
        Self::from_dialog_id(id)
    }
}

impl From<Peer> for i64 {
    fn from(peer: Peer) -> Self {
        peer.dialog_id()
    }
}

/// The access hash under which `viewer` knows an object. Every account has its own, as on the real service, so a hash
/// carried from one account to another is refused.
pub(crate) fn access_hash(viewer: i64, peer: Peer) -> i64 {
    mix(mix(0x5a4d_b0c5_1c35_eed1 ^ viewer as u64) ^ peer.dialog_id() as u64) as i64
}

/// A bijective scrambler (the finaliser of SplitMix64): the hashes need to differ, not to be secret.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Peer, access_hash};

    #[test]
    fn dialog_ids_read_back() {
        for peer in [Peer::User(42), Peer::Group(42), Peer::Channel(1_234_567_890)] {
            assert_eq!(Peer::from_dialog_id(peer.dialog_id()), peer);
        }
        assert_eq!(Peer::Channel(1_234_567_890).dialog_id(), -1_001_234_567_890);
    }

    #[test]
    fn access_hashes_belong_to_one_account() {
        assert_ne!(access_hash(1, Peer::User(3)), access_hash(2, Peer::User(3)));
        assert_ne!(access_hash(1, Peer::User(3)), access_hash(1, Peer::Channel(3)));
    }
}
