use proptest::prelude::*;
use salvo::http::{HeaderValue, header::FORWARDED};

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Proxies at 10.0.0.0/8 and fd00::/8.
fn proxies(header: ForwardedHeader) -> TrustedProxies {
    TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], header }
}

fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn by_list(peer: &str, lines: &[&str]) -> String {
    behind(ip(peer), &headers(&X_FORWARDED_FOR, lines), &proxies(ForwardedHeader::XForwardedFor)).to_string()
}

fn by_elements(peer: &str, lines: &[&str]) -> String {
    behind(ip(peer), &headers(&FORWARDED, lines), &proxies(ForwardedHeader::Forwarded)).to_string()
}

#[test]
fn a_list_is_read_from_the_right_as_far_as_it_is_trusted() {
    for (peer, lines, caller) in [
        // Nobody has forwarded anything, or nobody whom we trust.
        ("192.0.2.9", &[][..], "192.0.2.9"),
        ("192.0.2.9", &["198.51.100.1"], "192.0.2.9"),
        ("192.0.2.9", &["10.0.0.1"], "192.0.2.9"),
        ("10.0.0.1", &[], "10.0.0.1"),
        // One proxy, two proxies, two lines.
        ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        // What the caller made up stands on the left.
        ("10.0.0.1", &["203.0.113.7, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["10.0.0.3, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["203.0.113.7", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        // All hops are ours: the farthest one is the caller.
        ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // What cannot be read ends the way.
        ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &["198.51.100.1, 10.0.0.2, x"], "10.0.0.1"),
        ("10.0.0.1", &[""], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1", "\u{e9}"], "10.0.0.1"),
        // Forms of addresses.
        ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
        ("fd00::1", &["198.51.100.1, fd00::2"], "198.51.100.1"),
    ] {
        assert_eq!(by_list(peer, lines), caller, "{peer} {lines:?}");
    }
}

#[test]
fn elements_are_read_as_rfc_7239_says() {
    for (lines, caller) in [
        (&["for=198.51.100.1"][..], "198.51.100.1"),
        (&["For=\"[2001:db8::1]:4711\""], "2001:db8::1"),
        (&["for=198.51.100.1;proto=http;by=203.0.113.43"], "198.51.100.1"),
        (&["by=203.0.113.43 ; FOR=198.51.100.1"], "198.51.100.1"),
        (&["for=203.0.113.7, for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
        (&["for=203.0.113.7", "for=198.51.100.1"], "198.51.100.1"),
        (&["for=\"198.51.100.1:80\";host=\"a,b;for=203.0.113.7\""], "198.51.100.1"),
        (&["for=198.51.100.1, for=unknown"], "10.0.0.1"),
        (&["for=198.51.100.1, for=_hidden"], "10.0.0.1"),
        (&["for=198.51.100.1, proto=https"], "10.0.0.1"),
        (&["for=198.51.100.1;for=203.0.113.7"], "10.0.0.1"),
        (&["for=\"198.51.100.1"], "10.0.0.1"),
        (&["for=203.0.113.7, for=\"198.51.100.1\\\""], "10.0.0.1"),
        (&["198.51.100.1"], "10.0.0.1"),
    ] {
        assert_eq!(by_elements("10.0.0.1", lines), caller, "{lines:?}");
    }
}

#[test]
fn the_header_that_the_proxies_do_not_write_is_not_read() {
    assert_eq!(
        behind(ip("10.0.0.1"), &headers(&FORWARDED, &["for=203.0.113.7"]), &proxies(ForwardedHeader::XForwardedFor)),
        ip("10.0.0.1")
    );
    let other = headers(&X_FORWARDED_FOR, &["203.0.113.7"]);
    assert_eq!(behind(ip("10.0.0.1"), &other, &proxies(ForwardedHeader::Forwarded)), ip("10.0.0.1"));
}

/// Anything that can stand in a header.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just("for=".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(",".to_owned()),
        Just(";".to_owned()),
        Just("10.0.0.2".to_owned()),
        Just("unknown".to_owned()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()),
        any::<u128>().prop_map(|bits| format!("[{}]:80", std::net::Ipv6Addr::from(bits))),
        "[ -~]{0,8}",
    ];
    let text = prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => text, 1 => prop::collection::vec(0x80_u8.., 0..20)]
}

fn hostile_headers() -> impl Strategy<Value = HeaderMap> {
    prop::collection::vec((any::<bool>(), hostile()), 0..6).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (list, line) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.append(if list { X_FORWARDED_FOR.clone() } else { FORWARDED }, value);
            }
        }
        headers
    })
}

fn either() -> impl Strategy<Value = ForwardedHeader> {
    prop_oneof![Just(ForwardedHeader::XForwardedFor), Just(ForwardedHeader::Forwarded)]
}

proptest! {
    /// Who is no proxy of ours can say what they like.
    #[test]
    fn a_stranger_is_who_they_are(bits in any::<u32>(), headers in hostile_headers(), header in either()) {
        let peer = IpAddr::V4(bits.into());
        prop_assume!(!proxies(header).contains(peer));
        prop_assert_eq!(behind(peer, &headers, &proxies(header)), peer);
    }

    /// Whatever a caller sends, the proxy's own entry, which is the last, says who they are.
    #[test]
    fn what_a_caller_sends_does_not_move_them(bits in any::<u32>(), mut headers in hostile_headers(), list in any::<bool>()) {
        let (caller, header) = (IpAddr::V4(bits.into()), either_of(list));
        prop_assume!(!proxies(header).contains(caller));
        let (name, entry) = match header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR.clone(), caller.to_string()),
            ForwardedHeader::Forwarded => (FORWARDED, format!("for={caller};proto=https")),
        };
        headers.append(name, HeaderValue::try_from(entry).unwrap());
        prop_assert_eq!(behind(ip("10.0.0.1"), &headers, &proxies(header)), caller);
    }

    /// The answer is the peer or an address that the header that is read names; and nothing panics.
    #[test]
    fn nobody_is_invented(headers in hostile_headers(), header in either()) {
        let peer = ip("10.0.0.1");
        let caller = behind(peer, &headers, &proxies(header));
        let named = match header {
            ForwardedHeader::XForwardedFor => forwarded::list(&headers, &X_FORWARDED_FOR),
            ForwardedHeader::Forwarded => forwarded::elements(&headers),
        };
        prop_assert!(caller == peer || named.contains(&Some(caller)));
    }
}

fn either_of(list: bool) -> ForwardedHeader {
    if list { ForwardedHeader::XForwardedFor } else { ForwardedHeader::Forwarded }
}
