//! The control API: being the payer, their bank and the service itself, and breaking things. JSON over plain HTTP on
//! loopback. A refusal has the service's own shape.

mod acts;
mod settings;
mod webhooks;

use std::sync::Arc;

use salvo::{affix_state, prelude::Router};

use super::server::Sandbox;

/// All routes. Documented in `docs/sandbox.md`.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .hoop(affix_state::inject(sandbox))
        .push(Router::with_path("health").get(settings::health))
        .push(Router::with_path("ca.pem").get(settings::authority))
        .push(Router::with_path("settings").get(settings::show).put(settings::change))
        .push(Router::with_path("tokens").delete(settings::revoke_tokens))
        .push(Router::with_path("clock").post(settings::advance_clock))
        .push(Router::with_path("books").get(settings::books))
        .push(
            Router::with_path("faults")
                .get(settings::faults)
                .post(settings::add_fault)
                .delete(settings::clear_faults)
                .push(Router::with_path("{id}").delete(settings::remove_fault)),
        )
        .push(order_routes())
        .push(money_routes())
        .push(subscription_routes())
        .push(webhook_routes())
}

fn order_routes() -> Router {
    Router::with_path("orders/{id}")
        .get(acts::show_order)
        .push(Router::with_path("approve").post(acts::approve_order))
        .push(Router::with_path("outcome").get(acts::show_outcome).put(acts::set_outcome))
        .push(Router::with_path("void").post(acts::void_order))
}

fn money_routes() -> Router {
    Router::new()
        .push(
            Router::with_path("payments/{id}")
                .push(Router::with_path("complete").post(acts::complete))
                .push(Router::with_path("deny").post(acts::deny))
                .push(Router::with_path("refund").post(acts::refund_by_hand))
                .push(Router::with_path("reverse").post(acts::reverse)),
        )
        .push(
            Router::with_path("refunds")
                .push(Router::with_path("outcome").put(acts::refund_outcome))
                .push(Router::with_path("{id}/complete").post(acts::complete_refund))
                .push(Router::with_path("{id}/fail").post(acts::fail_refund)),
        )
}

fn subscription_routes() -> Router {
    Router::with_path("subscriptions/{id}")
        .get(acts::show_subscription)
        .push(Router::with_path("approve").post(acts::approve_subscription))
        .push(Router::with_path("renew").post(acts::renew))
        .push(Router::with_path("fail-renewal").post(acts::fail_renewal))
        .push(Router::with_path("retry").post(acts::retry))
        .push(Router::with_path("cancel").post(acts::cancel))
        .push(Router::with_path("suspend").post(acts::suspend))
        .push(Router::with_path("expire").post(acts::expire))
}

fn webhook_routes() -> Router {
    Router::with_path("webhooks")
        .get(webhooks::list)
        .push(Router::with_path("weather").get(webhooks::weather).put(webhooks::set_weather))
        .push(Router::with_path("release").post(webhooks::release_held))
        .push(Router::with_path("sign").post(webhooks::sign))
        .push(Router::with_path("{id}/deliver").post(webhooks::deliver))
}
