//! Payments and refunds as the service shows them: as captures of version 2, and as sales of version 1.

use serde_json::{Value, json};

use super::{Payment, Refund, RefundOutcome, Source, Status};
use crate::paypal::{clock, world::World};

impl World {
    /// A payment as Payments v2 shows it.
    #[must_use]
    pub fn capture_wire(&self, payment: &Payment) -> Value {
        let own = format!("{}/v2/payments/captures/{}", self.base, payment.id);
        let mut links = vec![
            json!({ "href": own, "rel": "self", "method": "GET" }),
            json!({ "href": format!("{own}/refund"), "rel": "refund", "method": "POST" }),
        ];
        let mut wire = json!({
            "id": payment.id,
            "status": payment.status,
            "amount": payment.amount.wire(),
            "final_capture": true,
            "seller_protection": { "status": "NOT_ELIGIBLE" },
            "create_time": clock::seconds(payment.at),
            "update_time": clock::seconds(payment.updated_at),
        });
        if let Source::Order(order) = &payment.source {
            links.push(json!({
                "href": format!("{}/v2/checkout/orders/{order}", self.base), "rel": "up", "method": "GET",
            }));
        }
        if !matches!(payment.status, Status::Pending | Status::Declined) {
            let (amount, fee) = (&payment.amount, payment.amount.fee());
            wire["seller_receivable_breakdown"] = json!({
                "gross_amount": amount.wire(),
                "paypal_fee": amount.of(fee).wire(),
                "net_amount": amount.of(amount.minor - fee).wire(),
            });
        }
        if let Some(reason) = &payment.reason {
            wire["status_details"] = json!({ "reason": reason });
        }
        put(&mut wire, [("custom_id", &payment.custom_id), ("invoice_id", &payment.invoice_id)]);
        wire["links"] = json!(links);
        wire
    }

    /// A payment as the old sales show it.
    #[must_use]
    pub fn sale_wire(&self, payment: &Payment) -> Value {
        let own = format!("{}/v1/payments/sale/{}", self.base, payment.id);
        let state = match payment.status {
            Status::Refunded if payment.reversed => "reversed",
            Status::Completed => "completed",
            Status::Declined => "denied",
            Status::PartiallyRefunded => "partially_refunded",
            Status::Pending => "pending",
            Status::Refunded => "refunded",
        };
        let amount = &payment.amount;
        let mut wire = json!({
            "id": payment.id,
            "state": state,
            "amount": {
                "total": amount.decimal(), "currency": amount.currency, "details": { "subtotal": amount.decimal() },
            },
            "payment_mode": "INSTANT_TRANSFER",
            "protection_eligibility": "INELIGIBLE",
            "transaction_fee": { "value": amount.of(amount.fee()).decimal(), "currency": amount.currency },
            "create_time": clock::seconds(payment.at),
            "update_time": clock::seconds(payment.updated_at),
            "links": [
                { "href": own, "rel": "self", "method": "GET" },
                { "href": format!("{own}/refund"), "rel": "refund", "method": "POST" },
            ],
        });
        if let Source::Subscription(subscription) = &payment.source {
            wire["billing_agreement_id"] = json!(subscription);
        }
        put(&mut wire, [("custom", &payment.custom_id)]);
        wire
    }

    /// A refund as Payments v2 shows it.
    #[must_use]
    pub fn refund_wire(&self, refund: &Refund) -> Value {
        let own = format!("{}/v2/payments/refunds/{}", self.base, refund.id);
        let capture = format!("{}/v2/payments/captures/{}", self.base, refund.payment);
        let total = self.payments.get(&refund.payment).map_or(refund.amount.minor, |payment| payment.back);
        let amount = &refund.amount;
        let mut wire = json!({
            "id": refund.id,
            "status": refund.status,
            "amount": amount.wire(),
            "seller_payable_breakdown": {
                "gross_amount": amount.wire(),
                "paypal_fee": amount.of(0).wire(),
                "net_amount": amount.wire(),
                "total_refunded_amount": amount.of(total).wire(),
            },
            "create_time": clock::seconds(refund.at),
            "update_time": clock::seconds(refund.updated_at),
            "links": [
                { "href": own, "rel": "self", "method": "GET" },
                { "href": capture, "rel": "up", "method": "GET" },
            ],
        });
        put(
            &mut wire,
            [("custom_id", &refund.custom_id), ("invoice_id", &refund.invoice_id), ("note_to_payer", &refund.note)],
        );
        wire
    }

    /// A refund of a sale as the old sales show it.
    #[must_use]
    pub fn sale_refund_wire(&self, refund: &Refund) -> Value {
        let state = match refund.status {
            RefundOutcome::Completed => "completed",
            RefundOutcome::Pending => "pending",
            RefundOutcome::Failed => "failed",
        };
        let sale = format!("{}/v1/payments/sale/{}", self.base, refund.payment);
        let mut wire = json!({
            "id": refund.id,
            "sale_id": refund.payment,
            "state": state,
            "amount": { "total": refund.amount.decimal(), "currency": refund.amount.currency },
            "create_time": clock::seconds(refund.at),
            "update_time": clock::seconds(refund.updated_at),
            "links": [
                { "href": format!("{}/v1/payments/refund/{}", self.base, refund.id), "rel": "self", "method": "GET" },
                { "href": sale, "rel": "sale", "method": "GET" },
            ],
        });
        let agreement = self.payments.get(&refund.payment).and_then(|payment| match &payment.source {
            Source::Subscription(subscription) => Some(subscription.clone()),
            Source::Order(_) => None,
        });
        put(
            &mut wire,
            [
                ("billing_agreement_id", &agreement),
                ("custom", &refund.custom_id),
                ("invoice_number", &refund.invoice_id),
            ],
        );
        wire
    }
}

fn put<const N: usize>(wire: &mut Value, fields: [(&str, &Option<String>); N]) {
    for (name, value) in fields {
        if let Some(value) = value {
            wire[name] = json!(value);
        }
    }
}
