//! The pages that links in e-mails lead to. Whoever only looks at a link, such as a mail scanner, changes nothing.

use domain::proof::Purpose;
use salvo::prelude::*;

use super::password;
use crate::{
    error::ApiError,
    pages,
    password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN},
    proofs::{self, Origin},
    state::AppState,
};

/// Asks whether it is meant: a small page with one button, and for a password with a field.
#[endpoint(
    operation_id = "show_confirmation",
    tags("auth"),
    parameters(("token" = String, Path, description = "From the message.")),
    responses(
        (status_code = 200, description = "The page.", body = String, content_type = "text/html"),
        (status_code = 410, description = "A page that says that the link has ended.", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn show(app: AppState, req: &mut Request, res: &mut Response) -> Result<(), ApiError> {
    let token = req.param::<String>("token").unwrap_or_default();
    match proofs::find(&app, &token).await? {
        Some(proof) => ask(res, proof.purpose),
        None => ended(res),
    }
    Ok(())
}

/// Does what the message was about.
#[endpoint(
    operation_id = "confirm",
    tags("auth"),
    parameters(("token" = String, Path, description = "From the message.")),
    responses(
        (status_code = 200, description = "A page that says so.", body = String, content_type = "text/html"),
        (status_code = 410, description = "A page that says that the link has ended.", body = String, content_type = "text/html"),
        (
            status_code = 422,
            description = "A page that says what is wrong with the password.",
            body = String,
            content_type = "text/html"
        ),
    )
)]
pub(crate) async fn act(
    app: AppState,
    req: &mut Request,
    depot: &mut Depot,
    res: &mut Response,
) -> Result<(), ApiError> {
    let token = req.param::<String>("token").unwrap_or_default();
    let Some(proof) = proofs::find(&app, &token).await? else {
        ended(res);
        return Ok(());
    };
    let origin = Origin::of(&app, req, depot);
    let done = match proof.purpose {
        Purpose::VerifyEmail => proofs::verify_email(&app, &token).await.map(drop),
        Purpose::ChangeEmail => proofs::change_email(&app, &token, &origin).await.map(drop),
        Purpose::UndoEmailChange => proofs::undo_email_change(&app, &token, &origin).await.map(drop),
        Purpose::ResetPassword => {
            let new_password = req.form::<String>("new_password").await.unwrap_or_default();
            password::set_anew(&app, &token, new_password, req, depot).await
        }
    };
    match done {
        Ok(()) => thank(res, proof.purpose),
        Err(ApiError::ProofInvalid) => ended(res),
        Err(ApiError::NewPasswordLength) => pages::write(
            res,
            StatusCode::UNPROCESSABLE_ENTITY,
            "Choose another password",
            &format!(
                "<p>A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters.</p>\n{}",
                form(Purpose::ResetPassword)
            ),
        ),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn ask(res: &mut Response, purpose: Purpose) {
    let (title, text) = match purpose {
        Purpose::VerifyEmail => ("Confirm your address", "You have registered with this address."),
        Purpose::ResetPassword => ("Choose another password", "Every session and every API key will end."),
        Purpose::ChangeEmail => ("Confirm your new address", "Your account will have this address."),
        Purpose::UndoEmailChange => (
            "Undo the change?",
            "Your account will have its former address again. Every session and every API key will end, and you choose \
             another password.",
        ),
    };
    pages::write(res, StatusCode::OK, title, &format!("<p>{text}</p>\n{}", form(purpose)));
}

fn form(purpose: Purpose) -> String {
    let (field, button) = match purpose {
        Purpose::VerifyEmail | Purpose::ChangeEmail => (String::new(), "Confirm"),
        Purpose::UndoEmailChange => (String::new(), "Undo it"),
        Purpose::ResetPassword => (
            format!(
                "<p><label>New password <input type=\"password\" name=\"new_password\" required \
                 minlength=\"{PASSWORD_CHARS_MIN}\" maxlength=\"{PASSWORD_CHARS_MAX}\" \
                 autocomplete=\"new-password\"></label></p>\n"
            ),
            "Set the password",
        ),
    };
    format!("<form method=\"post\">\n{field}<p><button type=\"submit\">{button}</button></p>\n</form>")
}

fn thank(res: &mut Response, purpose: Purpose) {
    let text = match purpose {
        Purpose::VerifyEmail => "The address is confirmed. You can sign in now.",
        Purpose::ResetPassword => "You can sign in with the new password now.",
        Purpose::ChangeEmail => "Your account has this address now.",
        Purpose::UndoEmailChange => "The former address is back. A message to it lets you choose another password.",
    };
    pages::write(res, StatusCode::OK, "Done", &format!("<p>{text}</p>"));
}

fn ended(res: &mut Response) {
    let text = "This link was used, or is too old. Ask for another message where you asked for this one.";
    pages::write(res, StatusCode::GONE, "This link has ended", &format!("<p>{text}</p>"));
}
