//! Errors on the wire, and what the document says of them.

use std::borrow::Cow;

use domain::{
    gate::{self, Bar},
    rules::RuleError,
};
use salvo::{
    http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    oapi::{Components, Content, EndpointOutRegister, Operation, Response as OapiResponse, ToSchema},
    prelude::*,
};
use serde::Serialize;

use super::{ApiError, shape::Shape};
use crate::edge::RequestId;

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
    /// What of the plan is in the way, with the code `plan_limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_limit: Option<PlanLimitProblem>,
}

/// What of a plan is in the way.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[salvo(schema(name = PlanLimitProblem))]
pub struct PlanLimitProblem {
    /// The limit or feature, such as `pairs` or `webhook_identity`.
    pub limit: String,
    /// How much is in use; null for a feature.
    pub used: Option<u64>,
    /// How much the plan allows; null for a feature.
    pub allowed: Option<u64>,
    /// The code of the lowest plan under which the same request would pass; null when there is none.
    pub lifted_by: Option<String>,
}

impl From<&gate::Refusal> for PlanLimitProblem {
    fn from(refusal: &gate::Refusal) -> Self {
        let (limit, used, allowed) = match refusal.bar {
            Bar::Limit { limit, allowed, used } | Bar::Excess { limit, allowed, used } => {
                (limit.as_str(), Some(used), Some(allowed))
            }
            Bar::Feature(feature) => (feature.as_str(), None, None),
            Bar::Suspended => (gate::SUSPENDED, None, None),
        };
        let lifted_by = refusal.lifted_by.as_ref().map(|lift| lift.code.clone());
        Self { limit: limit.to_owned(), used, allowed, lifted_by }
    }
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

impl ApiError {
    fn plan_limit(&self) -> Option<PlanLimitProblem> {
        let Self::PlanLimit(refusal) = self else { return None };
        Some(refusal.as_ref().into())
    }

    /// Every part of the request that is wrong, where several can be.
    fn fields(&self) -> Vec<FieldProblem> {
        let Self::InvalidOptions(errors) = self else { return Vec::new() };
        let field = |error: &RuleError| format!("options.{}", error.path);
        errors.iter().map(|error| FieldProblem { field: field(error), detail: error.reason.clone() }).collect()
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
        if let Self::RateLimited(refused) = &self {
            refused.standing().write(res);
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
            plan_limit: self.plan_limit(),
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
            plan_limit: None,
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
const DOCUMENTED: [(&str, &str); 11] = [
    ("400", "`malformed_json`: the body is not JSON. `webhook_malformed`: it cannot be read."),
    (
        "401",
        "`unauthorized`: no valid access token or API key. `bad_credentials`: wrong address or password. \
         `refresh_invalid`: sign in again. `second_factor_required`, `second_factor_wrong`: the password is right, a code \
         is missing or wrong. `webhook_forged`: not from the payment provider.",
    ),
    (
        "403",
        "`scope_missing`, `session_required`: the API key may not. `suspended`: the user is suspended. `registration_closed`: nobody new may register. `forbidden`, \
         `role_missing`, `address_not_allowed`: not staff, not enough, or not from here. `second_factor_missing`: staff need one. `plan_limit`: the plan does not \
         allow it; `plan_limit` says what is in the way and which plan lifts it.",
    ),
    (
        "404",
        "`account_not_found`, `pair_not_found`, `message_not_found`, `media_not_found`, `api_key_not_found`, \
         `session_not_found`, `user_not_found`, `plan_not_found`, `worker_not_found`, `bulk_act_not_found`, \
         `announcement_not_found`, `payment_not_found`, `refund_not_found`, `payment_event_not_found`, `provider_not_found`, `invoice_not_found`, `coupon_not_found`: unknown, or not yours.",
    ),
    ("408", "`body_timed_out`: the body did not arrive in time."),
    (
        "409",
        "`email_taken`, `phone_already_linked`, `account_already_linked`, `account_in_use`, `account_not_online`, \
         `wrong_state`, `pair_exists`, `not_dead`, `bot_unavailable`, `too_many_keys`, `second_factor_on`, `second_factor_off`, `payment_open`, `payment_under_way`, `nothing_to_pay`, `nothing_to_agree_on`, `idempotency_key_reused`, `balance_insufficient`, `plan_granted`, `changes_at_period_end`, `renewed_already`, `other_currency`, `no_subscription`, `no_trial`, `coupon_in_use`. Administration: `coupon_exists`, `user_suspended`, `yourself`, `last_admin`, `pair_paused`, `no_other_worker`.",
    ),
    ("413", "`body_too_large`."),
    ("415", "`unsupported_media_type`: the body must be application/json."),
    (
        "422",
        "`invalid_body`, `invalid_query`, `invalid_character`, `email_invalid`, `password_length`, `phone_invalid`, `phone_unregistered`, \
         `phone_banned`, `code_invalid`, `code_expired`, `password_invalid`, `token_invalid`, `intent_missing`, \
         `chat_not_visible`, `chat_not_writable`, `topic_not_supported`, `source_is_destination`, `delay_too_long`, \
         `bad_name`, `scope_empty`, `setting_invalid`, `limit_too_low`, `reason_length`, `expiry_passed`, `password_wrong`, `second_factor_wrong`, `proof_invalid`, `scopes_invalid`, `expiry_invalid`, \
         `invalid_options` (`errors` names every field), `payload_refused`, `time_zone_invalid`, `quiet_hours_invalid`, \
         `announcement_invalid`, `idempotency_key_invalid`, `amount_invalid`, `currency_unknown`, `note_length`, `plan_not_for_sale`, `provider_unknown`, `provider_unfit`, `provider_missing`, `reference_length`, `billing_details_invalid`, `coupon_invalid`; a coupon that does not hold: `coupon_too_many`, `coupon_inactive`, \
         `coupon_not_started`, `coupon_expired`, `coupon_plan`, `coupon_interval`, `coupon_currency`, `coupon_minimum`, \
         `coupon_first_purchase`, `coupon_user_limit`, `coupon_exhausted`, `coupon_not_combinable`; a platform may have further reasons.",
    ),
    (
        "429",
        "`rate_limited`: too many requests in this minute. `flood_wait`: the platform wants a pause. \
         `too_many_attempts`: too many guesses have failed. `retry-after` says how long.",
    ),
    (
        "503",
        "`database_unavailable`, `temporal_unavailable`, `worker_unavailable`, `platform_unavailable`, `timed_out`: \
         nothing was lost; try again. `webhook_unproved`: send it again. `maintenance`: tenants' changes wait for its end.",
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
