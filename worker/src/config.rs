//! The worker's settings, from the environment alone. Every missing or wrong variable is named at once.

mod reader;

use std::{fmt, net::SocketAddr, time::Duration};

use activities::{
    attachments::MediaSettings,
    discord::{DiscordConfig, DiscordEndpoint},
    mail::{MailFrom, MailServer, MailSettings},
    pace::PaceConfig,
    payment::PaymentSettings,
    telegram::{BotToken, TelegramConfig, TelegramEndpoint},
};
use chrono::TimeDelta;
use domain::{
    Email,
    billing::invoice::InvoiceSettings,
    media_link::{KEY_CHARS_MIN, LinkKey, Links},
    pace::Mode,
    subscription::{Schedule, ScheduleError},
};
use payments::Providers;
use secrecy::{ExposeSecret as _, SecretString};
use store::seal::Sealer;
use workflows::codec::Codec;

use self::reader::Reader;

/// Everything that can be set; `.env.example` says what each is for.
pub struct Config {
    /// `DATABASE_URL`.
    pub database_url: SecretString,
    /// `TEMPORAL_ADDRESS`.
    pub temporal_address: url::Url,
    /// `TEMPORAL_NAMESPACE`.
    pub temporal_namespace: String,
    /// `SEAL_KEYS`.
    pub sealer: Sealer,
    /// `PAYLOAD_KEYS`.
    pub codec: Codec,
    /// `WORKER_NAME`.
    pub worker_name: String,
    /// `METRICS_LISTEN`.
    pub metrics_listen: SocketAddr,
    /// `HOSTING_SLOTS`.
    pub hosting_slots: usize,
    /// `HEALTH_CHECK_SECONDS`.
    pub health_check_period: Duration,
    /// `RECONCILE_EVERY_SECONDS`.
    pub reconcile_every: Duration,
    /// `DUNNING_DAYS`, `GRACE_DAYS`, `RENEWAL_REMINDER_DAYS`.
    pub subscription_schedule: Schedule,
    /// `LEDGER_CHECK_SECONDS`.
    pub ledger_check_every: Duration,
    /// `TELEGRAM_*`.
    pub telegram: TelegramConfig,
    /// `TELEGRAM_BOT_TOKEN`.
    pub telegram_bot: Option<BotToken>,
    /// `DISCORD_*`.
    pub discord: DiscordConfig,
    /// `MEDIA_*` and `PUBLIC_URL`.
    pub media: MediaSettings,
    /// `PUBLIC_URL`: where payers come back to, and webhooks arrive; set wherever there is a payment provider.
    pub public_url: Option<url::Url>,
    /// `PAYPAL_*` and those of other payment providers.
    pub payments: Providers,
    /// `CHECKOUT_RETURN_URL`, `PAYMENTS_RECONCILE_SECONDS`.
    pub payment_settings: PaymentSettings,
    /// `SMTP_URL`, `MAIL_*`, `OPERATOR_EMAIL`.
    pub mail: MailSettings,
    /// `INVOICE_*`.
    pub invoices: InvoiceSettings,
    /// `PACE`, `EGRESS_ID`.
    pub pace: PaceConfig,
    /// `DRAIN_SLOTS`.
    pub drain_slots: usize,
    /// `LOG_FORMAT`.
    pub json_logs: bool,
    /// `LOG_LEVEL`.
    pub log_level: String,
}

/// Accounts that one worker hosts unless set otherwise: each costs a connection and a few hundred kilobytes.
const HOSTING_SLOTS_DEFAULT: usize = 500;
const HEALTH_CHECK_SECONDS_DEFAULT: u64 = 300;
/// What one attachment may have: it passes PostgreSQL, its write-ahead log and its backups.
const MEDIA_BYTES_MAX_DEFAULT: u64 = 200 * 1024 * 1024;
/// What one tenant may keep at a time: ten of the largest.
const MEDIA_TENANT_BYTES_MAX_DEFAULT: u64 = 2 * 1024 * 1024 * 1024;
/// A week is what a reader needs who was on a journey; bytes stand in the database for as long.
const MEDIA_LINK_DAYS_DEFAULT: u64 = 7;
const MEDIA_LINK_DAYS_MAX: u64 = 365;
/// Drains and questions at once unless set otherwise: each hot pair holds one while it lingers.
const DRAIN_SLOTS_DEFAULT: u64 = 500;
/// Few mail servers take less from one client.
const MAIL_PER_MINUTE_DEFAULT: u64 = 60;
/// Money that no webhook has told of is found within some minutes.
const PAYMENTS_RECONCILE_SECONDS_DEFAULT: u64 = 300;
const RECONCILE_EVERY_SECONDS_DEFAULT: u64 = 24 * 60 * 60;
/// A missing payment is asked for so many days after the period's end.
const DUNNING_DAYS_DEFAULT: &str = "0,1,3,5,7";
/// Afterwards the plan holds for so many days more.
const GRACE_DAYS_DEFAULT: &str = "7";
/// Whoever pays by hand is reminded so many days before the period's end.
const RENEWAL_REMINDER_DAYS_DEFAULT: &str = "7,3,1";
const LEDGER_CHECK_SECONDS_DEFAULT: u64 = 15 * 60;

