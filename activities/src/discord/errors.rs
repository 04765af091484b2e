//! Sorts Discord's refusals by what must happen next.

use std::time::Duration;

use serenity::http::{DiscordJsonSingleError, ErrorResponse};

use crate::platform::{PlatformError, RATE_LIMITED};

/// Assumed where Discord asks for a pause and serenity has lost how long.
const WAIT_UNKNOWN: Duration = Duration::from_secs(5);
/// What serenity reports as the code of an error whose body it could not read, as from a proxy in between.
const CODE_UNREADABLE: isize = -1;

/// Classifies Discord's refusal of a call.
pub(super) fn refused_by(answer: &ErrorResponse) -> PlatformError {
    refused(&Refusal::of(answer))
}

/// Classifies a failed HTTP exchange: nothing is known about what the server did.
pub(super) fn transport(error: &reqwest::Error) -> PlatformError {
    if error.is_timeout() {
        retryable("timeout", "Discord did not answer in time")
    } else if error.is_connect() {
        retryable("connect_failed", "Discord cannot be reached")
    } else {
        retryable("network_error", "the exchange with Discord broke off")
    }
}

/// [`PlatformError::Retryable`].
pub(super) fn retryable(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Retryable { code: code.to_owned(), detail: detail.into() }
}

/// [`PlatformError::Message`].
pub(super) fn message(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Message { code: code.to_owned(), detail: detail.into() }
}

/// [`PlatformError::Chat`].
pub(super) fn chat(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Chat { code: code.to_owned(), detail: detail.into() }
}

/// [`PlatformError::Revoked`].
pub(super) fn revoked(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Revoked { code: code.to_owned(), detail: detail.into() }
}

/// [`PlatformError::Input`].
pub(super) fn input(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Input { code: code.to_owned(), detail: detail.into() }
}

/// [`PlatformError::Wait`] for a rate limit.
pub(super) fn rate_limited(code: &str, wait: Duration) -> PlatformError {
    PlatformError::Wait { code: code.to_owned(), wait }
}

/// Whether `error` has this code, whatever its class.
pub(super) fn has_code(error: &PlatformError, wanted: &str) -> bool {
    match error {
        PlatformError::Retryable { code, .. }
        | PlatformError::Wait { code, .. }
        | PlatformError::Message { code, .. }
        | PlatformError::Chat { code, .. }
        | PlatformError::Flooded { code, .. }
        | PlatformError::Revoked { code, .. }
        | PlatformError::Banned { code, .. }
        | PlatformError::Input { code, .. } => code == wanted,
    }
}

/// The bot may not read what messages say; found at the token's proof or by the gateway.
pub(super) fn intent_missing() -> PlatformError {
    revoked(
        "intent_missing",
        "the bot lacks the Message Content intent: switch it on in Discord's developer portal under Bot",
    )
}

/// The reply's target is gone or refused: the message itself can still be sent without the link.
pub(super) fn is_reply_refused(error: &PlatformError) -> bool {
    matches!(error, PlatformError::Message { code, .. } if code == "unknown_message" || code == "reply_refused")
}

/// One refusal, apart from serenity's type, which nobody else can build.
struct Refusal<'a> {
    status: u16,
    code: isize,
    message: &'a str,
    errors: &'a [DiscordJsonSingleError],
}

impl<'a> Refusal<'a> {
    fn of(answer: &'a ErrorResponse) -> Self {
        Self {
            status: answer.status_code.as_u16(),
            code: answer.error.code,
            message: &answer.error.message,
            errors: &answer.error.errors,
        }
    }

    /// Discord's own words, with the fields that it complains about.
    fn said(&self) -> String {
        self.errors
            .iter()
            .fold(self.message.to_owned(), |text, error| format!("{text}; {}: {}", error.path, error.message))
    }

    fn is_about_the_reply(&self) -> bool {
        !self.errors.is_empty() && self.errors.iter().all(|error| error.path.contains("message_reference"))
    }
}

