//! The certificates that webhooks are signed with: fetched once, proved, and kept until they end.
//!
//! Their addresses come with the webhooks, so that anybody can make us ask `PayPal` for one: how many are fetched at a time
//! and in a minute is limited. What is not proved is not kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use reqwest::StatusCode;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject as _};
use url::Url;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, ring::RSA_PKCS1_2048_8192_SHA256};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::client;
use crate::error::WebhookError;

/// A chain of four certificates has about 8 KiB.
const CHAIN_BYTES_MAX: usize = 64 * 1024;
const CHAIN_CERTIFICATES_MAX: usize = 8;
/// `PayPal` has a few at a time, and new ones about once a year.
const KEPT_MAX: usize = 16;
const FETCHES_PER_MINUTE_MAX: usize = 30;
/// So long a webhook waits for the certificates that others want.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// What the name of a certificate that signs webhooks begins and ends with.
const NAME_PREFIX: &str = "messageverificationcerts";
const NAME_SUFFIX: &str = ".paypal.com";

/// The authorities that certificates may come from.
#[derive(Clone, Debug)]
pub(super) struct Roots(Vec<TrustAnchor<'static>>);

/// A file that has no certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a PEM file of certificates")]
pub(super) struct NoRoots;

impl Roots {
    /// Those that browsers trust, by Mozilla's list.
    pub(super) fn of_the_web() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.to_vec())
    }

    /// Those of a PEM file.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, NoRoots> {
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| NoRoots)?;
        let anchor = |der: &CertificateDer<'_>| webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned());
        let anchors: Vec<_> = certificates.iter().map(anchor).collect::<Result<_, _>>().map_err(|_| NoRoots)?;
        if anchors.is_empty() { Err(NoRoots) } else { Ok(Self(anchors)) }
    }
}

/// A certificate whose chain, name and dates were proved.
#[derive(Debug)]
pub(super) struct Certificate {
    leaf: CertificateDer<'static>,
    /// When the whole chain is good.
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Certificate {
    /// Proves a chain in PEM, the leaf first, at this time.
    pub(super) fn prove(pem: &[u8], roots: &Roots, now: DateTime<Utc>) -> Result<Self, &'static str> {
        let mut chain = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            chain.push(certificate.map_err(|_| "the certificate is no PEM")?);
            if chain.len() > CHAIN_CERTIFICATES_MAX {
                return Err("the certificate's chain is too long");
            }
        }
        let (leaf, issuers) = chain.split_first().ok_or("the certificate is no PEM")?;
        let (mut from, mut until) = dates(leaf)?;
        check_name(leaf)?;
        let seconds = u64::try_from(now.timestamp()).map_err(|_| "the time is before 1970")?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let end = EndEntityCert::try_from(leaf).map_err(|_| "the certificate cannot be read")?;
        let path = end
            .verify_for_usage(ALL_VERIFICATION_ALGS, &roots.0, issuers, time, KeyUsage::server_auth(), None, None)
            .map_err(|error| reason(&error))?;
        for issuer in path.intermediate_certificates() {
            let (issuer_from, issuer_until) = dates(&issuer.der())?;
            (from, until) = (from.max(issuer_from), until.min(issuer_until));
        }
        Ok(Self { leaf: leaf.clone().into_owned(), from, until })
    }

    /// True when its key has signed the message, by RSA (PKCS #1 v1.5) with SHA-256 and nothing else.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        EndEntityCert::try_from(&self.leaf)
            .is_ok_and(|end| end.verify_signature(RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok())
    }

    fn is_good(&self, now: DateTime<Utc>) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

fn reason(error: &webpki::Error) -> &'static str {
    match error {
        webpki::Error::CertExpired { .. } => "the certificate has expired",
        webpki::Error::CertNotValidYet { .. } => "the certificate is not valid yet",
        webpki::Error::UnknownIssuer => "the certificate comes from no authority that is trusted",
        _ => "the certificate's chain does not hold",
    }
}

