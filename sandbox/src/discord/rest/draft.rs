//! What a client may put into a message, and the checks that Discord makes of it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::discord::{
    call::Call,
    clock::{iso, now_ms},
    core::Core,
    error::ApiError,
    files::Upload,
    id::Id,
    model::{Attachment, Forward, Message, Pings, Snapshot},
    permission::{self, Bits},
    server::Sandbox,
    wire,
};

/// Characters of a text.
const CONTENT_MAX: usize = 2_000;
/// Characters of a nonce.
const NONCE_MAX: usize = 25;
/// Files of a message.
const FILES_MAX: usize = 10;
/// Characters of a webhook's name.
const WEBHOOK_NAME_MAX: usize = 80;
/// Embeds of a message.
const EMBEDS_MAX: usize = 10;

/// The body of a create, an edit or a webhook execution.
#[derive(Debug, Default, Deserialize)]
pub struct Body {
    /// Text.
    pub content: Option<String>,
    /// The client's own mark.
    pub nonce: Option<Value>,
    /// A nonce seen before answers with the message that it made.
    pub enforce_nonce: Option<bool>,
    /// What it answers.
    pub message_reference: Option<Reference>,
    /// Rich embeds.
    pub embeds: Option<Vec<Value>>,
    /// Bits, such as 4096 for silent.
    pub flags: Option<u64>,
    /// New files by number, and on an edit the files to keep by id.
    pub attachments: Option<Vec<Named>>,
    /// Webhooks: the name to show.
    pub username: Option<String>,
    /// Webhooks: the picture to show.
    pub avatar_url: Option<String>,
    /// Forum posts by webhook: the name of the post.
    pub thread_name: Option<String>,
    /// Who may be pinged; everybody whom the text names unless told.
    pub allowed_mentions: Option<AllowedMentions>,
    /// A question with answers.
    pub poll: Option<NewPoll>,
}

/// Who may be pinged.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AllowedMentions {
    parse: Vec<String>,
    users: Vec<Id>,
    roles: Vec<Id>,
}

/// A poll as a client asks for it.
#[derive(Debug, Deserialize)]
pub struct NewPoll {
    question: Value,
    answers: Vec<Value>,
    #[serde(default)]
    allow_multiselect: bool,
    /// In hours; a day unless told.
    duration: Option<f64>,
}

impl NewPoll {
    /// The poll in the shape in which it is shown.
    #[must_use]
    pub fn shown(self) -> Value {
        let answers: Vec<Value> = (1..)
            .zip(self.answers)
            .map(|(id, answer)| json!({ "answer_id": id, "poll_media": answer["poll_media"] }))
            .collect();
        let open = std::time::Duration::try_from_secs_f64(self.duration.unwrap_or(24.0) * 3_600.0).unwrap_or_default();
        let expiry = now_ms() + u64::try_from(open.as_millis()).unwrap_or(0);
        json!({
            "question": self.question, "answers": answers, "expiry": iso(expiry), "layout_type": 1,
            "allow_multiselect": self.allow_multiselect,
            "results": { "is_finalized": false, "answer_counts": [] },
        })
    }
}

/// The message that another answers.
#[derive(Debug, Deserialize)]
pub struct Reference {
    /// 0, or nothing, for a reply; 1 for a forward.
    #[serde(rename = "type")]
    pub kind: Option<u8>,
    /// Forwards: where the message stands.
    pub channel_id: Option<Id>,
    /// The message.
    pub message_id: Option<Id>,
    /// Refuse when it is gone, instead of writing without it. Yes unless told.
    pub fail_if_not_exists: Option<bool>,
}

/// A file as the JSON names it.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// The number in `files[n]` of a new file, or the id of one that stays.
    pub id: Id,
    /// Another name.
    pub filename: Option<String>,
    /// Alternative text.
    pub description: Option<String>,
}

impl Body {
    /// Reads and checks a body, whose files are counted but not yet kept.
    ///
    /// # Errors
    /// 50035, 50109, or 40005 for a file over the limit.
    pub fn read(sandbox: &Sandbox, call: &Call) -> Result<(Self, Vec<(usize, Upload)>), ApiError> {
        Self::read_value(sandbox, call, call.value()?)
    }

    /// The same for a message inside a larger body.
    ///
    /// # Errors
    /// 50035, or 40005 for a file over the limit.
    pub fn read_value(sandbox: &Sandbox, call: &Call, value: Value) -> Result<(Self, Vec<(usize, Upload)>), ApiError> {
        let body: Self = serde_json::from_value(value)
            .map_err(|error| ApiError::form("body", "MODEL_TYPE_CONVERT", error.to_string()))?;
        body.check()?;
        let uploads = body.uploads(call)?;
        if uploads.len() > FILES_MAX {
            let text = format!("Must be {FILES_MAX} or fewer in length.");
            return Err(ApiError::form("attachments", "BASE_TYPE_MAX_LENGTH", text));
        }
        let max = file_max(sandbox, call);
        if uploads.iter().any(|(_, upload)| upload.bytes.len() > max) {
            return Err(ApiError::too_large());
        }
        Ok((body, uploads))
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self, files: usize) -> bool {
        let text = self.content.as_deref().is_some_and(|text| !text.trim().is_empty());
        let bare = self.poll.is_none() && !self.message_reference.as_ref().is_some_and(Reference::is_forward);
        !text && files == 0 && bare && self.embeds.as_ref().is_none_or(Vec::is_empty)
    }

