//! What each error of Telegram means for us.

use std::time::Duration;

use grammers_mtsender::{InvocationError, RpcError};

use crate::platform::PlatformError;

/// How long to wait when Telegram asks for it without saying how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// How long a number rests after too many codes or passwords: Telegram says "a day" in its documentation only.
const WAIT_LOGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// An error before it is classified: the name matters to login, file and send steps.
#[derive(Debug)]
pub(super) enum CallError {
    /// Telegram answered with an error.
    Rpc(RpcError),
    /// The request did not get an answer that can be read.
    Link(PlatformError),
}

impl CallError {
    /// True for an RPC error of this name (without its number).
    pub(super) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Rpc(error) if error.name == name)
    }

    /// The data centre that a 303 answer points to.
    pub(super) fn migrate_to(&self) -> Option<i32> {
        match self {
            Self::Rpc(error) if error.code == 303 => error.value.and_then(|dc| i32::try_from(dc).ok()),
            Self::Rpc(_) | Self::Link(_) => None,
        }
    }

    /// How long Telegram asks us to wait before the same call.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Rpc(error) if error.code == 420 => error.value.map(|seconds| Duration::from_secs(seconds.into())),
            Self::Rpc(_) | Self::Link(_) => None,
        }
    }
}

impl From<CallError> for PlatformError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Rpc(error) => classify(&error),
            CallError::Link(error) => error,
        }
    }
}

impl From<InvocationError> for CallError {
    fn from(error: InvocationError) -> Self {
        let code = match error {
            InvocationError::Rpc(error) => return Self::Rpc(error),
            InvocationError::Session(_) => "session_error",
            InvocationError::Io(_) | InvocationError::Transport(_) | InvocationError::Dropped(_) => NETWORK,
            InvocationError::Deserialize(_) => "unreadable_answer",
            InvocationError::InvalidDc => "unknown_data_centre",
            InvocationError::Authentication(_) => "key_exchange_failed",
        };
        Self::Link(retryable(code, error.to_string()))
    }
}

/// The code of a broken connection: reads are repeated once on it.
pub(super) const NETWORK: &str = "network";

/// Worth another try.
pub(super) fn retryable(code: &str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Retryable { code: code.to_owned(), detail: detail.into() }
}

/// What an RPC error means.
///
/// Names without an entry follow their number: 401 is the end of the session, 403 a closed chat, 420 a wait, 5xx our
/// turn to try again, and any other 4xx a message that will never be accepted.
pub(super) fn classify(error: &RpcError) -> PlatformError {
    let code = error.name.to_lowercase();
    let detail = format!("Telegram answered {} {}", error.code, error.name);
    let input = |code: &str, detail: &str| PlatformError::Input { code: code.to_owned(), detail: detail.to_owned() };
    match error.name.as_str() {
        "PHONE_NUMBER_INVALID" => input("phone_invalid", "this is not a phone number that Telegram knows"),
        "PHONE_NUMBER_UNOCCUPIED" => input("phone_unregistered", "there is no Telegram account with this number"),
        "PHONE_NUMBER_APP_SIGNUP_FORBIDDEN" => input("phone_unregistered", "sign up in an official app first"),
        "PHONE_CODE_INVALID" | "PHONE_CODE_EMPTY" => input("code_invalid", "the code is wrong"),
        "PHONE_CODE_EXPIRED" | "PHONE_CODE_HASH_EMPTY" | "PHONE_HASH_EXPIRED" => {
            input("code_expired", "the code has expired; ask for a new one")
        }
        "PASSWORD_HASH_INVALID" | "PASSWORD_EMPTY" => input("password_invalid", "the password is wrong"),
        "SEND_CODE_UNAVAILABLE" => input("resend_unavailable", "Telegram has no other way to send the code"),
        "PHONE_NUMBER_FLOOD" | "PHONE_PASSWORD_FLOOD" => PlatformError::Wait { code, wait: WAIT_LOGIN },

        "PHONE_NUMBER_BANNED" => {
            let detail = "Telegram has banned this phone number".to_owned();
            PlatformError::Banned { code: "phone_banned".to_owned(), detail }
        }
        "USER_DEACTIVATED" | "USER_DEACTIVATED_BAN" => PlatformError::Banned { code, detail },
        // A frozen account may look, and do nothing else, until its owner has appealed.
        "FROZEN_METHOD_INVALID" | "FROZEN_PARTICIPANT_MISSING" => {
            PlatformError::Banned { code: "account_frozen".to_owned(), detail }
        }
        "AUTH_KEY_UNREGISTERED" | "AUTH_KEY_INVALID" | "SESSION_REVOKED" | "SESSION_EXPIRED" => {
            PlatformError::Revoked { code: "session_revoked".to_owned(), detail }
        }
        "AUTH_KEY_DUPLICATED" => PlatformError::Revoked { code, detail },

        // The operator's application, not this account: nothing is wrong that the user could mend.
        "API_ID_INVALID" | "API_ID_PUBLISHED_FLOOD" => PlatformError::Retryable { code, detail },
        // Asked for too late; the next try reads the file or the password parameters again.
        "FILE_REFERENCE_EXPIRED"
        | "FILE_PART_MISSING"
        | "SRP_ID_INVALID"
        | "MSG_WAIT_FAILED"
        | "RANDOM_ID_DUPLICATE" => PlatformError::Retryable { code, detail },
        // Our cursor is unusable; the update loop starts from the present.
        "PERSISTENT_TIMESTAMP_OUTDATED" => PlatformError::Retryable { code, detail },

        // Telegram holds the account for a spammer and names no time: to go on writing makes it worse.
        "PEER_FLOOD" | "USER_RESTRICTED" => PlatformError::Flooded { code, detail },
        name if is_chat_error(name) => PlatformError::Chat { code, detail },
        // One kind of content is closed in this chat; another kind may pass.
        name if name.starts_with("CHAT_SEND_") => PlatformError::Message { code, detail },
        "CHAT_FORWARDS_RESTRICTED" | "VOICE_MESSAGES_FORBIDDEN" => PlatformError::Message { code, detail },

        _ => by_number(error, code, detail),
    }
}