/// All that is wrong, one line each.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the process environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { variable, problems: Vec::new() };
        let config = reader.config();
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(reader.problems)),
        }
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn config(&mut self) -> Option<Config> {
        let database_url = self.required("DATABASE_URL");
        let temporal_address = self.parsed("TEMPORAL_ADDRESS", "http://127.0.0.1:7233", "a URL");
        let sealer = self.required("SEAL_KEYS").and_then(|keys| self.checked("SEAL_KEYS", Sealer::parse(&keys.into())));
        let codec = self.required("PAYLOAD_KEYS").and_then(|keys| self.checked("PAYLOAD_KEYS", Codec::parse(&keys)));
        let worker_name = self.worker_name();
        let metrics_listen = self.parsed("METRICS_LISTEN", "127.0.0.1:9090", "an address and port");
        let hosting_slots =
            self.positive("HOSTING_SLOTS", HOSTING_SLOTS_DEFAULT as u64).and_then(|slots| usize::try_from(slots).ok());
        let health_check = self.positive("HEALTH_CHECK_SECONDS", HEALTH_CHECK_SECONDS_DEFAULT);
        let reconcile = self.positive("RECONCILE_EVERY_SECONDS", RECONCILE_EVERY_SECONDS_DEFAULT);
        let subscription_schedule = self.subscription_schedule();
        let ledger_check = self.positive("LEDGER_CHECK_SECONDS", LEDGER_CHECK_SECONDS_DEFAULT);
        let telegram = self.telegram();
        let telegram_bot = self
            .optional("TELEGRAM_BOT_TOKEN")
            .and_then(|token| self.checked("TELEGRAM_BOT_TOKEN", BotToken::parse(&token)));
        let discord = self.discord();
        let payments = self.payments();
        let public_url = self.public_url();
        let media = self.media(public_url.as_ref(), payments.as_ref());
        let mail = self.mail();
        let payment_settings = self.payment_settings();
        let invoices = self.invoices();
        let pace = self.pace(worker_name.as_deref());
        let drain_slots =
            self.positive("DRAIN_SLOTS", DRAIN_SLOTS_DEFAULT).and_then(|slots| usize::try_from(slots).ok());
        let json_logs = self.log_format();
        Some(Config {
            database_url: database_url?.into(),
            temporal_address: temporal_address?,
            temporal_namespace: self.optional("TEMPORAL_NAMESPACE").unwrap_or_else(|| "default".into()),
            sealer: sealer?,
            codec: codec?,
            worker_name: worker_name?,
            metrics_listen: metrics_listen?,
            hosting_slots: hosting_slots?,
            health_check_period: Duration::from_secs(health_check?),
            reconcile_every: Duration::from_secs(reconcile?),
            subscription_schedule: subscription_schedule?,
            ledger_check_every: Duration::from_secs(ledger_check?),
            telegram: telegram?,
            telegram_bot,
            discord: discord?,
            media: media?,
            public_url,
            payments: payments?,
            payment_settings: payment_settings?,
            mail: mail?,
            invoices: invoices?,
            pace: pace?,
            drain_slots: drain_slots?,
            json_logs: json_logs?,
            log_level: self.optional("LOG_LEVEL").unwrap_or_else(|| "info".into()),
        })
    }

    fn subscription_schedule(&mut self) -> Option<Schedule> {
        let dunning = self.optional("DUNNING_DAYS").unwrap_or_else(|| DUNNING_DAYS_DEFAULT.into());
        let dunning = self.checked("DUNNING_DAYS", Schedule::parse_days(&dunning))?;
        let grace: u16 = self.parsed("GRACE_DAYS", GRACE_DAYS_DEFAULT, "a whole number of days")?;
        let schedule = Schedule::default().with_dunning(&dunning, grace);
        let schedule = match schedule {
            Err(ScheduleError::Arrears) => self.checked("GRACE_DAYS", schedule),
            schedule => self.checked("DUNNING_DAYS", schedule),
        }?;
        let reminders = self.optional("RENEWAL_REMINDER_DAYS").unwrap_or_else(|| RENEWAL_REMINDER_DAYS_DEFAULT.into());
        let reminders = Schedule::parse_days(&reminders).and_then(|days| schedule.with_reminders(&days));
        self.checked("RENEWAL_REMINDER_DAYS", reminders)
    }

    fn payment_settings(&mut self) -> Option<PaymentSettings> {
        let seconds = self.positive("PAYMENTS_RECONCILE_SECONDS", PAYMENTS_RECONCILE_SECONDS_DEFAULT);
        let return_url = self.optional("CHECKOUT_RETURN_URL").map(|text| {
            let url = text.parse::<url::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            self.checked("CHECKOUT_RETURN_URL", url.ok_or("expected a URL such as https://app.example/billing"))
        });
        let reconcile_every = Duration::from_secs(seconds?);
        match return_url {
            None => Some(PaymentSettings { return_url: None, reconcile_every }),
            Some(return_url) => Some(PaymentSettings { return_url: Some(return_url?), reconcile_every }),
        }
    }

    fn invoices(&mut self) -> Option<InvoiceSettings> {
        let read = InvoiceSettings::read(&self.variable);
        read.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn worker_name(&mut self) -> Option<String> {
        let host_name = || std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
        let name = self.optional("WORKER_NAME").or_else(host_name).unwrap_or_default();
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let checked = if !name.is_empty() && name.len() <= 100 && plain {
            Ok(name)
        } else {
            Err("expected 1 to 100 letters, digits, dots, dashes or underscores")
        };
        self.checked("WORKER_NAME", checked)
    }

    fn log_format(&mut self) -> Option<bool> {
        let json = match self.optional("LOG_FORMAT").as_deref() {
            None | Some("json") => Ok(true),
            Some("pretty") => Ok(false),
            Some(_) => Err("expected `pretty` or `json`"),
        };
        self.checked("LOG_FORMAT", json)
    }

    fn telegram(&mut self) -> Option<TelegramConfig> {
        let api_id = self
            .required("TELEGRAM_API_ID")
            .and_then(|id| self.checked("TELEGRAM_API_ID", id.parse::<i32>().map_err(|_| "expected a number")));
        let api_hash = self.required("TELEGRAM_API_HASH");
        let endpoint = match self.optional("TELEGRAM_ENDPOINT") {
            None => Some(TelegramEndpoint::Production),
            Some(_) => {
                let address = self.parsed::<SocketAddr>("TELEGRAM_ENDPOINT", "", "an address and port on loopback");
                let key = self.file("TELEGRAM_RSA_KEY_FILE");
                address.zip(key).and_then(|(address, key)| {
                    self.checked("TELEGRAM_ENDPOINT", TelegramEndpoint::custom(address, &key))
                })
            }
        };
        Some(TelegramConfig::new(endpoint?, api_id?, api_hash?.into()))
    }

    fn discord(&mut self) -> Option<DiscordConfig> {
        let endpoint = match self.optional("DISCORD_ENDPOINT") {
            None => Some(DiscordEndpoint::Production),
            Some(_) => {
                let address = self.parsed::<SocketAddr>("DISCORD_ENDPOINT", "", "an address and port on loopback");
                let address = address.and_then(|address| {
                    let checked =
                        if address.ip().is_loopback() { Ok(address) } else { Err("expected a loopback address") };
                    self.checked("DISCORD_ENDPOINT", checked)
                });
                let ca_pem = self.file("DISCORD_CA_FILE");
                address.zip(ca_pem).map(|(addr, ca_pem)| DiscordEndpoint::Custom { addr, ca_pem })
            }
        };
        Some(DiscordConfig::new(endpoint?))
    }

    /// `None` when something is wrong; no provider is fine.
    fn payments(&mut self) -> Option<Providers> {
        let read = Providers::read(&|name| self.optional(name));
        read.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn media(&mut self, base: Option<&url::Url>, payments: Option<&Providers>) -> Option<MediaSettings> {
        let bytes_max = self.positive("MEDIA_BYTES_MAX", MEDIA_BYTES_MAX_DEFAULT);
        let tenant_bytes_max = self.positive("MEDIA_TENANT_BYTES_MAX", MEDIA_TENANT_BYTES_MAX_DEFAULT);
        let days = self.positive("MEDIA_LINK_DAYS", MEDIA_LINK_DAYS_DEFAULT).and_then(|days| {
            let checked = if days <= MEDIA_LINK_DAYS_MAX { Ok(days) } else { Err("expected 365 at the most") };
            self.checked("MEDIA_LINK_DAYS", checked)
        });
        let key = self.optional("MEDIA_LINK_KEY").and_then(|key| {
            let key = LinkKey::new(&key).ok_or_else(|| format!("expected at least {KEY_CHARS_MIN} characters"));
            self.checked("MEDIA_LINK_KEY", key)
        });
        let days = i64::try_from(days?).ok()?;
        // Payments need the address alone; without them, one without the key is a mistake.
        if base.is_some() && payments.is_some_and(Providers::is_empty) && self.optional("MEDIA_LINK_KEY").is_none() {
            self.problems.push("MEDIA_LINK_KEY is missing: PUBLIC_URL is of no use without it".into());
        }
        let links = base.zip(key).map(|(base, key)| Links::new(base.as_str(), key, TimeDelta::days(days)));
        Some(MediaSettings { bytes_max: bytes_max?, tenant_bytes_max: tenant_bytes_max?, links })
    }

    /// Where users reach the API.
    fn public_url(&mut self) -> Option<url::Url> {
        let text = self.optional("PUBLIC_URL")?;
        let url = text.parse::<url::Url>().ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        self.checked("PUBLIC_URL", url.ok_or("expected a URL such as https://causeway.example"))
    }

    /// A mail server without a sender is of no use; without one, mail waits.
    fn mail(&mut self) -> Option<MailSettings> {
        let per_minute = self.positive("MAIL_PER_MINUTE", MAIL_PER_MINUTE_DEFAULT).and_then(|count| {
            let checked = u32::try_from(count).map_err(|_| "expected less than four billion");
            self.checked("MAIL_PER_MINUTE", checked)
        });
        let operator = self.optional("OPERATOR_EMAIL").map(|text| self.checked("OPERATOR_EMAIL", Email::parse(&text)));
        let from = self.optional("MAIL_FROM").map(|text| self.checked("MAIL_FROM", MailFrom::parse(&text)));
        let server = self.optional("SMTP_URL").map(|url| self.checked("SMTP_URL", MailServer::parse(&url)));
        let sender = match (server, from) {
            (None, _) => None,
            (Some(_), None) => {
                self.problems.push("MAIL_FROM is missing: SMTP_URL is of no use without it".into());
                None
            }
            (Some(server), Some(from)) => Some((server?, from?)),
        };
        Some(MailSettings { sender, operator: operator.flatten(), per_minute: per_minute? })
    }

    /// Without limits only where both platforms are sandboxes: a real platform would ban the account.
    fn pace(&mut self, worker_name: Option<&str>) -> Option<PaceConfig> {
        let sandboxed = self.optional("TELEGRAM_ENDPOINT").is_some() && self.optional("DISCORD_ENDPOINT").is_some();
        let mode = self.optional("PACE").map_or(Ok(Mode::default()), |text| text.parse());
        let mode = match self.checked("PACE", mode) {
            Some(Mode::Open) if !sandboxed => {
                self.checked("PACE", Err("`open` needs TELEGRAM_ENDPOINT and DISCORD_ENDPOINT"))
            }
            mode => mode,
        };
        let egress = self.optional("EGRESS_ID").or_else(|| worker_name.map(str::to_owned))?;
        let checked = if egress.len() <= 100 { Ok(egress) } else { Err("expected at most 100 characters") };
        let egress = self.checked("EGRESS_ID", checked);
        Some(PaceConfig { mode: mode?, egress: egress? })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret_bytes = self.database_url.expose_secret().len();
        f.debug_struct("Config")
            .field("database_url", &format_args!("[{secret_bytes} bytes redacted]"))
            .field("temporal_address", &self.temporal_address.as_str())
            .field("worker_name", &self.worker_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
