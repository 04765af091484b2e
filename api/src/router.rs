//! Every route: its method, its path, what it asks of the caller, and what answers.

use domain::{
    Access::{Hook, Link, Open, Operator, Person, Probe, Staff, Tenant},
    Role::{Admin, Support},
    Scope::{Accounts, Billing, Forward, Notifications, Read},
};
use salvo::{catcher::Catcher, oapi::swagger_ui::SwaggerUi, prelude::*};

use crate::{
    edge, openapi,
    routes::{
        accounts, admin, api_keys, auth, balance, billing_details, bot, codec, confirm, coupons, email, error_logs,
        health, invoices, me, media, notifications, operator, pairs, password, payments, plans, registration,
        second_factor, sessions, status, subscription, webhooks,
    },
    state::AppState,
};

mod table;

use table::{delete, get, options, patch, post, put};

pub(crate) use table::{Route, router};

/// The whole service: routes, documents and what happens around every request.
#[must_use]
pub fn service(state: AppState) -> Service {
    let document = openapi::document();
    let router = router(routes())
        .push(document.into_router("/openapi.json"))
        .push(SwaggerUi::new(openapi::ui_config()).title("Causeway API").into_router("/docs"));
    let (headers, cors) = (state.headers.clone(), state.cors.clone());
    let service = Service::new(router).hoop(state).hoop(edge::observe).hoop(headers).hoop(cors);
    service.catcher(Catcher::new(edge::LastResort))
}

