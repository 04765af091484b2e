//! Calling addresses that users give: the client that reaches public hosts and nothing else.
//!
//! `domain::outbound` says what may be called. Here a name is resolved once, and the connection is made to the addresses
//! that were checked, so that a name which changes its meaning in between (DNS rebinding) gains nothing. Every redirect
//! is checked like the first address. No proxy is used: it would resolve names by itself.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use domain::outbound::{Reach, Refusal, check_url, may_call};
use reqwest::{
    Method, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Action, Attempt, Policy},
};
use url::Url;

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 3;
/// A connection that is not up by then is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No call takes longer, its answer's body included: nobody's server may keep an activity.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Calls addresses that users give.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    reach: Reach,
}

impl Outbound {
    /// A client for `reach`.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(reach: Reach) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .use_rustls_tls()
            .https_only(reach == Reach::Public)
            .no_proxy()
            .dns_resolver(Arc::new(Checked(reach)))
            .redirect(Policy::custom(move |attempt| redirect(attempt, reach)))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_LIMIT)
            .build()?;
        Ok(Self { client, reach })
    }

    /// A request to `url`, of which nothing was sent yet.
    ///
    /// # Errors
    /// Why the address may not be called. Whether its host is public shows when the request is sent: then the error's
    /// sources hold the [`Refusal`].
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, Refusal> {
        check_url(url, self.reach)?;
        Ok(self.client.request(method, url.clone()))
    }
}

/// Why a call was refused by us and not by the other side.
#[must_use]
pub fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(*refusal);
        }
        source = error.source();
    }
    None
}

fn redirect(attempt: Attempt<'_>, reach: Reach) -> Action {
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    match check_url(attempt.url(), reach) {
        Ok(()) => attempt.follow(),
        Err(refusal) => attempt.error(refusal),
    }
}

/// The system's resolver, without addresses that may not be called.
struct Checked(Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // Port 0 stands for the one that the address names.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|address| may_call(address.ip(), reach)).collect();
            if good.is_empty() {
                return Err(Refusal::NotPublic.into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A server on loopback that answers everything with `answer`; its port.
    async fn server(answer: String) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut head = [0; 4_096];
                    let _read = stream.read(&mut head).await;
                    let _written = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        port
    }

    fn redirect_to(place: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    async fn get(reach: Reach, url: &str) -> Result<u16, Option<Refusal>> {
        let outbound = Outbound::new(reach).unwrap();
        let request = outbound.request(Method::GET, &url.parse().unwrap()).map_err(Some)?;
        request.send().await.map(|answer| answer.status().as_u16()).map_err(|error| refusal(&error))
    }

    const FINE: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_name_of_loopback_is_called_in_the_sandbox_alone() {
        let port = server(FINE.to_owned()).await;
        assert_eq!(get(Reach::Sandbox, &format!("http://localhost:{port}/")).await, Ok(204));
        assert_eq!(get(Reach::Public, &format!("https://localhost:{port}/")).await, Err(Some(Refusal::NotPublic)));
        assert_eq!(get(Reach::Public, &format!("https://127.0.0.1:{port}/")).await, Err(Some(Refusal::NotPublic)));
    }

    #[tokio::test]
    async fn a_redirect_is_checked_like_the_first_address() {
        let fine = server(FINE.to_owned()).await;
        let good = server(redirect_to(&format!("http://127.0.0.1:{fine}/"))).await;
        assert_eq!(get(Reach::Sandbox, &format!("http://127.0.0.1:{good}/")).await, Ok(204));
        for (place, found) in [
            ("http://169.254.169.254/latest/", Refusal::NotPublic),
            ("http://[::ffff:10.0.0.1]/", Refusal::NotPublic),
            ("http://127.0.0.1:22/", Refusal::Port(22)),
            ("http://me:secret@127.0.0.1/", Refusal::Credentials),
        ] {
            let port = server(redirect_to(place)).await;
            let answer = get(Reach::Sandbox, &format!("http://127.0.0.1:{port}/")).await;
            assert_eq!(answer, Err(Some(found)), "{place}");
        }
    }

    #[tokio::test]
    async fn redirects_come_to_an_end() {
        let port = server(redirect_to("/again")).await;
        assert_eq!(get(Reach::Sandbox, &format!("http://127.0.0.1:{port}/")).await, Err(None));
    }
}
