//! Passwords: argon2id, off the async threads, a few at a time.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::error::ApiError;

pub(crate) mod foreign;

/// The shortest password, in characters: the least that NIST SP 800-63B's spirit allows without a second factor.
pub(crate) const PASSWORD_CHARS_MIN: usize = 10;
/// The longest password, in characters: room for a passphrase, none for an attack on the hash function.
pub(crate) const PASSWORD_CHARS_MAX: usize = 128;
/// Hashes at once, for so many cores: each takes 19 MiB and a core for tens of milliseconds. More of them would not be
/// done sooner, only take the other cores from everybody else.
fn hashes_at_once(cores: usize) -> usize {
    (cores / 2).clamp(1, 4)
}

const SALT_BYTES: usize = 16;

/// What hashes of today's kind begin with. Others are made anew at the next log-in: with other parameters, or bcrypt's,
/// which come with tenants from elsewhere.
const TODAY: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    /// A hash of nothing, checked when there is no user, so that a login takes as long with an unknown address.
    nobody: String,
    slots: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let nobody = hash("nobody has this password").map_err(|error| anyhow::anyhow!("no password hash: {error}"))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { nobody, slots: Arc::new(Semaphore::new(hashes_at_once(cores))) })
    }

    /// True when `password` is of a length that we accept.
    pub(crate) fn acceptable(password: &str) -> bool {
        (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count())
    }

    /// True when somebody may have `password`: one from elsewhere may be shorter than ours.
    pub(crate) fn plausible(password: &str) -> bool {
        (1..=PASSWORD_CHARS_MAX).contains(&password.chars().count())
    }

    /// True when a hash is not of today's kind.
    pub(crate) fn is_outdated(known: &str) -> bool {
        !known.starts_with(TODAY)
    }

    /// A new hash in PHC form.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, ApiError> {
        self.run(move || hash(password.expose_secret()).map_err(ApiError::internal)).await?
    }

    /// Does `password` belong to `known`? With `None` the same work is done and the answer is no.
    pub(crate) async fn verify(&self, password: SecretString, known: Option<String>) -> Result<bool, ApiError> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobody.clone());
        let fits = self.run(move || fits(password.expose_secret(), &known)).await?;
        Ok(fits && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(ApiError::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(slot);
            done
        });
        done.await.map_err(ApiError::internal)
    }
}

fn fits(password: &str, known: &str) -> bool {
    if known.starts_with("$2") {
        bcrypt::verify(password, known).unwrap_or(false)
    } else {
        Argon2::default().verify_password(password.as_bytes(), known).is_ok()
    }
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0_u8; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| argon2::password_hash::Error::Crypto)?;
    Ok(Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::new().unwrap();
        let known = passwords.hash("correct horse".into()).await.unwrap();
        assert!(known.starts_with("$argon2id$"), "{known}");
        assert_ne!(known, passwords.hash("correct horse".into()).await.unwrap(), "the salt must differ");
        assert!(passwords.verify("correct horse".into(), Some(known.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(known)).await.unwrap());
    }

    #[test]
    fn hashing_leaves_cores_to_others() {
        assert_eq!([1, 2, 4, 8, 64].map(hashes_at_once), [1, 1, 2, 4, 4]);
    }

    #[tokio::test]
    async fn hashes_from_elsewhere_are_known_and_outdated() {
        let passwords = Passwords::new().unwrap();
        let bcrypt = bcrypt::hash("short", 4).unwrap();
        assert!(Passwords::is_outdated(&bcrypt) && Passwords::plausible("short"));
        assert!(passwords.verify("short".into(), Some(bcrypt.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(bcrypt)).await.unwrap());
        let today = passwords.hash("correct horse".into()).await.unwrap();
        assert!(!Passwords::is_outdated(&today), "{today}");
        assert!(Passwords::is_outdated("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$aGFzaA"));
        assert!(!passwords.verify("x".into(), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_is_never_let_in() {
        let passwords = Passwords::new().unwrap();
        assert!(!passwords.verify("nobody has this password".into(), None).await.unwrap());
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        for (password, good) in
            [("ä".repeat(9), false), ("ä".repeat(10), true), ("ä".repeat(128), true), ("ä".repeat(129), false)]
        {
            assert_eq!(Passwords::acceptable(&password), good, "{}", password.chars().count());
        }
    }
}
