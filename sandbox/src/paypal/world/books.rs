//! The books: what was asked for, what came and what went back, for whoever compares them with the merchant's own.

use serde_json::{Value, json};

use super::{Back, Event, EventState, Payment, Source, World};

impl World {
    /// The books of everything.
    #[must_use]
    pub fn books(&self) -> Value {
        let orders = self.orders.values().map(|order| {
            json!({
                "id": order.id,
                "status": order.status,
                "custom_id": order.custom_id,
                "invoice_id": order.invoice_id,
                "currency": order.amount.currency,
                "amount_minor": order.amount.minor,
                "captures": order.captures,
            })
        });
        let subscriptions = self.subscriptions.values().map(|subscription| {
            json!({
                "id": subscription.id,
                "status": subscription.status,
                "plan": subscription.plan_id(),
                "custom_id": subscription.custom_id,
                "sales": subscription.sales,
                "failed": subscription.failed,
                "outstanding_minor": subscription.outstanding,
            })
        });
        let refunds = self.refunds.values().map(|refund| {
            json!({
                "id": refund.id,
                "payment": refund.payment,
                "status": refund.status,
                "reversal": refund.back == Back::Reversal,
                "custom_id": refund.custom_id,
                "invoice_id": refund.invoice_id,
                "currency": refund.amount.currency,
                "amount_minor": refund.amount.minor,
            })
        });
        let (captures, sales): (Vec<&Payment>, Vec<&Payment>) =
            self.payments.values().partition(|payment| matches!(payment.source, Source::Order(_)));
        json!({
            "orders": orders.collect::<Vec<_>>(),
            "captures": captures.into_iter().map(booked).collect::<Vec<_>>(),
            "subscriptions": subscriptions.collect::<Vec<_>>(),
            "sales": sales.into_iter().map(booked).collect::<Vec<_>>(),
            "refunds": refunds.collect::<Vec<_>>(),
            "keys_reused": self.keys_reused(),
            "webhooks": self.count(),
        })
    }

    fn count(&self) -> Value {
        let count = |state: EventState| self.events.iter().filter(|event: &&Event| event.state == state).count();
        json!({
            "made": self.events.len(),
            "delivered": count(EventState::Delivered),
            "pending": count(EventState::Pending),
            "held": count(EventState::Held),
            "lost": count(EventState::Lost),
            "failed": count(EventState::Failed),
        })
    }
}

fn booked(payment: &Payment) -> Value {
    let (order, subscription) = match &payment.source {
        Source::Order(order) => (Some(order), None),
        Source::Subscription(subscription) => (None, Some(subscription)),
    };
    json!({
        "id": payment.id,
        "order": order,
        "subscription": subscription,
        "status": payment.status,
        "custom_id": payment.custom_id,
        "invoice_id": payment.invoice_id,
        "currency": payment.amount.currency,
        "amount_minor": payment.amount.minor,
        "fee_minor": payment.amount.fee(),
        "back_minor": payment.back,
        "reversed": payment.reversed,
    })
}
