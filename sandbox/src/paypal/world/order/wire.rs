//! Orders as the service shows them.

use serde_json::{Value, json};

use super::{Order, Payment, Status};
use crate::paypal::{clock, error::ApiError, world::World};

impl World {
    /// An order as the service shows it: whole, or the little that `Prefer: return=minimal` asks for.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn order_wire(&self, id: &str, whole: bool) -> Result<Value, ApiError> {
        let order = self.order(id)?;
        let mut wire = json!({ "id": order.id, "status": order.status, "links": self.order_links(order) });
        if order.source {
            wire["payment_source"] = json!({ "paypal": order.payer.clone().unwrap_or_else(|| json!({})) });
        }
        if !whole {
            return Ok(wire);
        }
        let captures: Vec<&Payment> = order.captures.iter().filter_map(|id| self.payments.get(id)).collect();
        let mut unit = json!({ "reference_id": order.reference_id, "amount": order.amount.wire() });
        for (name, value) in
            [("custom_id", &order.custom_id), ("invoice_id", &order.invoice_id), ("description", &order.description)]
        {
            if let Some(value) = value {
                unit[name] = json!(value);
            }
        }
        if !captures.is_empty() {
            let refunds = self.refunds.values().filter(|refund| order.captures.contains(&refund.payment));
            let refunds: Vec<Value> = refunds.map(|refund| self.refund_wire(refund)).collect();
            let captures: Vec<Value> = captures.into_iter().map(|capture| self.capture_wire(capture)).collect();
            unit["payments"] = json!({ "captures": captures });
            if !refunds.is_empty() {
                unit["payments"]["refunds"] = json!(refunds);
            }
        }
        wire["intent"] = json!("CAPTURE");
        wire["purchase_units"] = json!([unit]);
        wire["create_time"] = json!(clock::seconds(order.created_at));
        wire["update_time"] = json!(clock::seconds(order.updated_at));
        if let Some(payer) = &order.payer {
            wire["payer"] = payer.clone();
        }
        Ok(wire)
    }

    fn order_links(&self, order: &Order) -> Value {
        let own = format!("{}/v2/checkout/orders/{}", self.base, order.id);
        let mut links = vec![json!({ "href": own, "rel": "self", "method": "GET" })];
        match order.status {
            Status::Created => links.push(json!({ "href": order.page, "rel": "approve", "method": "GET" })),
            Status::PayerActionRequired => {
                links.push(json!({ "href": order.page, "rel": "payer-action", "method": "GET" }));
            }
            Status::Approved => {
                links.push(json!({ "href": format!("{own}/capture"), "rel": "capture", "method": "POST" }));
            }
            Status::Voided | Status::Completed => {}
        }
        json!(links)
    }
}