fn is_chat_error(name: &str) -> bool {
    matches!(
        name,
        "ALLOW_PAYMENT_REQUIRED"
            | "CHANNEL_INVALID"
            | "CHANNEL_PRIVATE"
            | "CHANNEL_PUBLIC_GROUP_NA"
            | "CHAT_ADMIN_REQUIRED"
            | "CHAT_FORBIDDEN"
            | "CHAT_GUEST_SEND_FORBIDDEN"
            | "CHAT_ID_INVALID"
            | "CHAT_INVALID"
            | "CHAT_RESTRICTED"
            | "CHAT_WRITE_FORBIDDEN"
            | "INPUT_USER_DEACTIVATED"
            | "PEER_ID_INVALID"
            | "PEER_ID_NOT_SUPPORTED"
            | "PRIVACY_PREMIUM_REQUIRED"
            | "TOPIC_CLOSED"
            | "TOPIC_DELETED"
            | "USER_BANNED_IN_CHANNEL"
            | "USER_IS_BLOCKED"
            | "USER_NOT_PARTICIPANT"
            | "USER_PRIVACY_RESTRICTED"
            | "YOU_BLOCKED_USER"
    )
}

fn by_number(error: &RpcError, code: String, detail: String) -> PlatformError {
    match error.code {
        420 => {
            let wait = error.value.map_or(WAIT_DEFAULT, |seconds| Duration::from_secs(seconds.into()));
            PlatformError::Wait { code, wait }
        }
        401 => PlatformError::Revoked { code, detail },
        403 => PlatformError::Chat { code, detail },
        400..=499 => PlatformError::Message { code, detail },
        // 5xx, 303 outside of login, and the negative numbers of a server that timed out on itself.
        _ => PlatformError::Retryable { code, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc(code: i32, message: &str) -> RpcError {
        let error = grammers_tl_types::types::RpcError { error_code: code, error_message: message.to_owned() };
        RpcError::from(error)
    }

    fn kind(error: &PlatformError) -> (&'static str, String) {
        match error {
            PlatformError::Retryable { code, .. } => ("retryable", code.clone()),
            PlatformError::Wait { code, wait } => ("wait", format!("{code} {}", wait.as_secs())),
            PlatformError::Message { code, .. } => ("message", code.clone()),
            PlatformError::Chat { code, .. } => ("chat", code.clone()),
            PlatformError::Flooded { code, .. } => ("flooded", code.clone()),
            PlatformError::Revoked { code, .. } => ("revoked", code.clone()),
            PlatformError::Banned { code, .. } => ("banned", code.clone()),
            PlatformError::Input { code, .. } => ("input", code.clone()),
        }
    }

    #[test]
    fn every_error_has_its_consequence() {
        for (number, message, consequence, code) in [
            (420, "FLOOD_WAIT_31", "wait", "flood_wait 31"),
            (420, "FLOOD_PREMIUM_WAIT_5", "wait", "flood_premium_wait 5"),
            (420, "SLOWMODE_WAIT_10", "wait", "slowmode_wait 10"),
            (420, "FLOOD", "wait", "flood 30"),
            (406, "PHONE_PASSWORD_FLOOD", "wait", "phone_password_flood 86400"),
            (400, "PEER_FLOOD", "flooded", "peer_flood"),
            (403, "USER_RESTRICTED", "flooded", "user_restricted"),
            (420, "FROZEN_METHOD_INVALID", "banned", "account_frozen"),
            (400, "FILE_PART_7_MISSING", "retryable", "file_part_missing"),
            (403, "VOICE_MESSAGES_FORBIDDEN", "message", "voice_messages_forbidden"),
            (400, "INPUT_USER_DEACTIVATED", "chat", "input_user_deactivated"),
            (401, "AUTH_KEY_UNREGISTERED", "revoked", "session_revoked"),
            (401, "SESSION_REVOKED", "revoked", "session_revoked"),
            (401, "SESSION_EXPIRED", "revoked", "session_revoked"),
            (401, "SESSION_PASSWORD_NEEDED", "revoked", "session_password_needed"),
            (406, "AUTH_KEY_DUPLICATED", "revoked", "auth_key_duplicated"),
            (401, "USER_DEACTIVATED", "banned", "user_deactivated"),
            (401, "USER_DEACTIVATED_BAN", "banned", "user_deactivated_ban"),
            (400, "PHONE_NUMBER_BANNED", "banned", "phone_banned"),
            (403, "CHAT_WRITE_FORBIDDEN", "chat", "chat_write_forbidden"),
            (400, "CHANNEL_PRIVATE", "chat", "channel_private"),
            (406, "CHANNEL_PRIVATE", "chat", "channel_private"),
            (400, "CHAT_ADMIN_REQUIRED", "chat", "chat_admin_required"),
            (400, "USER_BANNED_IN_CHANNEL", "chat", "user_banned_in_channel"),
            (400, "CHANNEL_INVALID", "chat", "channel_invalid"),
            (400, "PEER_ID_INVALID", "chat", "peer_id_invalid"),
            (403, "ANY_NEW_NAME", "chat", "any_new_name"),
            (403, "CHAT_SEND_PHOTOS_FORBIDDEN", "message", "chat_send_photos_forbidden"),
            (400, "MESSAGE_EMPTY", "message", "message_empty"),
            (400, "MEDIA_INVALID", "message", "media_invalid"),
            (400, "MESSAGE_TOO_LONG", "message", "message_too_long"),
            (400, "ENTITY_BOUNDS_INVALID", "message", "entity_bounds_invalid"),
            (400, "ANY_NEW_NAME", "message", "any_new_name"),
            (500, "RPC_CALL_FAIL", "retryable", "rpc_call_fail"),
            (-503, "Timeout", "retryable", "timeout"),
            (303, "FILE_MIGRATE_4", "retryable", "file_migrate"),
            (400, "FILE_REFERENCE_EXPIRED", "retryable", "file_reference_expired"),
            (400, "PHONE_NUMBER_INVALID", "input", "phone_invalid"),
            (400, "PHONE_NUMBER_UNOCCUPIED", "input", "phone_unregistered"),
            (400, "PHONE_CODE_INVALID", "input", "code_invalid"),
            (400, "PHONE_CODE_EXPIRED", "input", "code_expired"),
            (400, "PASSWORD_HASH_INVALID", "input", "password_invalid"),
        ] {
            let found = classify(&rpc(number, message));
            assert_eq!(kind(&found), (consequence, code.to_owned()), "{number} {message}");
        }
    }

    #[test]
    fn a_broken_link_is_retryable() {
        let error = CallError::from(InvocationError::Dropped("gone"));
        assert_eq!(kind(&PlatformError::from(error)), ("retryable", NETWORK.to_owned()));
        assert_eq!(CallError::Rpc(rpc(303, "PHONE_MIGRATE_4")).migrate_to(), Some(4));
        assert_eq!(CallError::Rpc(rpc(400, "PHONE_MIGRATE_4")).migrate_to(), None);
    }
}
