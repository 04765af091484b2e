//! What can go wrong: the reasons here, their status codes in [`shape`], what the wire says in [`problem`].

use domain::{
    AccountStatus, Role, Scope, announcement,
    billing::invoice::DetailsError,
    coupon, gate,
    ledger::EntryError,
    money::{AmountError, UnknownCurrency},
    notification::QuietError,
    pair::PairError,
    plan::{PlanError, REASON_CHARS_MAX},
    rules::RuleError,
    setting::SettingError,
};
use store::{StoreError, coupons::CouponError, ledger::LedgerError};
use workflows::account::Refusal;

use crate::{
    body::BodyError,
    limits::Refused,
    password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN},
};

mod problem;
mod shape;

pub use problem::Problem;

/// What a request named and we do not have, or have for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Account,
    Pair,
    Message,
    Media,
    ApiKey,
    Session,
    User,
    Plan,
    Worker,
    BulkAct,
    Announcement,
    Coupon,
    Invoice,
    Payment,
    Refund,
    PaymentEvent,
    Provider,
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
    #[error("the refresh token is not good, or was used before; sign in again")]
    RefreshInvalid,
    #[error("the second factor is on: a code of it is needed, too")]
    SecondFactorRequired,
    #[error("the code is wrong, or was used before")]
    SecondFactorWrong,
    #[error("staff need a second factor here; set it up in your own account first")]
    SecondFactorMissing,
    #[error("the code is wrong, or was used before")]
    CodeWrong,
    #[error("the second factor is on; turn it off first")]
    SecondFactorOn,
    #[error("the second factor is not on, or was not begun")]
    SecondFactorOff,
    #[error("this token was not made here, was used, or is too old")]
    ProofInvalid,
    #[error("too many attempts have failed; wait {retry_after_seconds} s")]
    TooManyAttempts { retry_after_seconds: u64 },
    #[error("your tokens do not open this")]
    Forbidden,
    #[error("the user is suspended")]
    Suspended,
    #[error("the user is suspended; lift that first")]
    UserSuspended,
    #[error("nobody does this to themselves")]
    Yourself,
    #[error("there would be no admin any more")]
    LastAdmin,
    #[error("the pair is paused; resume it")]
    PairPaused,
    #[error("no other worker has room for its {accounts} accounts; `force` gives them away all the same")]
    NoOtherWorker { accounts: i64 },
    #[error("name a user, a pair, a code or a time")]
    ScopeEmpty,
    #[error("{0}")]
    Setting(#[from] SettingError),
    #[error("{0}")]
    Plan(#[from] PlanError),
    #[error("there is a plan with this code already")]
    PlanExists,
    #[error("{message}")]
    Maintenance { message: String, retry_after_seconds: u64 },
    #[error("nobody new may register just now")]
    RegistrationClosed,
    #[error("an API key cannot do this; sign in")]
    SessionRequired,
    #[error("the API key has not the scope `{}`", .0.as_str())]
    ScopeMissing(Scope),
    #[error("this needs the role `{}`", .0)]
    RoleMissing(Role),
    #[error("the administration does not answer to this address")]
    AddressNotAllowed,
    #[error("the password is wrong")]
    PasswordWrong,
    #[error("a key's name has 1 to 100 characters")]
    KeyName,
    #[error("a key has at least one scope, and each of them once")]
    KeyScopes,
    #[error("a key ends in the future, within ten years")]
    KeyExpiry,
    #[error("there are {} keys already; revoke one", store::api_keys::API_KEYS_MAX)]
    TooManyKeys,
    #[error("this is not an e-mail address")]
    EmailInvalid,
    #[error("this is not an e-mail address")]
    NewEmailInvalid,
    #[error("a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")]
    PasswordLength,
    #[error("a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")]
    NewPasswordLength,
    #[error("this address is registered already")]
    EmailTaken,
    #[error("a phone number has 7 to 15 digits, with the country code")]
    PhoneInvalid,
    #[error("this phone number is linked already")]
    PhoneAlreadyLinked,
    #[error("this is not a bot token")]
    TokenInvalid,
    #[error("the account's state is `{}`", AccountStatus::as_str(*.0))]
    WrongState(AccountStatus),
    #[error("the announcement's state is `{}`", announcement::State::as_str(*.0))]
    AnnouncementState(announcement::State),
    #[error("{0}")]
    Announcement(#[from] announcement::AnnouncementError),
    #[error("{0}")]
    Coupon(store::coupons::Refused),
    #[error("{0}")]
    CouponTerms(#[from] coupon::TermsError),
    #[error("there is no such payment provider here")]
    ProviderUnknown,
    #[error("this provider does not do that, or none was named")]
    ProviderUnfit { field: &'static str },
    #[error("name a payment provider: {0} are left to be paid")]
    ProviderMissing(domain::Money),
    #[error("an agreement begins with the payment of a period; there is none to be paid")]
    NothingToAgreeOn,
    #[error("this is being paid for by {0} already; cancel that payment first")]
    PaymentOpen(domain::PaymentId),
    #[error("money is on its way, or has come: the payment cannot be given up")]
    PaymentUnderWay,
    #[error("nobody has to pay anything for this payment, or not yet")]
    NothingToPay,
    #[error("{0}")]
    Refund(store::payments::refunds::RefundError),
    #[error("the refund is not one that staff makes by hand, or is over")]
    RefundNotByHand,
    #[error("{0}")]
    Review(store::payments::review::ReviewError),
    #[error("the event was passed on to a payment")]
    EventMatched,
    #[error("a reference has 1 to 200 characters")]
    ReferenceLength,
    #[error("a note has 1 to 500 characters")]
    RefundNoteLength,
    #[error("the webhook is not genuine")]
    WebhookForged,
    #[error("the webhook cannot be read")]
    WebhookMalformed,
    #[error("the webhook cannot be proved now; send it again")]
    WebhookUnproved,
    #[error("there is a coupon with this code already")]
    CouponExists,
    #[error("{0}")]
    CouponInUse(&'static str),
    #[error("{0}")]
    BillingDetails(#[from] DetailsError),
    #[error("the interval is longer than an hour")]
    IntervalTooLong,
    #[error("pairs still use this account; delete them first")]
    AccountInUse,
    #[error("there is no bot to link just now")]
    BotUnavailable,
    #[error("this message is not a dead letter")]
    NotDead,
    #[error("{}", .refusal.detail)]
    Refused { refusal: Refusal, field: Option<&'static str> },
    #[error("{0}")]
    PlanLimit(Box<gate::Refusal>),
    #[error("messages and requests are limited to 1 or more")]
    LimitTooLow,
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters")]
    ReasonLength,
    #[error("it would end before it begins")]
    ExpiryPassed,
    #[error("it would end before it begins")]
    UntilPassed,
    #[error("a code has at most 100 characters")]
    CodeLength,
    #[error("{0}")]
    Pair(#[from] PairError),
    #[error("the header `Idempotency-Key` is needed once, with 1 to 100 visible ASCII characters")]
    IdempotencyKey,
    #[error("this key was used for something else")]
    IdempotencyKeyReused,
    #[error("{0}")]
    Amount(#[from] AmountError),
    #[error("{0}")]
    AmountBounds(#[source] EntryError),
    #[error("{0}")]
    Currency(#[from] UnknownCurrency),
    #[error("{0}")]
    Subscription(#[from] domain::subscription::Refusal),
    #[error("a note has at most {} characters", domain::ledger::NOTE_CHARS_MAX)]
    NoteLength,
    #[error("the balance does not suffice")]
    BalanceInsufficient,
    #[error("this source and this destination are a pair already")]
    PairExists,
    #[error("{} of the options {} wrong", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    InvalidOptions(Vec<RuleError>),
    #[error("{0}")]
    QuietHours(#[source] QuietError),
    #[error("this link was not made here, or was changed")]
    LinkInvalid,
    #[error("this link has ended")]
    LinkExpired,
    #[error("the attachment has {size} bytes")]
    RangeInvalid { size: u64 },
    #[error("{detail}")]
    Query { field: &'static str, detail: &'static str },
    #[error("the address holds the character U+0000")]
    NulInAddress,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("the payload cannot be opened or sealed: {0}")]
    Payload(#[from] workflows::codec::CodecError),
    #[error("the workflow service is away; nothing was lost, try again")]
    TemporalUnavailable,
    #[error("no worker has answered in time; try again")]
    WorkerUnavailable,
    #[error("there were too many requests; try again when the next minute begins")]
    RateLimited(Refused),
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

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::RateLimited(refused)
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

impl From<CouponError> for ApiError {
    fn from(error: CouponError) -> Self {
        match error {
            CouponError::Refused(refused) => Self::Coupon(refused),
            CouponError::Store(error) => error.into(),
        }
    }
}

/// What the ledger refuses to somebody who asks for it by name; all else is a mistake of ours.
impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Insufficient => Self::BalanceInsufficient,
            LedgerError::KeyReused => Self::IdempotencyKeyReused,
            LedgerError::NoSuchUser => Self::NotFound(Thing::User),
            LedgerError::Store(error) => error.into(),
            error @ (LedgerError::AlreadyReversed { .. }
            | LedgerError::IsReversal
            | LedgerError::NoSuchEntry
            | LedgerError::NoSuchHold
            | LedgerError::HoldClosed(_)
            | LedgerError::NotHeld
            | LedgerError::Malformed(_)) => Self::internal(error),
        }
    }
}

fn thing_name(thing: Thing) -> &'static str {
    match thing {
        Thing::Account => "account",
        Thing::Pair => "pair",
        Thing::Message => "message",
        Thing::Media => "attachment",
        Thing::ApiKey => "API key",
        Thing::Session => "session",
        Thing::User => "user",
        Thing::Plan => "plan",
        Thing::Worker => "worker",
        Thing::BulkAct => "act",
        Thing::Announcement => "announcement",
        Thing::Coupon => "coupon",
        Thing::Payment => "payment",
        Thing::Refund => "refund",
        Thing::PaymentEvent => "event",
        Thing::Provider => "payment provider",
        Thing::Invoice => "invoice",
    }
}