    /// Whom the text pings, for a writer who may do `may`.
    #[must_use]
    pub fn pings(&self, may: Bits) -> Pings {
        let text = self.content.as_deref().unwrap_or_default();
        let parsed = |kind: &str| self.allowed_mentions.as_ref().is_none_or(|it| it.parse.iter().any(|it| it == kind));
        let named = |pick: fn(&AllowedMentions) -> &Vec<Id>, id: &Id| {
            self.allowed_mentions.as_ref().is_some_and(|it| pick(it).contains(id))
        };
        let (users, roles) = (wire::mentioned(text).into_iter(), wire::mentioned_roles(text).into_iter());
        Pings {
            everyone: may & permission::MENTION_EVERYONE != 0
                && parsed("everyone")
                && (text.contains("@everyone") || text.contains("@here")),
            users: users.filter(|id| parsed("users") || named(|it| &it.users, id)).collect(),
            roles: roles.filter(|id| parsed("roles") || named(|it| &it.roles, id)).collect(),
        }
    }

    /// The message that is forwarded, if one is.
    ///
    /// # Errors
    /// 10003, 10008 or 50001 when `bot` cannot read it.
    pub fn forward(&self, core: &Core, bot: Id) -> Result<Option<Box<Forward>>, ApiError> {
        let Some(reference) = self.message_reference.as_ref().filter(|it| it.is_forward()) else { return Ok(None) };
        let (Some(channel), Some(message)) = (reference.channel_id, reference.message_id) else {
            return Err(ApiError::form("message_reference", "BASE_TYPE_REQUIRED", "This field is required"));
        };
        core.channel_with(channel, bot, permission::READ_MESSAGE_HISTORY)?;
        forward_of(core, channel, message).map(Some)
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.content.as_ref().is_some_and(|text| text.chars().count() > CONTENT_MAX) {
            let text = format!("Must be {CONTENT_MAX} or fewer in length.");
            return Err(ApiError::form("content", "BASE_TYPE_MAX_LENGTH", text));
        }
        let nonce_fits = match &self.nonce {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.chars().count() <= NONCE_MAX,
            Some(Value::Number(number)) => number.is_i64() || number.is_u64(),
            Some(_) => false,
        };
        if !nonce_fits {
            let text = format!("Must be an integer or text of {NONCE_MAX} or fewer in length.");
            return Err(ApiError::form("nonce", "NONCE_TYPE_TOO_LONG", text));
        }
        if self.embeds.as_ref().is_some_and(|embeds| embeds.len() > EMBEDS_MAX) {
            let text = format!("Must be {EMBEDS_MAX} or fewer in length.");
            return Err(ApiError::form("embeds", "BASE_TYPE_MAX_LENGTH", text));
        }
        if self.username.as_deref().is_some_and(|name| !is_webhook_name(name)) {
            let text = "Must be between 1 and 80 in length, without names of Discord's own.";
            return Err(ApiError::form("username", "USERNAME_INVALID", text));
        }
        Ok(())
    }

    fn uploads(&self, call: &Call) -> Result<Vec<(usize, Upload)>, ApiError> {
        let named = |number: usize| self.attachments.iter().flatten().find(|named| named.id.0 == number as u64);
        let uploads = call.files()?.into_iter().map(|(number, part)| {
            let named = named(number);
            let name = named.and_then(|named| named.filename.clone()).or(part.filename).unwrap_or_default();
            let description = named.and_then(|named| named.description.clone());
            (number, Upload { name, content_type: part.content_type, description, bytes: part.bytes })
        });
        Ok(uploads.collect())
    }
}

impl Reference {
    fn is_forward(&self) -> bool {
        self.kind == Some(1)
    }
}

/// Bytes that one file may have where this call writes: boosted guilds allow more.
fn file_max(sandbox: &Sandbox, call: &Call) -> usize {
    const MIB: usize = 1024 * 1024;
    let usual = sandbox.limits().attachment_max_bytes;
    let core = sandbox.core();
    let channel = call.params.get("webhook").and_then(|id| core.store.webhooks.get(&id.parse().ok()?));
    let channel = channel.map(|webhook| webhook.channel).or_else(|| call.params.get("channel")?.parse().ok());
    let guild = channel.and_then(|id| core.store.guilds.get(&core.store.channels.get(&id)?.guild?));
    match guild.map_or(0, |guild| guild.premium_tier) {
        0 | 1 => usual,
        2 => usual.max(50 * MIB),
        _ => usual.max(100 * MIB),
    }
}

/// A message as a forward of it keeps it; a forward of a forward keeps the first one.
///
/// # Errors
/// 10008.
pub fn forward_of(core: &Core, channel: Id, message: Id) -> Result<Box<Forward>, ApiError> {
    let original: &Message = core.store.message(channel, message).ok_or_else(ApiError::unknown_message)?;
    if let Some(inner) = &original.forward {
        return Ok(inner.clone());
    }
    let guild = core.channel(channel)?.guild;
    Ok(Box::new(Forward { guild, channel, message, snapshot: Snapshot::of(original) }))
}

/// Whether Discord lets a webhook carry this name.
#[must_use]
pub fn is_webhook_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let taken = ["clyde", "discord"].iter().any(|word| lower.contains(word));
    !name.trim().is_empty() && name.chars().count() <= WEBHOOK_NAME_MAX && !taken
}

/// Writes new files to disk.
///
/// # Errors
/// When the disk is full.
pub fn keep(sandbox: &Sandbox, uploads: Vec<(usize, Upload)>) -> Result<Vec<Attachment>, ApiError> {
    uploads.into_iter().map(|(_, upload)| Ok(sandbox.files.keep(&sandbox.ids, upload)?)).collect()
}
