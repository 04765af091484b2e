//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the caller's name for what a request asks
//! for, so that it happens once, however often it is sent.

use salvo::{
    Extractible,
    extract::Metadata,
    oapi::{BasicType, Components, EndpointArgRegister, Object, Operation, Parameter, ParameterIn, Required},
    prelude::*,
};

use crate::error::ApiError;

/// The header's name.
const NAME: &str = "idempotency-key";
/// The longest key, in bytes: a UUID has 36.
const BYTES_MAX: usize = 100;

/// What the header says. An endpoint that takes it cannot be called without.
pub(crate) struct RequestKey(pub(crate) String);

static REQUEST_KEY: Metadata = Metadata::new("idempotency_key");

impl<'ex> Extractible<'ex> for RequestKey {
    fn metadata() -> &'static Metadata {
        &REQUEST_KEY
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, _depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let mut keys = req.headers().get_all(NAME).iter();
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(ApiError::IdempotencyKey) };
        let key = key.to_str().map_err(|_| ApiError::IdempotencyKey)?;
        let fits = (1..=BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(key.to_owned())) } else { Err(ApiError::IdempotencyKey) }
    }
}

impl EndpointArgRegister for RequestKey {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        let key = Object::with_type(BasicType::String).pattern(format!("^[!-~]{{1,{BYTES_MAX}}}$"));
        let parameter = Parameter::new("Idempotency-Key").location(ParameterIn::Header).required(Required::True);
        let parameter = parameter.schema(key).description(
            "Your name for what the request asks for, such as a UUID. Sent again with the same body, nothing happens a \
             second time; with another body it is refused.",
        );
        operation.parameters.insert(parameter);
    }
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;

    use super::*;

    async fn read(keys: &[&str]) -> Result<String, ApiError> {
        let mut req = Request::default();
        for key in keys {
            req.headers_mut().append(NAME, HeaderValue::from_bytes(key.as_bytes()).unwrap());
        }
        RequestKey::extract(&mut req, &mut Depot::new()).await.map(|key| key.0)
    }

    #[tokio::test]
    async fn a_key_is_there_once_and_fits() {
        assert_eq!(
            read(&["8e03978e-40d5-43e8-bc93-6894a57f9324"]).await.unwrap(),
            "8e03978e-40d5-43e8-bc93-6894a57f9324"
        );
        assert_eq!(read(&["\"quoted\""]).await.unwrap(), "\"quoted\"");
        let long = "x".repeat(101);
        for wrong in [&[][..], &[""], &["a b"], &["ä"], &[long.as_str()], &["a", "b"]] {
            assert!(matches!(read(wrong).await, Err(ApiError::IdempotencyKey)), "{wrong:?}");
        }
    }
}
