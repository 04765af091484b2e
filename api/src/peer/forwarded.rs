//! Reading what proxies write: `X-Forwarded-For` and `Forwarded` (RFC 7239). Whatever is not an address reads as `None`.

use std::net::{IpAddr, SocketAddr};

use salvo::http::{
    HeaderMap,
    header::{FORWARDED, HeaderName},
};

/// The addresses of a header that is a list of them, in order, over all of its lines.
pub(super) fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for line in headers.get_all(name) {
        match line.to_str() {
            Ok(text) => hops.extend(text.split(',').map(|hop| node(hop.trim()))),
            Err(_) => hops.push(None),
        }
    }
    hops
}

/// The addresses that `for=` names in each element of `Forwarded`, in order, over all of its lines.
pub(super) fn elements(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for line in headers.get_all(FORWARDED) {
        match line.to_str().ok().and_then(|text| split(text, ',')) {
            Some(elements) => hops.extend(elements.into_iter().map(element)),
            // A quotation that never ends: nobody can say where the last element begins.
            None => hops.push(None),
        }
    }
    hops
}

fn element(text: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(text, ';')? {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            // Twice the same parameter is an error, and no proxy writes it.
            if found.replace(unquoted(value.trim())?).is_some() {
                return None;
            }
        }
    }
    node(&found?)
}

/// The pieces between `separator`s that do not stand in quotation marks; `None` when a quotation does not end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut pieces, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                pieces.push(text[start..index].trim());
                start = index + separator.len_utf8();
            }
            _ => (),
        }
    }
    pieces.push(text[start..].trim());
    (!quoted).then_some(pieces)
}

/// A token as it is, a quoted string without its quotation marks. Neither addresses nor ports need an escape.
fn unquoted(value: &str) -> Option<String> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains(['"', '\\'])).then(|| inner.to_owned())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    bare.or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}
