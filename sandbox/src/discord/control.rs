//! The control API: being people, looking into channels, and breaking things. JSON over plain HTTP on loopback.

mod channels;
mod faults;
mod messages;
mod people;

use salvo::http::Method;

use super::route::Route;

/// Every route of the control API. Documented in `docs/sandbox.md`.
pub const ROUTES: &[Route] = &[
    Route::new(Method::GET, "/health", people::health),
    Route::new(Method::GET, "/ca.pem", people::ca),
    Route::new(Method::GET, "/bots", people::bots),
    Route::new(Method::POST, "/bots", people::create_bot),
    Route::new(Method::POST, "/bots/:bot/revoke", people::revoke),
    Route::new(Method::GET, "/users", people::users),
    Route::new(Method::POST, "/users", people::create_user),
    Route::new(Method::GET, "/guilds", people::guilds),
    Route::new(Method::POST, "/guilds", people::create_guild),
    Route::new(Method::POST, "/guilds/:guild/bots", people::invite),
    Route::new(Method::POST, "/guilds/:guild/kick", people::kick),
    Route::new(Method::POST, "/guilds/:guild/channels", channels::create),
    Route::new(Method::PATCH, "/guilds/:guild", channels::change_guild),
    Route::new(Method::PATCH, "/channels/:channel", channels::change),
    Route::new(Method::DELETE, "/channels/:channel", channels::remove),
    Route::new(Method::POST, "/channels/:channel/events", channels::event),
    Route::new(Method::PUT, "/channels/:channel/permissions", channels::permissions),
    Route::new(Method::GET, "/channels/:channel/messages", messages::list),
    Route::new(Method::POST, "/channels/:channel/messages", messages::say),
    Route::new(Method::POST, "/channels/:channel/messages/batch", messages::say_all),
    Route::new(Method::POST, "/channels/:channel/messages/bulk-delete", messages::delete_all),
    Route::new(Method::PATCH, "/channels/:channel/messages/:message", messages::edit),
    Route::new(Method::DELETE, "/channels/:channel/messages/:message", messages::delete),
    Route::new(Method::DELETE, "/webhooks/:webhook", channels::remove_webhook),
    Route::new(Method::GET, "/arrivals", people::arrivals),
    Route::new(Method::GET, "/limits", faults::limits),
    Route::new(Method::PUT, "/limits", faults::set_limits),
    Route::new(Method::GET, "/usage", faults::usage),
    Route::new(Method::GET, "/faults", faults::list),
    Route::new(Method::POST, "/faults", faults::add),
    Route::new(Method::DELETE, "/faults", faults::clear),
    Route::new(Method::DELETE, "/faults/:fault", faults::remove),
];
