//! The signature of an IPN: HMAC-SHA512 over the canonical text of the body, in hexadecimal digits, in the header
//! `x-nowpayments-sig`.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha512;
use subtle::{Choice, ConstantTimeEq as _};

use super::canonical::{Form, Json};
use crate::error::WebhookError;

/// The header.
pub(super) const HEADER: &str = "x-nowpayments-sig";

/// The secret that the provider's dashboard shows once. Not shown by `Debug`.
pub(super) struct IpnSecret(SecretString);

impl IpnSecret {
    /// The secret without the space around it; `None` when nothing is left.
    pub fn new(secret: &str) -> Option<Self> {
        Some(secret.trim()).filter(|secret| !secret.is_empty()).map(|secret| Self(SecretString::from(secret)))
    }

    /// Proves a body and hands out what it says: exactly what was proved.
    ///
    /// # Errors
    /// When the header is missing or wrong, or the body is no JSON.
    pub fn prove(&self, header: Option<&str>, body: &[u8]) -> Result<Json, WebhookError> {
        let header = header.ok_or(WebhookError::Forged("the header x-nowpayments-sig is missing, or there twice"))?;
        let shown = hex::decode(header.trim()).map_err(|_| WebhookError::Forged("the signature is not hexadecimal"))?;
        let json = Json::parse(body).ok_or(WebhookError::Forged("the body is no JSON, so nobody has signed it"))?;
        // Every form is tried, whichever fits, in the same time.
        let fits = Form::ALL.into_iter().fold(Choice::from(0), |fits, form| {
            fits | self.sign(&json.canonical(form)).as_slice().ct_eq(shown.as_slice())
        });
        if bool::from(fits) { Ok(json) } else { Err(WebhookError::Forged("the signature does not fit the body")) }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        // HMAC takes keys of any length; one that were refused would sign nothing that anybody could show.
        let Ok(mut code) = Hmac::<Sha512>::new_from_slice(self.0.expose_secret().as_bytes()) else {
            return vec![0; 65];
        };
        code.update(text.as_bytes());
        code.finalize().into_bytes().to_vec()
    }
}

impl fmt::Debug for IpnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IpnSecret(..)")
    }
}

#[cfg(test)]
mod tests;
