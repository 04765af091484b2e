//! The service: every route that merchants and payers reach.

mod billing;
mod catalog;
mod notifications;
mod oauth;
mod orders;
mod pages;
mod payments;

use std::sync::Arc;

use salvo::{affix_state, prelude::Router};

use super::{front, server::Sandbox};

/// All routes. Documented in `docs/sandbox.md`.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    let open = Router::new()
        .push(Router::with_path("v1/oauth2/token").post(oauth::give_token))
        .push(Router::with_path("v1/notifications/certs/{cert}").get(notifications::show_certificate))
        .push(Router::with_path("checkoutnow").get(pages::show_order).post(pages::decide_order))
        .push(
            Router::with_path("webapps/billing/subscriptions")
                .get(pages::show_subscription)
                .post(pages::decide_subscription),
        );
    let merchant = Router::new()
        .hoop(front::merchant)
        .push(order_routes())
        .push(payment_routes())
        .push(catalog_routes())
        .push(billing_routes())
        .push(notification_routes());
    Router::new().hoop(affix_state::inject(sandbox)).hoop(front::keys).hoop(front::faults).push(open).push(merchant)
}

fn order_routes() -> Router {
    Router::with_path("v2/checkout/orders")
        .post(orders::create)
        .push(Router::with_path("{id}").get(orders::show).push(Router::with_path("capture").post(orders::capture)))
}

fn payment_routes() -> Router {
    Router::new()
        .push(
            Router::with_path("v2/payments/captures/{id}")
                .get(payments::show_capture)
                .push(Router::with_path("refund").post(payments::refund_capture)),
        )
        .push(Router::with_path("v2/payments/refunds/{id}").get(payments::show_refund))
        .push(
            Router::with_path("v1/payments/sale/{id}")
                .get(payments::show_sale)
                .push(Router::with_path("refund").post(payments::refund_sale)),
        )
        .push(Router::with_path("v1/payments/refund/{id}").get(payments::show_sale_refund))
}

fn catalog_routes() -> Router {
    Router::new()
        .push(
            Router::with_path("v1/catalogs/products")
                .get(catalog::list_products)
                .post(catalog::create_product)
                .push(Router::with_path("{id}").get(catalog::show_product)),
        )
        .push(
            Router::with_path("v1/billing/plans").get(catalog::list_plans).post(catalog::create_plan).push(
                Router::with_path("{id}")
                    .get(catalog::show_plan)
                    .push(Router::with_path("activate").post(catalog::activate))
                    .push(Router::with_path("deactivate").post(catalog::deactivate)),
            ),
        )
}

fn billing_routes() -> Router {
    Router::with_path("v1/billing/subscriptions").post(billing::create).push(
        Router::with_path("{id}")
            .get(billing::show)
            .push(Router::with_path("activate").post(billing::activate))
            .push(Router::with_path("cancel").post(billing::cancel))
            .push(Router::with_path("suspend").post(billing::suspend))
            .push(Router::with_path("revise").post(billing::revise))
            .push(Router::with_path("capture").post(billing::capture))
            .push(Router::with_path("transactions").get(billing::transactions)),
    )
}

fn notification_routes() -> Router {
    Router::with_path("v1/notifications")
        .push(Router::with_path("verify-webhook-signature").post(notifications::verify))
        .push(Router::with_path("webhooks").get(notifications::list_webhooks))
        .push(
            Router::with_path("webhooks-events").get(notifications::list_events).push(
                Router::with_path("{id}")
                    .get(notifications::show_event)
                    .push(Router::with_path("resend").post(notifications::resend)),
            ),
        )
}
