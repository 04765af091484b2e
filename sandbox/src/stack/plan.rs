//! How each part is started, and how it is known to be ready: the one place that knows their options and variables.

use std::path::PathBuf;

use super::{StackOptions, Urls, part::Part, ports::Ports, process::Launch, secrets::Secrets};

/// The ports of a stack, by name.
pub const PORT_NAMES: [&str; 18] = [
    "postgres",
    "temporal",
    "temporal-ui",
    "temporal-http",
    "temporal-metrics",
    "telegram",
    "telegram-control",
    "discord-tls",
    "discord",
    "discord-control",
    "smtp",
    "smtp-control",
    "paypal",
    "paypal-control",
    "nowpayments",
    "nowpayments-control",
    "api",
    "worker-metrics",
];

/// The search attributes of our workflows. The worker registers them too; here they exist before it starts.
const SEARCH_ATTRIBUTES: [&str; 4] = ["UserId=Keyword", "Plan=Keyword", "Platform=Keyword", "State=Keyword"];

/// Any number will do: the sandbox knows no applications.
const TELEGRAM_API_ID: &str = "1";

/// Any text will do: the sandbox knows no applications.
const TELEGRAM_API_HASH: &str = "0123456789abcdef0123456789abcdef";

/// The mail sandbox wants a log-in, so that ours is tried: any will do.
const SMTP_USER: &str = "causeway";
const SMTP_PASSWORD: &str = "sandbox-password";

/// Who the merchant is at the PayPal sandbox, so that ours is tried: any will do.
const PAYPAL_CLIENT_ID: &str = "causeway-sandbox-client";
const PAYPAL_CLIENT_SECRET: &str = "causeway-sandbox-secret";
/// What its webhooks are signed for.
pub const PAYPAL_WEBHOOK_ID: &str = "CAUSEWAYSANDBOXWEBHOOK";

/// The merchant's keys and log-in at the NOWPayments sandbox, so that ours are tried: any will do.
const NOWPAYMENTS_API_KEY: &str = "causeway-sandbox-api-key";
/// What its notifications are signed with.
pub const NOWPAYMENTS_IPN_SECRET: &str = "causeway-sandbox-ipn-secret";
const NOWPAYMENTS_EMAIL: &str = "merchant@example.org";
const NOWPAYMENTS_PASSWORD: &str = "sandbox-password";

/// Whom the stack's mails come from.
const MAIL_FROM: &str = "Causeway <causeway@example.org>";

/// Who runs the stack.
const OPERATOR_EMAIL: &str = "operator@example.org";

/// Everything that is decided before the first process starts.
#[derive(Debug)]
pub struct Plan {
    /// What was asked for.
    pub options: StackOptions,
    /// The reserved ports.
    pub ports: Ports,
    /// The shared keys.
    pub secrets: Secrets,
}

impl Plan {
    /// The addresses of the stack; `database` is known by the cluster.
    #[must_use]
    pub fn urls(&self, database: String) -> Urls {
        let api = self.ports.url("api");
        Urls {
            docs: format!("{api}/docs"),
            api,
            temporal: self.ports.url("temporal"),
            temporal_http: self.ports.url("temporal-http"),
            temporal_ui: self.ports.url("temporal-ui"),
            telegram_control: self.ports.url("telegram-control"),
            telegram: self.ports.address("telegram"),
            telegram_key: self.telegram_key(),
            discord_control: self.ports.url("discord-control"),
            discord_http: self.ports.url("discord"),
            discord_tls: self.ports.address("discord-tls"),
            discord_ca: self.discord_ca(),
            smtp: self.smtp_url(),
            smtp_control: self.ports.url("smtp-control"),
            paypal: self.ports.url("paypal"),
            paypal_control: self.ports.url("paypal-control"),
            paypal_ca: self.paypal_ca(),
            nowpayments: self.nowpayments_url(),
            nowpayments_control: self.ports.url("nowpayments-control"),
            worker_metrics: self.ports.url("worker-metrics"),
            database,
        }
    }

    /// Where the Telegram sandbox's public key is put for the worker.
    #[must_use]
    pub fn telegram_key(&self) -> PathBuf {
        self.options.state_dir.join("telegram-rsa.pem")
    }

    fn smtp_url(&self) -> String {
        format!("smtp://{SMTP_USER}:{SMTP_PASSWORD}@{}", self.ports.address("smtp"))
    }

    fn discord_ca(&self) -> PathBuf {
        self.options.state_dir.join("discord/ca.pem")
    }

    fn paypal_ca(&self) -> PathBuf {
        self.options.state_dir.join("paypal/ca.pem")
    }

    fn nowpayments_url(&self) -> String {
        format!("{}/v1", self.ports.url("nowpayments"))
    }

