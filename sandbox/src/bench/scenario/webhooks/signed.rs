//! Webhooks as the providers write and sign them, each of them another event.

use std::{sync::Arc, thread};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use serde_json::json;

use super::{Payments, Provider};
use crate::{
    arrivals::now_us,
    bench::wrk::Post,
    nowpayments,
    paypal::{self, Identity},
    stack::{NOWPAYMENTS_IPN_SECRET, PAYPAL_WEBHOOK_ID, Stack},
};

/// Writes and signs webhooks.
pub(super) struct Signers {
    shared: Arc<Shared>,
    /// The number of the next event.
    next: u64,
}

struct Shared {
    identity: Identity,
    /// Where the certificate is.
    certificate: String,
    /// When everything happens.
    time: String,
    /// What the webhooks are about.
    payments: Payments,
}

impl Signers {
    /// With the key of the stack's `PayPal` sandbox and the secret of its NOWPayments sandbox.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub(super) fn open(stack: &Stack, payments: Payments) -> anyhow::Result<Self> {
        let urls = stack.urls();
        let dir = urls.paypal_ca.parent().context("the certificates are in no directory")?;
        let identity = Identity::open(dir)?;
        let certificate = format!("{}/v1/notifications/certs/{}", urls.paypal, identity.id);
        let now = i64::try_from(now_us()).ok().and_then(DateTime::from_timestamp_micros);
        let time = now.context("there is no time")?.to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(Self { shared: Arc::new(Shared { identity, certificate, time, payments }), next: 1 })
    }

    /// So many new webhooks, of these providers in turn.
    ///
    /// # Errors
    /// When one cannot be signed.
    pub(super) async fn sign(&mut self, providers: &[Provider], count: usize) -> anyhow::Result<Vec<Post>> {
        let first = self.next;
        self.next += u64::try_from(count)?;
        let (shared, providers) = (Arc::clone(&self.shared), providers.to_vec());
        tokio::task::spawn_blocking(move || shared.sign_all(&providers, first, count)).await?
    }
}

impl Shared {
    /// Signs on all cores: an RSA signature takes most of a millisecond.
    fn sign_all(&self, providers: &[Provider], first: u64, count: usize) -> anyhow::Result<Vec<Post>> {
        let hands = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let numbers: Vec<u64> = (first..).take(count).collect();
        let sign = |number: &u64| {
            let turn = usize::try_from(*number)?;
            match providers[turn % providers.len()] {
                Provider::Nowpayments => Ok(self.nowpayments(*number, turn)),
                Provider::Paypal => self.paypal(*number, turn),
            }
        };
        let signed = thread::scope(|scope| {
            let parts: Vec<_> = numbers
                .chunks(count.div_ceil(hands).max(1))
                .map(|part| scope.spawn(move || part.iter().map(sign).collect::<anyhow::Result<Vec<Post>>>()))
                .collect();
            let join = |part: thread::ScopedJoinHandle<'_, anyhow::Result<Vec<Post>>>| {
                part.join().unwrap_or_else(|_panicked| Err(anyhow::anyhow!("a signer has panicked")))
            };
            parts.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
        });
        Ok(signed?.into_iter().flatten().collect())
    }

    /// A notification of a payment. Sorted and without spaces, as it is here, it is signed as it stands.
    fn nowpayments(&self, number: u64, turn: usize) -> Post {
        let payment = in_turn(&self.payments.nowpayments, turn);
        let body = json!({
            "actually_paid": 0.25, "actually_paid_at_fiat": 0, "fee": {
                "currency": "ltc", "depositFee": 0.125, "serviceFee": 0, "withdrawalFee": 0,
            },
            "invoice_id": null, "order_description": "Pro, one month", "order_id": payment,
            "outcome_amount": 0.125, "outcome_currency": "ltc", "parent_payment_id": null,
            "pay_address": "LKfS1HwsRDCVQL5XzTJf1JYGj3Yc5qcFWw", "pay_amount": 0.25, "pay_currency": "ltc",
            "payin_extra_id": null, "payment_extra_ids": null, "payment_id": 6_000_000_000 + number,
            "payment_status": "confirming", "price_amount": 10, "price_currency": "usd",
            "purchase_id": format!("{}", 4_000_000_000 + number), "updated_at": 1_790_000_000_000_u64 + number,
        });
        let body = body.to_string();
        let signature = nowpayments::signature(NOWPAYMENTS_IPN_SECRET, &body);
        Post {
            path: "/api/webhooks/nowpayments".to_owned(),
            fields: format!("x-nowpayments-sig: {signature}\r\n"),
            body,
        }
    }

    /// An event about a capture.
    fn paypal(&self, number: u64, turn: usize) -> anyhow::Result<Post> {
        let (capture, order) = (format!("{number:017}"), format!("ORDER{turn:012}"));
        let payment = in_turn(&self.payments.paypal, turn);
        let body = json!({
            "id": format!("WH-{number:017}-{number:017}"), "event_version": "1.0", "create_time": self.time,
            "resource_type": "capture", "resource_version": "2.0", "event_type": "PAYMENT.CAPTURE.PENDING",
            "summary": "Payment pending for $ 10.0 USD",
            "resource": {
                "id": capture, "status": "PENDING", "status_details": { "reason": "PENDING_REVIEW" },
                "amount": { "currency_code": "USD", "value": "10.00" }, "final_capture": true,
                "custom_id": payment, "invoice_id": payment,
                "seller_protection": { "status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED"] },
                "supplementary_data": { "related_ids": { "order_id": order } },
                "create_time": self.time, "update_time": self.time,
                "links": [{
                    "href": format!("https://api-m.paypal.com/v2/payments/captures/{capture}"), "rel": "self",
                    "method": "GET",
                }],
            },
            "links": [],
        });
        let (body, id) = (body.to_string(), paypal::transmission());
        let message = paypal::message(&id, &self.time, PAYPAL_WEBHOOK_ID, body.as_bytes());
        let signature = STANDARD.encode(self.identity.sign(message.as_bytes())?);
        let fields = format!(
            "paypal-transmission-id: {id}\r\npaypal-transmission-time: {}\r\npaypal-transmission-sig: {signature}\r\n\
             paypal-cert-url: {}\r\npaypal-auth-algo: SHA256withRSA\r\npaypal-auth-version: v2\r\n",
            self.time, self.certificate
        );
        Ok(Post { path: "/api/webhooks/paypal".to_owned(), fields, body })
    }
}

fn in_turn(payments: &[String], turn: usize) -> &str {
    payments.get(turn % payments.len().max(1)).map_or("", String::as_str)
}
