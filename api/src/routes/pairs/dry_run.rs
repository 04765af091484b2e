//! Trying the rules of a pair on a message without carrying it: what would become of it, and which rule decided.

mod sample;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Message, PairId, PartPlan, PartText,
    render::{Target, render_held},
    rules::{Consulted, Decision, DuplicateCheck, Moment, Outcome, Rules, Scope, Verdict},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::pairs::Pair;

use self::sample::SampleIn;
use super::{
    find,
    options::{self, Given, PairOptionsDoc},
};
use crate::{
    auth::{Actor, PathId},
    body::{BodyError, JsonBody},
    error::{ApiError, Thing},
    state::AppState,
};

/// A message to try, and the options to try it with.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = DryRun))]
#[serde(deny_unknown_fields)]
pub(crate) struct DryRunIn {
    /// A message made up for the try.
    message: Option<SampleIn>,
    /// Or one that the pair has received: the source platform's id.
    source_message_id: Option<String>,
    /// Options to try; they are laid over those of the pair and not saved.
    #[salvo(schema(value_type = Option<PairOptionsDoc>))]
    options: Option<Given>,
}

/// What would become of the message.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = DryRunResult))]
pub(crate) struct DryRunOut {
    /// `carry`, `hold` (it waits for the active hours) or `skip`.
    decision: &'static str,
    /// The option that decided, such as `deny.words[2]`; null when nothing stands against it.
    rule: Option<String>,
    /// Stable name of the kind of rule: the `reason_code` that the delivery would have.
    code: Option<&'static str>,
    /// Why, for people.
    text: Option<String>,
    /// When it would be sent; null when it is not carried.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    due_at: Option<DateTime<Utc>>,
    /// The rules that were asked, in order.
    trace: Vec<AskedOut>,
    /// The messages that the destination would get, in order; empty when it is not carried.
    parts: Vec<PartOut>,
}

/// A rule that was asked.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = RuleAsked))]
struct AskedOut {
    /// The option.
    rule: String,
    /// `passed`, `held` or `skipped`.
    outcome: &'static str,
    /// Why, for people.
    detail: String,
}

impl From<Consulted> for AskedOut {
    fn from(asked: Consulted) -> Self {
        let outcome = match asked.outcome {
            Outcome::Passed => "passed",
            Outcome::Held => "held",
            Outcome::Skipped => "skipped",
        };
        Self { rule: asked.rule, outcome, detail: asked.detail }
    }
}

/// One message at the destination.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = DryRunPart))]
struct PartOut {
    /// `text`, `media`, `forward` (by the platform itself) or `notice`.
    kind: &'static str,
    /// The text as it is sent: Discord's markdown, or Telegram's text without its formatting.
    text: String,
    /// Telegram's formatting: offset and length in UTF-16 units, and the style.
    #[salvo(schema(value_type = Vec<Object>))]
    spans: Vec<Value>,
    /// The places of its attachments in the message, from 0.
    attachments: Vec<usize>,
}

/// Tries rules on a message. Nothing is sent and nothing is saved.
#[endpoint(operation_id = "dry_run_pair", tags("pairs"))]
pub(crate) async fn try_message(
    actor: Actor,
    app: AppState,
    id: PathId<PairId>,
    body: JsonBody<DryRunIn>,
) -> Result<Json<DryRunOut>, ApiError> {
    let pair = find(&app, actor, id.0).await?;
    let DryRunIn { message, source_message_id, options } = body.0;
    let rules = match options {
        Some(given) => options::read(&given, &pair.options()?)?.1,
        None => options::compile(&pair.options()?)?,
    };
    let now = app.clock.now();
    let message = match (message, source_message_id) {
        (Some(sample), None) => sample.into_message(&pair, now)?,
        (None, Some(received)) => received_message(&app, actor, &pair, &received).await?,
        _ => return Err(wrong("message", "give either `message` or `source_message_id`")),
    };
    let due_at = now + TimeDelta::seconds(i64::from(pair.delay_seconds));
    let verdict = judge(&app, &pair, &rules, &message, Moment { received_at: now, due_at }).await?;
    Ok(Json(answer(&pair, &rules, &message, verdict)?))
}

