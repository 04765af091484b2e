//! The handlers, one folder or file per noun, and the answers that they share.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod api_keys;
pub(crate) mod auth;
pub(crate) mod balance;
pub(crate) mod billing_details;
pub(crate) mod bot;
pub(crate) mod codec;
pub(crate) mod confirm;
pub(crate) mod coupons;
pub(crate) mod email;
pub(crate) mod error_logs;
pub(crate) mod health;
pub(crate) mod invoices;
pub(crate) mod me;
pub(crate) mod media;
pub(crate) mod notifications;
pub(crate) mod operator;
pub(crate) mod page;
pub(crate) mod pairs;
pub(crate) mod password;
pub(crate) mod payments;
pub(crate) mod plans;
pub(crate) mod registration;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod subscription;
pub(crate) mod webhooks;

use salvo::{
    oapi::{Components, Content, EndpointOutRegister, Operation, Response as OapiResponse, ToSchema},
    prelude::*,
};
use serde::Serialize;

/// 201 with what was made.
pub(crate) struct Created<T>(pub(crate) T);

#[async_trait]
impl<T: Serialize + Send> Writer for Created<T> {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut Response) {
        res.render(Json(self.0));
        res.status_code(StatusCode::CREATED);
    }
}

impl<T: ToSchema> EndpointOutRegister for Created<T> {
    fn register(components: &mut Components, operation: &mut Operation) {
        let content = Content::new(T::to_schema(components));
        operation.responses.insert("201", OapiResponse::new("Made.").add_content("application/json", content));
    }
}

/// 202: it will happen.
pub(crate) struct Accepted<T>(pub(crate) T);

#[async_trait]
impl<T: Serialize + Send> Writer for Accepted<T> {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut Response) {
        res.render(Json(self.0));
        res.status_code(StatusCode::ACCEPTED);
    }
}

impl<T: ToSchema> EndpointOutRegister for Accepted<T> {
    fn register(components: &mut Components, operation: &mut Operation) {
        let content = Content::new(T::to_schema(components));
        operation
            .responses
            .insert("202", OapiResponse::new("It will happen.").add_content("application/json", content));
    }
}

/// 204: it is done, and there is nothing to show.
pub(crate) struct Done;

#[async_trait]
impl Writer for Done {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut Response) {
        res.status_code(StatusCode::NO_CONTENT);
    }
}

impl EndpointOutRegister for Done {
    fn register(_components: &mut Components, operation: &mut Operation) {
        operation.responses.insert("204", OapiResponse::new("It is done."));
    }
}

/// What is answered to whoever asks for a message to an address, whatever is known of the address.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MailAsked))]
pub(crate) struct MailAskedOut {
    /// For people.
    detail: &'static str,
}

impl Default for MailAskedOut {
    fn default() -> Self {
        Self { detail: "if the address can get one, a message is on its way that says how to go on" }
    }
}

/// 204: it is gone.
pub(crate) struct Gone;

#[async_trait]
impl Writer for Gone {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut Response) {
        res.status_code(StatusCode::NO_CONTENT);
    }
}

impl EndpointOutRegister for Gone {
    fn register(_components: &mut Components, operation: &mut Operation) {
        operation.responses.insert("204", OapiResponse::new("It is gone."));
    }
}
