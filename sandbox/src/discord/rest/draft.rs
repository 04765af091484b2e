//! What a client may put into a message, and the checks that Discord makes of it.

use serde::Deserialize;
use serde_json::Value;

use crate::discord::{call::Call, error::ApiError, files::Upload, id::Id, model::Attachment, server::Sandbox};

/// Characters of a text.
const CONTENT_MAX: usize = 2_000;
/// Characters of a nonce.
const NONCE_MAX: usize = 25;
/// Files of a message.
const FILES_MAX: usize = 10;
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
    /// Forum posts by webhook: the name of the post.
    pub thread_name: Option<String>,
}

/// The message that another answers.
#[derive(Debug, Deserialize)]
pub struct Reference {
    /// 0, or nothing, for a reply; 1 for a forward, which is not served.
    #[serde(rename = "type")]
    pub kind: Option<u8>,
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
        let max = sandbox.limits().attachment_max_bytes;
        if uploads.iter().any(|(_, upload)| upload.bytes.len() > max) {
            return Err(ApiError::too_large());
        }
        Ok((body, uploads))
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self, files: usize) -> bool {
        let text = self.content.as_deref().is_some_and(|text| !text.trim().is_empty());
        !text && files == 0 && self.embeds.as_ref().is_none_or(Vec::is_empty)
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
        if self.message_reference.as_ref().is_some_and(|it| it.kind.is_some_and(|kind| kind != 0)) {
            let text = "Forwards are not served by the sandbox.";
            return Err(ApiError::form("message_reference", "BASE_TYPE_CHOICES", text));
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

/// Writes new files to disk.
///
/// # Errors
/// When the disk is full.
pub fn keep(sandbox: &Sandbox, uploads: Vec<(usize, Upload)>) -> Result<Vec<Attachment>, ApiError> {
    uploads.into_iter().map(|(_, upload)| Ok(sandbox.files.keep(&sandbox.ids, upload)?)).collect()
}
