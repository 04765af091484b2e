//! NOWPayments: coins to an address, or an invoice on a page where the payer chooses the coin.
//!
//! Written after the vendor's published API reference (`api.nowpayments.io/v1`), its samples for signing and its SDK for
//! Node.js. It knows neither agreements nor refunds nor idempotency keys: our payment's id is its `order_id`, see `orders`.
//! An IPN only says what to look at; what has happened is asked for.

mod canonical;
mod client;
mod events;
mod external;
mod money;
mod orders;
mod settings;
mod signature;
mod standing;
mod status;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;

use self::{client::Client, settings::Config, signature::IpnSecret};
use crate::{
    error::{ProviderError, WebhookError},
    provider::{Created, Event, Order, Provider, Reference, RefundOrder, RefundStanding, Standing, WebhookHeaders},
    settings::Settings,
};

/// The provider.
#[derive(Debug)]
struct Nowpayments {
    client: Client,
    ipn_secret: IpnSecret,
}

/// The provider, where it is set. `NOWPAYMENTS_EMAIL` and `NOWPAYMENTS_PASSWORD` may be left out, and with them invoices.
pub(crate) fn read(settings: &mut Settings<'_>) -> Option<Arc<dyn Provider>> {
    let config = Config::read(settings)?;
    let client = settings.checked("NOWPAYMENTS_URL", Client::new(&config))?;
    Some(Arc::new(Nowpayments { client, ipn_secret: config.ipn_secret }))
}

#[async_trait]
impl Provider for Nowpayments {
    fn code(&self) -> &'static str {
        "nowpayments"
    }

    fn title(&self) -> &'static str {
        "NOWPayments"
    }

    fn has_agreements(&self) -> bool {
        false
    }

    fn has_refunds(&self) -> bool {
        false
    }

    fn has_pay_currencies(&self) -> bool {
        true
    }

    async fn create(&self, order: &Order) -> Result<Created, ProviderError> {
        orders::create(&self.client, order).await
    }

    async fn look(&self, reference: &Reference) -> Result<Standing, ProviderError> {
        standing::look(&self.client, reference).await
    }

    /// Coins need no capture.
    async fn capture(&self, reference: &Reference) -> Result<Standing, ProviderError> {
        self.look(reference).await
    }

    /// Coins are sent back by hand, in the provider's dashboard: the API has no such call.
    async fn refund(&self, _: &RefundOrder) -> Result<RefundStanding, ProviderError> {
        Err(ProviderError::fatal("by_hand", "NOWPayments gives nothing back by itself: send it from the dashboard"))
    }

    /// Nothing can be given up: an address stays, and what comes to it late still counts.
    async fn cancel(&self, _: &Reference, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn verify(&self, headers: &WebhookHeaders, body: &[u8]) -> Result<Event, WebhookError> {
        let said = self.ipn_secret.prove(headers.get(signature::HEADER), body)?;
        Ok(events::event(&said))
    }
}
