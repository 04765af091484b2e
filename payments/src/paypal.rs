//! `PayPal`: orders that are paid once, subscriptions that pay by themselves, refunds and webhooks.

mod catalog;
mod certificates;
mod client;
mod environment;
mod events;
mod failure;
mod orders;
mod refunds;
mod reversals;
mod subscriptions;
mod webhooks;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Clock, Currency, billing::PaymentPurpose};

use self::{
    catalog::Catalog,
    certificates::{Certificates, Roots},
    client::Client,
    environment::{Environment, LIVE},
    subscriptions::Terms,
    webhooks::Proof,
};
use crate::{
    error::{ProviderError, WebhookError},
    provider::{
        Created, Event, Kind, Order, Provider, Reference, RefundOrder, RefundStanding, Standing, WebhookHeaders,
    },
    settings::Settings,
};

/// What `PayPal` is called in settings, rows and paths.
pub const CODE: &str = "paypal";

/// One of these is enough to want it.
const WANTED_BY: [&str; 3] = ["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"];
const NAME: &str = "PayPal";
/// Ids of webhooks have 17 letters and digits; `PayPal` allows for 50.
const WEBHOOK_ID_CHARS_MAX: usize = 50;

/// One app at `PayPal`, with one webhook.
#[derive(Debug)]
pub(crate) struct PayPal {
    client: Client,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    webhook_id: String,
    proof: Proof,
}

/// Makes it from `PAYPAL_URL`, `PAYPAL_CLIENT_ID`, `PAYPAL_CLIENT_SECRET`, `PAYPAL_WEBHOOK_ID`, `PAYPAL_VERIFY` and
/// `PAYPAL_ROOTS`.
pub(crate) fn read(settings: &mut Settings<'_>) -> Option<Arc<dyn Provider>> {
    if !settings.any(&WANTED_BY) {
        return None;
    }
    let environment = settings.parsed::<Environment>("PAYPAL_URL", LIVE);
    let id = settings.required("PAYPAL_CLIENT_ID", NAME);
    let secret = settings.secret("PAYPAL_CLIENT_SECRET", NAME);
    let webhook_id = settings.required("PAYPAL_WEBHOOK_ID", NAME).and_then(|id| {
        let plain = id.len() <= WEBHOOK_ID_CHARS_MAX && wire::is_id(&id);
        settings.checked(
            "PAYPAL_WEBHOOK_ID",
            if plain { Ok(id) } else { Err("expected at most 50 letters, digits or dashes") },
        )
    });
    let online = match settings.optional("PAYPAL_VERIFY").as_deref() {
        None | Some("offline") => Ok(false),
        Some("online") => Ok(true),
        Some(_) => Err("expected `offline` or `online`"),
    };
    let online = settings.checked("PAYPAL_VERIFY", online);
    let roots = match settings.optional("PAYPAL_ROOTS") {
        None => Some(Roots::of_the_web()),
        Some(path) => {
            let pem = settings.checked("PAYPAL_ROOTS", std::fs::read(path));
            pem.and_then(|pem| settings.checked("PAYPAL_ROOTS", Roots::parse(&pem)))
        }
    };
    let (clock, roots, environment) = (settings.clock(), roots?, environment?);
    let http = settings.checked("PAYPAL_URL", client::http(&environment))?;
    let proof = match online? {
        true => Proof::Online,
        false => Proof::Offline(Box::new(Certificates::new(http.clone(), roots, Arc::clone(&clock)))),
    };
    let client = Client::new(http, environment, id?, secret?, Arc::clone(&clock));
    Some(Arc::new(PayPal { client, clock, catalog: Catalog::default(), webhook_id: webhook_id?, proof }))
}

/// Currencies that are known here and that `PayPal` does not take.
const NOT_TAKEN: [Currency; 1] = [Currency::VND];

#[async_trait]
impl Provider for PayPal {
    fn code(&self) -> &'static str {
        CODE
    }

    fn title(&self) -> &'static str {
        NAME
    }

    fn has_agreements(&self) -> bool {
        true
    }

    fn has_refunds(&self) -> bool {
        true
    }

    fn has_pay_currencies(&self) -> bool {
        false
    }

    async fn create(&self, order: &Order) -> Result<Created, ProviderError> {
        if NOT_TAKEN.contains(&order.amount.currency) {
            return Err(ProviderError::fatal("currency_not_supported", "PayPal does not take this currency"));
        }
        match order.kind {
            Kind::Once => orders::create(&self.client, order).await,
            // Its periods begin when it is agreed to, and those of an upgrade are under way already.
            Kind::Agreement { .. } if order.purpose == PaymentPurpose::Upgrade => {
                Err(ProviderError::fatal("no_agreement_for_upgrade", "an upgrade within a period is paid once"))
            }
            Kind::Agreement { interval, renewal, reduced } => {
                let terms = Terms { interval, renewal, reduced };
                subscriptions::create(&self.client, &self.catalog, order, terms).await
            }
        }
    }

    async fn look(&self, reference: &Reference) -> Result<Standing, ProviderError> {
        if reference.agreement {
            subscriptions::look(&self.client, reference, self.clock.now()).await
        } else {
            orders::look(&self.client, reference).await
        }
    }

    async fn capture(&self, reference: &Reference) -> Result<Standing, ProviderError> {
        if reference.agreement {
            subscriptions::activate(&self.client, reference, self.clock.now()).await
        } else {
            orders::capture(&self.client, reference).await
        }
    }

    async fn refund(&self, refund: &RefundOrder) -> Result<RefundStanding, ProviderError> {
        refunds::refund(&self.client, refund).await
    }

    async fn cancel(&self, reference: &Reference, reason: &str) -> Result<(), ProviderError> {
        // An order that nobody has paid is forgotten by PayPal itself, and cannot be given up sooner.
        if reference.agreement { subscriptions::cancel(&self.client, reference, reason).await } else { Ok(()) }
    }

    async fn verify(&self, headers: &WebhookHeaders, body: &[u8]) -> Result<Event, WebhookError> {
        webhooks::verify(&self.client, &self.proof, &self.webhook_id, headers, body).await
    }
}

#[cfg(test)]
mod tests;
