//! Every route.

use salvo::{catcher::Catcher, oapi::swagger_ui::SwaggerUi, prelude::*};

use crate::{
    edge, openapi,
    routes::{accounts, auth, bot, codec, error_logs, health, media, notifications, pairs, status},
    state::AppState,
};

/// The whole service: routes, documents and what happens around every request.
#[must_use]
pub fn service(state: AppState) -> Service {
    let routes = routes();
    let document = openapi::document(&routes);
    let router = routes
        .push(document.into_router("/openapi.json"))
        .push(SwaggerUi::new(openapi::ui_config()).title("Causeway API").into_router("/docs"));
    Service::new(router).hoop(state).hoop(edge::observe).catcher(Catcher::new(edge::LastResort))
}

/// What the OpenAPI document describes.
pub(crate) fn routes() -> Router {
    Router::new()
        .push(
            Router::with_path("api")
                .push(auth_routes())
                .push(account_routes())
                .push(bot_routes())
                .push(pair_routes())
                .push(dead_letter_routes())
                .push(notification_routes())
                .push(Router::with_path("status").get(status::read))
                .push(Router::with_path("errors").get(error_logs::list)),
        )
        .push(codec_routes())
        .push(Router::with_path("media/{id}/{file_name}").get(media::download))
        .push(
            Router::with_path("unsubscribe/{token}")
                .get(notifications::unsubscribe::ask)
                .post(notifications::unsubscribe::turn_off),
        )
        .push(Router::with_path("health/live").get(health::live))
        .push(Router::with_path("health/ready").get(health::ready))
        .push(Router::with_path("metrics").get(health::metrics))
}

fn auth_routes() -> Router {
    Router::with_path("auth")
        .push(Router::with_path("register").post(auth::register))
        .push(Router::with_path("login").post(auth::login))
        .push(Router::with_path("me").get(auth::me))
}

fn account_routes() -> Router {
    Router::with_path("accounts")
        .get(accounts::list)
        .push(Router::with_path("telegram").post(accounts::add_telegram))
        .push(Router::with_path("discord").post(accounts::add_discord))
        .push(
            Router::with_path("{id}")
                .get(accounts::read)
                .patch(accounts::update)
                .delete(accounts::log_out)
                .push(Router::with_path("pace").get(accounts::read_pace))
                .push(Router::with_path("code").post(accounts::submit_code))
                .push(Router::with_path("password").post(accounts::submit_password))
                .push(Router::with_path("resend").post(accounts::resend))
                .push(Router::with_path("reconnect").post(accounts::reconnect))
                .push(Router::with_path("pause").post(accounts::pause))
                .push(Router::with_path("resume").post(accounts::resume))
                .push(Router::with_path("chats").get(accounts::list_chats))
                .push(Router::with_path("chats/{chat}/messages/{message}").get(accounts::trace_message))
                .push(Router::with_path("guilds").get(accounts::list_guilds)),
        )
}

fn pair_routes() -> Router {
    Router::with_path("pairs").get(pairs::list).post(pairs::create::create).push(
        Router::with_path("{id}")
            .get(pairs::read)
            .patch(pairs::update)
            .delete(pairs::delete)
            .push(Router::with_path("pause").post(pairs::pause))
            .push(Router::with_path("resume").post(pairs::resume))
            .push(Router::with_path("dry-run").post(pairs::try_message))
            .push(
                Router::with_path("messages")
                    .get(pairs::list_messages)
                    .push(Router::with_path("{seq}/retry").post(pairs::dead_letters::retry_one))
                    .push(Router::with_path("{seq}/discard").post(pairs::dead_letters::discard_one)),
            )
            .push(
                Router::with_path("dead-letters")
                    .push(Router::with_path("retry").post(pairs::dead_letters::retry_all))
                    .push(Router::with_path("discard").post(pairs::dead_letters::discard_all)),
            )
            .push(Router::with_path("reconcile").get(pairs::reconcile::list).post(pairs::reconcile::begin)),
    )
}

fn dead_letter_routes() -> Router {
    Router::with_path("dead-letters")
        .get(pairs::dead_letters::list)
        .push(Router::with_path("retry").post(pairs::dead_letters::retry_everywhere))
        .push(Router::with_path("discard").post(pairs::dead_letters::discard_everywhere))
}

fn notification_routes() -> Router {
    Router::with_path("me/notifications").get(notifications::list).push(
        Router::with_path("preferences").get(notifications::preferences::read).put(notifications::preferences::set),
    )
}

fn bot_routes() -> Router {
    Router::with_path("me/bot").get(bot::read).delete(bot::unlink).push(Router::with_path("link").post(bot::invite))
}

fn codec_routes() -> Router {
    Router::with_path("codec")
        .hoop(codec::cors)
        .push(Router::with_path("decode").post(codec::decode).options(codec::preflight))
        .push(Router::with_path("encode").post(codec::encode).options(codec::preflight))
}

#[cfg(test)]
mod tests;
