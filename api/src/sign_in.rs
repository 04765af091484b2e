//! Signing in: guesses are counted and slowed, sessions are begun and go on.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Email, SessionId, UserId,
    lockout::{FREE_BY_ACCOUNT, FREE_BY_CALLER, locked_until},
};
use salvo::{http::header::USER_AGENT, prelude::*};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use store::{
    PgConnection, StoreError,
    sessions::{Lifetimes, NewSession, SessionKind},
    users::User,
};

use crate::{
    config::Registration,
    error::ApiError,
    password::Passwords,
    second_factor::{self, Answer},
    state::AppState,
    token::{digest, random_secret},
};

/// Answers to refused sign-ins come at multiples of this after the request, so that the work behind them (another hash, a
/// row more) does not show.
const REFUSAL_RHYTHM: Duration = Duration::from_millis(250);
const USER_AGENT_CHARS_MAX: usize = 200;

/// How long sessions go on: a tenant's for a month without use and a year in all, one of staff for an hour and a working
/// day.
pub(crate) const fn lifetimes(kind: SessionKind) -> Lifetimes {
    match kind {
        SessionKind::Tenant => Lifetimes { idle: TimeDelta::days(30), life: TimeDelta::days(365) },
        SessionKind::Staff => Lifetimes { idle: TimeDelta::hours(1), life: TimeDelta::hours(12) },
    }
}

/// Who is guessing, and at what.
pub(crate) struct Attempt {
    account: Vec<u8>,
    caller: Vec<u8>,
    began: Instant,
}

impl Attempt {
    /// An attempt at `account`, which need not exist: an e-mail address, or an id.
    pub(crate) fn new(account: &str, address: IpAddr) -> Self {
        Self::counted("account", account, "caller", address)
    }

    /// An attempt of the tenant at the code of a coupon: counted apart from those to sign in.
    pub(crate) fn at_coupons(user: UserId, address: IpAddr) -> Self {
        Self::counted("coupons", &user.to_string(), "coupons from", address)
    }

    fn counted(what: &str, account: &str, from: &str, address: IpAddr) -> Self {
        let subject = |kind: &str, text: &str| Sha256::digest(format!("{kind}:{text}")).to_vec();
        Self {
            account: subject(what, account),
            caller: subject(from, &network(address).to_string()),
            began: Instant::now(),
        }
    }

    /// Refuses the attempt when too many have failed lately.
    pub(crate) async fn admit(&self, app: &AppState) -> Result<(), ApiError> {
        let (subjects, now) = ([self.account.clone(), self.caller.clone()], app.clock.now());
        let found = store::sign_in_failures::find(&mut *app.database().await?, &subjects, now).await?;
        let waits = found.iter().filter_map(|found| {
            let free = if found.subject == self.caller { FREE_BY_CALLER } else { FREE_BY_ACCOUNT };
            locked_until(u32::try_from(found.failures).unwrap_or(0), free, found.last_at)
        });
        match waits.max().filter(|until| *until > now) {
            Some(until) => {
                let seconds = ((until - now).num_milliseconds() + 999) / 1000;
                Err(ApiError::TooManyAttempts { retry_after_seconds: u64::try_from(seconds).unwrap_or(1).max(1) })
            }
            None => Ok(()),
        }
    }

    /// Counts a failure, and answers it in the rhythm of failures.
    pub(crate) async fn fail(&self, app: &AppState, error: ApiError) -> ApiError {
        let subjects = [self.account.clone(), self.caller.clone()];
        let counted = async {
            store::sign_in_failures::add(&mut *app.database().await?, &subjects, app.clock.now()).await?;
            Ok::<_, ApiError>(())
        };
        let answer = counted.await.err().unwrap_or(error);
        self.pace().await;
        answer
    }

    /// Waits for the next beat.
    pub(crate) async fn pace(&self) {
        let beats = self.began.elapsed().as_millis() / REFUSAL_RHYTHM.as_millis() + 1;
        let beats = u32::try_from(beats).unwrap_or(u32::MAX);
        tokio::time::sleep_until((self.began + REFUSAL_RHYTHM.saturating_mul(beats)).into()).await;
    }

