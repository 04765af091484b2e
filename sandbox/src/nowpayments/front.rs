//! The listeners: reads requests, lets faults strike, and writes answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use salvo::{
    Depot, FlowCtrl, Handler, Request, Response, async_trait,
    conn::ConnCtrl,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};

use super::{
    api, control,
    faults::{Fault, Kind},
    reply::{Call, Refusal, Reply},
    server::Sandbox,
};

/// The largest body.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// The provider's API, and pages of invoices.
    Public,
    /// The control API.
    Control,
}

/// A listener's one handler.
#[derive(Clone, Debug)]
pub struct Front {
    /// The server.
    pub sandbox: Arc<Sandbox>,
    /// What is served.
    pub kinds: Kinds,
}

#[async_trait]
impl Handler for Front {
    async fn handle(&self, req: &mut Request, _depot: &mut Depot, res: &mut Response, _ctrl: &mut FlowCtrl) {
        let reply = match read(req).await {
            Ok(call) if self.kinds == Kinds::Control => {
                Some(control::answer(&self.sandbox, &call).unwrap_or_else(Reply::from))
            }
            Ok(call) => self.public(&call).await,
            Err(refusal) => Some(refusal.into()),
        };
        match reply {
            Some(reply) => write(res, reply),
            // No answer: the connection ends before a byte of one.
            None => {
                if let Some(connection) = req.extensions().get::<ConnCtrl>() {
                    connection.abort();
                }
            }
        }
    }
}

impl Front {
    /// `None` when the connection is to end without an answer.
    async fn public(&self, call: &Call) -> Option<Reply> {
        let struck = self.sandbox.faults().strike(|fault| fault.fits(&call.method, &call.path));
        let has = |kind: Kind| struck.iter().find(|fault| fault.kind == kind);
        if has(Kind::RefuseConnections).is_some() {
            return None;
        }
        if let Some(fault) = has(Kind::Delay) {
            tokio::time::sleep(Duration::from_millis(fault.ms.unwrap_or(1_000))).await;
        }
        if let Some(reply) = struck.iter().find_map(injected) {
            return Some(reply);
        }
        let reply = api::answer(&self.sandbox, call).unwrap_or_else(Reply::from);
        has(Kind::LoseAnswer).is_none().then_some(reply)
    }
}

fn injected(fault: &Fault) -> Option<Reply> {
    match fault.kind {
        Kind::ServerError => {
            let status = fault.status.unwrap_or(500);
            Some(Refusal::new(status, "INTERNAL_ERROR", "As you wish").into())
        }
        Kind::RateLimit => {
            let reply = Reply::from(Refusal::new(429, "TOO_MANY_REQUESTS", "Too many requests"));
            Some(Reply { retry_after: Some(fault.retry_after.unwrap_or(1)), ..reply })
        }
        Kind::Delay | Kind::LoseAnswer | Kind::RefuseConnections => None,
    }
}

async fn read(req: &mut Request) -> Result<Call, Refusal> {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (api_key, bearer) = (header("x-api-key"), header("authorization"));
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
    let query = req.uri().query().unwrap_or_default();
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (method, path) = (req.method().as_str().to_owned(), req.uri().path().to_owned());
    let body = match req.payload_with_max_size(BODY_BYTES_MAX).await {
        Ok(bytes) => bytes.clone(),
        Err(error) => return Err(Refusal::invalid(error.to_string())),
    };
    Ok(Call { method, path, query, api_key, bearer, body })
}

fn write(res: &mut Response, reply: Reply) {
    res.status_code(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    if let Some(seconds) = reply.retry_after {
        res.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    res.body(reply.body);
}