    /// The HTTP address that answers 2xx once `part` is ready; PostgreSQL has none.
    #[must_use]
    pub fn probe(&self, part: Part) -> Option<String> {
        match part {
            Part::Postgres => None,
            Part::Temporal => Some(format!("{}/api/v1/namespaces/default", self.ports.url("temporal-http"))),
            Part::Telegram => Some(format!("{}/health", self.ports.url("telegram-control"))),
            Part::Discord => Some(format!("{}/health", self.ports.url("discord-control"))),
            Part::Smtp => Some(format!("{}/health", self.ports.url("smtp-control"))),
            Part::Paypal => Some(format!("{}/health", self.ports.url("paypal-control"))),
            Part::Nowpayments => Some(format!("{}/health", self.ports.url("nowpayments-control"))),
            Part::Worker => Some(format!("{}/health/ready", self.ports.url("worker-metrics"))),
            Part::Api => Some(format!("{}/health/ready", self.ports.url("api"))),
        }
    }

    /// What a person may want to know of a started part.
    #[must_use]
    pub fn address(&self, part: Part) -> String {
        match part {
            Part::Postgres => self.ports.address("postgres"),
            Part::Temporal => format!("{}  UI {}", self.ports.address("temporal"), self.ports.url("temporal-ui")),
            Part::Telegram => {
                format!("{}  control {}", self.ports.address("telegram"), self.ports.url("telegram-control"))
            }
            Part::Discord => {
                format!("{}  control {}", self.ports.address("discord-tls"), self.ports.url("discord-control"))
            }
            Part::Smtp => format!("{}  control {}", self.ports.address("smtp"), self.ports.url("smtp-control")),
            Part::Paypal => format!("{}  control {}", self.ports.url("paypal"), self.ports.url("paypal-control")),
            Part::Nowpayments => {
                format!("{}  control {}", self.nowpayments_url(), self.ports.url("nowpayments-control"))
            }
            Part::Worker => format!("metrics {}/metrics", self.ports.url("worker-metrics")),
            Part::Api => self.ports.url("api"),
        }
    }

