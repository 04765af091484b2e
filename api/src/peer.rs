//! Where a request comes from: the peer's address, or what proxies that we trust say of it.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use salvo::{
    http::{HeaderMap, header::HeaderName},
    prelude::*,
};

mod forwarded;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which header the trusted proxies write. The other one is passed on as a caller sent it, so it is never read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Where our proxies are; empty: there are none.
    pub networks: Vec<IpNet>,
    /// What they write.
    pub header: ForwardedHeader,
}

impl TrustedProxies {
    /// True for a proxy of ours.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Who asks. The header is read from the right, where our own proxies have written, and only as far as each of them is
/// trusted: the first address that is no proxy of ours is the caller, and what stands left of it is the caller's own
/// invention. Where a proxy names nobody, or what cannot be read, the proxy itself counts as the caller.
pub(crate) fn address(req: &Request, settings: &TrustedProxies) -> IpAddr {
    // Every connection of ours has an address; one without would be nobody's.
    let peer = req.remote_addr().ip().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    behind(peer, req.headers(), settings)
}

fn behind(peer: IpAddr, headers: &HeaderMap, settings: &TrustedProxies) -> IpAddr {
    let hops = || match settings.header {
        ForwardedHeader::XForwardedFor => forwarded::list(headers, &X_FORWARDED_FOR),
        ForwardedHeader::Forwarded => forwarded::elements(headers),
    };
    let mut caller = peer;
    if !settings.contains(caller) {
        return caller;
    }
    for hop in hops().into_iter().rev() {
        let Some(address) = hop else { break };
        caller = address;
        if !settings.contains(caller) {
            break;
        }
    }
    caller
}

#[cfg(test)]
mod tests;
