//! Request bodies: JSON of the right shape and size, or an error that says where it is not.

use salvo::{
    Extractible,
    extract::Metadata,
    http::{ParseError, header::CONTENT_TYPE},
    oapi::{Components, Content, EndpointArgRegister, Operation, RequestBody, ToSchema},
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
    #[error("the body could not be read")]
    Unread,
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
        let limit_bytes = AppState::of(depot)?.body_limit_bytes;
        Ok(Self(read(req, limit_bytes).await?))
    }
}

impl<T: ToSchema> EndpointArgRegister for JsonBody<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let content = Content::new(T::to_schema(components));
        operation.request_body = Some(RequestBody::new().add_content("application/json", content));
    }
}

/// Reads a body of at most `limit_bytes`.
pub(crate) async fn read<T: DeserializeOwned>(req: &mut Request, limit_bytes: usize) -> Result<T, BodyError> {
    let json = req.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        return Err(BodyError::ContentType);
    }
    match req.payload_with_max_size(limit_bytes).await {
        Ok(bytes) => parse(bytes),
        Err(ParseError::PayloadTooLarge) => Err(BodyError::TooLarge { limit_bytes }),
        Err(_) => Err(BodyError::Unread),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // The body itself is the path `.`: nothing to name.
        let field = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
        classify(error.inner(), field)
    })?;
    deserializer.end().map_err(|error| classify(&error, String::new()))?;
    Ok(value)
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
                prop_assert_eq!(parse::<serde_json::Value>(body).is_ok(), serde_json::from_slice::<serde_json::Value>(body).is_ok());
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
