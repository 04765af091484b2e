//! What Discord writes in angle brackets: mentions, custom emoji, timestamps, commands, bare addresses.

use chrono::DateTime;

use super::Mentions;
use crate::text::{Pinged, urls::match_url};

/// What stands in the text instead.
pub(super) enum Special {
    /// Plain text.
    Text(String),
    /// The name of a person, channel or role, and whom it pinged.
    Mention(String, Option<Pinged>),
}

/// What the angle brackets at the start of `source` show, and their length in bytes.
pub(super) fn special(source: &str, mentions: &Mentions) -> Option<(Special, usize)> {
    let end = source.find(['>', '\n']).filter(|end| source[*end..].starts_with('>'))?;
    let body = &source[1..end];
    let named = mention(body, mentions).map(|(name, pinged)| Special::Mention(name, pinged));
    let shown = named.or_else(|| {
        emoji(body).or_else(|| timestamp(body)).or_else(|| command(body)).or_else(|| address(body)).map(Special::Text)
    })?;
    Some((shown, end + 1))
}

fn mention(body: &str, mentions: &Mentions) -> Option<(String, Option<Pinged>)> {
    if let Some(id) = body.strip_prefix("@&") {
        let id = snowflake(id)?;
        return Some((format!("@{}", mentions.role_name(id)), mentions.pinged_role(id)));
    }
    if let Some(id) = body.strip_prefix("@!").or_else(|| body.strip_prefix('@')) {
        let id = snowflake(id)?;
        return Some((format!("@{}", mentions.user_name(id)), mentions.pinged_user(id)));
    }
    Some((format!("#{}", mentions.channel_name(snowflake(body.strip_prefix('#')?)?)), None))
}

fn emoji(body: &str) -> Option<String> {
    let (name, id) = body.strip_prefix("a:").or_else(|| body.strip_prefix(':'))?.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    snowflake(id).filter(|_| is_name).map(|_| format!(":{name}:"))
}

fn command(body: &str) -> Option<String> {
    let (name, id) = body.strip_prefix('/')?.rsplit_once(':')?;
    snowflake(id).filter(|_| !name.is_empty()).map(|_| format!("/{name}"))
}

fn address(body: &str) -> Option<String> {
    (match_url(body).is_some() && !body.contains(char::is_whitespace)).then(|| body.to_owned())
}

/// Timestamps are shown in UTC: there is no reader whose zone we could know. A relative one becomes absolute, for it
/// would be wrong a minute later.
fn timestamp(body: &str) -> Option<String> {
    let (seconds, style) = match body.strip_prefix("t:")?.split_once(':') {
        Some((seconds, style)) => (seconds, style),
        None => (&body[2..], "f"),
    };
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let format = match style {
        "t" => "%H:%M UTC",
        "T" => "%H:%M:%S UTC",
        "d" => "%Y-%m-%d",
        "D" => "%-d %B %Y",
        "f" | "R" => "%-d %B %Y %H:%M UTC",
        "F" => "%A, %-d %B %Y %H:%M UTC",
        "s" => "%Y-%m-%d %H:%M UTC",
        "S" => "%Y-%m-%d %H:%M:%S UTC",
        _ => return None,
    };
    let time = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
    Some(time.format(format).to_string())
}

fn snowflake(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
