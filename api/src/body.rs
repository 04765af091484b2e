//! Request bodies: JSON of the right shape and size, or an error that says where it is not.

use std::time::Duration;

use salvo::{
    Extractible,
    extract::Metadata,
    http::{
        HeaderMap, ParseError,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    oapi::{Components, Content, EndpointArgRegister, Operation, RequestBody, Required, ToSchema},
    prelude::*,
};
use serde::de::DeserializeOwned;

use crate::{error::ApiError, state::AppState};

/// The largest body of the codec endpoint, in bytes: a page of the Temporal UI with a few payloads of the largest size.
pub(crate) const CODEC_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body must be application/json")]
    ContentType,
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the body is not JSON: {detail}")]
    Malformed { detail: String },
    #[error("the body does not have the expected shape: {detail}")]
    Shape { field: String, detail: String },
    #[error("a text holds the character U+0000")]
    Nul { field: String },
    #[error("the body could not be read")]
    Unread,
    #[error("the body did not arrive in time")]
    TimedOut,
}

/// A JSON body of at most the configured size.
pub(crate) struct JsonBody<T>(pub(crate) T);

static JSON_BODY: Metadata = Metadata::new("json_body");

impl<'ex, T: DeserializeOwned + Send> Extractible<'ex> for JsonBody<T> {
    fn metadata() -> &'static Metadata {
        &JSON_BODY
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let app = AppState::of(depot)?;
        Ok(Self(read(req, app.body_limit_bytes, app.patience.body).await?))
    }
}

impl<T: ToSchema> EndpointArgRegister for JsonBody<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let content = Content::new(T::to_schema(components));
        operation.request_body =
            Some(RequestBody::new().required(Required::True).add_content("application/json", content));
    }
}

/// Reads a body of at most `limit_bytes`, which must have come `within` so long.
pub(crate) async fn read<T: DeserializeOwned>(
    req: &mut Request,
    limit_bytes: usize,
    within: Duration,
) -> Result<T, BodyError> {
    if !is_json(req.headers()) {
        return Err(BodyError::ContentType);
    }
    parse(raw(req, limit_bytes, within).await?)
}

/// Reads the bytes of a body, at most `limit_bytes` of them, which must have come `within` so long.
pub(crate) async fn raw(req: &mut Request, limit_bytes: usize, within: Duration) -> Result<&[u8], BodyError> {
    match tokio::time::timeout(within, req.payload_with_max_size(limit_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(ParseError::PayloadTooLarge)) => Err(BodyError::TooLarge { limit_bytes }),
        Ok(Err(_)) => Err(BodyError::Unread),
        Err(_) => Err(BodyError::TimedOut),
    }
}

/// True when the body says, once, that it is JSON as it is: in UTF-8, which is the only encoding of JSON, and not
/// compressed. Other parameters of the type mean nothing (RFC 8259).
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let mut parts = only.to_str().unwrap_or_default().split(';').map(str::trim);
    let json = parts.next().is_some_and(|mime| mime.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding == "identity");
    json && utf8 && plain
}

/// A body as a `T`. Texts with U+0000 are refused whatever field they are in: PostgreSQL can keep none, and nobody means
/// one.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    if let Some(field) = nul(bytes) {
        return Err(BodyError::Nul { field });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // The body itself is the path `.`: nothing to name.
        let field = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
        classify(error.inner(), field)
    })?;
    deserializer.end().map_err(|error| classify(&error, String::new()))?;
    Ok(value)
}

/// The first field with U+0000 in its text or its name. JSON can write it in one way only, so that other bodies are not
/// read twice.
fn nul(bytes: &[u8]) -> Option<String> {
    const WRITTEN: &[u8] = b"\\u0000";
    if !bytes.windows(WRITTEN.len()).any(|part| part == WRITTEN) {
        return None;
    }
    // What is not JSON is told so by who reads it.
    field_with_nul(&serde_json::from_slice(bytes).ok()?)
}

