//! Reading `multipart/form-data` bodies that are already in memory.

use bytes::Bytes;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The form field.
    pub name: String,
    /// Set for files.
    pub filename: Option<String>,
    /// As the client stated it.
    pub content_type: Option<String>,
    /// The content, shared with the body.
    pub bytes: Bytes,
}

/// The boundary that a `Content-Type` names, when it is multipart.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary")
}

/// All parts in order; none when the body is malformed.
#[must_use]
pub fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    let inner = format!("\r\n{delimiter}");
    let mut parts = Vec::new();
    while body.get(at..at + 2)? != b"--" {
        let head_at = at + find(&body[at..], b"\r\n", 0)? + 2;
        let end = find(body, inner.as_bytes(), head_at.checked_sub(2)?)?;
        let head_end = find(body, b"\r\n\r\n", head_at - 2)?;
        let head = std::str::from_utf8(body.get(head_at..head_end.max(head_at))?).ok()?;
        parts.push(part(head, body.slice((head_end + 4).min(end)..end))?);
        at = end + inner.len();
    }
    Some(parts)
}

fn part(head: &str, bytes: Bytes) -> Option<Part> {
    let header = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned()))
    };
    let disposition = header("content-disposition")?;
    let filename = parameter(&disposition, "filename*")
        .and_then(|value| value.rsplit_once("''").map(|(_, name)| percent_decoded(name)))
        .or_else(|| parameter(&disposition, "filename").map(|name| percent_decoded(&name)));
    Some(Part { name: parameter(&disposition, "name")?, filename, content_type: header("content-type"), bytes })
}

/// A `; name=value` parameter, quoted or not.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        let (name, after) =
            rest.split_once('=').map(|(name, after)| (name.rsplit(';').next().unwrap_or(name), after))?;
        let (value, tail) = value(after);
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail;
    }
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Undoes `%22` and the like; what is not an escape stays.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    while at + needle.len() <= haystack.len() {
        // Most of a file is skipped by the search for one byte.
        at += haystack[at..].iter().position(|byte| *byte == first)?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_told_apart_and_bytes_are_kept() {
        let body = Bytes::from_static(
            b"--x y\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{}\r\n--x y\r\ncontent-disposition: \
              form-data; name=\"files[0]\"; filename=\"a \\\"b\\\" %C3%A9.bin\"\r\nContent-Type: image/png\r\n\r\n\r\n--x\r\n\0\r\n--x y--\r\n",
        );
        let boundary = boundary("multipart/form-data; charset=utf-8; boundary=\"x y\"").unwrap();
        let parts = parts(&body, &boundary).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].filename.as_deref()), ("payload_json", None));
        assert_eq!(&parts[0].bytes[..], b"{}");
        assert_eq!(parts[1].filename.as_deref(), Some("a \"b\" \u{e9}.bin"));
        assert_eq!(parts[1].content_type.as_deref(), Some("image/png"));
        assert_eq!(&parts[1].bytes[..], b"\r\n--x\r\n\0");
    }

    #[test]
    fn an_empty_file_and_an_encoded_name_are_read() {
        let body = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=file; filename=\"x\"; filename*=utf-8''%e2%82%ac\r\n\r\n\r\n--b--",
        );
        let parts = parts(&body, "b").unwrap();
        assert_eq!((parts[0].filename.as_deref(), parts[0].bytes.len()), (Some("\u{20ac}"), 0));
    }

    #[test]
    fn a_body_that_ends_early_is_refused() {
        assert_eq!(parts(&Bytes::from_static(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nbc"), "b"), None);
        assert_eq!(parts(&Bytes::from_static(b""), "b"), None);
        assert_eq!(boundary("application/json"), None);
    }
}
