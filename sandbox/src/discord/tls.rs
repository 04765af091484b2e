//! The certificate authority of this data directory and the certificate for Discord's host names.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::secret;

/// The names that the TLS listener answers to.
const NAMES: [&str; 5] = ["discord.com", "cdn.discordapp.com", "media.discordapp.net", "localhost", "127.0.0.1"];

const CA: &str = "ca.pem";
const CERTIFICATE: &str = "tls.pem";
const KEY: &str = "tls-key.pem";
const SECRET: &str = "links.secret";

/// What the TLS listener needs, all PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Clients trust this.
    pub ca: String,
    /// Shown to clients.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// The identity kept in `dir`, made at the first start. The authority's own key is not kept: it signs once.
///
/// # Errors
/// When the directory cannot be read or written.
pub fn identity(dir: &Path) -> anyhow::Result<Identity> {
    let read = |name: &str| fs::read_to_string(dir.join(name));
    if let (Ok(ca), Ok(certificate), Ok(key)) = (read(CA), read(CERTIFICATE), read(KEY)) {
        return Ok(Identity { ca, certificate, key });
    }
    let made = make().context("cannot make the certificate authority")?;
    write_private(dir.join(KEY), &made.key)?;
    fs::write(dir.join(CERTIFICATE), &made.certificate)?;
    // The authority comes last: whoever waits for it finds the rest in place.
    let fresh = dir.join(format!("{CA}.new"));
    fs::write(&fresh, &made.ca)?;
    fs::rename(fresh, dir.join(CA))?;
    Ok(made)
}

/// The secret that signs attachment addresses, kept so that they outlive a restart.
///
/// # Errors
/// When the directory cannot be read or written.
pub fn secret_of(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(SECRET);
    if let Ok(kept) = fs::read_to_string(&path) {
        return Ok(kept);
    }
    let made = secret::hex_token();
    write_private(path, &made)?;
    Ok(made)
}

fn make() -> Result<Identity, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "Causeway Discord sandbox");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(NAMES.map(str::to_owned))?;
    leaf.distinguished_name.push(DnType::CommonName, NAMES[0]);
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?.pem();
    Ok(Identity { ca, certificate, key: key.serialize_pem() })
}

fn write_private(path: PathBuf, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