    /// The Temporal development server, with what it knows kept in a file.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn temporal(&self) -> anyhow::Result<Launch> {
        let port = |name: &str| self.ports.get(name).to_string();
        let mut launch = Launch::new(self.options.temporal()?)
            .arg("server")
            .arg("start-dev")
            .option("--db-filename", self.options.state_dir.join("temporal.db").display().to_string())
            .option("--ip", "127.0.0.1")
            .option("--port", port("temporal"))
            .option("--ui-port", port("temporal-ui"))
            .option("--http-port", port("temporal-http"))
            .option("--metrics-port", port("temporal-metrics"))
            .option("--dynamic-config-value", "matching.enableFairness=true")
            // Priority and fairness order each partition by itself: with one, they order the whole queue.
            .option("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1")
            .option("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1")
            .arg("--ui-disable-news-fetch")
            .option("--log-level", "warn");
        for attribute in SEARCH_ATTRIBUTES {
            launch = launch.option("--search-attribute", attribute);
        }
        Ok(launch)
    }

    /// The Telegram sandbox server.
    ///
    /// # Errors
    /// When it was not built.
    pub fn telegram(&self) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program("causeway-sandbox")?)
            .arg("telegram")
            .option("--listen", self.ports.address("telegram"))
            .option("--control", self.ports.address("telegram-control"))
            .option("--data", self.options.state_dir.join("telegram").display().to_string()))
    }

    /// The Discord sandbox server.
    ///
    /// # Errors
    /// When it was not built.
    pub fn discord(&self) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program("causeway-sandbox")?)
            .arg("discord")
            .option("--listen-tls", self.ports.address("discord-tls"))
            .option("--listen", self.ports.address("discord"))
            .option("--control", self.ports.address("discord-control"))
            .option("--data", self.options.state_dir.join("discord").display().to_string()))
    }

    /// The mail sandbox server.
    ///
    /// # Errors
    /// When it was not built.
    pub fn smtp(&self) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program("causeway-sandbox")?)
            .arg("smtp")
            .option("--listen", self.ports.address("smtp"))
            .option("--control", self.ports.address("smtp-control"))
            .option("--data", self.options.state_dir.join("smtp").display().to_string())
            .option("--login", format!("{SMTP_USER}:{SMTP_PASSWORD}")))
    }

    /// The PayPal sandbox server; its webhooks go to the API.
    ///
    /// # Errors
    /// When it was not built.
    pub fn paypal(&self) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program("causeway-sandbox")?)
            .arg("paypal")
            .option("--listen", self.ports.address("paypal"))
            .option("--control", self.ports.address("paypal-control"))
            .option("--data", self.options.state_dir.join("paypal").display().to_string())
            .option("--client-id", PAYPAL_CLIENT_ID)
            .option("--client-secret", PAYPAL_CLIENT_SECRET)
            .option("--webhook-id", PAYPAL_WEBHOOK_ID)
            .option("--webhook-url", format!("{}/api/webhooks/paypal", self.ports.url("api"))))
    }

    /// The NOWPayments sandbox server; each order tells it where its notifications go.
    ///
    /// # Errors
    /// When it was not built.
    pub fn nowpayments(&self) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program("causeway-sandbox")?)
            .arg("nowpayments")
            .option("--listen", self.ports.address("nowpayments"))
            .option("--control", self.ports.address("nowpayments-control"))
            .option("--data", self.options.state_dir.join("nowpayments").display().to_string())
            .option("--api-key", NOWPAYMENTS_API_KEY)
            .option("--ipn-secret", NOWPAYMENTS_IPN_SECRET)
            .option("--login", format!("{NOWPAYMENTS_EMAIL}:{NOWPAYMENTS_PASSWORD}"))
            // As often as the real one, and not as slowly: tests wait for it.
            .option("--ipn-pause-ms", "2000"))
    }

    /// The worker, as configured in `.env.example` but for the endpoints of the platforms.
    ///
    /// # Errors
    /// When it was not built.
    pub fn worker(&self, database: &str) -> anyhow::Result<Launch> {
        let launch = self
            .product("causeway-worker", database)?
            .env("WORKER_NAME", "stack")
            .env("METRICS_LISTEN", self.ports.address("worker-metrics"))
            .env("TELEGRAM_API_ID", TELEGRAM_API_ID)
            .env("TELEGRAM_API_HASH", TELEGRAM_API_HASH)
            .env("TELEGRAM_ENDPOINT", self.ports.address("telegram"))
            .env("TELEGRAM_BOT_TOKEN", &self.secrets.telegram_bot_token)
            .env("TELEGRAM_RSA_KEY_FILE", self.telegram_key().display().to_string())
            .env("DISCORD_ENDPOINT", self.ports.address("discord-tls"))
            .env("DISCORD_CA_FILE", self.discord_ca().display().to_string())
            .env("SMTP_URL", self.smtp_url())
            .env("MAIL_FROM", MAIL_FROM)
            .env("OPERATOR_EMAIL", OPERATOR_EMAIL)
            .env("PUBLIC_URL", self.ports.url("api"))
            // Tests send many mails at once, and wait for each.
            .env("MAIL_PER_MINUTE", "6000");
        Ok(with(launch, &self.options.worker_env))
    }

    /// The API.
    ///
    /// # Errors
    /// When it was not built.
    pub fn api(&self, database: &str) -> anyhow::Result<Launch> {
        let launch = self
            .product("causeway-api", database)?
            .env("API_LISTEN", self.ports.address("api"))
            .env("JWT_KEYS", format!("local1:{}", self.secrets.jwt_secret))
            .env("OPERATOR_TOKEN", &self.secrets.operator_token)
            .env("PUBLIC_URL", self.ports.url("api"))
            // Whoever tries something out need not read mail first.
            .env("REGISTRATION", "open")
            .env("STAFF_SECOND_FACTOR", "optional")
            // Limits are kept, and nobody reaches them: everybody comes from the same address, and often.
            .env("REQUESTS_PER_MINUTE_FACTOR", "100000")
            .env("CONNECTIONS_PER_ADDRESS_MAX", "2000");
        Ok(with(launch, &self.options.api_env))
    }

    fn product(&self, program: &str, database: &str) -> anyhow::Result<Launch> {
        Ok(Launch::new(self.options.program(program)?)
            .env("DATABASE_URL", database)
            .env("TEMPORAL_ADDRESS", self.ports.url("temporal"))
            .env("TEMPORAL_NAMESPACE", "default")
            .env("SEAL_KEYS", &self.secrets.seal_keys)
            .env("PAYLOAD_KEYS", &self.secrets.payload_keys)
            .env("MEDIA_LINK_KEY", &self.secrets.media_link_key)
            .env("PAYPAL_URL", self.ports.url("paypal"))
            .env("PAYPAL_CLIENT_ID", PAYPAL_CLIENT_ID)
            .env("PAYPAL_CLIENT_SECRET", PAYPAL_CLIENT_SECRET)
            .env("PAYPAL_WEBHOOK_ID", PAYPAL_WEBHOOK_ID)
            .env("PAYPAL_ROOTS", self.paypal_ca().display().to_string())
            .env("NOWPAYMENTS_URL", self.nowpayments_url())
            .env("NOWPAYMENTS_API_KEY", NOWPAYMENTS_API_KEY)
            .env("NOWPAYMENTS_IPN_SECRET", NOWPAYMENTS_IPN_SECRET)
            .env("NOWPAYMENTS_EMAIL", NOWPAYMENTS_EMAIL)
            .env("NOWPAYMENTS_PASSWORD", NOWPAYMENTS_PASSWORD)
            // As in the images.
            .env("_RJEM_MALLOC_CONF", "narenas:2,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0")
            // The sandboxes have no limits until they are told to.
            .env("PACE", "open")
            .env("LOG_FORMAT", "pretty"))
    }
}

fn with(launch: Launch, more: &[(String, String)]) -> Launch {
    more.iter().fold(launch, |launch, (name, value)| launch.env(name, value))
}
