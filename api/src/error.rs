//! What can go wrong, and the only place that knows status codes.

use std::borrow::Cow;

use domain::{AccountStatus, pair::PairError, rules::RuleError};
use salvo::{
    http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    oapi::{Components, Content, EndpointOutRegister, Operation, Response as OapiResponse, ToSchema},
    prelude::*,
};
use serde::Serialize;
use store::StoreError;
use workflows::account::Refusal;

use crate::{
    body::BodyError,
    edge::RequestId,
    password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN},
};

/// Seconds after which a caller may try again when a part of ours is away.
const AWAY_RETRY_SECONDS: u64 = 5;

/// What a request named and we do not have, or have for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Account,
    Pair,
    Message,
    Media,
}

/// Why a request got no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("there is no such account")]
    AccountInBody { field: &'static str },
    #[error("there is no such {}", thing_name(*.0))]
    NotFound(Thing),
    #[error("a valid access token is needed")]
    Unauthorized,
    #[error("the address or the password is wrong")]
    BadCredentials,
    #[error("this is not an e-mail address")]
    EmailInvalid,
    #[error("a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")]
    PasswordLength,
    #[error("this address is registered already")]
    EmailTaken,
    #[error("a phone number has 7 to 15 digits, with the country code")]
    PhoneInvalid,
    #[error("this phone number is linked already")]
    PhoneAlreadyLinked,
    #[error("this is not a bot token")]
    TokenInvalid,
    #[error("the account's state is `{}`", status_name(*.0))]
    WrongState(AccountStatus),
    #[error("the interval is longer than an hour")]
    IntervalTooLong,
    #[error("pairs still use this account; delete them first")]
    AccountInUse,
    #[error("this message is not a dead letter")]
    NotDead,
    #[error("{}", .refusal.detail)]
    Refused { refusal: Refusal, field: Option<&'static str> },
    #[error("{0}")]
    Pair(#[from] PairError),
    #[error("this source and this destination are a pair already")]
    PairExists,
    #[error("{} of the options {} wrong", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    InvalidOptions(Vec<RuleError>),
    #[error("this link was not made here, or was changed")]
    LinkInvalid,
    #[error("this link has ended")]
    LinkExpired,
    #[error("the attachment has {size} bytes")]
    RangeInvalid { size: u64 },
    #[error("{detail}")]
    Query { field: &'static str, detail: &'static str },
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("the payload cannot be opened or sealed: {0}")]
    Payload(#[from] workflows::codec::CodecError),
    #[error("the workflow service is away; nothing was lost, try again")]
    TemporalUnavailable,
    #[error("no worker has answered in time; try again")]
    WorkerUnavailable,
    #[error("the request took too long")]
    TimedOut,
    #[error("the database is away; try again")]
    DatabaseUnavailable,
    #[error("something is wrong on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    pub(crate) fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// `error`, unless it is the conflict with `constraint`, which means `meaning`.
    pub(crate) fn on_conflict(error: StoreError, constraint: &str, meaning: Self) -> Self {
        match error {
            StoreError::Conflict { constraint: found } if found == constraint => meaning,
            other => other.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(error = &error as &dyn std::error::Error, "The database is away.");
            Self::DatabaseUnavailable
        } else {
            Self::internal(error)
        }
    }
}

fn thing_name(thing: Thing) -> &'static str {
    match thing {
        Thing::Account => "account",
        Thing::Pair => "pair",
        Thing::Message => "message",
        Thing::Media => "attachment",
    }
}

fn status_name(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::New => "new",
        AccountStatus::AwaitingCode => "awaiting_code",
        AccountStatus::AwaitingPassword => "awaiting_password",
        AccountStatus::Connecting => "connecting",
        AccountStatus::Online => "online",
        AccountStatus::Reconnecting => "reconnecting",
        AccountStatus::Paused => "paused",
        AccountStatus::Limited => "limited",
        AccountStatus::Revoked => "revoked",
        AccountStatus::Banned => "banned",
        AccountStatus::LoggedOut => "logged_out",
    }
}

/// An error on the wire: RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[salvo(schema(name = Problem))]
pub struct Problem {
    /// `urn:causeway:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable name of the reason, such as `code_invalid`. Programs branch on this.
    pub code: String,
    /// The reason, for people.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// Names this request in our logs; also in the header `x-request-id`.
    pub request_id: String,
    /// The part of the request that is wrong, such as `destination.chat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// When trying again makes sense; also in the header `retry-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Every part of the request that is wrong, where several can be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One part of a request that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[salvo(schema(name = FieldProblem))]
pub struct FieldProblem {
    /// Which, such as `options.replace[0].pattern`.
    pub field: String,
    /// Why, for people.
    pub detail: String,
}

/// Status, code and the part of the request that is to blame.
struct Shape {
    status: StatusCode,
    code: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after_seconds: Option<u64>,
}

impl Shape {
    fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code: code.into(), field: None, retry_after_seconds: None }
    }

    fn field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    fn away(code: &'static str) -> Self {
        Self { retry_after_seconds: Some(AWAY_RETRY_SECONDS), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code) }
    }
}