fn wrong(field: &str, detail: &str) -> ApiError {
    ApiError::Body(BodyError::Shape { field: field.to_owned(), detail: detail.to_owned() })
}

async fn received_message(app: &AppState, actor: Actor, pair: &Pair, id: &str) -> Result<Message, ApiError> {
    let id = id.parse().map_err(|_| wrong("source_message_id", "expected a decimal number"))?;
    let mut database = app.database().await?;
    let found = store::rules::received_message(&mut database, &app.sealer, actor.user, pair.id, id).await?;
    found.ok_or(ApiError::NotFound(Thing::Message))
}

/// What every pair says of the message, then its rules, then whether its content was carried already.
async fn judge(
    app: &AppState,
    pair: &Pair,
    rules: &Rules,
    message: &Message,
    moment: Moment,
) -> Result<Verdict, ApiError> {
    if let Some((code, text)) = message.skip_rule() {
        return Ok(skip(Vec::new(), "every_pair", code, text));
    }
    let verdict = rules.decide(message, moment);
    if matches!(verdict.decision, Decision::Skip { .. }) {
        return Ok(verdict);
    }
    let scope = Scope {
        pair: pair.id,
        user: pair.user_id,
        platform: pair.destination_platform,
        destination: pair.destination_chat_id,
    };
    let Some(check) = rules.duplicate_check(message, scope) else { return Ok(verdict) };
    if store::rules::is_duplicate(&mut *app.database().await?, &app.sealer, check, message.sent_at).await? {
        return Ok(skip(verdict.trace, DuplicateCheck::RULE, DuplicateCheck::CODE, DuplicateCheck::TEXT));
    }
    Ok(verdict)
}

fn skip(mut trace: Vec<Consulted>, rule: &str, code: &'static str, text: &str) -> Verdict {
    trace.push(Consulted { rule: rule.to_owned(), outcome: Outcome::Skipped, detail: text.to_owned() });
    Verdict { decision: Decision::Skip { rule: rule.to_owned(), code, text: text.to_owned() }, trace }
}

fn answer(pair: &Pair, rules: &Rules, message: &Message, verdict: Verdict) -> Result<DryRunOut, ApiError> {
    let trace = verdict.trace.into_iter().map(AskedOut::from).collect();
    let (decision, rule, code, text, due_at) = match verdict.decision {
        Decision::Carry { due_at } => ("carry", None, None, None, Some(due_at)),
        Decision::Hold { until } => {
            let text = "it waits for the active hours".to_owned();
            ("hold", Some("schedule".to_owned()), Some(store::rules::OUTSIDE_HOURS), Some(text), Some(until))
        }
        Decision::Skip { rule, code, text } => ("skip", Some(rule), Some(code), Some(text), None),
    };
    let parts = if due_at.is_some() { parts(pair, rules, message)? } else { Vec::new() };
    Ok(DryRunOut { decision, rule, code, text, due_at, trace, parts })
}

fn parts(pair: &Pair, rules: &Rules, message: &Message) -> Result<Vec<PartOut>, ApiError> {
    let shown = rules.transform(message, pair.source_platform, &pair.source_chat());
    let target = Target {
        destination: pair.destination_platform,
        mode: pair.mode,
        native_forward: pair.forwards_natively(),
        pings: pair.pings(rules.options()),
        limits: pair.limits(),
    };
    let plans = render_held(&shown, &[], &target);
    plans.into_iter().map(part).collect()
}

fn part(plan: PartPlan) -> Result<PartOut, ApiError> {
    let (kind, text, attachments) = match plan {
        PartPlan::Text(text) => ("text", Some(text), Vec::new()),
        PartPlan::Notice(text) => ("notice", Some(text), Vec::new()),
        PartPlan::Media { indices, caption } => ("media", Some(caption), indices),
        PartPlan::Forward => ("forward", None, Vec::new()),
    };
    let spans = match &text {
        Some(PartText::Telegram(rich)) => rich.spans.iter().map(serde_json::to_value).collect(),
        Some(PartText::Discord(_)) | None => Ok(Vec::new()),
    };
    let text = text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    Ok(PartOut { kind, text, spans: spans.map_err(ApiError::internal)?, attachments })
}
