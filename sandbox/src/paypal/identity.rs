//! The certificate authority of this data directory, and the RSA certificate whose key signs webhooks.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SigningKey as _, date_time_ymd,
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey as _, LineEnding},
    rand_core::OsRng,
};
use sha2::{Digest as _, Sha256};

/// The name in the certificate: it begins and ends as the service's own does.
const NAME: &str = "messageverificationcerts.sandbox.paypal.com";

const KEY_BITS: usize = 2048;

const CA: &str = "ca.pem";
const CHAIN: &str = "webhook-chain.pem";
const KEY: &str = "webhook-key.pem";

/// What webhooks are signed with.
#[derive(Debug)]
pub struct Identity {
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The certificate of the key and that of the authority, PEM.
    pub chain: String,
    /// What the certificate is called in the addresses of certificates.
    pub id: String,
    key: KeyPair,
}

impl Identity {
    /// The identity kept in `dir`, made at the first start, which takes a second. The authority's own key is not kept: it
    /// signs once.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| fs::read_to_string(dir.join(name));
        let (ca, chain, key) = match (read(CA), read(CHAIN), read(KEY)) {
            (Ok(ca), Ok(chain), Ok(key)) => (ca, chain, key),
            _ => make(dir).context("cannot make the certificate authority")?,
        };
        let digest = Sha256::digest(chain.as_bytes());
        let id = format!(
            "CERT-{}-{}-{}",
            hex::encode(&digest[..4]),
            hex::encode(&digest[4..8]),
            hex::encode(&digest[8..12])
        );
        let key = KeyPair::from_pem(&key).context("the key of webhooks is damaged")?;
        Ok(Self { ca, chain, id, key })
    }

    /// RSA, PKCS #1 v1.5, SHA-256.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(self.key.sign(message)?)
    }
}

fn make(dir: &Path) -> anyhow::Result<(String, String, String)> {
    let (authority_key, key) = std::thread::scope(|scope| {
        let other = scope.spawn(rsa_key);
        let key = rsa_key();
        (other.join().unwrap_or_else(|_panicked| Err(anyhow::anyhow!("no key was made"))), key)
    });
    let (authority_key, key) = (KeyPair::from_pem(&authority_key?)?, key?);
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "Causeway PayPal sandbox");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (authority.not_before, authority.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2045, 1, 1));
    let ca = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(vec![NAME.to_owned()])?;
    leaf.distinguished_name.push(DnType::OrganizationName, "PayPal, Inc.");
    leaf.distinguished_name.push(DnType::CommonName, NAME);
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2045, 1, 1));
    let chain = format!("{}{ca}", leaf.signed_by(&KeyPair::from_pem(&key)?, &issuer)?.pem());

    write_private(dir.join(KEY), &key)?;
    fs::write(dir.join(CHAIN), &chain)?;
    // The authority comes last: whoever waits for it finds the rest in place.
    let fresh = dir.join(format!("{CA}.new"));
    fs::write(&fresh, &ca)?;
    fs::rename(fresh, dir.join(CA))?;
    Ok((ca, chain, key))
}

fn rsa_key() -> anyhow::Result<String> {
    Ok(RsaPrivateKey::new(&mut OsRng, KEY_BITS)?.to_pkcs8_pem(LineEnding::LF)?.to_string())
}

fn write_private(path: PathBuf, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