    /// Forgets the failures at the account; those of the caller stay, who may own an account of their own.
    pub(crate) async fn succeed(&self, connection: &mut PgConnection) -> Result<(), ApiError> {
        Ok(store::sign_in_failures::clear(connection, &self.account).await?)
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of IPv6 that one household has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// The tenant with this address and password. What is wrong is not told; how long it takes does not tell either.
pub(crate) async fn check_password(
    app: &AppState,
    attempt: &Attempt,
    email: &str,
    password: String,
) -> Result<User, ApiError> {
    attempt.admit(app).await?;
    let known = match Email::parse(email) {
        Ok(email) => {
            let mut database = app.database().await?;
            match store::users::find_by_email(&mut database, &email).await? {
                Some(user) => store::users::password_hash(&mut database, user.id).await?.map(|hash| (user, hash)),
                None => None,
            }
        }
        Err(_) => None,
    };
    let (user, hash) = known.unzip();
    // A password that we would never have taken is not worth more hashing than any other.
    let password = SecretString::from(if Passwords::plausible(&password) { password } else { String::new() });
    let fits = app.passwords.verify(password.clone(), hash.clone()).await?;
    let (Some(user), Some(hash), true) = (user, hash, fits) else {
        return Err(attempt.fail(app, ApiError::BadCredentials).await);
    };
    // Whoever has not proven the address, and whoever leaves, is told what somebody unknown is told.
    let unproven = app.registration == Registration::Verified && user.email_verified_at.is_none();
    if unproven || user.leaving_at.is_some() {
        return Err(attempt.fail(app, ApiError::BadCredentials).await);
    }
    if Passwords::is_outdated(&hash) {
        let better = app.passwords.hash(password).await?;
        store::users::rehash(&mut *app.database().await?, user.id, &hash, &better).await?;
    }
    Ok(user)
}

/// Asks for a code of the second factor, where it is on; of somebody whose password was right.
pub(crate) async fn check_second_factor(
    app: &AppState,
    attempt: &Attempt,
    user: UserId,
    code: Option<&str>,
) -> Result<(), ApiError> {
    match second_factor::check(app, user, code).await? {
        Answer::Off | Answer::Right => Ok(()),
        Answer::Missing => Err(ApiError::SecondFactorRequired),
        Answer::Wrong => Err(attempt.fail(app, ApiError::SecondFactorWrong).await),
    }
}

/// What a program keeps of a sign-in.
pub(crate) struct Signed {
    /// The session.
    pub(crate) session: SessionId,
    /// The access token.
    pub(crate) token: String,
    /// When it ends.
    pub(crate) token_expires_at: DateTime<Utc>,
    /// What it is renewed with; good once.
    pub(crate) refresh_token: String,
    /// When the session ends unless it is renewed.
    pub(crate) expires_at: DateTime<Utc>,
}

/// Begins a session for `user`.
pub(crate) async fn begin(
    app: &AppState,
    connection: &mut PgConnection,
    req: &Request,
    kind: SessionKind,
    user: UserId,
) -> Result<Signed, ApiError> {
    let (session, refresh_token, now) = (SessionId::new(&*app.clock), random_secret()?, app.clock.now());
    let (address, expires_at) = (app.address(req).to_string(), now + lifetimes(kind).idle);
    let user_agent = req.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent: Option<String> = user_agent.map(|text| text.chars().take(USER_AGENT_CHARS_MAX).collect());
    let new = NewSession {
        id: session,
        user,
        kind,
        address: &address,
        user_agent: user_agent.as_deref(),
        refresh_hash: &digest(&refresh_token),
        expires_at,
    };
    store::sessions::insert(connection, &new, now).await?;
    let (token, token_expires_at) = app.tokens.issue(kind, user, session)?;
    Ok(Signed { session, token, token_expires_at, refresh_token, expires_at })
}

/// Goes on with a session: the refresh token is used up, and a new one takes its place. One that was used before ends the
/// session, because two have it.
pub(crate) async fn refresh(
    app: &AppState,
    kind: SessionKind,
    refresh_token: &str,
) -> Result<(UserId, Signed), ApiError> {
    use store::sessions::Refreshed;
    let next = random_secret()?;
    let (hash, next_hash) = (digest(refresh_token), digest(&next));
    let mut transaction = app.transaction().await?;
    let refreshed =
        store::sessions::refresh(&mut transaction, kind, &hash, &next_hash, lifetimes(kind), app.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    match refreshed {
        Refreshed::Rotated { session, user, expires_at, .. } => {
            let (token, token_expires_at) = app.tokens.issue(kind, user, session)?;
            Ok((user, Signed { session, token, token_expires_at, refresh_token: next, expires_at }))
        }
        Refreshed::Reused { session, user } => {
            tracing::warn!(user.id = %user, session.id = %session, "A refresh token was used twice: the session has ended.");
            app.credentials.forget(Some(user));
            Err(ApiError::RefreshInvalid)
        }
        Refreshed::Unknown => Err(ApiError::RefreshInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_caller() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
