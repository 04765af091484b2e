//! Attachments by signed link: no account, no session, only the signature.

use std::{io, ops::Range};

use chrono::{DateTime, Utc};
use domain::MediaId;
use futures::{Stream, stream};
use salvo::{
    http::header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
        HeaderName, HeaderValue, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
    },
    prelude::*,
};
use store::{
    StoreError, avatars,
    media::{chunks, links},
};

use crate::{
    auth::PathId,
    error::{ApiError, Problem, Thing},
    state::AppState,
};

/// Forbids the browser to run anything that the file holds, should it show the file after all.
const SANDBOX_POLICY: (&str, &str) = ("content-security-policy", "default-src 'none'; sandbox");

/// The bytes behind a signed link, whole or in part.
///
/// The link stands in a carried message where the destination takes no file of that size. `403 link_invalid`: the
/// signature is not ours. `410 link_expired`: it was good once. `416 range_invalid`: the file has no such bytes.
#[endpoint(
    operation_id = "download_media",
    tags("media"),
    parameters(
        ("file_name" = String, Path, description = "For people; the name on record is served."),
        ("expires" = i64, Query, description = "When the link ends, in seconds since 1970."),
        ("signature" = String, Query, description = "HMAC-SHA256 over id and end, hexadecimal."),
    ),
    responses(
        (status_code = 200, description = "The whole file, to be saved.", body = String, content_type = "*/*"),
        (status_code = 206, description = "The part that `Range` asked for.", body = String, content_type = "*/*"),
        (status_code = 410, description = "`link_expired`.", body = Problem, content_type = "application/problem+json"),
        (status_code = 416, description = "`range_invalid`.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn download(
    app: AppState,
    id: PathId<MediaId>,
    req: &mut Request,
    res: &mut Response,
) -> Result<(), ApiError> {
    let id = id.0;
    let key = app.media_link_key.as_ref().ok_or(ApiError::NotFound(Thing::Media))?;
    let signed = req.query::<i64>("expires").zip(req.query::<String>("signature"));
    let genuine = signed.filter(|(expires, signature)| key.verify(id, *expires, signature));
    let (expires, _) = genuine.ok_or(ApiError::LinkInvalid)?;
    let ended = |until: DateTime<Utc>| until <= app.clock.now();
    if DateTime::from_timestamp(expires, 0).is_none_or(ended) {
        return Err(ApiError::LinkExpired);
    }
    let linked = {
        let mut database = app.database().await?;
        match links::linked(&mut database, &app.sealer, id).await? {
            Some(linked) => linked,
            None => {
                let bytes = avatars::read(&mut database, &app.sealer, id).await?;
                return portrait(res, id, bytes.ok_or(ApiError::NotFound(Thing::Media))?);
            }
        }
    };
    if !linked.kept {
        return Err(ApiError::LinkExpired);
    }
    let size = u64::try_from(linked.size_bytes).unwrap_or(0);
    let tag = format!("\"{id}\"");
    let range = wanted(req, &tag, size)?;
    describe(res, &linked, &tag)?;
    let part = range.clone().unwrap_or(0..size);
    res.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    if range.is_some() {
        let shown = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        res.headers_mut().insert(CONTENT_RANGE, header(&shown)?);
        res.status_code(StatusCode::PARTIAL_CONTENT);
    } else {
        res.status_code(StatusCode::OK);
    }
    res.stream(bytes(app.clone(), id, part));
    Ok(())
}

/// The picture of an author. It is small, and served whole.
fn portrait(res: &mut Response, id: MediaId, bytes: Vec<u8>) -> Result<(), ApiError> {
    let linked = links::Linked {
        file_name: "avatar.jpg".to_owned(),
        mime: "image/jpeg".to_owned(),
        size_bytes: i64::try_from(bytes.len()).map_err(ApiError::internal)?,
        kept: true,
    };
    describe(res, &linked, &format!("\"{id}\""))?;
    res.headers_mut().remove(ACCEPT_RANGES);
    res.status_code(StatusCode::OK);
    res.write_body(bytes).map_err(ApiError::internal)
}

/// The part that the request asks for; `None`: the whole. Several ranges in one request count as none, as RFC 9110
/// allows.
fn wanted(req: &Request, tag: &str, size: u64) -> Result<Option<Range<u64>>, ApiError> {
    let text = |name: HeaderName| req.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(asked) = text(RANGE).and_then(|range| range.trim().strip_prefix("bytes=")) else { return Ok(None) };
    if asked.contains(',') || text(IF_RANGE).is_some_and(|other| other.trim() != tag) {
        return Ok(None);
    }
    range(asked, size).map(Some).ok_or(ApiError::RangeInvalid { size })
}

/// `first-last`, `first-` or `-length` of a file of `size` bytes.
fn range(asked: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = asked.split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", length) => size.saturating_sub(length.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size),
    };
    (range.start < range.end).then_some(range)
}

