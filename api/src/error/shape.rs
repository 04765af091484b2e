//! The only place that knows status codes.

use std::borrow::Cow;

use domain::{announcement::AnnouncementError, coupon, notification::QuietError, pair::PairError};
use salvo::http::StatusCode;
use store::payments::{refunds::RefundError, review::ReviewError};
use workflows::account::Refusal;

use super::{ApiError, Thing};
use crate::body::BodyError;

/// Seconds after which a caller may try again when a part of ours is away.
const AWAY_RETRY_SECONDS: u64 = 5;

/// Status, code and the part of the request that is to blame.
pub(super) struct Shape {
    pub status: StatusCode,
    pub code: Cow<'static, str>,
    pub field: Option<Cow<'static, str>>,
    pub retry_after_seconds: Option<u64>,
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
    /// How the wire says it.
    #[expect(clippy::too_many_lines, reason = "a table, one line for each error")]
    pub(super) fn shape(&self) -> Shape {
        use StatusCode as S;
        match self {
            Self::NotFound(thing) => not_found(*thing),
            Self::AccountInBody { field } => Shape::new(S::NOT_FOUND, "account_not_found").field(*field),
            Self::Unauthorized => Shape::new(S::UNAUTHORIZED, "unauthorized"),
            Self::BadCredentials => Shape::new(S::UNAUTHORIZED, "bad_credentials"),
            Self::RefreshInvalid => Shape::new(S::UNAUTHORIZED, "refresh_invalid"),
            Self::SecondFactorRequired => Shape::new(S::UNAUTHORIZED, "second_factor_required").field("code"),
            Self::SecondFactorWrong => Shape::new(S::UNAUTHORIZED, "second_factor_wrong").field("code"),
            Self::SecondFactorMissing => Shape::new(S::FORBIDDEN, "second_factor_missing"),
            Self::CodeWrong => Shape::new(S::UNPROCESSABLE_ENTITY, "second_factor_wrong").field("code"),
            Self::SecondFactorOn => Shape::new(S::CONFLICT, "second_factor_on"),
            Self::SecondFactorOff => Shape::new(S::CONFLICT, "second_factor_off"),
            Self::ProofInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "proof_invalid").field("token"),
            Self::TooManyAttempts { retry_after_seconds } => Shape {
                retry_after_seconds: Some(*retry_after_seconds),
                ..Shape::new(S::TOO_MANY_REQUESTS, "too_many_attempts")
            },
            Self::Forbidden => Shape::new(S::FORBIDDEN, "forbidden"),
            Self::Suspended => Shape::new(S::FORBIDDEN, "suspended"),
            Self::UserSuspended => Shape::new(S::CONFLICT, "user_suspended"),
            Self::Yourself => Shape::new(S::CONFLICT, "yourself"),
            Self::LastAdmin => Shape::new(S::CONFLICT, "last_admin"),
            Self::PairPaused => Shape::new(S::CONFLICT, "pair_paused"),
            Self::NoOtherWorker { .. } => Shape::new(S::CONFLICT, "no_other_worker"),
            Self::ScopeEmpty => Shape::new(S::UNPROCESSABLE_ENTITY, "scope_empty"),
            Self::Setting(error) => Shape::new(S::UNPROCESSABLE_ENTITY, "setting_invalid").field(error.field()),
            Self::Maintenance { retry_after_seconds, .. } => Shape {
                retry_after_seconds: Some(*retry_after_seconds),
                ..Shape::new(S::SERVICE_UNAVAILABLE, "maintenance")
            },
            Self::RegistrationClosed => Shape::new(S::FORBIDDEN, "registration_closed"),
            Self::SessionRequired => Shape::new(S::FORBIDDEN, "session_required"),
            Self::ScopeMissing(_) => Shape::new(S::FORBIDDEN, "scope_missing"),
            Self::RoleMissing(_) => Shape::new(S::FORBIDDEN, "role_missing"),
            Self::AddressNotAllowed => Shape::new(S::FORBIDDEN, "address_not_allowed"),
            Self::PasswordWrong => Shape::new(S::UNPROCESSABLE_ENTITY, "password_wrong").field("password"),
            Self::KeyName => Shape::new(S::UNPROCESSABLE_ENTITY, "bad_name").field("name"),
            Self::KeyScopes => Shape::new(S::UNPROCESSABLE_ENTITY, "scopes_invalid").field("scopes"),
            Self::KeyExpiry => Shape::new(S::UNPROCESSABLE_ENTITY, "expiry_invalid").field("expires_at"),
            Self::TooManyKeys => Shape::new(S::CONFLICT, "too_many_keys"),
            Self::EmailInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "email_invalid").field("email"),
            Self::NewEmailInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "email_invalid").field("new_email"),
            Self::PasswordLength => Shape::new(S::UNPROCESSABLE_ENTITY, "password_length").field("password"),
            Self::NewPasswordLength => Shape::new(S::UNPROCESSABLE_ENTITY, "password_length").field("new_password"),
            Self::EmailTaken => Shape::new(S::CONFLICT, "email_taken").field("email"),
            Self::PhoneInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "phone_invalid").field("phone"),
            Self::PhoneAlreadyLinked => Shape::new(S::CONFLICT, "phone_already_linked").field("phone"),
            Self::TokenInvalid => Shape::new(S::UNPROCESSABLE_ENTITY, "token_invalid").field("token"),
            Self::Announcement(error) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "announcement_invalid").field(announcement_field(*error))
            }
            Self::Coupon(refused) => coupon_refused(refused.reason),
            Self::CouponTerms(error) => Shape::new(S::UNPROCESSABLE_ENTITY, "coupon_invalid").field(error.field()),
            Self::ProviderUnknown => Shape::new(S::UNPROCESSABLE_ENTITY, "provider_unknown").field("provider"),
            Self::ProviderUnfit { field } => Shape::new(S::UNPROCESSABLE_ENTITY, "provider_unfit").field(*field),
            Self::ProviderMissing(_) => Shape::new(S::UNPROCESSABLE_ENTITY, "provider_missing").field("provider"),
            Self::NothingToAgreeOn => Shape::new(S::CONFLICT, "nothing_to_agree_on").field("recurring"),
            Self::PaymentOpen(_) => Shape::new(S::CONFLICT, "payment_open"),
            Self::PaymentUnderWay => Shape::new(S::CONFLICT, "payment_under_way"),
            Self::NothingToPay => Shape::new(S::CONFLICT, "nothing_to_pay"),
            Self::Refund(refused) => refund(refused),
            Self::RefundNotByHand => Shape::new(S::CONFLICT, "refund_not_by_hand"),
            Self::Review(refused) => review(refused),
            Self::EventMatched => Shape::new(S::CONFLICT, "event_matched"),
            Self::ReferenceLength => Shape::new(S::UNPROCESSABLE_ENTITY, "reference_length").field("reference"),
            Self::RefundNoteLength => Shape::new(S::UNPROCESSABLE_ENTITY, "note_length").field("note"),
            Self::WebhookForged => Shape::new(S::UNAUTHORIZED, "webhook_forged"),
            Self::WebhookMalformed => Shape::new(S::BAD_REQUEST, "webhook_malformed"),
            Self::WebhookUnproved => Shape::away("webhook_unproved"),
            Self::CouponExists => Shape::new(S::CONFLICT, "coupon_exists").field("code"),
            Self::CouponInUse(_) => Shape::new(S::CONFLICT, "coupon_in_use"),
            Self::BillingDetails(error) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "billing_details_invalid").field(error.field())
            }
            Self::WrongState(_) | Self::AnnouncementState(_) => Shape::new(S::CONFLICT, "wrong_state"),
            Self::IntervalTooLong => Shape::new(S::UNPROCESSABLE_ENTITY, "interval_too_long").field("send_interval_ms"),
            Self::AccountInUse => Shape::new(S::CONFLICT, "account_in_use"),
            Self::BotUnavailable => Shape::new(S::CONFLICT, "bot_unavailable"),
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
            Self::QuietHours(QuietError::Zone) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "time_zone_invalid").field("time_zone")
            }
            Self::QuietHours(QuietError::Hours) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "quiet_hours_invalid").field("quiet_hours")
            }
            Self::LinkInvalid => Shape::new(S::FORBIDDEN, "link_invalid"),
            Self::LinkExpired => Shape::new(S::GONE, "link_expired"),
            Self::RangeInvalid { .. } => Shape::new(S::RANGE_NOT_SATISFIABLE, "range_invalid"),
            Self::PlanLimit(_) => Shape::new(S::FORBIDDEN, "plan_limit"),
            Self::LimitTooLow => Shape::new(S::UNPROCESSABLE_ENTITY, "limit_too_low"),
            Self::ReasonLength => Shape::new(S::UNPROCESSABLE_ENTITY, "reason_length").field("reason"),
            Self::UntilPassed => Shape::new(S::UNPROCESSABLE_ENTITY, "expiry_passed").field("until"),
            Self::CodeLength => Shape::new(S::UNPROCESSABLE_ENTITY, "invalid_body").field("code"),
            Self::ExpiryPassed => Shape::new(S::UNPROCESSABLE_ENTITY, "expiry_passed").field("expires_at"),
            Self::Plan(error) => Shape::new(S::UNPROCESSABLE_ENTITY, "plan_invalid").field(error.field()),
            Self::PlanExists => Shape::new(S::CONFLICT, "plan_exists").field("code"),
            Self::IdempotencyKey => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "idempotency_key_invalid").field("Idempotency-Key")
            }
            Self::IdempotencyKeyReused => Shape::new(S::CONFLICT, "idempotency_key_reused").field("Idempotency-Key"),
            Self::Amount(_) | Self::AmountBounds(_) => {
                Shape::new(S::UNPROCESSABLE_ENTITY, "amount_invalid").field("amount")
            }
            Self::Currency(_) => Shape::new(S::UNPROCESSABLE_ENTITY, "currency_unknown").field("currency"),
            Self::Subscription(refusal) => subscription(*refusal),
            Self::NoteLength => Shape::new(S::UNPROCESSABLE_ENTITY, "note_length").field("note"),
            Self::BalanceInsufficient => Shape::new(S::CONFLICT, "balance_insufficient"),
            Self::PairExists => Shape::new(S::CONFLICT, "pair_exists"),
            Self::Query { field, .. } => Shape::new(S::UNPROCESSABLE_ENTITY, "invalid_query").field(*field),
            Self::NulInAddress => Shape::new(S::UNPROCESSABLE_ENTITY, "invalid_character"),
            Self::Body(error) => body(error),
            Self::Payload(_) => Shape::new(S::UNPROCESSABLE_ENTITY, "payload_refused"),
            Self::RateLimited(refused) => Shape {
                retry_after_seconds: Some(refused.retry_after_seconds()),
                ..Shape::new(S::TOO_MANY_REQUESTS, "rate_limited")
            },
            Self::TemporalUnavailable => Shape::away("temporal_unavailable"),
            Self::WorkerUnavailable => Shape::away("worker_unavailable"),
            Self::TimedOut => Shape::away("timed_out"),
            Self::DatabaseUnavailable => Shape::away("database_unavailable"),
            Self::Internal(_) => Shape::new(S::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

/// What a subscription does not let happen.
fn subscription(refusal: domain::subscription::Refusal) -> Shape {
    match refusal {
        domain::subscription::Refusal::NotForSale => {
            Shape::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code()).field("plan")
        }
        domain::subscription::Refusal::PlanGranted
        | domain::subscription::Refusal::ChangesAtPeriodEnd
        | domain::subscription::Refusal::RenewedAlready
        | domain::subscription::Refusal::OtherCurrency
        | domain::subscription::Refusal::NoSubscription
        | domain::subscription::Refusal::NoTrial => Shape::new(StatusCode::CONFLICT, refusal.code()),
    }
}

