//! Cross-origin requests: which pages elsewhere may call the API from a browser. Tokens stand in a header, so no
//! credentials of the browser are ever allowed.

use salvo::{
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN,
            VARY,
        },
    },
    prelude::*,
};

/// What a page may do.
static METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// What a page may send.
static SENT: HeaderValue = HeaderValue::from_static("authorization, content-type, idempotency-key, x-request-id");
/// What a page may read of an answer, beside its body.
static READ: HeaderValue = HeaderValue::from_static("ratelimit, ratelimit-policy, retry-after, x-request-id");
/// For so many seconds a browser need not ask again.
static MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The hoop that says so, and answers a browser's question beforehand.
#[derive(Clone)]
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(crate) fn new(origins: &[String]) -> anyhow::Result<Self> {
        let origins = origins.iter().map(HeaderValue::try_from).collect::<Result<_, _>>()?;
        Ok(Self { origins })
    }
}

#[async_trait]
impl Handler for Cors {
    async fn handle(&self, req: &mut Request, _depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        if self.origins.is_empty() || !req.uri().path().starts_with("/api/") {
            return;
        }
        let headers = res.headers_mut();
        // Also where nobody is allowed: a cache must not give one page's answer to another.
        headers.append(VARY, HeaderValue::from_static("origin"));
        let asked = req.headers().get(ORIGIN);
        let Some(origin) = self.origins.iter().find(|origin| Some(*origin) == asked) else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let ahead = req.method() == Method::OPTIONS && req.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !ahead {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ.clone());
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE.clone());
        res.status_code(StatusCode::NO_CONTENT);
        ctrl.skip_rest();
    }
}
