//! One REST call before it is made: where, what for, and with which body.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::ChatId;
use futures::stream;
use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};

use crate::platform::{ByteSource, PlatformError, Upload};

use super::errors::message;
use super::rest::{CALL_LIMIT, TRANSFER_LIMIT};

/// What marks a file as hidden until somebody touches it.
pub(super) const SPOILER_PREFIX: &str = "SPOILER_";

/// What a call is for, as budgets count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new message in this channel or thread.
    Send(ChatId),
    /// An edit or deletion of our own message.
    Change,
    /// Anything else.
    Question,
}

/// One call.
pub(super) struct Ask<'a> {
    pub(super) route: Route<'a>,
    pub(super) method: LightMethod,
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) body: Body<'a>,
    pub(super) purpose: Purpose,
    /// The address holds a webhook's secret, so no token is shown.
    pub(super) by_secret: bool,
    /// Time for the whole call.
    pub(super) limit: Duration,
}

impl<'a> Ask<'a> {
    /// A question without a body.
    pub(super) const fn new(route: Route<'a>, method: LightMethod) -> Self {
        Self {
            route,
            method,
            params: Vec::new(),
            body: Body::None,
            purpose: Purpose::Question,
            by_secret: false,
            limit: CALL_LIMIT,
        }
    }

    /// With these in the address.
    pub(super) fn with_params(self, params: Vec<(&'static str, String)>) -> Self {
        Self { params, ..self }
    }

    /// For this.
    pub(super) fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// With this JSON, and these files beside it.
    pub(super) fn with_message(self, mut json: Value, uploads: &'a [Upload]) -> Self {
        if uploads.is_empty() {
            return Self { body: Body::Json(json), ..self };
        }
        // A forum's post holds its first message one level deeper.
        let holder = if json["message"].is_object() { &mut json["message"] } else { &mut json };
        holder["attachments"] =
            uploads.iter().enumerate().map(|(id, upload)| json!({ "id": id, "filename": file_name(upload) })).collect();
        Self { body: Body::Form { json, uploads }, limit: TRANSFER_LIMIT, ..self }
    }

    /// With this JSON.
    pub(super) fn with_json(self, json: Value) -> Self {
        Self { body: Body::Json(json), ..self }
    }

    /// The address with its parameters.
    pub(super) fn url(&self) -> Option<url::Url> {
        let mut url = url::Url::parse(&self.route.path()).ok()?;
        if !self.params.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.params);
        }
        Some(url)
    }
}

/// What a call carries.
pub(super) enum Body<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// JSON and files, which are read piece by piece while they are sent.
    Form {
        /// The JSON.
        json: Value,
        /// The files, in order.
        uploads: &'a [Upload],
    },
}

/// Why a source of bytes failed, for whoever sees the request break off.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(Arc<Mutex<Option<PlatformError>>>);

impl Broken {
    /// The reason, once.
    pub(super) fn take(&self) -> Option<PlatformError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, error: &PlatformError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

impl Body<'_> {
    /// Puts it into a request; may be done again for another attempt.
    pub(super) fn attach(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(reqwest::RequestBuilder, Broken), PlatformError> {
        let broken = Broken::default();
        let request = match self {
            Self::None => request.header(reqwest::header::CONTENT_LENGTH, 0),
            Self::Json(json) => {
                request.header(reqwest::header::CONTENT_TYPE, "application/json").body(json.to_string())
            }
            Self::Form { json, uploads } => {
                let payload = reqwest::multipart::Part::text(json.to_string())
                    .mime_str("application/json")
                    .map_err(|error| message("invalid_form", error.to_string()))?;
                let form = reqwest::multipart::Form::new().part("payload_json", payload);
                let form = uploads
                    .iter()
                    .enumerate()
                    .fold(form, |form, (id, upload)| form.part(format!("files[{id}]"), part(upload, &broken)));
                request.multipart(form)
            }
        };
        Ok((request, broken))
    }
}

/// The name under which Discord shows a file.
fn file_name(upload: &Upload) -> String {
    let name = &upload.media.file_name;
    if upload.media.spoiler && !name.starts_with(SPOILER_PREFIX) {
        format!("{SPOILER_PREFIX}{name}")
    } else {
        name.clone()
    }
}

fn part(upload: &Upload, broken: &Broken) -> reqwest::multipart::Part {
    let body = reqwest::Body::wrap_stream(pieces(Arc::clone(&upload.content), broken.clone()));
    let make = |body| reqwest::multipart::Part::stream_with_length(body, upload.content.size_bytes());
    let part = make(body).file_name(file_name(upload));
    // A type that cannot be one is left to Discord to guess.
    match part.mime_str(&upload.media.mime) {
        Ok(part) => part,
        Err(_) => {
            let again = reqwest::Body::wrap_stream(pieces(Arc::clone(&upload.content), broken.clone()));
            make(again).file_name(file_name(upload))
        }
    }
}

/// The bytes of a source, one piece in memory at a time.
fn pieces(
    source: Arc<dyn ByteSource>,
    broken: Broken,
) -> impl futures::Stream<Item = Result<Bytes, PlatformError>> + Send + 'static {
    stream::unfold(Some(0_u64), move |index| {
        let (source, broken) = (Arc::clone(&source), broken.clone());
        async move {
            let index = index?;
            match source.chunk(index).await {
                Ok(piece) if piece.is_empty() => None,
                Ok(piece) => Some((Ok(piece), Some(index + 1))),
                Err(error) => {
                    broken.note(&error);
                    Some((Err(error), None))
                }
            }
        }
    })
}