/// What the OpenAPI document describes.
pub(crate) fn routes() -> Vec<Route> {
    [
        identity(),
        proofs(),
        accounts(),
        pairs(),
        messages(),
        billing(),
        payments(),
        invoices(),
        coupons(),
        administration(),
        operation(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[rustfmt::skip]
fn identity() -> Vec<Route> {
    vec![
        post("api/auth/register", Open, registration::register),
        post("api/auth/login", Open, auth::login),
        post("api/auth/refresh", Open, auth::refresh),
        post("api/auth/logout", Person, sessions::log_out),
        post("api/auth/password", Person, auth::change_password),
        get("api/auth/me", Tenant(Read), auth::me),
        get("api/auth/sessions", Person, sessions::list),
        delete("api/auth/sessions", Person, sessions::revoke_all),
        delete("api/auth/sessions/{id}", Person, sessions::revoke),
        get("api/keys", Person, api_keys::list),
        post("api/keys", Person, api_keys::create),
        delete("api/keys/{id}", Person, api_keys::revoke),
    ]
}

#[rustfmt::skip]
fn proofs() -> Vec<Route> {
    vec![
        post("api/auth/verify-email", Open, registration::verify),
        post("api/auth/verify-email/resend", Open, registration::resend),
        post("api/auth/password/forgot", Open, password::forgot),
        post("api/auth/password/reset", Open, password::reset),
        post("api/auth/email", Person, email::change),
        post("api/auth/email/confirm", Open, email::confirm),
        post("api/auth/email/undo", Open, email::undo),
        get("api/auth/totp", Person, second_factor::read),
        post("api/auth/totp", Person, second_factor::begin),
        post("api/auth/totp/confirm", Person, second_factor::confirm),
        delete("api/auth/totp", Person, second_factor::delete),
        post("api/auth/recovery-codes", Person, second_factor::renew_recovery_codes),
        delete("api/me", Person, me::delete),
        get("confirm/{token}", Link, confirm::show),
        post("confirm/{token}", Link, confirm::act),
    ]
}

#[rustfmt::skip]
fn accounts() -> Vec<Route> {
    vec![
        get("api/accounts", Tenant(Read), accounts::list),
        post("api/accounts/telegram", Tenant(Accounts), accounts::add_telegram),
        post("api/accounts/discord", Tenant(Accounts), accounts::add_discord),
        get("api/accounts/{id}", Tenant(Read), accounts::read),
        patch("api/accounts/{id}", Tenant(Accounts), accounts::update),
        delete("api/accounts/{id}", Tenant(Accounts), accounts::log_out),
        get("api/accounts/{id}/pace", Tenant(Read), accounts::read_pace),
        post("api/accounts/{id}/code", Tenant(Accounts), accounts::submit_code),
        post("api/accounts/{id}/password", Tenant(Accounts), accounts::submit_password),
        post("api/accounts/{id}/resend", Tenant(Accounts), accounts::resend),
        post("api/accounts/{id}/reconnect", Tenant(Accounts), accounts::reconnect),
        post("api/accounts/{id}/pause", Tenant(Accounts), accounts::pause),
        post("api/accounts/{id}/resume", Tenant(Accounts), accounts::resume),
        get("api/accounts/{id}/chats", Tenant(Read), accounts::list_chats),
        get("api/accounts/{id}/chats/{chat}/messages/{message}", Tenant(Read), accounts::trace_message),
        get("api/accounts/{id}/guilds", Tenant(Read), accounts::list_guilds),
    ]
}

#[rustfmt::skip]
fn pairs() -> Vec<Route> {
    vec![
        get("api/pairs", Tenant(Read), pairs::list),
        post("api/pairs", Tenant(Forward), pairs::create::create),
        get("api/pairs/{id}", Tenant(Read), pairs::read),
        patch("api/pairs/{id}", Tenant(Forward), pairs::update),
        delete("api/pairs/{id}", Tenant(Forward), pairs::delete),
        post("api/pairs/{id}/pause", Tenant(Forward), pairs::pause),
        post("api/pairs/{id}/resume", Tenant(Forward), pairs::resume),
        post("api/pairs/{id}/dry-run", Tenant(Read), pairs::try_message),
        get("api/pairs/{id}/messages", Tenant(Read), pairs::list_messages),
        post("api/pairs/{id}/messages/{seq}/retry", Tenant(Forward), pairs::dead_letters::retry_one),
        post("api/pairs/{id}/messages/{seq}/discard", Tenant(Forward), pairs::dead_letters::discard_one),
        post("api/pairs/{id}/dead-letters/retry", Tenant(Forward), pairs::dead_letters::retry_all),
        post("api/pairs/{id}/dead-letters/discard", Tenant(Forward), pairs::dead_letters::discard_all),
        get("api/pairs/{id}/reconcile", Tenant(Read), pairs::reconcile::list),
        post("api/pairs/{id}/reconcile", Tenant(Forward), pairs::reconcile::begin),
    ]
}

#[rustfmt::skip]
fn messages() -> Vec<Route> {
    vec![
        get("api/dead-letters", Tenant(Read), pairs::dead_letters::list),
        post("api/dead-letters/retry", Tenant(Forward), pairs::dead_letters::retry_everywhere),
        post("api/dead-letters/discard", Tenant(Forward), pairs::dead_letters::discard_everywhere),
        get("api/status", Tenant(Read), status::read),
        get("api/plans", Open, plans::list),
        get("api/me/usage", Tenant(Read), plans::usage),
        get("api/errors", Tenant(Read), error_logs::list),
        get("api/me/notifications", Tenant(Read), notifications::list),
        get("api/me/notifications/preferences", Tenant(Read), notifications::preferences::read),
        put("api/me/notifications/preferences", Tenant(Notifications), notifications::preferences::set),
        get("api/me/bot", Tenant(Read), bot::read),
        delete("api/me/bot", Person, bot::unlink),
        post("api/me/bot/link", Person, bot::invite),
        get("unsubscribe/{token}", Link, notifications::unsubscribe::ask),
        post("unsubscribe/{token}", Link, notifications::unsubscribe::turn_off),
        get("media/{id}/{file_name}", Link, media::download),
    ]
}

#[rustfmt::skip]
fn billing() -> Vec<Route> {
    vec![
        get("api/billing/balance", Tenant(Billing), balance::read),
        get("api/billing/balance/entries", Tenant(Billing), balance::entries),
        get("api/billing/subscription", Tenant(Read), subscription::read),
        post("api/billing/subscription/change", Tenant(Billing), subscription::change),
        post("api/billing/subscription/cancel", Tenant(Billing), subscription::cancel),
        post("api/billing/subscription/resume", Tenant(Billing), subscription::resume),
        post("api/billing/trial", Tenant(Billing), subscription::start_trial),
    ]
}

#[rustfmt::skip]
fn payments() -> Vec<Route> {
    vec![
        get("api/billing/providers", Tenant(Read), payments::providers),
        post("api/billing/checkouts", Tenant(Billing), payments::create),
        get("api/billing/payments", Tenant(Billing), payments::list),
        get("api/billing/payments/{id}", Tenant(Billing), payments::read),
        post("api/billing/payments/{id}/cancel", Tenant(Billing), payments::cancel),
        get("api/billing/payments/{id}/qr.svg", Tenant(Billing), payments::qr_svg),
        get("api/billing/payments/{id}/qr.png", Tenant(Billing), payments::qr_png),
        post("api/webhooks/{provider}", Hook, webhooks::receive),
        get("billing/return", Link, webhooks::come_back),
        get("api/admin/billing/payments", Staff(Support), admin::payments::list),
        get("api/admin/billing/payments/{id}", Staff(Support), admin::payments::read),
        post("api/admin/billing/payments/{id}/check", Staff(Support), admin::payments::check),
        post("api/admin/billing/payments/{id}/review", Staff(Admin), admin::payments::review),
        post("api/admin/billing/payments/{id}/refunds", Staff(Admin), admin::payments::refunds::create),
        get("api/admin/billing/refunds", Staff(Support), admin::payments::refunds::list),
        post("api/admin/billing/refunds/{id}/done", Staff(Admin), admin::payments::refunds::done),
        get("api/admin/billing/payment-events", Staff(Support), admin::payments::events::list),
        get("api/admin/billing/payment-events/{id}", Staff(Support), admin::payments::events::read),
        post("api/admin/billing/payment-events/{id}/attach", Staff(Support), admin::payments::events::attach),
        post("api/admin/billing/payment-events/{id}/dismiss", Staff(Support), admin::payments::events::dismiss),
    ]
}

#[rustfmt::skip]
fn invoices() -> Vec<Route> {
    vec![
        get("api/billing/details", Tenant(Billing), billing_details::read),
        put("api/billing/details", Tenant(Billing), billing_details::set),
        delete("api/billing/details", Tenant(Billing), billing_details::delete),
        get("api/billing/invoices", Tenant(Billing), invoices::list),
        get("api/billing/invoices/{id}", Tenant(Billing), invoices::read),
        get("api/billing/invoices/{id}/pdf", Tenant(Billing), invoices::pdf),
        get("api/admin/billing/invoices", Staff(Support), admin::invoices::list),
        get("api/admin/billing/invoices/{id}", Staff(Support), admin::invoices::read),
        get("api/admin/billing/invoices/{id}/pdf", Staff(Support), admin::invoices::pdf),
    ]
}

#[rustfmt::skip]
fn coupons() -> Vec<Route> {
    vec![
        get("api/billing/coupons", Tenant(Read), coupons::list),
        post("api/billing/coupons/validate", Tenant(Billing), coupons::validate),
        post("api/billing/coupons/redeem", Tenant(Billing), coupons::redeem),
        delete("api/billing/coupons/{code}", Tenant(Billing), coupons::give_up),
        get("api/admin/billing/coupons", Staff(Support), admin::coupons::list),
        post("api/admin/billing/coupons", Staff(Admin), admin::coupons::create),
        get("api/admin/billing/coupons/{id}", Staff(Support), admin::coupons::read),
        put("api/admin/billing/coupons/{id}", Staff(Admin), admin::coupons::change),
        delete("api/admin/billing/coupons/{id}", Staff(Admin), admin::coupons::delete),
        post("api/admin/billing/coupons/{id}/activate", Staff(Admin), admin::coupons::activate),
        post("api/admin/billing/coupons/{id}/deactivate", Staff(Admin), admin::coupons::deactivate),
        get("api/admin/billing/coupons/{id}/statistics", Staff(Support), admin::coupons::statistics::read),
        get("api/admin/billing/coupons/{id}/redemptions", Staff(Support), admin::coupons::statistics::redemptions),
    ]
}

#[rustfmt::skip]
fn administration() -> Vec<Route> {
    vec![
        post("api/admin/auth/login", Open, admin::auth::login),
        post("api/admin/auth/refresh", Open, admin::auth::refresh),
        post("api/admin/auth/logout", Staff(Support), admin::auth::log_out),
        get("api/admin/auth/me", Staff(Support), admin::auth::me),
        get("api/admin/users", Staff(Support), admin::users::list),
        get("api/admin/users/{id}", Staff(Support), admin::user::read),
        delete("api/admin/users/{id}", Staff(Admin), admin::change_user::delete),
        post("api/admin/users/{id}/suspend", Staff(Admin), admin::change_user::suspend),
        post("api/admin/users/{id}/lift", Staff(Admin), admin::change_user::lift),
        put("api/admin/users/{id}/plan", Staff(Admin), admin::change_user::set_plan),
        put("api/admin/users/{id}/limits", Staff(Admin), admin::change_user::set_limits),
        delete("api/admin/users/{id}/limits", Staff(Admin), admin::change_user::end_limits),
        get("api/admin/users/{id}/balance", Staff(Support), admin::balance::read),
        post("api/admin/users/{id}/balance", Staff(Admin), admin::balance::change),
        put("api/admin/users/{id}/role", Staff(Admin), admin::change_user::set_role),
        post("api/admin/users/{id}/pairs/pause", Staff(Support), admin::bulk_acts::pause_pairs),
        post("api/admin/users/{id}/pairs/resume", Staff(Support), admin::bulk_acts::resume_pairs),
        post("api/admin/users/{id}/pairs/delete", Staff(Admin), admin::bulk_acts::delete_pairs),
        get("api/admin/accounts", Staff(Support), admin::accounts::list),
        post("api/admin/accounts/{id}/reconnect", Staff(Support), admin::accounts::reconnect),
        get("api/admin/pairs", Staff(Support), admin::pairs::list),
        post("api/admin/pairs/{id}/restart", Staff(Support), admin::pairs::restart),
        post("api/admin/dead-letters/retry", Staff(Support), admin::bulk_acts::retry_dead_letters),
        post("api/admin/dead-letters/discard", Staff(Admin), admin::bulk_acts::discard_dead_letters),
        get("api/admin/bulk-acts", Staff(Support), admin::bulk_acts::list),
        get("api/admin/bulk-acts/{id}", Staff(Support), admin::bulk_acts::read),
        post("api/admin/bulk-acts/{id}/cancel", Staff(Support), admin::bulk_acts::cancel),
        get("api/admin/plans", Staff(Support), admin::plans::list),
        post("api/admin/plans", Staff(Admin), admin::plans::create),
        put("api/admin/plans/{code}", Staff(Admin), admin::plans::change),
        get("api/admin/billing/ledger", Staff(Support), admin::ledger::read),
        get("api/admin/billing/subscriptions", Staff(Support), admin::subscriptions::list),
        get("api/admin/users/{id}/subscription", Staff(Support), admin::subscriptions::read),
        post("api/admin/users/{id}/subscription/cancel", Staff(Admin), admin::subscriptions::cancel),
        get("api/admin/workers", Staff(Support), admin::workers::list),
        post("api/admin/workers/{name}/drain", Staff(Admin), admin::workers::drain),
        post("api/admin/workers/{name}/undrain", Staff(Admin), admin::workers::undrain),
        put("api/admin/maintenance", Staff(Admin), admin::settings::maintain),
        get("api/admin/settings", Staff(Support), admin::settings::read),
        put("api/admin/settings", Staff(Admin), admin::settings::change),
        get("api/admin/audit", Staff(Support), admin::logs::audit),
        get("api/admin/errors", Staff(Support), admin::logs::errors),
        get("api/admin/announcements", Staff(Admin), admin::announcements::list),
        post("api/admin/announcements", Staff(Admin), admin::announcements::create),
        get("api/admin/announcements/{id}", Staff(Admin), admin::announcements::read),
        patch("api/admin/announcements/{id}", Staff(Admin), admin::announcements::change),
        post("api/admin/announcements/{id}/preview", Staff(Admin), admin::announcements::acts::preview),
        post("api/admin/announcements/{id}/start", Staff(Admin), admin::announcements::acts::start),
        post("api/admin/announcements/{id}/pause", Staff(Admin), admin::announcements::acts::pause),
        post("api/admin/announcements/{id}/resume", Staff(Admin), admin::announcements::acts::resume),
        post("api/admin/announcements/{id}/cancel", Staff(Admin), admin::announcements::acts::cancel),
        get("api/admin/announcements/{id}/recipients", Staff(Admin), admin::announcements::recipients::list),
    ]
}

#[rustfmt::skip]
fn operation() -> Vec<Route> {
    vec![
        put("api/operator/users/{id}/plan", Operator, operator::set_plan),
        put("api/operator/users/{id}/limits", Operator, operator::set_limits),
        delete("api/operator/users/{id}/limits", Operator, operator::end_limits),
        post("codec/decode", Operator, codec::decode).inside(codec::cors),
        options("codec/decode", Open, codec::preflight).inside(codec::cors),
        post("codec/encode", Operator, codec::encode).inside(codec::cors),
        options("codec/encode", Open, codec::preflight).inside(codec::cors),
        get("health/live", Probe, health::live),
        get("health/ready", Probe, health::ready),
        get("metrics", Probe, health::metrics),
    ]
}

#[cfg(test)]
mod tests;
