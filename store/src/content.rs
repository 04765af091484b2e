//! What people write, as rows hold it: sealed, or in clear in rows from before it was sealed.
//!
//! One function for each kind of thing that is kept, so that what is written can be read, and [`crate::seal::columns`]
//! names the same places.

use domain::{MediaId, Message, PairId, SourceMessageId};
use serde_json::Value;

use crate::{
    StoreError,
    seal::{SealError, Sealer},
};

/// Where a message's content is sealed for.
pub(crate) fn message_place(id: SourceMessageId) -> String {
    format!("source_messages/{id}/content")
}

/// The message of a row. Exactly one of `sealed` and `clear` is there.
pub(crate) fn message(
    sealer: &Sealer,
    id: SourceMessageId,
    sealed: Option<&[u8]>,
    clear: Option<Value>,
) -> Result<Message, StoreError> {
    match (sealed, clear) {
        (Some(sealed), _) => Ok(serde_json::from_slice(&sealer.open_bytes(&message_place(id), sealed)?)?),
        (None, Some(clear)) => Ok(serde_json::from_value(clear)?),
        (None, None) => Err(SealError::Broken.into()),
    }
}

/// Where a piece of an attachment is sealed for.
pub(crate) fn chunk_place(media: MediaId, place: i32) -> String {
    format!("media_chunks/{media}/{place}/bytes")
}

/// Where an author's picture is sealed for.
pub(crate) fn avatar_place(id: MediaId) -> String {
    format!("avatars/{id}/bytes")
}

/// Where the title of a thread is sealed for.
pub(crate) fn title_place(pair: PairId, source_topic: i64) -> String {
    format!("pair_threads/{pair}/{source_topic}/title")
}

/// The title of a row. Exactly one of `sealed` and `clear` is there.
pub(crate) fn title(
    sealer: &Sealer,
    (pair, source_topic): (PairId, i64),
    sealed: Option<&[u8]>,
    clear: Option<String>,
) -> Result<String, StoreError> {
    let Some(sealed) = sealed else { return clear.ok_or_else(|| SealError::Broken.into()) };
    let plain = sealer.open_bytes(&title_place(pair, source_topic), sealed)?;
    Ok(String::from_utf8(plain).map_err(|_| SealError::Broken)?)
}
