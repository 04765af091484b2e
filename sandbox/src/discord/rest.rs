//! REST v10: the table of routes, and what each answers.

mod channels;
mod draft;
mod guilds;
mod messages;
mod threads;
mod users;
mod webhooks;

use salvo::http::Method;

pub use draft::forward_of;

use super::route::Route;

/// Every route below `/api/v10`. A literal stands before a placeholder in the same place.
pub const ROUTES: &[Route] = &[
    Route::open(Method::GET, "/gateway", users::gateway),
    Route::new(Method::GET, "/gateway/bot", users::gateway_bot),
    Route::new(Method::GET, "/applications/@me", users::application),
    Route::new(Method::GET, "/oauth2/applications/@me", users::application),
    Route::new(Method::GET, "/users/@me", users::me),
    Route::new(Method::GET, "/users/@me/guilds", users::my_guilds),
    Route::new(Method::DELETE, "/users/@me/guilds/:guild", users::leave_guild),
    Route::new(Method::POST, "/users/@me/channels", users::open_direct),
    Route::new(Method::GET, "/users/:user", users::one),
    Route::new(Method::GET, "/guilds/:guild", guilds::one),
    Route::new(Method::GET, "/guilds/:guild/channels", guilds::channels),
    Route::new(Method::POST, "/guilds/:guild/channels", guilds::create_channel),
    Route::new(Method::GET, "/guilds/:guild/roles", guilds::roles),
    Route::new(Method::GET, "/guilds/:guild/threads/active", guilds::active_threads),
    Route::new(Method::GET, "/guilds/:guild/members", guilds::members),
    Route::new(Method::GET, "/guilds/:guild/members/@me", guilds::own_member),
    Route::new(Method::GET, "/guilds/:guild/members/:user", guilds::member),
    Route::new(Method::GET, "/guilds/:guild/webhooks", webhooks::of_guild),
    Route::new(Method::GET, "/channels/:channel", channels::one),
    Route::new(Method::PATCH, "/channels/:channel", channels::change),
    Route::new(Method::DELETE, "/channels/:channel", channels::remove),
    Route::new(Method::POST, "/channels/:channel/typing", channels::typing),
    Route::new(Method::GET, "/channels/:channel/messages", messages::list),
    Route::new(Method::POST, "/channels/:channel/messages", messages::create),
    Route::new(Method::POST, "/channels/:channel/messages/bulk-delete", messages::bulk_delete),
    Route::new(Method::GET, "/channels/:channel/messages/:message", messages::one),
    Route::new(Method::PATCH, "/channels/:channel/messages/:message", messages::change),
    Route::new(Method::DELETE, "/channels/:channel/messages/:message", messages::remove),
    Route::new(Method::POST, "/channels/:channel/messages/:message/threads", threads::from_message),
    Route::new(Method::POST, "/channels/:channel/threads", threads::create),
    Route::new(Method::GET, "/channels/:channel/threads/archived/public", threads::archived),
    Route::new(Method::GET, "/channels/:channel/webhooks", webhooks::of_channel),
    Route::new(Method::POST, "/channels/:channel/webhooks", webhooks::create),
    Route::new(Method::GET, "/webhooks/:webhook", webhooks::one),
    Route::new(Method::DELETE, "/webhooks/:webhook", webhooks::remove),
    Route::open(Method::GET, "/webhooks/:webhook/:token", webhooks::one_by_token),
    Route::open(Method::POST, "/webhooks/:webhook/:token", webhooks::execute),
    Route::open(Method::GET, "/webhooks/:webhook/:token/messages/:message", webhooks::message),
    Route::open(Method::PATCH, "/webhooks/:webhook/:token/messages/:message", webhooks::edit),
    Route::open(Method::DELETE, "/webhooks/:webhook/:token/messages/:message", webhooks::delete),
];
