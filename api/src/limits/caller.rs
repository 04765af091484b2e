//! Whose requests are counted together.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use domain::{UserId, rate::WINDOW_SECONDS};
use uuid::Uuid;

/// Bits of an IPv6 address that name a subscriber; the rest is theirs to choose.
const SUBSCRIBER_BITS: u32 = 64;

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Signed in.
    User(UserId),
    /// By this API key.
    Key(Uuid),
    /// Nobody in particular.
    Address(IpAddr),
}

impl Caller {
    /// Addresses of one subscriber are one caller: IPv6 by its first 64 bits, IPv4 written as IPv6 as what it is.
    #[must_use]
    pub(super) fn grouped(self) -> Self {
        match self {
            Self::Address(address) => Self::Address(match address.to_canonical() {
                IpAddr::V6(address) => {
                    let mask = u128::MAX << (u128::BITS - SUBSCRIBER_BITS);
                    Ipv6Addr::from_bits(address.to_bits() & mask).into()
                }
                v4 @ IpAddr::V4(_) => v4,
            }),
            other @ (Self::User(_) | Self::Key(_)) => other,
        }
    }

    /// What kind of caller it is, for metrics.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Key(_) => "key",
            Self::Address(_) => "address",
        }
    }

    /// Seconds after the minute at which the caller's windows begin: the same on every replica.
    pub(super) fn phase_seconds(self) -> u32 {
        // The random end of an id; of an address what differs between neighbours.
        let bits = match self {
            Self::User(user) => user.as_uuid().as_u128(),
            Self::Key(key) => key.as_u128(),
            Self::Address(IpAddr::V4(address)) => u128::from(address.to_bits()),
            Self::Address(IpAddr::V6(address)) => address.to_bits() >> (u128::BITS - SUBSCRIBER_BITS),
        };
        u32::try_from(bits % u128::from(WINDOW_SECONDS)).unwrap_or(0)
    }
}

/// The name in the database.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{user}"),
            Self::Key(key) => write!(f, "key_{}", key.simple()),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    fn address(text: &str) -> Caller {
        Caller::Address(text.parse().unwrap()).grouped()
    }

    #[test]
    fn the_addresses_of_one_subscriber_are_one_caller() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("2001:db8:1:2::1").to_string(), "2001:db8:1:2::");
    }

    #[test]
    fn kinds_of_callers_have_different_names() {
        let user = UserId::new(&SystemClock);
        assert_ne!(Caller::User(user).to_string(), Caller::Key(user.as_uuid()).to_string());
        assert!(Caller::User(user).phase_seconds() < WINDOW_SECONDS);
    }
}
