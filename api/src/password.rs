//! Passwords: argon2id, off the async threads, a few at a time.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{Argon2, Block, Params, PasswordVerifier as _};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
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
const HASH_BYTES: usize = 32;

/// What hashes of today's kind begin with. Others are made anew at the next log-in: with other parameters, or bcrypt's,
/// which come with tenants from elsewhere.
const TODAY: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    /// A hash of nothing, checked when there is no user, so that a login takes as long with an unknown address.
    nobody: String,
    slots: Arc<Semaphore>,
    /// What hashes have worked in, for those who wait: to get 19 MiB from the system takes as long as to hash.
    memories: Arc<Mutex<Vec<Memory>>>,
    waiting: Arc<AtomicUsize>,
}

/// What one hash works in; empty before the first.
type Memory = Vec<Block>;

impl Passwords {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let nobody = hash("nobody has this password", &mut Memory::new())
            .map_err(|error| anyhow::anyhow!("no password hash: {error}"))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            nobody,
            slots: Arc::new(Semaphore::new(hashes_at_once(cores))),
            memories: Arc::default(),
            waiting: Arc::default(),
        })
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
        self.run(move |memory| hash(password.expose_secret(), memory).map_err(ApiError::internal)).await?
    }

    /// Does `password` belong to `known`? With `None` the same work is done and the answer is no.
    pub(crate) async fn verify(&self, password: SecretString, known: Option<String>) -> Result<bool, ApiError> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobody.clone());
        let fits = self.run(move |memory| fits(password.expose_secret(), &known, memory)).await?;
        Ok(fits && exists)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let waits = Waits::new(&self.waiting);
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(ApiError::internal)?;
        drop(waits);
        let (memories, waiting) = (Arc::clone(&self.memories), Arc::clone(&self.waiting));
        let done = tokio::task::spawn_blocking(move || {
            let memories = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = memories().pop();
            let mut memory = kept.unwrap_or_default();
            let done = work(&mut memory);
            if waiting.load(Ordering::Relaxed) > 0 {
                memories().push(memory);
            } else {
                memories().clear();
            }
            drop(slot);
            done
        });
        done.await.map_err(ApiError::internal)
    }
}

/// Counts somebody who waits for a slot, also when they give up.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn fits(password: &str, known: &str, memory: &mut Memory) -> bool {
    if known.starts_with("$2") {
        return bcrypt::verify(password, known).unwrap_or(false);
    }
    let Some((salt, expected)) = todays(known) else {
        return Argon2::default().verify_password(password.as_bytes(), known).is_ok();
    };
    digest(password, &salt, memory).is_ok_and(|digest| digest.ct_eq(&expected).into())
}

/// Salt and digest of a hash of today's kind.
fn todays(known: &str) -> Option<(Vec<u8>, [u8; HASH_BYTES])> {
    let (salt, digest) = known.strip_prefix(TODAY)?.split_once('$')?;
    let digest = STANDARD_NO_PAD.decode(digest).ok()?;
    Some((STANDARD_NO_PAD.decode(salt).ok()?, digest.try_into().ok()?))
}

fn hash(password: &str, memory: &mut Memory) -> anyhow::Result<String> {
    let mut salt = [0_u8; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    let digest = digest(password, &salt, memory).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(format!("{TODAY}{}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest)))
}

/// Argon2id with the parameters that [`TODAY`] names, which are those of `argon2`.
fn digest(password: &str, salt: &[u8], memory: &mut Memory) -> Result<[u8; HASH_BYTES], argon2::Error> {
    memory.resize(Params::DEFAULT.block_count(), Block::default());
    let mut digest = [0; HASH_BYTES];
    Argon2::default().hash_password_into_with_memory(password.as_bytes(), salt, &mut digest, memory.as_mut_slice())?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;

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

    #[tokio::test]
    async fn what_one_hash_has_worked_in_does_not_change_the_next() {
        let passwords = Passwords::new().unwrap();
        for password in ["correct horse", "battery staple", "correct horse"] {
            let known = passwords.hash(password.into()).await.unwrap();
            assert!(Argon2::default().verify_password(password.as_bytes(), known.as_str()).is_ok(), "{known}");
            assert!(passwords.verify(password.into(), Some(known)).await.unwrap());
        }
        let elsewhere = Argon2::default().hash_password_with_salt(b"correct horse", &[7; 16]).unwrap().to_string();
        assert!(!Passwords::is_outdated(&elsewhere), "{elsewhere}");
        assert!(passwords.verify("correct horse".into(), Some(elsewhere.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(elsewhere)).await.unwrap());
        assert!(passwords.memories.lock().unwrap().is_empty(), "nobody waits");
        let both = [passwords.hash("correct horse".into()), passwords.hash("battery staple".into())];
        let known = futures::future::join_all(both).await.pop().unwrap().unwrap();
        assert!(passwords.verify("battery staple".into(), Some(known)).await.unwrap());
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
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
