//! Attachments by their signed addresses.

use bytes::Bytes;
use salvo::http::uri::Uri;

use super::{call::Reply, id::Id, server::Sandbox};

/// Answers `GET /attachments/<channel>/<attachment>/<name>?ex=..&is=..&hm=..`.
pub fn serve(sandbox: &Sandbox, uri: &Uri) -> Reply {
    let query = uri.query().unwrap_or_default();
    let value = |name: &str| {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let accepted = sandbox.core().links.accepts(uri.path(), &value("ex"), &value("hm"));
    let id = uri.path().split('/').nth(3).and_then(|id| id.parse::<Id>().ok());
    let bytes = id.filter(|_| accepted).and_then(|id| sandbox.files.read(id).ok());
    found(bytes)
}

/// Answers `GET /stickers/<sticker>.<extension>`, which needs no signature.
pub fn sticker(sandbox: &Sandbox, uri: &Uri) -> Reply {
    let name = uri.path().strip_prefix("/stickers/").unwrap_or_default();
    let id = name.split_once('.').and_then(|(id, _)| id.parse::<Id>().ok());
    found(id.and_then(|id| sandbox.files.read(id).ok()))
}

fn found(bytes: Option<Vec<u8>>) -> Reply {
    match bytes {
        Some(bytes) => Reply {
            status: 200,
            content_type: "application/octet-stream".to_owned(),
            body: Bytes::from(bytes),
            headers: Vec::new(),
        },
        None => Reply {
            status: 404,
            content_type: "text/plain;charset=UTF-8".to_owned(),
            body: Bytes::from_static(b"This content is no longer available."),
            headers: Vec::new(),
        },
    }
}