/// What is not there.
fn not_found(thing: Thing) -> Shape {
    let of = |code| Shape::new(StatusCode::NOT_FOUND, code);
    match thing {
        Thing::Account => of("account_not_found"),
        Thing::Pair => of("pair_not_found"),
        Thing::ApiKey => of("api_key_not_found"),
        Thing::Session => of("session_not_found"),
        Thing::User => of("user_not_found"),
        Thing::Message => of("message_not_found"),
        Thing::Worker => of("worker_not_found"),
        Thing::BulkAct => of("bulk_act_not_found"),
        Thing::Announcement => of("announcement_not_found"),
        Thing::Coupon => of("coupon_not_found"),
        Thing::Payment => of("payment_not_found"),
        Thing::Refund => of("refund_not_found"),
        Thing::PaymentEvent => of("payment_event_not_found"),
        Thing::Provider => of("provider_not_found"),
        Thing::Invoice => of("invoice_not_found"),
        Thing::Media => of("media_not_found"),
        Thing::Plan => of("plan_not_found").field("plan"),
    }
}

/// Money that cannot be given back.
fn refund(refused: &RefundError) -> Shape {
    let conflict = |code| Shape::new(StatusCode::CONFLICT, code);
    match refused {
        RefundError::NothingLeft => conflict("nothing_to_refund"),
        RefundError::TooMuch(_) => conflict("refund_too_much").field("amount"),
        RefundError::OtherCurrency => Shape::new(StatusCode::UNPROCESSABLE_ENTITY, "other_currency").field("amount"),
        RefundError::Spent => conflict("balance_insufficient"),
        RefundError::Store(_) => Shape::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

/// A decision that cannot be carried out.
fn review(refused: &ReviewError) -> Shape {
    let conflict = |code| Shape::new(StatusCode::CONFLICT, code);
    match refused {
        ReviewError::NothingToDecide => conflict("nothing_to_decide"),
        ReviewError::NothingToGrant => conflict("nothing_to_grant"),
        ReviewError::TenantGone => conflict("tenant_gone"),
        ReviewError::Store(_) => Shape::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

/// A coupon that does not hold.
fn coupon_refused(reason: coupon::Refusal) -> Shape {
    match reason {
        coupon::Refusal::NotFound => not_found(Thing::Coupon),
        reason => Shape::new(StatusCode::UNPROCESSABLE_ENTITY, reason.code()),
    }
}

/// The part of an announcement that is wrong.
const fn announcement_field(error: AnnouncementError) -> &'static str {
    match error {
        AnnouncementError::Subject => "content.subject",
        AnnouncementError::Blocks | AnnouncementError::Block => "content.blocks",
        AnnouncementError::Button => "content.button",
        AnnouncementError::Note => "content.note",
        AnnouncementError::Plans => "plans",
        AnnouncementError::Channels => "channels",
        AnnouncementError::Rate => "per_minute",
        AnnouncementError::Schedule => "at",
    }
}

fn body(error: &BodyError) -> Shape {
    match error {
        BodyError::ContentType => Shape::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        BodyError::TimedOut => Shape::new(StatusCode::REQUEST_TIMEOUT, "body_timed_out"),
        BodyError::TooLarge { .. } => Shape::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        BodyError::Nul { field } => {
            let shape = Shape::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_character");
            if field.is_empty() { shape } else { shape.field(field.clone()) }
        }
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

#[cfg(test)]
mod tests {
    use store::StoreError;

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
