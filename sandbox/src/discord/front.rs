//! The listeners: reads requests, lets faults and limits strike, and writes answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use salvo::{
    Depot, FlowCtrl, Handler, Request, Response, async_trait,
    conn::ConnCtrl,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    websocket::WebSocketUpgrade,
};

use super::{
    call::{Call, Reply},
    cdn, clock, control,
    error::ApiError,
    faults::{Fault, Kind, Target},
    gateway,
    id::Id,
    ratelimit::{Bucket, Refusal},
    rest,
    route::{self, Route},
    server::Sandbox,
};

/// Bytes of a body that are read; Discord allows ten files per message.
const BODY_FILES_MAX: usize = 10;

/// Besides its files, a body holds at most this much, in bytes.
const BODY_REST_MAX: usize = 1024 * 1024;

/// Bytes of a body over the limit that are read and thrown away, so that the client can read the refusal.
const DISCARDED_MAX: usize = 512 * 1024 * 1024;

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// The API, attachments and the gateway.
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
        let path = req.uri().path().to_owned();
        let reply = match self.kinds {
            Kinds::Control => Some(self.control(req, &path).await),
            Kinds::Public if self.sandbox.faults().refuses(clock::now_ms()) => None,
            Kinds::Public => match path.as_str() {
                "/" | "/gateway" | "/gateway/" if wants_upgrade(req) => return self.upgrade(req, res).await,
                _ if path.starts_with("/stickers/") => Some(cdn::sticker(&self.sandbox, req.uri())),
                _ if path.starts_with("/attachments/") => Some(cdn::serve(&self.sandbox, req.uri())),
                _ => self.rest(req, &path).await.inspect(|reply| self.count(reply)),
            },
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
    async fn upgrade(&self, req: &mut Request, res: &mut Response) {
        if self.sandbox.core().hub.is_closed() {
            return write(res, Reply::from(ApiError::new(503, 0, "upstream connect error")));
        }
        let sandbox = Arc::clone(&self.sandbox);
        let upgraded = WebSocketUpgrade::new().upgrade(req, res, |socket| gateway::serve(sandbox, socket)).await;
        if upgraded.is_err() {
            write(res, Reply::from(ApiError::new(400, 0, "400: Bad Request")));
        }
    }

    async fn control(&self, req: &mut Request, path: &str) -> Reply {
        let found = route::find(control::ROUTES, req.method(), path);
        let answer = match found {
            Ok((route, params)) => match read(req, usize::MAX).await {
                Ok(body) => (route.handler)(&self.sandbox, &call(req, path, params, Id(0), body)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(Reply::from)
    }

    fn count(&self, reply: &Reply) {
        let shared = reply.headers.iter().any(|(name, value)| *name == "X-RateLimit-Scope" && value == "shared");
        self.sandbox.usage().answered(reply.status, shared, clock::now_ms());
    }

    /// None when the connection is to end without an answer.
    async fn rest(&self, req: &mut Request, path: &str) -> Option<Reply> {
        let Some(below) = path.strip_prefix("/api/v10") else { return Some(ApiError::no_route().into()) };
        let found = route::find(rest::ROUTES, req.method(), below);
        let max = self.sandbox.limits().attachment_max_bytes * BODY_FILES_MAX + BODY_REST_MAX;
        let body = read(req, max).await;
        let (route, params) = match found {
            Ok(found) => found,
            Err(error) => return Some(error.into()),
        };
        let bot = match self.bot(req) {
            Some(bot) => bot,
            None if route.open => Id(0),
            None => return Some(ApiError::unauthorized().into()),
        };
        let body = match body {
            Ok(body) => body,
            Err(error) => return Some(error.into()),
        };
        self.answer(route, &call(req, below, params, bot, body)).await
    }

    async fn answer(&self, route: &Route, call: &Call) -> Option<Reply> {
        let key = format!("{} {}", call.method, route.path);
        let channel = call.params.get("channel").and_then(|id| id.parse().ok());
        let method = call.method.as_str();
        let target = Target { method, path: &call.path, pattern: route.path, channel, bot: call.bot };
        let struck = self.sandbox.faults().strike(&target);
        for fault in struck.iter().filter(|fault| fault.kind == Kind::Delay) {
            tokio::time::sleep(Duration::from_millis(fault.ms.unwrap_or(1000))).await;
        }
        if let Some(reply) = struck.iter().find_map(|fault| injected(fault, &key)) {
            return Some(reply);
        }
        let major = ["channel", "guild", "webhook"].iter().find_map(|name| call.params.get(name)).cloned();
        let bucket = Bucket { bot: call.bot, route: key.clone(), major: major.unwrap_or_default() };
        let verdict = self.sandbox.limiter().check(bucket, clock::now_ms());
        if let Some(refusal) = verdict.refused {
            return Some(refusal.reply(&key, verdict.headers));
        }
        let mut reply = (route.handler)(&self.sandbox, call).unwrap_or_else(Reply::from);
        reply.headers.extend(verdict.headers);
        struck.iter().all(|fault| fault.kind != Kind::LoseAnswer).then_some(reply)
    }

    fn bot(&self, req: &Request) -> Option<Id> {
        let token = req.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bot ")?;
        let core = self.sandbox.core();
        let account = core.store.bot_by_token(token)?;
        account.bot.as_ref().is_some_and(|bot| !bot.revoked).then_some(account.id)
    }
}

fn injected(fault: &Fault, key: &str) -> Option<Reply> {
    let global = fault.kind == Kind::RateLimitGlobal;
    match fault.kind {
        Kind::RateLimit | Kind::RateLimitGlobal => {
            Some(Refusal { retry_after: fault.retry_after.unwrap_or(1.0), global }.reply(key, Vec::new()))
        }
        Kind::ServerError => {
            let status = fault.status.unwrap_or(500);
            Some(ApiError::new(status, 0, format!("{status}: Internal Server Error")).into())
        }
        Kind::LoseAnswer
        | Kind::Delay
        | Kind::RefuseConnections
        | Kind::DropGateway
        | Kind::InvalidSession
        | Kind::Reconnect => None,
    }
}

fn call(req: &Request, path: &str, params: route::Params, bot: Id, body: Bytes) -> Call {
    let query = req.uri().query().unwrap_or_default();
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let content_type = req.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    Call { method: req.method().clone(), path: path.to_owned(), query, params, bot, content_type, body }
}

/// The whole body. Over `max` bytes the rest is thrown away and the answer is 413.
async fn read(req: &mut Request, max: usize) -> Result<Bytes, ApiError> {
    let mut body = req.take_body();
    let mut kept = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.next().await {
        let Ok(frame) = frame else { return Err(ApiError::new(400, 0, "400: Bad Request")) };
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > DISCARDED_MAX {
            break;
        }
        if size <= max {
            kept.extend_from_slice(&data);
        }
    }
    if size > max { Err(ApiError::too_large()) } else { Ok(kept.freeze()) }
}

fn wants_upgrade(req: &Request) -> bool {
    req.headers().get("upgrade").is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn write(res: &mut Response, reply: Reply) {
    res.status_code(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            res.headers_mut().insert(name.to_ascii_lowercase().parse().unwrap_or(CONTENT_TYPE), value);
        }
    }
    if let Ok(kind) = HeaderValue::from_str(&reply.content_type)
        && !reply.content_type.is_empty()
    {
        res.headers_mut().insert(CONTENT_TYPE, kind);
    }
    res.body(reply.body);
}
