//! Addresses that users give and we call: which of them may be called.
//!
//! A user who could make us call any address would reach what stands behind our firewall: databases, admin pages, the
//! metadata service of a cloud. So only public addresses are called, and only those that were checked: the caller
//! connects to what [`check`] returns and never resolves the name again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The only ports below [`PORT_UNPRIVILEGED`] that are called: whatever else is there speaks no HTTP.
const PORTS: [u16; 2] = [80, 443];
/// From here on any program may listen.
const PORT_UNPRIVILEGED: u16 = 1025;

/// IPv4 that is not a public host, as network and length of its prefix (IANA's special-purpose registry).
const PRIVATE_V4: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT, with a cloud's metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // a cloud's metadata at a public address
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, with most clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved
    (Ipv4Addr::BROADCAST, 32),
];

/// The public part of IPv6. What embeds IPv4 (mapped, NAT64), is local or is multicast lies outside of it.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What in the public part of IPv6 is not a public host.
const PRIVATE_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, with Teredo, which embeds IPv4
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which embeds IPv4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// What may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public hosts, over TLS.
    #[default]
    Public,
    /// Stand-ins on loopback too, also without TLS: for tests and demonstrations, by setting.
    Sandbox,
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither `https` nor, in the sandbox, `http`.
    #[error("the address must begin with https://")]
    Scheme,
    /// A name or a password stands in it.
    #[error("the address must not hold a user name or a password")]
    Credentials,
    /// It names no host.
    #[error("the address names no host")]
    Host,
    /// A port below 1025 that is neither 80 nor 443.
    #[error("port {0} is not called")]
    Port(u16),
    /// The host, or all of its addresses, are not public; or it has none.
    #[error("the host is not public")]
    NotPublic,
}

/// The addresses among `resolved` that may be connected to for `url`, in their order; never none.
///
/// # Errors
/// Why nothing may be called.
pub fn check(url: &Url, resolved: &[IpAddr], reach: Reach) -> Result<Vec<IpAddr>, Refusal> {
    check_url(url, reach)?;
    let good: Vec<IpAddr> = resolved.iter().copied().filter(|address| may_call(*address, reach)).collect();
    if good.is_empty() { Err(Refusal::NotPublic) } else { Ok(good) }
}

/// What can be said of `url` before its host is resolved: enough where the host is a number.
///
/// # Errors
/// Why it may not be called.
pub fn check_url(url: &Url, reach: Reach) -> Result<(), Refusal> {
    match (url.scheme(), reach) {
        ("https", _) | ("http", Reach::Sandbox) => (),
        _ => return Err(Refusal::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let port = url.port_or_known_default().ok_or(Refusal::Scheme)?;
    if port < PORT_UNPRIVILEGED && !PORTS.contains(&port) {
        return Err(Refusal::Port(port));
    }
    let number = match url.host().ok_or(Refusal::Host)? {
        Host::Domain("") => return Err(Refusal::Host),
        Host::Domain(_) => return Ok(()),
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    if may_call(number, reach) { Ok(()) } else { Err(Refusal::NotPublic) }
}

/// May this address be connected to?
#[must_use]
pub fn may_call(address: IpAddr, reach: Reach) -> bool {
    is_public(address) || reach == Reach::Sandbox && address.is_loopback()
}

/// True for a unicast address that anybody on the internet can reach.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|(network, length)| {
            let mask = u32::MAX.checked_shl(u32::BITS - length).unwrap_or(0);
            address.to_bits() & mask == network.to_bits()
        }),
        IpAddr::V6(address) => {
            let within = |(network, length): &(Ipv6Addr, u32)| {
                let mask = u128::MAX.checked_shl(u128::BITS - length).unwrap_or(0);
                address.to_bits() & mask == network.to_bits()
            };
            within(&PUBLIC_V6) && !PRIVATE_V6.iter().any(within)
        }
    }
}

#[cfg(test)]
mod tests;
