//! What payment providers tell: proved genuine, kept, and only then acknowledged. What it means is found out afterwards.

use std::time::Duration;

use payments::{Event, WebhookError, WebhookHeaders};
use salvo::prelude::*;
use serde::Serialize;
use store::payment_events::{EXTERNALS_MAX, NewEvent, TEXT_CHARS_MAX};

use crate::{
    body,
    error::{ApiError, Thing},
    limits::Caller,
    state::AppState,
};

/// The largest body of a webhook, in bytes: those of providers have some kilobytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Proving may need the provider's certificate, or its word.
const PROOF_MAX: Duration = Duration::from_secs(10);

/// An event is kept.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = WebhookReceived))]
pub(crate) struct ReceivedOut {
    /// Always true.
    received: bool,
}

/// Takes what a payment provider tells. The body is the provider's, and is signed as the provider signs: `401
/// webhook_forged` when it is not genuine, `400 webhook_malformed` when it cannot be read. The answer comes when the event is
/// committed; the same event again is fine. `503` asks to send it again.
#[endpoint(
    operation_id = "receive_webhook",
    tags("billing"),
    parameters(("provider" = String, Path, description = "The provider's code, such as `paypal`."))
)]
pub(crate) async fn receive(app: AppState, req: &mut Request) -> Result<Json<ReceivedOut>, ApiError> {
    let code: String = req.param("provider").unwrap_or_default();
    let provider = app.payments.get(&code).cloned().ok_or(ApiError::NotFound(Thing::Provider))?;
    let headers = headers(req);
    let bytes = body::raw(req, BODY_BYTES_MAX, app.patience.body).await?.to_vec();
    let proved = tokio::time::timeout(PROOF_MAX, provider.verify(&headers, &bytes)).await;
    let proved = proved.unwrap_or_else(|_| Err(WebhookError::Unproved("no answer in time".into())));
    let event = match proved {
        Ok(event) => event,
        Err(error) => return Err(refused(&app, req, provider.code(), &error).await),
    };
    let event = kept(provider.code(), event, bytes).ok_or(ApiError::WebhookMalformed)?;
    let outcome = app.inbox.keep(event).await;
    app.metrics.webhook(provider.code(), if outcome.is_ok() { "accepted" } else { "unkept" });
    outcome.map(|()| Json(ReceivedOut { received: true }))
}

/// Why a webhook is not taken. Whoever sends what is not genuine is counted like a stranger: guessing is not free.
async fn refused(app: &AppState, req: &Request, provider: &'static str, error: &WebhookError) -> ApiError {
    tracing::warn!(payment.provider = provider, %error, "A webhook was not taken.");
    match error {
        WebhookError::Forged(_) => {
            app.metrics.webhook(provider, "forged");
            let caller = Caller::Address(app.address(req));
            match app.limits.take(caller, app.limits.anonymous_per_minute()).await {
                Ok(_) => ApiError::WebhookForged,
                Err(limited) => limited.into(),
            }
        }
        WebhookError::Malformed(_) => {
            app.metrics.webhook(provider, "malformed");
            ApiError::WebhookMalformed
        }
        WebhookError::Unproved(_) => {
            app.metrics.webhook(provider, "unproved");
            ApiError::WebhookUnproved
        }
    }
}

/// The headers that are text.
fn headers(req: &Request) -> WebhookHeaders {
    let text = |value: &salvo::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let named = req.headers().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    WebhookHeaders::new(named)
}

/// The event as it is kept; `None` when its key cannot be kept, without which nobody knows it again.
fn kept(provider: &str, event: Event, body: Vec<u8>) -> Option<NewEvent> {
    let fits =
        |text: &str| !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control);
    let Event { key, kind, payment, externals, ignorable, at } = event;
    let kind = kind.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect();
    fits(&key).then(|| NewEvent {
        provider: provider.to_owned(),
        key,
        kind,
        payment,
        externals: externals.into_iter().filter(|id| fits(id)).take(EXTERNALS_MAX).collect(),
        ignorable,
        happened_at: at,
        body,
    })
}

/// Where payers come back to who came from a provider's page, unless the operator has a page of their own.
#[endpoint(
    operation_id = "return_from_payment",
    tags("billing"),
    parameters(
        ("payment" = Option<String>, Query, description = "The payment's id."),
        ("outcome" = Option<String>, Query, description = "`returned`, or `canceled` when the payer gave up.")
    ),
    responses((status_code = 200, description = "A page for people.", body = String, content_type = "text/html"))
)]
pub(crate) async fn come_back(req: &mut Request, res: &mut Response) -> Result<(), ApiError> {
    let (title, text) = match req.query::<String>("outcome").as_deref() {
        Some("canceled") => ("Nothing was paid", "You have left the payment. You can go back and try again."),
        _ => ("Thank you", "Your payment is being looked at. You can close this page and go back."),
    };
    crate::pages::write(res, StatusCode::OK, title, &format!("<p>{text}</p>"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{Clock as _, SystemClock};

    use super::*;

    fn event(key: &str, externals: &[&str]) -> Event {
        Event {
            key: key.to_owned(),
            kind: "PAYMENT\u{0}.DONE".into(),
            payment: None,
            externals: externals.iter().map(|id| (*id).to_owned()).collect(),
            ignorable: false,
            at: Some(SystemClock.now()),
        }
    }

    #[test]
    fn what_postgresql_cannot_keep_is_left_out_or_refused() {
        let one = kept("paypal", event("WH-1", &["A", "", "B\u{0}", "C\nD", "E"]), vec![1]).unwrap();
        assert_eq!((one.externals, one.kind.as_str()), (vec!["A".to_owned(), "E".to_owned()], "PAYMENT.DONE"));
        for key in ["", "a\u{0}", "a\nb", &"x".repeat(TEXT_CHARS_MAX + 1)] {
            assert!(kept("paypal", event(key, &[]), Vec::new()).is_none());
        }
        let many: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(kept("paypal", event("k", &many), Vec::new()).unwrap().externals.len(), EXTERNALS_MAX);
    }
}
