//! What every answer tells a browser: to run nothing, to frame nothing, to guess nothing and to keep nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use salvo::{
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    oapi::swagger_ui,
    prelude::*,
};
use sha2::{Digest as _, Sha256};

use crate::openapi;

/// Said of everything, unless a handler says otherwise.
static EVERYWHERE: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];
/// Answers are data: should a browser show one after all, nothing in it counts.
static DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Answers are one caller's, and old ones are of no use.
static DATA_CACHE: HeaderValue = HeaderValue::from_static("no-store");
/// The documentation changes with the program.
static DOCS_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The hoop that sets them.
#[derive(Clone)]
pub(crate) struct Headers {
    docs_policy: HeaderValue,
    transport: Option<HeaderValue>,
}

impl Headers {
    /// `hsts_seconds` is 0 where browsers may come without TLS.
    pub(crate) fn new(hsts_seconds: u32) -> anyhow::Result<Self> {
        let transport = (hsts_seconds > 0).then(|| HeaderValue::try_from(format!("max-age={hsts_seconds}")));
        Ok(Self { docs_policy: HeaderValue::try_from(docs_policy()?)?, transport: transport.transpose()? })
    }
}

#[async_trait]
impl Handler for Headers {
    async fn handle(&self, req: &mut Request, _depot: &mut Depot, res: &mut Response, _ctrl: &mut FlowCtrl) {
        let path = req.uri().path();
        let docs = path.starts_with("/docs") || path == "/openapi.json";
        let (policy, cache) = if docs { (&self.docs_policy, &DOCS_CACHE) } else { (&DATA_POLICY, &DATA_CACHE) };
        let headers = res.headers_mut();
        for (name, value) in &EVERYWHERE {
            headers.insert(name, value.clone());
        }
        headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        headers.insert(CACHE_CONTROL, cache.clone());
        if let Some(transport) = &self.transport {
            headers.insert(STRICT_TRANSPORT_SECURITY, transport.clone());
        }
    }
}

/// The documentation page runs its own scripts and the one that starts them, known by its hash; styles are set by them.
fn docs_policy() -> anyhow::Result<String> {
    let page = swagger_ui::serve("index.html", "", "", "", &openapi::ui_config())
        .map_err(|error| anyhow::anyhow!("the documentation page cannot be made: {error}"))?;
    let page = page.map(|page| String::from_utf8_lossy(&page.bytes).into_owned()).unwrap_or_default();
    let scripts = page.split("<script>").skip(1).filter_map(|rest| rest.split("</script>").next());
    let hashes: String =
        scripts.map(|script| format!(" 'sha256-{}'", BASE64.encode(Sha256::digest(script.as_bytes())))).collect();
    Ok(format!(
        "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_one_script_of_its_own_and_none_of_anybody_else() {
        let policy = docs_policy().unwrap();
        assert_eq!(policy.matches("'sha256-").count(), 1, "{policy}");
        let scripts = policy.split(';').find(|rule| rule.contains("script-src")).unwrap();
        assert!(!scripts.contains("unsafe") && !scripts.contains("http"), "{scripts}");
    }
}
