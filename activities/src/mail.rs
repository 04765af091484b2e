//! E-mail, over SMTP: what it is sent with, and what a mail server's answer means.

use std::{fmt, sync::Mutex, time::Duration};

use domain::{
    Email,
    media_link::Links,
    notification::{DropReason, retry::Trouble},
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{AsyncSmtpTransportBuilder, Error, PoolConfig},
};
use store::notifications::Claimed;

mod drain;
mod letter;
mod throttle;

pub(crate) use drain::drain;
use throttle::Bucket;

/// Mails on their way at the same time: a mail server takes some tenths of a second for each, and few of them take many
/// connections from one client.
const LANES: u32 = 4;
/// One step of the conversation. With connecting, TLS and the log-in there are about eight, which is less than a claim
/// lasts.
const STEP_MAX: Duration = Duration::from_secs(30);
/// A connection that was not used for so long is closed: most servers do it themselves soon after.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// What is kept of a mail server's words, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// Where mail is handed in, with the log-in that it wants.
#[derive(Clone)]
pub struct MailServer(AsyncSmtpTransportBuilder);

/// May hold a password: it is not shown.
impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailServer(..)")
    }
}

/// Why a setting about mail is not usable; never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailSettingError {
    /// Not a mail server's URL.
    #[error("expected smtps://user:password@host, smtp://…?tls=required, or smtp://host:port")]
    Server,
    /// Not a sender.
    #[error("expected an address such as Causeway <causeway@example.org>")]
    From,
}

impl MailServer {
    /// Reads a URL: `smtps` is TLS from the first byte, `smtp` with `?tls=required` or `?tls=opportunistic` is STARTTLS,
    /// `smtp` alone has none.
    ///
    /// # Errors
    /// [`MailSettingError::Server`] for anything else.
    pub fn parse(url: &str) -> Result<Self, MailSettingError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| MailSettingError::Server)?;
        Ok(Self(builder))
    }
}

/// Whom mails come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom(Mailbox);

impl MailFrom {
    /// Reads `Name <address>` or an address.
    ///
    /// # Errors
    /// [`MailSettingError::From`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MailSettingError> {
        text.parse().map(Self).map_err(|_| MailSettingError::From)
    }
}

/// The worker's settings about mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where mail is handed in, and from whom; without it, mail waits.
    pub sender: Option<(MailServer, MailFrom)>,
    /// Who runs this installation.
    pub operator: Option<Email>,
    /// Mails handed in in one minute at most.
    pub per_minute: u32,
}

/// Sends mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: MailFrom,
    operator: Option<Email>,
    bucket: Mutex<Bucket>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer(..)")
    }
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The mail server has taken it.
    Sent,
    /// It may be taken later.
    Later {
        /// What stood in the way.
        trouble: Trouble,
        /// What was said.
        words: String,
    },
    /// It will never be taken.
    Never {
        /// Stable code.
        code: &'static str,
        /// What was said.
        words: String,
    },
    /// It is not sent after all.
    Dropped(DropReason),
}

impl Mailer {
    /// Sends mail as the settings say, if they do. Connects to nothing yet; needs a runtime.
    #[must_use]
    pub fn new(settings: &MailSettings) -> Option<Self> {
        let (server, from) = settings.sender.clone()?;
        let pool = PoolConfig::new().max_size(LANES).idle_timeout(IDLE_MAX);
        let transport = server.0.timeout(Some(STEP_MAX)).pool_config(pool).build();
        let bucket = Mutex::new(Bucket::new(settings.per_minute));
        Some(Self { transport, from, operator: settings.operator.clone(), bucket })
    }

    /// One attempt at one mail.
    pub(crate) async fn send(&self, mail: &Claimed, links: Option<&Links>) -> Outcome {
        let address = match (&mail.address, mail.user, &self.operator) {
            (Some(address), _, _) => address.as_str(),
            (None, None, Some(operator)) => operator.as_str(),
            (None, _, _) => return Outcome::Dropped(DropReason::NoAddress),
        };
        let Some(message) = letter::compose(mail, address, &self.from.0, links) else {
            let words = "the address is not one that mail can be sent to".to_owned();
            return Outcome::Never { code: "address_unusable", words };
        };
        let Err(error) = self.transport.send(message).await else { return Outcome::Sent };
        match verdict(error.status().map(u16::from)) {
            // A server that has taken against us as a whole has said nothing about this mail.
            Verdict::Rejected if !matches!(self.transport.test_connection().await, Ok(true)) => {
                Outcome::Later { trouble: Trouble::Link, words: words(&error) }
            }
            Verdict::Rejected => Outcome::Never { code: "mail_rejected", words: words(&error) },
            Verdict::Refused => Outcome::Later { trouble: Trouble::Refused, words: words(&error) },
            Verdict::Unreachable => Outcome::Later { trouble: Trouble::Link, words: words(&error) },
        }
    }
}

/// What an answer means for the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Not now.
    Refused,
    /// Never.
    Rejected,
    /// The server is away, or does not let us in.
    Unreachable,
}

fn verdict(code: Option<u16>) -> Verdict {
    match code {
        // The service closes; the log-in is missing, wrong or too weak.
        Some(421 | 454 | 530 | 534 | 535 | 538) | None => Verdict::Unreachable,
        Some(400..500) => Verdict::Refused,
        Some(500..600) => Verdict::Rejected,
        Some(_) => Verdict::Unreachable,
    }
}

/// A mail server's words on one line, and not too many.
fn words(error: &Error) -> String {
    let line = error.to_string();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_rfc_5321_says() {
        for (code, expected) in [
            (Some(450), Verdict::Refused),
            (Some(451), Verdict::Refused),
            (Some(452), Verdict::Refused),
            (Some(550), Verdict::Rejected),
            (Some(552), Verdict::Rejected),
            (Some(554), Verdict::Rejected),
            (Some(421), Verdict::Unreachable),
            (Some(530), Verdict::Unreachable),
            (Some(535), Verdict::Unreachable),
            (Some(250), Verdict::Unreachable),
            (None, Verdict::Unreachable),
        ] {
            assert_eq!(verdict(code), expected, "{code:?}");
        }
    }

    #[test]
    fn settings_are_read_and_never_repeated() {
        for good in [
            "smtp://127.0.0.1:2525",
            "smtps://me:hunter2@mail.example.org",
            "smtp://me:hunter2@mail.example.org:587?tls=required",
            "smtp://mail.example.org?tls=opportunistic",
        ] {
            let server = MailServer::parse(good).unwrap();
            assert!(!format!("{server:?}").contains("hunter2"));
        }
        for bad in ["", "mail.example.org", "http://mail.example.org", "smtp://me:hunter2@mail.example.org?tls=maybe"] {
            let error = MailServer::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{bad}");
        }
        assert!(MailFrom::parse("Causeway <causeway@example.org>").is_ok());
        assert!(MailFrom::parse("causeway@example.org").is_ok());
        assert!(MailFrom::parse("causeway").is_err());
    }
}
