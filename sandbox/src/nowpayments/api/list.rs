//! The list of payments, which wants a token besides the key. It can be narrowed by time and by invoice, not by order.

use chrono::{DateTime, NaiveDate, Utc};

use crate::nowpayments::{
    json::Json,
    model::Payment,
    reply::{Answer, Call, Refusal, Reply},
    server::Sandbox,
};

/// Payments of one page, unless told; and at most.
const LIMIT: usize = 10;
const LIMIT_MAX: usize = 500;

/// `GET /v1/payment/`.
pub(super) fn payments(sandbox: &Sandbox, call: &Call) -> Answer {
    let core = sandbox.core();
    if !call.bearer.as_ref().is_some_and(|token| core.knows_token(token)) {
        return Err(Refusal::new(401, "AUTH_REQUIRED", "Authorization header is empty (Bearer JWTtoken is required)"));
    }
    let (limit, page) =
        (call.query("limit")?.unwrap_or(LIMIT).clamp(1, LIMIT_MAX), call.query("page")?.unwrap_or(0_usize));
    let invoice: Option<u64> = call.query("invoiceId")?;
    let (from, to) = (time(call, "dateFrom")?, time(call, "dateTo")?);
    let wanted = |payment: &&Payment| {
        invoice.is_none_or(|id| payment.invoice == Some(id))
            && from.is_none_or(|at| payment.created_ms >= at)
            && to.is_none_or(|at| payment.created_ms <= at)
    };
    let mut found: Vec<&Payment> = core.journal.payments().filter(wanted).collect();
    if call.query.get("orderBy").is_none_or(|order| order != "asc") {
        found.reverse();
    }
    let total = found.len();
    let rows = found.into_iter().skip(page.saturating_mul(limit)).take(limit);
    let rows = rows.map(|payment| without(payment.shown(), "parent_payment_id")).collect();
    let number = |number: usize| Json::Id(u64::try_from(number).unwrap_or(u64::MAX));
    Ok(Reply::json(
        200,
        &Json::Object(vec![
            ("data", Json::List(rows)),
            ("limit", number(limit)),
            ("page", number(page)),
            ("pagesCount", number(total.div_ceil(limit))),
            ("total", number(total)),
        ]),
    ))
}

/// The list does not tell which deposit hangs on which.
fn without(json: Json, name: &str) -> Json {
    match json {
        Json::Object(fields) => Json::Object(fields.into_iter().filter(|(known, _)| *known != name).collect()),
        other => other,
    }
}

/// A day, or a time by RFC 3339, in milliseconds since 1970.
fn time(call: &Call, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = call.query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|at| at.and_utc());
    let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)).or_else(day);
    let at = at.ok_or_else(|| Refusal::invalid(format!("{name} must be a valid ISO date")))?;
    Ok(Some(u64::try_from(at.timestamp_millis()).unwrap_or(0)))
}
