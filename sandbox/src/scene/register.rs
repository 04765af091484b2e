//! Becoming a user, as a person does whose address must be proven: register, read the mail, hand in its code.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::until;
use crate::client::{CausewayClient, Http, Mail, SmtpControl};

/// How long a mail may take: it passes through a workflow.
const MAIL_PATIENCE: Duration = Duration::from_secs(60);

/// What stands in a link of a mail before its token.
const LINK: &str = "/confirm/";

#[derive(Deserialize)]
struct Session {
    token: String,
}

/// The token of a mail's link.
#[must_use]
pub fn token_of(mail: &Mail) -> Option<&str> {
    mail.link(LINK)?.rsplit_once(LINK).map(|(_, token)| token)
}

/// Registers with the API at `base` and signs in with the token of the mail, which is returned, too.
///
/// # Errors
/// When a step is refused, or no mail comes.
pub async fn register_by_mail(
    base: &str,
    smtp: &SmtpControl,
    email: &str,
    password: &str,
) -> anyhow::Result<(CausewayClient, Mail)> {
    let http = Http::new(format!("{base}/api"))?;
    let _: Value = http.post("/auth/register", &json!({ "email": email, "password": password })).await?;
    let (mail, token) = until("the mail of the registration", MAIL_PATIENCE, async || {
        let mails = smtp.mails_to(email).await?;
        let found = mails.into_iter().find_map(|mail| Some((token_of(&mail)?.to_owned(), mail)));
        Ok(found.map(|(token, mail)| (mail, token)))
    })
    .await?;
    let Session { token } = http.post("/auth/verify-email", &json!({ "token": token })).await?;
    Ok((CausewayClient::signed_in(base, &token)?, mail))
}