fn dates(der: &CertificateDer<'_>) -> Result<(DateTime<Utc>, DateTime<Utc>), &'static str> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| "the certificate cannot be read")?;
    let time = |seconds: i64| DateTime::from_timestamp(seconds, 0).ok_or("the certificate has impossible dates");
    let validity = certificate.validity();
    Ok((time(validity.not_before.timestamp())?, time(validity.not_after.timestamp())?))
}

fn check_name(der: &CertificateDer<'_>) -> Result<(), &'static str> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| "the certificate cannot be read")?;
    let mut names = certificate.subject().iter_common_name();
    let name = match (names.next(), names.next()) {
        (Some(name), None) => name.as_str().unwrap_or_default(),
        _ => return Err("the certificate has not one name"),
    };
    let fits = name.len() >= NAME_PREFIX.len() + NAME_SUFFIX.len();
    if fits && name.starts_with(NAME_PREFIX) && name.ends_with(NAME_SUFFIX) {
        Ok(())
    } else {
        Err("the certificate has another name")
    }
}

/// The certificates that are known, and how to get more.
#[derive(Debug)]
pub(super) struct Certificates {
    http: reqwest::Client,
    roots: Roots,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<String, Arc<Certificate>>>,
    /// When the last ones were fetched. Held while one is fetched.
    fetches: tokio::sync::Mutex<Vec<DateTime<Utc>>>,
}

impl Certificates {
    pub(super) fn new(http: reqwest::Client, roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self { http, roots, clock, kept: Mutex::default(), fetches: tokio::sync::Mutex::default() }
    }

    /// The proved certificate at an address that was checked.
    pub(super) async fn at(&self, url: &Url) -> Result<Arc<Certificate>, WebhookError> {
        if let Some(known) = self.known(url) {
            return Ok(known);
        }
        let turn = tokio::time::timeout(TURN_LIMIT, self.fetches.lock()).await;
        let mut fetches = turn.map_err(|_| unproved("other certificates are being fetched"))?;
        // Whoever waited may find what it wanted.
        if let Some(known) = self.known(url) {
            return Ok(known);
        }
        let now = self.clock.now();
        fetches.retain(|at| now - *at < TimeDelta::minutes(1));
        if fetches.len() >= FETCHES_PER_MINUTE_MAX {
            return Err(unproved("too many certificates were asked for"));
        }
        fetches.push(now);
        let pem = self.fetch(url).await?;
        let proved = Certificate::prove(&pem, &self.roots, now).map_err(WebhookError::Forged)?;
        Ok(self.keep(url, proved))
    }

    fn known(&self, url: &Url) -> Option<Arc<Certificate>> {
        let now = self.clock.now();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(url.as_str()).filter(|certificate| certificate.is_good(now)).map(Arc::clone)
    }

    fn keep(&self, url: &Url, certificate: Certificate) -> Arc<Certificate> {
        let certificate = Arc::new(certificate);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            // The one that ends first is the oldest, as a rule.
            let first = kept.iter().min_by_key(|(_, known)| known.until).map(|(url, _)| url.clone());
            if let Some(url) = first {
                kept.remove(&url);
            }
        }
        kept.insert(url.as_str().to_owned(), Arc::clone(&certificate));
        certificate
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, WebhookError> {
        let response = self.http.get(url.clone()).send().await;
        let response = response.map_err(|_| unproved("the certificate cannot be fetched"))?;
        match response.status() {
            StatusCode::OK => (),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(WebhookError::Forged("there is no such certificate"));
            }
            // A redirect as well: it is not followed.
            _ => return Err(unproved("the certificate is not handed out")),
        }
        client::body(response, CHAIN_BYTES_MAX)
            .await
            .map_err(|_| unproved("the certificate cannot be read, or is too long"))
    }
}

fn unproved(reason: &str) -> WebhookError {
    WebhookError::Unproved(reason.to_owned())
}