fn field_with_nul(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    let below = |place: String, rest: String| match rest.as_str() {
        "" => place,
        rest if rest.starts_with('[') => place + rest,
        rest => format!("{place}.{rest}"),
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(values) => {
            let found = |(index, value)| Some(below(format!("[{index}]"), field_with_nul(value)?));
            values.iter().enumerate().find_map(found)
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            // The name is not repeated: it is the one thing that cannot be shown.
            if name.contains('\0') { Some(String::new()) } else { Some(below(name.clone(), field_with_nul(value)?)) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn classify(error: &serde_json::Error, field: String) -> BodyError {
    match error.classify() {
        serde_json::error::Category::Data => BodyError::Shape { field, detail: detail(error) },
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            BodyError::Malformed { detail: error.to_string() }
        }
        serde_json::error::Category::Io => BodyError::Unread,
    }
}

/// What serde says, without the value that it quotes: that may be a password, a code or a token.
pub(crate) fn detail(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid type") || found.starts_with("invalid value") => {
            format!("expected {expected}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Inner,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Inner {
        number: u8,
    }

    fn field(body: &str) -> String {
        match parse::<Outer>(body.as_bytes()) {
            Err(BodyError::Shape { field, .. }) => field,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_wrong_shape_names_the_field() {
        assert_eq!(field(r#"{"inner":{"number":"x"}}"#), "inner.number");
        assert_eq!(field(r#"{"inner":{"number":300}}"#), "inner.number");
        assert_eq!(field(r#"{"inner":{}}"#), "inner");
        assert_eq!(field("{}"), "");
        assert_eq!(field(r#"{"inner":{"number":1},"other":2}"#), "other");
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"inner\":{\"number\":1}} x", "\u{0}"] {
            assert!(matches!(parse::<Outer>(body.as_bytes()), Err(BodyError::Malformed { .. })), "{body}");
        }
    }

    #[test]
    fn the_character_that_no_database_keeps_is_refused_wherever_it_stands() {
        for (body, field) in [
            (r#"{"inner":{"number":"a\u0000"}}"#, Some("inner.number")),
            (r#"{"other":[1,["x","\u0000"]]}"#, Some("other[1][1]")),
            (r#"{"other":[{"deep":"\u0000"}]}"#, Some("other[0].deep")),
            (r#"{"other":{"a\u0000":1}}"#, Some("other")),
            (r#""\u0000""#, Some("")),
            // A backslash and five letters.
            (r#"{"other":"a\\u0000"}"#, None),
            (r#"{"other":"\u0001"}"#, None),
            // No JSON: that is what is said of it.
            (r#"{"other":"\u0000""#, None),
        ] {
            let found = match parse::<serde_json::Value>(body.as_bytes()) {
                Err(BodyError::Nul { field }) => Some(field),
                _ => None,
            };
            assert_eq!(found.as_deref(), field, "{body}");
        }
    }

    #[test]
    fn the_body_must_say_that_it_is_json() {
        use salvo::http::HeaderValue;
        for (types, json) in [
            (&["application/json"][..], true),
            (&["Application/JSON"], true),
            (&["application/json; charset=utf-8"], true),
            (&["application/json;charset=\"UTF-8\""], true),
            (&["application/json; v=1"], true),
            (&["application/json;"], true),
            (&["application/json; charset=latin1"], false),
            (&["application/json; charset=utf-8; charset=utf-16"], false),
            (&["application/json", "application/json"], false),
            (&["application/json, text/plain"], false),
            (&["application/jsonx"], false),
            (&["application/x-www-form-urlencoded"], false),
            (&["text/plain"], false),
            (&[""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            assert_eq!(is_json(&headers), json, "{types:?}");
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            assert!(!is_json(&headers), "{types:?}");
        }
    }

    #[test]
    fn a_value_is_not_repeated() {
        let error = parse::<Outer>(br#"{"inner":{"number":"my secret"}}"#).unwrap_err();
        assert!(!error.to_string().contains("my secret"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_body_or_refused(bytes: Vec<u8>, text in r#"[\[\]{}":,a-z0-9 .-]{0,60}"#) {
            for body in [bytes.as_slice(), text.as_bytes()] {
                let read = parse::<Outer>(body);
                prop_assert!(!matches!(read, Err(BodyError::Unread)));
                let json = serde_json::from_slice::<serde_json::Value>(body);
                prop_assert_eq!(parse::<serde_json::Value>(body).is_ok(), json.is_ok_and(|json| field_with_nul(&json).is_none()));
            }
        }

        #[test]
        fn what_is_refused_is_not_repeated(secret in "[A-Z]{12}") {
            for body in [
                serde_json::json!({ "inner": { "number": secret } }),
                serde_json::json!({ "inner": secret }),
                serde_json::json!({ "inner": { "number": [secret] } }),
                serde_json::json!(secret),
            ] {
                let error = parse::<Outer>(body.to_string().as_bytes()).unwrap_err();
                prop_assert!(!error.to_string().contains(&secret), "{error}");
            }
        }
    }
}
