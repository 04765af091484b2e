//! Lists of the administration: what is asked for in the query. Pages are those of [`crate::routes::page`].

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use salvo::prelude::*;

use crate::{
    error::ApiError,
    routes::page::{LIMIT_DETAIL, bounded},
};

pub(super) use crate::routes::page::cut;

/// The longest text to search for, in characters.
const TEXT_CHARS_MAX: usize = 320;
/// The longest lag that is asked for, in seconds: a year.
const LAG_SECONDS_MAX: i64 = 366 * 24 * 3_600;

/// The part of the query named `field`, if it is there and not empty.
pub(super) fn text(req: &Request, field: &'static str) -> Result<Option<String>, ApiError> {
    let text: Option<String> = req.query(field);
    match text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX || text.contains('\0') => {
            Err(ApiError::Query { field, detail: "this is too long, or no text" })
        }
        text => Ok(text),
    }
}

/// The part of the query named `field`, read as `T`; `detail` says what is wrong when it is none.
pub(super) fn parsed<T: FromStr>(
    req: &Request,
    field: &'static str,
    detail: &'static str,
) -> Result<Option<T>, ApiError> {
    text(req, field)?.map(|text| text.parse().map_err(|_| ApiError::Query { field, detail })).transpose()
}

/// A name of the wire, such as `online`, by the type that has it.
pub(super) fn named<T: serde::de::DeserializeOwned>(
    req: &Request,
    field: &'static str,
    detail: &'static str,
) -> Result<Option<T>, ApiError> {
    let name = text(req, field)?;
    let read = |name: String| serde_json::from_value(serde_json::Value::String(name));
    name.map(|name| read(name).map_err(|_| ApiError::Query { field, detail })).transpose()
}

/// `true` or `false`.
pub(super) fn flag(req: &Request, field: &'static str) -> Result<Option<bool>, ApiError> {
    parsed(req, field, "this is `true` or `false`")
}

/// A time, in the form of RFC 3339.
pub(super) fn time(req: &Request, field: &'static str) -> Result<Option<DateTime<Utc>>, ApiError> {
    parsed(req, field, "this is a time such as `2026-01-31T12:00:00Z`")
}

/// What was due then has the lag that `min_lag_seconds` asks for.
pub(super) fn due_before(req: &Request, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, ApiError> {
    let detail = "`min_lag_seconds` is a number of seconds, at most a year";
    let seconds: Option<i64> = parsed(req, "min_lag_seconds", detail)?;
    match seconds {
        Some(seconds) if !(0..=LAG_SECONDS_MAX).contains(&seconds) => {
            Err(ApiError::Query { field: "min_lag_seconds", detail })
        }
        seconds => Ok(seconds.map(|seconds| now - TimeDelta::seconds(seconds))),
    }
}

/// How many entries a page has.
pub(super) fn limit(req: &Request) -> Result<i64, ApiError> {
    bounded(parsed(req, "limit", LIMIT_DETAIL)?)
}

/// For how long something could have been done that was due then, in seconds; 0 when it is not due.
pub(super) fn lag_seconds(due_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> f64 {
    due_at.map_or(TimeDelta::zero(), |due_at| (now - due_at).max(TimeDelta::zero())).as_seconds_f64()
}

/// A reason as it is stored: trimmed, not empty, not too long.
pub(crate) fn reason(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    let fits = (1..=domain::plan::REASON_CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
    if fits { Ok(text) } else { Err(ApiError::ReasonLength) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_trimmed_and_bounded() {
        assert_eq!(reason("  spam \n").unwrap(), "spam");
        for bad in ["", "  ", "a\0b", &"x".repeat(501)] {
            assert!(matches!(reason(bad), Err(ApiError::ReasonLength)));
        }
    }
}