fn refused(refusal: &Refusal<'_>) -> PlatformError {
    let said = refusal.said();
    match refusal.code {
        10003 => chat("unknown_channel", said),
        10004 => chat("unknown_guild", said),
        50001 => chat("missing_access", said),
        50013 => chat("missing_permission", said),
        50008 | 50024 => chat("wrong_channel_type", said),
        50083 | 160_005 => chat("thread_closed", said),
        10015 => chat("unknown_webhook", said),
        50027 => chat("webhook_token_invalid", said),
        30007 => chat("webhooks_exhausted", said),
        50005 => message("not_editable", said),
        10008 => message("unknown_message", said),
        160_002 => message("reply_refused", said),
        50006 => message("empty_message", said),
        50035 if refusal.is_about_the_reply() => message("reply_refused", said),
        50035 | 50109 => message("invalid_form", said),
        40005 => message("too_large", said),
        200_000 | 200_001 | 240_000 => message("blocked_by_filter", said),
        20016 | 20028 | 40062 => rate_limited(RATE_LIMITED, WAIT_UNKNOWN),
        _ => by_status(refusal, said),
    }
}

fn by_status(refusal: &Refusal<'_>, said: String) -> PlatformError {
    let status = refusal.status;
    match status {
        413 => message("too_large", said),
        429 => rate_limited(RATE_LIMITED, WAIT_UNKNOWN),
        408 => retryable("timeout", said),
        500..=599 => retryable("server_error", format!("status {status}: {said}")),
        _ if refusal.code == CODE_UNREADABLE => retryable("unexpected_answer", format!("status {status}")),
        401 => revoked("token_invalid", said),
        403 => chat("forbidden", said),
        404 => chat("not_found", said),
        _ => message("refused", format!("status {status}, code {}: {said}", refusal.code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: isize, path: Option<&str>, expected: &str) {
        let errors: Vec<_> = path
            .into_iter()
            .map(|path| DiscordJsonSingleError {
                code: "X".to_owned(),
                message: "no".to_owned(),
                path: path.to_owned(),
            })
            .collect();
        let error = refused(&Refusal { status, code, message: "said", errors: &errors });
        let (class, name) = match &error {
            PlatformError::Retryable { code, .. } => ("retryable", code),
            PlatformError::Wait { code, .. } => ("wait", code),
            PlatformError::Message { code, .. } => ("message", code),
            PlatformError::Chat { code, .. } => ("chat", code),
            PlatformError::Flooded { code, .. } => ("flooded", code),
            PlatformError::Revoked { code, .. } => ("revoked", code),
            PlatformError::Banned { code, .. } => ("banned", code),
            PlatformError::Input { code, .. } => ("input", code),
        };
        assert_eq!(format!("{class} {name}"), expected, "status {status}, code {code}, path {path:?}");
    }

    #[test]
    fn refusals_are_sorted_by_what_must_happen_next() {
        check(401, 0, None, "revoked token_invalid");
        check(404, 10003, None, "chat unknown_channel");
        check(404, 10004, None, "chat unknown_guild");
        check(403, 50001, None, "chat missing_access");
        check(403, 50013, None, "chat missing_permission");
        check(400, 50008, None, "chat wrong_channel_type");
        check(400, 50083, None, "chat thread_closed");
        check(404, 10015, None, "chat unknown_webhook");
        check(401, 50027, None, "chat webhook_token_invalid");
        check(403, 50005, None, "message not_editable");
        check(404, 10008, None, "message unknown_message");
        check(400, 50006, None, "message empty_message");
        check(400, 50035, None, "message invalid_form");
        check(400, 50035, Some("content"), "message invalid_form");
        check(400, 50035, Some("message_reference"), "message reply_refused");
        check(400, 160_002, None, "message reply_refused");
        check(400, 40005, None, "message too_large");
        check(413, -1, None, "message too_large");
        check(400, 200_000, None, "message blocked_by_filter");
        check(429, 20016, None, "wait rate_limited");
        check(429, -1, None, "wait rate_limited");
        check(500, 0, None, "retryable server_error");
        check(502, -1, None, "retryable server_error");
        check(408, 0, None, "retryable timeout");
        check(403, 40333, None, "chat forbidden");
        check(404, 0, None, "chat not_found");
        check(400, 12345, None, "message refused");
    }

    #[test]
    fn an_unreadable_refusal_comes_from_something_in_between_and_is_tried_again() {
        for status in [400, 401, 403, 404] {
            check(status, CODE_UNREADABLE, None, "retryable unexpected_answer");
        }
    }

    #[test]
    fn only_the_reply_is_given_up_when_only_the_reply_is_refused() {
        assert!(is_reply_refused(&message("reply_refused", "")));
        assert!(is_reply_refused(&message("unknown_message", "")));
        assert!(!is_reply_refused(&message("invalid_form", "")));
        assert!(!is_reply_refused(&chat("unknown_message", "")));
    }
}
