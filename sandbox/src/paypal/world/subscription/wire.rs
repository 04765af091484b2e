//! Subscriptions as the service shows them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Status, Subscription};
use crate::paypal::{
    clock,
    error::ApiError,
    world::{World, schedule::Tenure},
};

impl World {
    /// A subscription as the service shows it.
    #[must_use]
    pub fn subscription_wire(&self, subscription: &Subscription) -> Value {
        let mut wire = json!({
            "id": subscription.id,
            "status": subscription.status,
            "status_update_time": clock::seconds(subscription.changed_at),
            "plan_id": subscription.terms.plan_id,
            "plan_overridden": subscription.terms.changed,
            "start_time": clock::seconds(subscription.start_time),
            "quantity": subscription.quantity.to_string(),
            "create_time": clock::seconds(subscription.created_at),
            "update_time": clock::seconds(subscription.changed_at),
            "links": self.subscription_links(subscription),
        });
        let more = [
            ("custom_id", subscription.custom_id.as_ref().map(|custom| json!(custom))),
            ("status_change_note", subscription.note.as_ref().map(|note| json!(note))),
            ("subscriber", subscription.subscriber.clone()),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                wire[name] = value;
            }
        }
        if subscription.status != Status::ApprovalPending {
            wire["billing_info"] = subscription.billing_info();
        }
        wire
    }

    /// A subscription's payments between two times, as the service lists them.
    ///
    /// # Errors
    /// When there is no such subscription.
    pub fn transactions(&self, id: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Value, ApiError> {
        let sales = self.subscription(id)?.sales.iter().filter_map(|sale| self.payments.get(sale));
        let shown = sales.filter(|sale| from <= sale.at && sale.at <= to).map(|sale| {
            let (gross, fee) = (&sale.amount, sale.amount.fee());
            json!({
                "id": sale.id,
                "status": sale.status,
                "payer_email": "payer@example.com",
                "payer_name": { "given_name": "Pat", "surname": "Payer" },
                "amount_with_breakdown": {
                    "gross_amount": gross.wire(),
                    "fee_amount": gross.of(fee).wire(),
                    "net_amount": gross.of(gross.minor - fee).wire(),
                },
                "time": clock::millis(sale.at),
            })
        });
        Ok(json!({ "transactions": shown.collect::<Vec<_>>(), "links": [{
            "href": format!("{}/v1/billing/subscriptions/{id}/transactions", self.base), "rel": "self", "method": "GET",
        }] }))
    }

    fn subscription_links(&self, subscription: &Subscription) -> Value {
        let own = format!("{}/v1/billing/subscriptions/{}", self.base, subscription.id);
        let link = |rel: &str, method: &str| json!({ "href": format!("{own}/{rel}"), "rel": rel, "method": method });
        let mut links = Vec::new();
        if subscription.status == Status::ApprovalPending || subscription.revision.is_some() {
            links.push(json!({ "href": subscription.page, "rel": "approve", "method": "GET" }));
        }
        links.push(json!({ "href": own, "rel": "self", "method": "GET" }));
        match subscription.status {
            Status::Active => links.extend([link("cancel", "POST"), link("suspend", "POST"), link("capture", "POST")]),
            Status::Suspended => links.extend([link("cancel", "POST"), link("activate", "POST")]),
            Status::ApprovalPending | Status::Cancelled | Status::Expired => {}
        }
        json!(links)
    }
}

impl Subscription {
    fn billing_info(&self) -> Value {
        let executions = self.terms.cycles.iter().zip(&self.executed).map(|(cycle, executed)| {
            json!({
                "tenure_type": cycle.tenure,
                "sequence": cycle.sequence,
                "cycles_completed": executed,
                "cycles_remaining": if cycle.total == 0 { 0 } else { cycle.total - executed },
                "total_cycles": cycle.total,
            })
        });
        let mut info = json!({
            "outstanding_balance": self.owed().wire(),
            "cycle_executions": executions.collect::<Vec<_>>(),
            "failed_payments_count": self.failed,
        });
        if let Some((amount, at)) = &self.last_payment {
            info["last_payment"] = json!({ "amount": amount.wire(), "time": clock::seconds(*at) });
        }
        if let Some((amount, at)) = &self.last_failure {
            info["last_failed_payment"] =
                json!({ "amount": amount.wire(), "time": clock::seconds(*at), "reason_code": "PAYMENT_DENIED" });
        }
        if let Some(at) = self.next_billing {
            info["next_billing_time"] = json!(clock::seconds(at));
        }
        let endless = self.terms.cycles.iter().any(|cycle| cycle.tenure == Tenure::Regular && cycle.total == 0);
        if let Some(at) = self.next_billing.filter(|_| !endless) {
            info["final_payment_time"] = json!(clock::seconds(at));
        }
        info
    }
}
