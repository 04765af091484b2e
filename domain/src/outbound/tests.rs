use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use url::Url;

use super::{Reach, Refusal, check, check_url, is_public, may_call};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_public_unicast_is_public() {
    for (address, public) in [
        ("8.8.8.8", true),
        ("1.1.1.1", true),
        ("100.63.255.255", true),
        ("100.128.0.1", true),
        ("172.15.255.255", true),
        ("172.32.0.1", true),
        ("223.255.255.255", true),
        ("2606:4700:4700::1111", true),
        ("2a00:1450:4001::200e", true),
        ("0.0.0.0", false),
        ("0.1.2.3", false),
        ("10.1.2.3", false),
        ("100.100.100.200", false),
        ("127.0.0.1", false),
        ("127.255.255.254", false),
        ("168.63.129.16", false),
        ("169.254.169.254", false),
        ("172.16.0.1", false),
        ("172.31.255.255", false),
        ("192.0.0.192", false),
        ("192.168.1.1", false),
        ("198.19.0.1", false),
        ("224.0.0.1", false),
        ("239.255.255.250", false),
        ("255.255.255.255", false),
        ("::", false),
        ("::1", false),
        ("::ffff:8.8.8.8", false),
        ("::ffff:127.0.0.1", false),
        ("::7f00:1", false),
        ("64:ff9b::a00:1", false),
        ("64:ff9b:1::a00:1", false),
        ("100::1", false),
        ("2001::1", false),
        ("2001:db8::1", false),
        ("2002:7f00:1::", false),
        ("3fff::1", false),
        ("fc00::1", false),
        ("fd00:ec2::254", false),
        ("fe80::1", false),
        ("fec0::1", false),
        ("ff02::1", false),
    ] {
        assert_eq!(is_public(ip(address)), public, "{address}");
    }
}

#[test]
fn an_address_is_refused_for_what_it_is() {
    for (text, found) in [
        ("https://example.com/hook?a=b", Ok(())),
        ("https://example.com:8443/", Ok(())),
        ("https://8.8.8.8/", Ok(())),
        ("http://example.com/", Err(Refusal::Scheme)),
        ("ftp://example.com/", Err(Refusal::Scheme)),
        ("file:///etc/passwd", Err(Refusal::Scheme)),
        ("gopher://example.com/", Err(Refusal::Scheme)),
        ("https://me@example.com/", Err(Refusal::Credentials)),
        ("https://me:secret@example.com/", Err(Refusal::Credentials)),
        ("https://example.com:22/", Err(Refusal::Port(22))),
        ("https://example.com:1024/", Err(Refusal::Port(1024))),
        ("https://127.0.0.1/", Err(Refusal::NotPublic)),
        ("https://2130706433/", Err(Refusal::NotPublic)),
        ("https://0x7f.1/", Err(Refusal::NotPublic)),
        ("https://0177.0.0.1/", Err(Refusal::NotPublic)),
        ("https://169.254.169.254/latest/meta-data/", Err(Refusal::NotPublic)),
        ("https://[::1]/", Err(Refusal::NotPublic)),
        ("https://[::ffff:10.0.0.1]/", Err(Refusal::NotPublic)),
    ] {
        assert_eq!(check_url(&url(text), Reach::Public), found, "{text}");
    }
}

#[test]
fn the_sandbox_adds_loopback_and_nothing_else() {
    assert_eq!(check_url(&url("http://127.0.0.1:9000/"), Reach::Sandbox), Ok(()));
    assert_eq!(check_url(&url("http://10.0.0.1/"), Reach::Sandbox), Err(Refusal::NotPublic));
    assert_eq!(check_url(&url("http://127.0.0.1:25/"), Reach::Sandbox), Err(Refusal::Port(25)));
    assert!(!may_call(ip("169.254.169.254"), Reach::Sandbox));
}

#[test]
fn only_what_was_checked_is_left_of_what_was_resolved() {
    let (target, mixed) = (url("https://example.com/"), [ip("10.0.0.1"), ip("8.8.8.8"), ip("::1")]);
    assert_eq!(check(&target, &mixed, Reach::Public), Ok(vec![ip("8.8.8.8")]));
    assert_eq!(check(&target, &[ip("10.0.0.1")], Reach::Public), Err(Refusal::NotPublic));
    assert_eq!(check(&target, &[], Reach::Public), Err(Refusal::NotPublic));
}

/// A private IPv4 address, made without the tables under test.
fn private_v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from).prop_filter("private", |address| {
        address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    /// Whatever the standard library calls special is never called.
    #[test]
    fn what_is_special_is_not_public(address in any::<u32>().prop_map(Ipv4Addr::from)) {
        let special = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_multicast() || address.is_broadcast() || address.is_documentation()
            || address.is_unspecified();
        prop_assert!(!(special && is_public(address.into())), "{}", address);
    }

    /// No form of IPv6 that embeds IPv4 gets around the tables.
    #[test]
    fn embedding_a_private_address_helps_nothing(address in private_v4(), rest in any::<u64>()) {
        let [high, low] = [(address.to_bits() >> 16) as u16, address.to_bits() as u16];
        let tail = [(rest >> 48) as u16, (rest >> 32) as u16, (rest >> 16) as u16, rest as u16];
        for embedded in [
            address.to_ipv6_mapped(),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, tail[0], tail[1], tail[2], high, low),
            Ipv6Addr::new(0x2002, high, low, tail[0], tail[1], tail[2], tail[3], 0),
            Ipv6Addr::new(0x2001, 0, tail[0], tail[1], tail[2], tail[3], !high, !low),
        ] {
            prop_assert!(!may_call(embedded.into(), Reach::Public), "{}", embedded);
            let text = format!("https://[{embedded}]/");
            prop_assert_eq!(check_url(&url(&text), Reach::Public), Err(Refusal::NotPublic));
        }
    }

    /// However the number is written, the host is what it is.
    #[test]
    fn every_spelling_of_a_number_is_the_same_number(address in private_v4()) {
        let [a, b, c, d] = address.octets();
        for host in [
            format!("{}", address.to_bits()),
            format!("0x{:x}", address.to_bits()),
            format!("{a}.{b}.{}", u32::from(c) * 256 + u32::from(d)),
            format!("0x{a:x}.0{b:o}.{c}.{d}"),
            format!("{address}."),
        ] {
            let Ok(target) = Url::parse(&format!("https://{host}/")) else { continue };
            prop_assert_eq!(check_url(&target, Reach::Public), Err(Refusal::NotPublic), "{}", host);
        }
    }

    /// What is left is a part of what was resolved, and all of it may be called.
    #[test]
    fn nothing_is_added(resolved in prop::collection::vec(any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())), 0..8)) {
        if let Ok(good) = check(&url("https://example.com/"), &resolved, Reach::Public) {
            prop_assert!(!good.is_empty());
            prop_assert!(good.iter().all(|address| resolved.contains(address) && is_public(*address)));
        }
    }
}
