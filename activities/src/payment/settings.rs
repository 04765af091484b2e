//! What operators set of payments.

use std::time::Duration;

use domain::PaymentId;
use url::Url;

/// How payments are looked after.
#[derive(Clone, Debug)]
pub struct PaymentSettings {
    /// Where payers come back to, of the operator's own site; without it, a page of the API says thanks.
    pub return_url: Option<Url>,
    /// How often providers are asked for what their webhooks did not tell.
    pub reconcile_every: Duration,
}

/// The addresses that a provider is told with an order.
pub(super) struct Addresses {
    /// Where the payer goes afterwards.
    pub paid: Url,
    /// Where the payer goes when they give up.
    pub given_up: Url,
    /// Where webhooks go.
    pub webhook: Url,
}

impl Default for PaymentSettings {
    fn default() -> Self {
        Self { return_url: None, reconcile_every: Duration::from_secs(300) }
    }
}

impl PaymentSettings {
    /// The addresses for an order with this provider; `None` where nobody has said how the API is reached.
    pub(super) fn addresses(&self, public_url: Option<&Url>, provider: &str, payment: PaymentId) -> Option<Addresses> {
        let api = public_url?;
        let site = match &self.return_url {
            Some(site) => site.clone(),
            None => below(api, "billing/return")?,
        };
        let with = |outcome: &str| {
            let mut url = site.clone();
            url.query_pairs_mut().append_pair("payment", &payment.to_string()).append_pair("outcome", outcome);
            url
        };
        let webhook = below(api, &format!("api/webhooks/{provider}"))?;
        Some(Addresses { paid: with("returned"), given_up: with("canceled"), webhook })
    }
}

/// A path below an address that may have one itself.
fn below(base: &Url, path: &str) -> Option<Url> {
    let base = format!("{}/", base.as_str().trim_end_matches('/'));
    Url::parse(&base).ok()?.join(path).ok()
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    #[test]
    fn payers_come_back_to_the_site_or_to_the_api_and_webhooks_to_the_api() {
        let payment = PaymentId::new(&SystemClock);
        let api: Url = "https://causeway.example/base".parse().unwrap();
        let mut settings = PaymentSettings::default();
        let found = settings.addresses(Some(&api), "paypal", payment).unwrap();
        assert_eq!(found.webhook.as_str(), "https://causeway.example/base/api/webhooks/paypal");
        let wanted = format!("https://causeway.example/base/billing/return?payment={payment}&outcome=returned");
        assert_eq!(found.paid.as_str(), wanted);
        settings.return_url = Some("https://app.example/pay?from=shop".parse().unwrap());
        let found = settings.addresses(Some(&api), "paypal", payment).unwrap();
        let wanted = format!("https://app.example/pay?from=shop&payment={payment}&outcome=canceled");
        assert_eq!(found.given_up.as_str(), wanted);
        assert!(settings.addresses(None, "paypal", payment).is_none());
    }
}