fn describe(res: &mut Response, linked: &links::Linked, tag: &str) -> Result<(), ApiError> {
    let headers = res.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_str(&linked.mime).unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(CONTENT_DISPOSITION, header(&disposition(&linked.file_name))?);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static(SANDBOX_POLICY.0), HeaderValue::from_static(SANDBOX_POLICY.1));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(ETAG, header(tag)?);
    Ok(())
}

/// `attachment` with the name twice: for old readers in ASCII, for the others in UTF-8 (RFC 6266).
fn disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/') || c == ' ' { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn header(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(ApiError::internal)
}

/// The bytes of `part`, read piece by piece as the reader takes them. No connection is held in between.
fn bytes(app: AppState, id: MediaId, part: Range<u64>) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    let piece_bytes = u64::try_from(chunks::CHUNK_BYTES).unwrap_or(u64::MAX);
    stream::try_unfold(part.start, move |at| {
        let (app, end) = (app.clone(), part.end);
        async move {
            if at >= end {
                return Ok(None);
            }
            let place = i32::try_from(at / piece_bytes).unwrap_or(i32::MAX);
            let piece = piece(&app, id, place).await.map_err(io::Error::other)?;
            // Forgotten in the middle: the connection ends short of the promised length, which the reader notices.
            let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
            let from = usize::try_from(at % piece_bytes).unwrap_or(usize::MAX).min(piece.len());
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let taken: Vec<u8> = piece[from..].iter().copied().take(rest).collect();
            let next = at + u64::try_from(taken.len()).unwrap_or(0);
            if taken.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some((taken, next))) }
        }
    })
}

async fn piece(app: &AppState, id: MediaId, place: i32) -> Result<Option<Vec<u8>>, StoreError> {
    let mut database = app.pool.acquire().await?;
    chunks::read(&mut database, &app.sealer, id, place).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (asked, found) in [
            ("0-0", Some(0..1)),
            ("2-5", Some(2..6)),
            ("2-99", Some(2..10)),
            ("4-", Some(4..10)),
            ("-3", Some(7..10)),
            ("-99", Some(0..10)),
            ("10-", None),
            ("5-2", None),
            ("-0", None),
            ("a-b", None),
            ("5", None),
        ] {
            assert_eq!(range(asked, 10), found, "{asked}");
        }
        assert_eq!(range("0-", 0), None);
    }

    #[test]
    fn a_file_name_cannot_end_the_header() {
        let found = disposition("a\"b\r\nü.txt");
        assert_eq!(found, "attachment; filename=\"a_b___.txt\"; filename*=UTF-8''a%22b%0D%0A%C3%BC.txt");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_range_that_is_served_lies_within_the_file(asked in "[-0-9 ]{0,25}|[0-9]{0,21}-[0-9]{0,21}|.{0,12}", size: u64) {
            if let Some(found) = range(&asked, size) {
                prop_assert!(found.start < found.end && found.end <= size, "{asked}: {found:?} of {size}");
            }
        }

        #[test]
        fn any_name_makes_a_header(name: String) {
            let found = disposition(&name);
            prop_assert!(HeaderValue::from_str(&found).is_ok(), "{found:?}");
            prop_assert_eq!(found.matches('"').count(), 2);
        }
    }
}
