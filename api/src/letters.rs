//! What e-mails about somebody's identity say.

use domain::{
    Email,
    notification::{Content, Kind},
    proof::Purpose,
};
use url::Url;

const NOT_YOU: &str = "If that was not you, ignore this message: nothing happens.";
const NOT_YOU_ACT: &str = "If that was not you, somebody else has your password: choose another one at once, with \
                           “forgotten password” at the log-in.";

/// Where a mailed token is shown, for people; the same token works at the API.
fn link(base: Option<&Url>, token: &str) -> Option<String> {
    base.map(|base| format!("{}/confirm/{token}", base.as_str().trim_end_matches('/')))
}

/// The kind of message that carries such a token.
pub(crate) const fn kind(purpose: Purpose) -> Kind {
    match purpose {
        Purpose::VerifyEmail => Kind::EmailVerification,
        Purpose::ResetPassword => Kind::PasswordReset,
        Purpose::ChangeEmail | Purpose::UndoEmailChange => Kind::EmailChange,
    }
}

/// The message that carries `token`. `about` is the address that it is about.
pub(crate) fn proof(purpose: Purpose, base: Option<&Url>, token: &str, about: &Email) -> Content {
    let hours = purpose.lifetime().num_hours();
    let (content, label, note) = match purpose {
        Purpose::VerifyEmail => (
            Content::new("Confirm your address")
                .paragraph("Somebody has registered with this address. Confirm that it is yours to finish."),
            "Confirm the address",
            NOT_YOU,
        ),
        Purpose::ResetPassword => (
            Content::new("Choose another password")
                .paragraph("Somebody has asked for another password of your account."),
            "Choose a password",
            NOT_YOU,
        ),
        Purpose::ChangeEmail => (
            Content::new("Confirm your new address")
                .paragraph("Somebody wants to use this address for their account. Confirm that it is yours."),
            "Confirm the address",
            NOT_YOU,
        ),
        Purpose::UndoEmailChange => (
            Content::new("The address of your account was changed").paragraph(&format!(
                "Your account has another address now. Until then it was {}, and messages went here.",
                about.as_str()
            )),
            "It was not me: undo it",
            "If it was you, there is nothing to do. Undoing it ends every session and asks for another password.",
        ),
    };
    let content = match link(base, token) {
        Some(link) => content.button(label, &link).paragraph("Or hand in this code:").code(token),
        None => content.paragraph("Hand in this code:").code(token),
    };
    content.note(&format!("This works once, for {hours} hour{}. {note}", if hours == 1 { "" } else { "s" }))
}

/// To somebody who registers and is a user already.
pub(crate) fn account_exists() -> Content {
    Content::new("You have an account already")
        .paragraph(
            "Somebody has registered with this address, or wants to use it, and it belongs to an account already.",
        )
        .paragraph("If that was you: sign in, or choose another password with “forgotten password” at the log-in.")
        .note(NOT_YOU)
}

/// To the present address, when another one was asked for.
pub(crate) fn email_change_asked() -> Content {
    Content::new("Another address was asked for")
        .paragraph("Somebody who knows your password wants another e-mail address for your account.")
        .note(NOT_YOU_ACT)
}

/// The password is another one.
pub(crate) fn password_changed() -> Content {
    Content::new("Your password was changed")
        .paragraph("The password of your account was changed, and every other session was ended.")
        .note(NOT_YOU_ACT)
}

/// The password was forgotten and is another one.
pub(crate) fn password_reset() -> Content {
    Content::new("Your password was reset")
        .paragraph("The password of your account was set anew. Every session and every API key was ended.")
        .note(NOT_YOU_ACT)
}

/// The former address is back.
pub(crate) fn email_restored() -> Content {
    Content::new("Your address is back")
        .paragraph("Your account has its former address again. Every session and every API key was ended.")
        .paragraph("A message of its own lets you choose another password; until then nobody can sign in.")
}

/// The second factor is on.
pub(crate) fn second_factor_on() -> Content {
    Content::new("The second factor is on")
        .paragraph("From now on, signing in to your account takes a code of your authenticator app.")
        .note(NOT_YOU_ACT)
}

/// The second factor is off.
pub(crate) fn second_factor_off() -> Content {
    Content::new("The second factor is off")
        .paragraph("Signing in to your account takes no code any more.")
        .note(NOT_YOU_ACT)
}

/// There are new recovery codes.
pub(crate) fn recovery_codes_renewed() -> Content {
    Content::new("You have new recovery codes")
        .paragraph("New recovery codes were made for your account; the former ones are void.")
        .note(NOT_YOU_ACT)
}

#[cfg(test)]
mod tests {
    use domain::notification::Footer;

    use super::*;

    #[test]
    fn every_token_is_mailed_as_a_code_and_with_an_address_as_a_link() {
        let (base, about) = ("https://causeway.example/x/".parse().unwrap(), Email::parse("a@b.co").unwrap());
        for purpose in Purpose::ALL {
            let footer = Footer { kind: kind(purpose), unsubscribe: None };
            assert!(kind(purpose).is_transactional());
            let linked = proof(purpose, Some(&base), "the-token", &about).letter(footer);
            assert!(linked.text.contains("https://causeway.example/x/confirm/the-token"), "{}", linked.text);
            let bare = proof(purpose, None, "the-token", &about).letter(footer);
            assert!(bare.text.contains("the-token") && !bare.text.contains("http"), "{}", bare.text);
            for letter in [linked, bare] {
                assert!(letter.html.contains("the-token") && letter.text.contains("This works once"));
            }
        }
    }
}
