//! Turning messages off by a signed link: no account, no session, only the signature.

use domain::notification::{Topic, Unsubscribe, UnsubscribeError, Unsubscriber};
use salvo::prelude::*;
use store::StoreError;

use crate::{
    error::{ApiError, Problem},
    pages,
    state::AppState,
};

/// Asks whether messages are to be turned off: a small page with one button. Whoever only looks at a link, such as a
/// mail scanner, changes nothing.
///
/// `403 link_invalid`: the signature is not ours. `410 link_expired`: it was good once.
#[endpoint(
    operation_id = "ask_unsubscribe",
    tags("notifications"),
    parameters(("token" = String, Path, description = "From the message.")),
    responses(
        (status_code = 200, description = "The page.", body = String, content_type = "text/html"),
        (status_code = 410, description = "`link_expired`.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ask(app: AppState, req: &mut Request, res: &mut Response) -> Result<(), ApiError> {
    let what = what(&app, req)?;
    let text = subject(what.topic);
    pages::write(
        res,
        StatusCode::OK,
        "Turn messages off?",
        &format!(
            "<p>You will get no more {text}.</p>\n<form method=\"post\"><button type=\"submit\">Turn them off</button></form>"
        ),
    );
    Ok(())
}

/// Turns messages off, as a mail program does by itself (RFC 8058). Doing it twice does nothing the second time.
///
/// `403 link_invalid`: the signature is not ours. `410 link_expired`: it was good once.
#[endpoint(
    operation_id = "unsubscribe",
    tags("notifications"),
    parameters(("token" = String, Path, description = "From the message.")),
    responses(
        (status_code = 200, description = "A page that says so.", body = String, content_type = "text/html"),
        (status_code = 410, description = "`link_expired`.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn turn_off(app: AppState, req: &mut Request, res: &mut Response) -> Result<(), ApiError> {
    let Unsubscribe { user, topic } = what(&app, req)?;
    let mut transaction = app.transaction().await?;
    if !store::notifications::unsubscribe(&mut transaction, user, topic, app.clock.now()).await? {
        return Err(ApiError::LinkInvalid);
    }
    transaction.commit().await.map_err(StoreError::from)?;
    let text = subject(topic);
    pages::write(
        res,
        StatusCode::OK,
        "Done",
        &format!("<p>You will get no more {text}. You can turn them on again in your account.</p>"),
    );
    Ok(())
}

fn what(app: &AppState, req: &Request) -> Result<Unsubscribe, ApiError> {
    let key = app.media_link_key.clone().ok_or(ApiError::LinkInvalid)?;
    let token = req.param::<String>("token").unwrap_or_default();
    Unsubscriber::new("", key).read(&token, app.clock.now()).map_err(|error| match error {
        UnsubscribeError::Invalid => ApiError::LinkInvalid,
        UnsubscribeError::Expired => ApiError::LinkExpired,
    })
}

/// What is turned off, for people.
fn subject(topic: Topic) -> String {
    match topic {
        Topic::Promotions => "promotions".to_owned(),
        Topic::Kind(kind) => format!("e-mails of the kind “{}”", kind.as_str().replace('_', " ")),
    }
}
