//! Settling an ambiguous send: is it among our own messages already?

use chrono::{DateTime, Utc};
use grammers_tl_types::{enums, types};

use super::{
    account::Account,
    entities::to_rich_text,
    history::message_number,
    media::{Content, content},
    names::dialog_id,
    send::telegram_text,
};
use crate::platform::{PlatformError, SendBody, SendRequest};

/// How many messages are looked through: what others wrote since the send counts too.
const LOOK_BACK_MAX: usize = 500;
const PAGE: usize = 100;
/// Telegram's clock and ours may differ by this much.
const CLOCK_SLACK_SECONDS: i64 = 60;

impl Account {
    /// The id of an earlier send of `request` among our own messages since `since`, the newest first.
    pub(super) async fn read_back(
        &self,
        request: &SendRequest,
        since: DateTime<Utc>,
    ) -> Result<Option<i64>, PlatformError> {
        let peer = self.input_peer(request.chat).await?;
        let oldest = since.timestamp() - CLOCK_SLACK_SECONDS;
        let mut before = 0;
        for _ in 0..LOOK_BACK_MAX.div_ceil(PAGE) {
            let page = self.newest(peer.clone(), before, PAGE).await?;
            for message in &page.messages {
                let enums::Message::Message(message) = message else { continue };
                if i64::from(message.date) < oldest {
                    return Ok(None);
                }
                if message.out && carries(message, request)? {
                    return Ok(Some(message.id.into()));
                }
            }
            match page.messages.iter().map(super::normalise::id_of).min() {
                Some(lowest) if lowest > 1 => before = lowest,
                _ => break,
            }
        }
        Ok(None)
    }
}

/// True when the message is what the request would have sent. Formatting is not compared: Telegram adds and merges
/// entities.
fn carries(message: &types::Message, request: &SendRequest) -> Result<bool, PlatformError> {
    let text = to_rich_text(message.message.clone(), None).text;
    let file = match content(message.media.as_ref(), request.chat, message.id.into()) {
        Content::File(media) => Some(media),
        Content::Nothing | Content::Unsupported(_) => None,
    };
    Ok(match &request.body {
        SendBody::Text(sent) => {
            file.is_none() && message.fwd_from.is_none() && same_text(&text, &telegram_text(sent)?.text)
        }
        SendBody::Media { caption, uploads } => {
            // A photo is encoded anew by Telegram, so only a file keeps its name and size.
            let same_file = uploads.first().zip(file).is_some_and(|(sent, found)| {
                found.kind == domain::MediaKind::Photo
                    || found.file_name == sent.media.file_name && found.size_bytes == sent.content.size_bytes()
            });
            same_file && same_text(&text, &telegram_text(caption)?.text)
        }
        SendBody::Forward { from, message_ids } => match &message.fwd_from {
            Some(enums::MessageFwdHeader::Header(origin)) => {
                let number = message_number(message_ids.first().copied().unwrap_or_default())?;
                let saved = origin.saved_from_peer.as_ref().map(dialog_id) == Some(from.get())
                    && origin.saved_from_msg_id == Some(number);
                let post =
                    origin.from_id.as_ref().map(dialog_id) == Some(from.get()) && origin.channel_post == Some(number);
                saved || post
            }
            None => false,
        },
    })
}

/// Telegram trims the ends of what it is sent.
fn same_text(found: &str, sent: &str) -> bool {
    found.trim() == sent.trim()
}
