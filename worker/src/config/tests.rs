//! What is set, what is not and what is wrong.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use proptest::prelude::*;

use super::*;

/// 32 zero bytes in base64.
const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

const GOOD: [(&str, &str); 6] = [
    ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1/c"),
    ("SEAL_KEYS", KEY),
    ("PAYLOAD_KEYS", KEY),
    ("TELEGRAM_API_ID", "1"),
    ("TELEGRAM_API_HASH", "hash"),
    ("WORKER_NAME", "w1"),
];

#[test]
fn defaults_fill_what_is_not_set() {
    let config = read(&GOOD).unwrap();
    assert_eq!(config.temporal_namespace, "default");
    assert_eq!(config.health_check_period, Duration::from_secs(300));
    assert_eq!(config.ledger_check_every, Duration::from_secs(900));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn links_need_an_address_and_a_key() {
    let key = ("MEDIA_LINK_KEY", "0123456789abcdef0123456789abcdef");
    let url = ("PUBLIC_URL", "https://causeway.example");
    let with = |more: &[(&'static str, &'static str)]| read(&[&GOOD[..], more].concat());
    assert!(with(&[]).unwrap().media.links.is_none());
    assert!(with(&[key]).unwrap().media.links.is_none());
    assert!(with(&[key, url]).unwrap().media.links.is_some());
    assert!(with(&[url]).unwrap_err().to_string().contains("MEDIA_LINK_KEY is missing"));
}

#[test]
fn the_schedule_of_subscriptions_is_checked_as_a_whole() {
    let with = |more: &[(&'static str, &'static str)]| read(&[&GOOD[..], more].concat());
    assert_eq!(with(&[]).unwrap().subscription_schedule, Schedule::default());
    let other = with(&[("DUNNING_DAYS", "0, 2"), ("GRACE_DAYS", "0"), ("RENEWAL_REMINDER_DAYS", "14")]).unwrap();
    assert_eq!(other.subscription_schedule.grace(), TimeDelta::zero());
    for (name, value) in [
        ("DUNNING_DAYS", "1,2"),
        ("DUNNING_DAYS", "soon"),
        ("GRACE_DAYS", "30"),
        ("GRACE_DAYS", "-1"),
        ("RENEWAL_REMINDER_DAYS", "1,3"),
    ] {
        let wrong = with(&[(name, value)]).unwrap_err().to_string();
        assert!(wrong.contains(&format!("{name} is wrong")), "{wrong}");
    }
}

#[test]
fn a_payment_provider_needs_an_address_and_no_key_for_links() {
    let paypal = [
        ("PAYPAL_CLIENT_ID", "client"),
        ("PAYPAL_CLIENT_SECRET", "hunter2"),
        ("PAYPAL_WEBHOOK_ID", "1JE4291016473214C"),
    ];
    let with = |more: &[(&'static str, &'static str)]| read(&[&GOOD[..], &paypal[..], more].concat());
    let config = with(&[("PUBLIC_URL", "https://causeway.example")]).unwrap();
    assert!(config.payments.get("paypal").is_some() && config.public_url.is_some() && config.media.links.is_none());
    assert!(!format!("{config:?} {:?}", config.payments).contains("hunter2"));
    assert!(with(&[]).unwrap_err().to_string().contains("PUBLIC_URL is missing"));
    let half = read(&[&GOOD[..], &paypal[..1]].concat()).unwrap_err().to_string();
    assert!(
        ["PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID", "PUBLIC_URL"].iter().all(|name| half.contains(name)),
        "{half}"
    );
}

#[test]
fn mail_waits_without_a_server_and_a_server_needs_a_sender() {
    let (url, from) = (("SMTP_URL", "smtps://me:hunter2@mail.example"), ("MAIL_FROM", "Causeway <c@mail.example>"));
    let with = |more: &[(&'static str, &'static str)]| read(&[&GOOD[..], more].concat());
    let none = with(&[from]).unwrap();
    assert!(none.mail.sender.is_none() && none.mail.operator.is_none());
    assert_eq!(none.mail.per_minute, 60);
    let both = with(&[url, from, ("OPERATOR_EMAIL", "Ops@mail.example")]).unwrap();
    assert!(both.mail.sender.is_some() && both.mail.operator.is_some());
    assert!(!format!("{both:?} {:?}", both.mail).contains("hunter2"));
    assert!(with(&[url]).unwrap_err().to_string().contains("MAIL_FROM is missing"));
}

#[test]
fn everything_that_is_wrong_is_named_together() {
    let wrong = [
        ("SEAL_KEYS", "not-a-key"),
        ("TELEGRAM_API_ID", "x"),
        ("HEALTH_CHECK_SECONDS", "0"),
        ("LOG_FORMAT", "xml"),
        ("WORKER_NAME", "a b"),
        ("TELEGRAM_BOT_TOKEN", "not-a-token"),
        ("PACE", "open"),
        ("DRAIN_SLOTS", "0"),
        ("DISCORD_ENDPOINT", "93.184.216.34:443"),
        ("MEDIA_BYTES_MAX", "0"),
        ("MEDIA_LINK_DAYS", "366"),
        ("MEDIA_LINK_KEY", "too-short"),
        ("PUBLIC_URL", "ftp://c.example"),
        ("SMTP_URL", "smtp://me:hunter2@mail.example?tls=maybe"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_PER_MINUTE", "0"),
        ("OPERATOR_EMAIL", "nobody"),
    ];
    let problems = read(&wrong).unwrap_err().to_string();
    for name in [
        "DATABASE_URL is missing",
        "PAYLOAD_KEYS is missing",
        "TELEGRAM_API_HASH is missing",
        "DISCORD_CA_FILE is missing",
        "SEAL_KEYS is wrong",
        "TELEGRAM_API_ID is wrong",
        "HEALTH_CHECK_SECONDS is wrong",
        "LOG_FORMAT is wrong",
        "WORKER_NAME is wrong",
        "TELEGRAM_BOT_TOKEN is wrong",
        "PACE is wrong",
        "DRAIN_SLOTS is wrong",
        "DISCORD_ENDPOINT is wrong",
        "MEDIA_BYTES_MAX is wrong",
        "MEDIA_LINK_DAYS is wrong",
        "MEDIA_LINK_KEY is wrong",
        "PUBLIC_URL is wrong",
        "SMTP_URL is wrong",
        "MAIL_FROM is wrong",
        "MAIL_PER_MINUTE is wrong",
        "OPERATOR_EMAIL is wrong",
    ] {
        assert!(problems.contains(name), "{name} is not in: {problems}");
    }
    assert!(!problems.contains("too-short"), "a secret is repeated: {problems}");
    assert!(!problems.contains("not-a-token"), "a secret is repeated: {problems}");
    assert!(!problems.contains("hunter2"), "a secret is repeated: {problems}");
    assert!(!problems.contains("not-a-key"), "a secret is repeated: {problems}");
}

/// Every variable that is read, but those that name files.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = RefCell::new(Vec::new());
    let read = Config::read(|name| {
        names.borrow_mut().push(name.to_owned());
        GOOD.iter().find(|(good, _)| *good == name).map(|(_, value)| (*value).to_owned())
    });
    let mut names = names.into_inner();
    assert!(read.is_ok() && names.len() > 20);
    names.retain(|name| !name.ends_with("_FILE"));
    names
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_environment_is_read_or_refused_without_its_secrets(
        name in prop::sample::select(NAMES.as_slice()),
        value in "[-a-z0-9:/@.,=]{0,60}|[0-9]{1,25}|.{0,40}",
        mark in "[A-Z]{12}",
    ) {
        let value = format!("{value}{mark}");
        let variables: Vec<(&str, &str)> = GOOD.iter().copied().chain([(name.as_str(), value.as_str())]).collect();
        let shown = match read(&variables) {
            Ok(config) => format!("{config:?}"),
            Err(error) => error.to_string(),
        };
        let secrets = [
            "DATABASE_URL",
            "SEAL_KEYS",
            "PAYLOAD_KEYS",
            "TELEGRAM_API_HASH",
            "TELEGRAM_BOT_TOKEN",
            "MEDIA_LINK_KEY",
            "SMTP_URL",
        ];
        prop_assert!(!secrets.contains(&name.as_str()) || !shown.contains(&mark), "{shown}");
    }

    #[test]
    fn any_number_is_read_or_refused(name in prop::sample::select(NAMES.as_slice()), value: i128) {
        let value = value.to_string();
        let _read = read(&[&GOOD[..], &[(name.as_str(), value.as_str())]].concat());
    }
}
