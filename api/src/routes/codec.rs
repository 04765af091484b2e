//! Temporal's remote codec protocol, for the operator's Temporal UI and CLI.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use salvo::{
    http::header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, ORIGIN, VARY,
    },
    prelude::*,
};
use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::common::v1::Payload;
use workflows::codec::{Codec, CodecError};

use crate::{
    auth::Operator,
    body::{BodyError, CODEC_BODY_BYTES_MAX, read},
    error::ApiError,
    state::AppState,
};

/// One payload; values are base64.
#[derive(Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = Payload))]
pub(crate) struct PayloadWire {
    /// Such as `encoding`.
    #[serde(default)]
    metadata: HashMap<String, String>,
    /// The bytes.
    #[serde(default)]
    data: String,
}

/// Payloads, in order.
#[derive(Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = Payloads))]
pub(crate) struct PayloadsWire {
    /// In order.
    #[serde(default)]
    payloads: Vec<PayloadWire>,
}

/// Opens sealed payloads; clear ones pass.
#[endpoint(operation_id = "decode_payloads", tags("codec"), request_body = PayloadsWire)]
pub(crate) async fn decode(
    _operator: Operator,
    app: AppState,
    req: &mut Request,
) -> Result<Json<PayloadsWire>, ApiError> {
    answer(&app, req, |codec, payload| codec.open(payload)).await
}

/// Seals payloads, for starting a workflow by hand.
#[endpoint(operation_id = "encode_payloads", tags("codec"), request_body = PayloadsWire)]
pub(crate) async fn encode(
    _operator: Operator,
    app: AppState,
    req: &mut Request,
) -> Result<Json<PayloadsWire>, ApiError> {
    answer(&app, req, |codec, payload| codec.seal(&payload)).await
}

/// Lets the Temporal UI, which is served from elsewhere, ask.
#[handler]
pub(crate) async fn cors(req: &mut Request, depot: &mut Depot, res: &mut Response) {
    let Ok(app) = AppState::of(depot) else { return };
    let Some(allowed) = app.codec_cors_origin.as_deref() else { return };
    let asked = req.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let Ok(value) = HeaderValue::from_str(allowed) else { return };
    let headers = res.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("origin"));
    if asked == Some(allowed) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
        let allowed = HeaderValue::from_static("authorization, content-type, x-namespace");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
}

/// Answers a browser's preflight; `cors` has said what there is to say.
#[handler]
pub(crate) async fn preflight(res: &mut Response) {
    res.status_code(StatusCode::NO_CONTENT);
}

async fn answer(
    app: &AppState,
    req: &mut Request,
    transform: fn(&Codec, Payload) -> Result<Payload, CodecError>,
) -> Result<Json<PayloadsWire>, ApiError> {
    let wire: PayloadsWire = read(req, CODEC_BODY_BYTES_MAX, app.patience.body).await?;
    let payloads = wire
        .payloads
        .into_iter()
        .enumerate()
        .map(|(index, payload)| Ok(to_wire(&transform(&app.codec, from_wire(index, payload)?)?)))
        .collect::<Result<Vec<_>, ApiError>>()?;
    Ok(Json(PayloadsWire { payloads }))
}

fn from_wire(index: usize, wire: PayloadWire) -> Result<Payload, BodyError> {
    let bytes = |text: &str| {
        BASE64
            .decode(text)
            .map_err(|_| BodyError::Shape { field: format!("payloads[{index}]"), detail: "expected base64".to_owned() })
    };
    let metadata =
        wire.metadata.iter().map(|(key, value)| Ok((key.clone(), bytes(value)?))).collect::<Result<_, BodyError>>()?;
    Ok(Payload { metadata, data: bytes(&wire.data)?, ..Payload::default() })
}

fn to_wire(payload: &Payload) -> PayloadWire {
    PayloadWire {
        metadata: payload.metadata.iter().map(|(key, value)| (key.clone(), BASE64.encode(value))).collect(),
        data: BASE64.encode(&payload.data),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::KEY;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_payload_is_opened_or_refused(
            encoding in "binary/encrypted|[a-z/]{0,12}", id in "k1|.{0,8}", data: Vec<u8>, noise in ".{0,20}",
        ) {
            let codec = Codec::parse(KEY).unwrap();
            let metadata = [("encoding", &encoding), ("encryption-key-id", &id)];
            let metadata = metadata.map(|(name, value)| (name.to_owned(), BASE64.encode(value))).into();
            let wire = PayloadWire { metadata, data: BASE64.encode(&data) };
            let payload = from_wire(0, wire).unwrap();
            prop_assert_eq!(&payload.data, &data);
            let opened = codec.open(payload.clone());
            prop_assert_eq!(opened.is_ok(), encoding != "binary/encrypted");
            let sealed = from_wire(0, to_wire(&codec.seal(&payload).unwrap())).unwrap();
            prop_assert_eq!(codec.open(sealed).unwrap(), payload);
            let wire = PayloadWire { metadata: HashMap::new(), data: noise.clone() };
            prop_assert_eq!(from_wire(3, wire).is_ok(), BASE64.decode(&noise).is_ok());
        }
    }
}