impl ApiError {
    /// Every part of the request that is wrong, where several can be.
    fn fields(&self) -> Vec<FieldProblem> {
        let Self::InvalidOptions(errors) = self else { return Vec::new() };
        let field = |error: &RuleError| format!("options.{}", error.path);
        errors.iter().map(|error| FieldProblem { field: field(error), detail: error.reason.clone() }).collect()
    }

    fn shape(&self) -> Shape {
        use StatusCode as S;
        match self {
            Self::AccountInBody { field } => Shape::new(S::NOT_FOUND, "account_not_found").field(*field),
            Self::NotFound(Thing::Account) => Shape::new(S::NOT_FOUND, "account_not_found"),
            Self::NotFound(Thing::Pair) => Shape::new(S::NOT_FOUND, "pair_not_found"),
            Self::NotFound(Thing::Message) => Shape::new(S::NOT_FOUND, "message_not_found"),
            Self::Unauthorized => Shape::new(S::UNAUTHORIZED, "unauthorized"),
            Self::BadCredentials => Shape::new(S::UNAUTHORIZED, "bad_credentials"),
            Self::EmailInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "email_invalid").field("email"),
            Self::PasswordLength => Shape::new(S::UNPROCESSABLE_ENTITY, "password_length").field("password"),
            Self::EmailTaken => Shape::new(S::CONFLICT, "email_taken").field("email"),
            Self::PhoneInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "phone_invalid").field("phone"),
            Self::PhoneAlreadyLinked => Shape::new(S::CONFLICT, "phone_already_linked").field("phone"),
            Self::TokenInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "token_invalid").field("token"),
            Self::WrongState(_) => Shape::new(S::CONFLICT, "wrong_state"),
            Self::IntervalTooLong => Shape::new(S::UNPROCESSABLE_ENTITY, "interval_too_long").field("send_interval_ms"),
            Self::AccountInUse => Shape::new(S::CONFLICT, "account_in_use"),
            Self::NotDead => Shape::new(S::CONFLICT, "not_dead"),
            Self::Refused { refusal, field } => refused(refusal, *field),
            Self::Pair(PairError::SourceIsDestination) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "source_is_destination").field("destination")
            }
            Self::Pair(PairError::DelayTooLong) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "delay_too_long").field("delay_seconds")
            }
            Self::Pair(PairError::BadName) => Shape::new(S::UNPROCESSABLE_ENTITY, "bad_name").field("name"),
            Self::InvalidOptions(_) => Shape::new(S::UNPROCESSABLE_ENTITY, "invalid_options").field("options"),
            Self::NotFound(Thing::Media) => Shape::new(S::NOT_FOUND, "media_not_found"),
            Self::LinkInvalid => Shape::new(S::FORBIDDEN, "link_invalid"),
            Self::LinkExpired => Shape::new(S::GONE, "link_expired"),
            Self::RangeInvalid { .. } => Shape::new(S::RANGE_NOT_SATISFIABLE, "range_invalid"),
            Self::PairExists => Shape::new(S::CONFLICT, "pair_exists"),
            Self::Query { field, .. } => Shape::new(S::UNPROCESSABLE_ENTITY, "invalid_query").field(*field),
            Self::Body(error) => body(error),
            Self::Payload(_) => Shape::new(S::UNPROCESSABLE_ENTITY, "payload_refused"),
            Self::TemporalUnavailable => Shape::away("temporal_unavailable"),
            Self::WorkerUnavailable => Shape::away("worker_unavailable"),
            Self::TimedOut => Shape::away("timed_out"),
            Self::DatabaseUnavailable => Shape::away("database_unavailable"),
            Self::Internal(_) => Shape::new(S::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

fn body(error: &BodyError) -> Shape {
    match error {
        BodyError::ContentType => Shape::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        BodyError::TooLarge { .. } => Shape::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        BodyError::Malformed { .. } | BodyError::Unread => Shape::new(StatusCode::BAD_REQUEST, "malformed_json"),
        BodyError::Shape { field, .. } => {
            let shape = Shape::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body");
            if field.is_empty() { shape } else { shape.field(field.clone()) }
        }
    }
}

/// A worker's refusal. A code that is not known here is the user's to mend, as far as anybody can tell.
fn refused(refusal: &Refusal, field: Option<&'static str>) -> Shape {
    let code = match refusal.code.as_str() {
        // A token that is refused is refused, whether Discord was asked or it cannot be one at all.
        "token_malformed" => "token_invalid",
        other => other,
    };
    let status = match code {
        "flood_wait" => StatusCode::TOO_MANY_REQUESTS,
        "platform_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        "account_already_linked" | "account_not_online" | "wrong_state" => StatusCode::CONFLICT,
        "account_not_found" => StatusCode::NOT_FOUND,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Shape {
        status,
        code: code.to_owned().into(),
        field: field.map(Cow::Borrowed),
        retry_after_seconds: refusal.retry_after_seconds,
    }
}

#[async_trait]
impl Writer for ApiError {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        if let Self::Internal(source) = &self {
            tracing::error!(error = source.as_ref() as &dyn std::error::Error, "A request failed on our side.");
        }
        if let Self::RangeInvalid { size } = &self {
            let whole = HeaderValue::from_str(&format!("bytes */{size}"));
            res.headers_mut().extend(whole.ok().map(|whole| (CONTENT_RANGE, whole)));
        }
        let Shape { status, code, field, retry_after_seconds } = self.shape();
        let problem = Problem {
            kind: String::new(),
            title: String::new(),
            status: status.as_u16(),
            code: code.into_owned(),
            detail: self.to_string(),
            instance: req.uri().path().to_owned(),
            request_id: RequestId::of(depot),
            field: field.map(Cow::into_owned),
            retry_after_seconds,
            errors: self.fields(),
        };
        problem.render(res);
    }
}

impl Problem {
    /// A problem of the framework's own, known by its status alone.
    pub(crate) fn of_status(status: StatusCode, req: &Request, depot: &Depot) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("route_not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path does not know this method"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "the body must be application/json"),
            status if status.is_client_error() => ("bad_request", "the request cannot be read"),
            _ => ("internal", "something is wrong on our side"),
        };
        Self {
            kind: String::new(),
            title: String::new(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            instance: req.uri().path().to_owned(),
            request_id: RequestId::of(depot),
            field: None,
            retry_after_seconds: None,
            errors: Vec::new(),
        }
    }

    /// Becomes the response.
    pub(crate) fn render(mut self, res: &mut Response) {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.kind = format!("urn:causeway:problem:{}", self.code);
        self.title = status.canonical_reason().unwrap_or("Error").to_owned();
        if let Some(seconds) = self.retry_after_seconds {
            res.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            res.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        res.render(Json(self));
        res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        res.status_code(status);
    }
}

/// What the document says of every endpoint's errors: status and codes.
const DOCUMENTED: [(&str, &str); 9] = [
    ("400", "`malformed_json`: the body is not JSON."),
    ("401", "`unauthorized`: no valid access token. `bad_credentials`: wrong address or password."),
    ("404", "`account_not_found`, `pair_not_found`, `message_not_found`, `media_not_found`: unknown, or not yours."),
    (
        "409",
        "`email_taken`, `phone_already_linked`, `account_already_linked`, `account_in_use`, `account_not_online`, \
         `wrong_state`, `pair_exists`, `not_dead`.",
    ),
    ("413", "`body_too_large`."),
    ("415", "`unsupported_media_type`: the body must be application/json."),
    (
        "422",
        "`invalid_body`, `invalid_query`, `email_invalid`, `password_length`, `phone_invalid`, `phone_unregistered`, \
         `phone_banned`, `code_invalid`, `code_expired`, `password_invalid`, `token_invalid`, `intent_missing`, \
         `chat_not_visible`, `chat_not_writable`, `topic_not_supported`, `source_is_destination`, `delay_too_long`, \
         `bad_name`, `invalid_options` (`errors` names every field), `payload_refused`; a platform may have further reasons.",
    ),
    ("429", "`flood_wait`: the platform wants a pause; `retry-after` says how long."),
    (
        "503",
        "`database_unavailable`, `temporal_unavailable`, `worker_unavailable`, `platform_unavailable`, `timed_out`: \
         nothing was lost; try again.",
    ),
];

impl EndpointOutRegister for ApiError {
    fn register(components: &mut Components, operation: &mut Operation) {
        for (status, text) in DOCUMENTED.into_iter().chain([("500", "`internal`: our fault.")]) {
            let content = Content::new(Problem::to_schema(components));
            let response = OapiResponse::new(text).add_content("application/problem+json", content);
            operation.responses.insert(status, response);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, retry_after_seconds: Option<u64>) -> ApiError {
        let refusal = Refusal { code: code.into(), detail: "said".into(), retry_after_seconds };
        ApiError::Refused { refusal, field: None }
    }

    #[test]
    fn refusals_have_the_status_that_their_cause_asks_for() {
        for (code, status) in [
            ("code_invalid", 422),
            ("password_invalid", 422),
            ("phone_banned", 422),
            ("flood_wait", 429),
            ("platform_unavailable", 503),
            ("account_already_linked", 409),
            ("account_not_online", 409),
            ("something_new", 422),
        ] {
            let shape = refusal(code, None).shape();
            assert_eq!((shape.status.as_u16(), shape.code.as_ref()), (status, code));
        }
        assert_eq!(refusal("flood_wait", Some(7)).shape().retry_after_seconds, Some(7));
    }

    #[test]
    fn a_database_that_is_away_is_told_from_one_that_refuses() {
        let refused = StoreError::Conflict { constraint: "pairs_route_key".into() };
        assert!(matches!(
            ApiError::on_conflict(refused, "pairs_route_key", ApiError::PairExists),
            ApiError::PairExists
        ));
        let other = StoreError::Conflict { constraint: "other".into() };
        assert_eq!(ApiError::on_conflict(other, "pairs_route_key", ApiError::PairExists).shape().status.as_u16(), 500);
    }
}
