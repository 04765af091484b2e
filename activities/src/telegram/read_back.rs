//! Settling an ambiguous send: is it among our own messages already?

use chrono::{DateTime, Utc};
use domain::{Media, MediaKind};
use grammers_tl_types::{enums, types};

use super::{
    account::Account,
    entities::to_rich_text,
    history::message_number,
    media::{Content, content},
    names::dialog_id,
    normalise::references,
    send::{telegram_text, topic},
};
use crate::platform::{PlatformError, SendBody, SendRequest, Sent, Upload};

/// How many messages are looked through: what others wrote since the send counts too.
const LOOK_BACK_MAX: usize = 500;
const PAGE: usize = 100;
/// Telegram's clock and ours may differ by this much.
const CLOCK_SLACK_SECONDS: i64 = 60;

impl Account {
    /// What an earlier send of `request` left among our own messages since `since`, the newest first.
    pub(super) async fn read_back(
        &self,
        request: &SendRequest,
        since: DateTime<Utc>,
    ) -> Result<Option<Sent>, PlatformError> {
        let peer = self.input_peer(request.chat).await?;
        let oldest = since.timestamp() - CLOCK_SLACK_SECONDS;
        let mut before = 0;
        // Our own messages, the newest first.
        let mut own: Vec<types::Message> = Vec::new();
        for _ in 0..LOOK_BACK_MAX.div_ceil(PAGE) {
            let page = self.newest(peer.clone(), before, PAGE).await?;
            let lowest = page.messages.iter().map(super::normalise::id_of).min();
            let mut reached_the_past = false;
            for message in page.messages {
                let enums::Message::Message(message) = message else { continue };
                reached_the_past |= i64::from(message.date) < oldest;
                if !reached_the_past && message.out && is_in_place(&message, request) {
                    own.push(message);
                }
            }
            if let Some(sent) = find(&own, request)? {
                return Ok(Some(sent));
            }
            match lowest {
                Some(lowest) if lowest > 1 && !reached_the_past => before = lowest,
                _ => break,
            }
        }
        Ok(None)
    }
}

/// True when the message stands in the topic that the request names.
fn is_in_place(message: &types::Message, request: &SendRequest) -> bool {
    let wanted = topic(request);
    wanted.is_none() || references(message.reply_to.as_ref()).1 == wanted
}

/// Looks for the messages of the request, which stand next to each other among our own. `own` is newest first.
fn find(own: &[types::Message], request: &SendRequest) -> Result<Option<Sent>, PlatformError> {
    let count = match &request.body {
        SendBody::Text(_) => 1,
        SendBody::Media { uploads, .. } => uploads.len(),
        SendBody::Forward { message_ids, .. } => message_ids.len(),
    };
    for window in own.windows(count.max(1)) {
        let mut all = true;
        for (index, message) in window.iter().rev().enumerate() {
            all = all && carries(message, request, index)?;
        }
        let together = count < 2
            || matches!(request.body, SendBody::Forward { .. })
            || window.iter().all(|message| message.grouped_id.is_some() && message.grouped_id == window[0].grouped_id);
        if all && together {
            let message_ids = window.iter().rev().map(|message| message.id.into()).collect();
            return Ok(Some(Sent { message_ids, thread: None }));
        }
    }
    Ok(None)
}

/// True when the message is what item `index` of the request would have sent. Formatting is not compared: Telegram adds
/// and merges entities.
fn carries(message: &types::Message, request: &SendRequest, index: usize) -> Result<bool, PlatformError> {
    let text = to_rich_text(message.message.clone(), None).text;
    let file = match content(message.media.as_ref(), request.chat, message.id.into()) {
        Content::File(media) => Some(media),
        Content::Nothing | Content::Extra(_) | Content::Unsupported(_) => None,
    };
    Ok(match &request.body {
        SendBody::Text(sent) => {
            file.is_none() && message.fwd_from.is_none() && same_text(&text, &telegram_text(sent)?.text)
        }
        SendBody::Media { caption, uploads } => {
            let caption = if index == 0 { telegram_text(caption)?.text.as_str() } else { "" };
            let same_file = uploads.get(index).zip(file).is_some_and(|(sent, found)| is_same_file(sent, &found));
            same_file && same_text(&text, caption)
        }
        SendBody::Forward { from, message_ids } => match &message.fwd_from {
            Some(enums::MessageFwdHeader::Header(origin)) => {
                let number = message_number(message_ids.get(index).copied().unwrap_or_default())?;
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

/// Telegram encodes photos and GIFs anew, and drops the names of what it shows without one.
fn is_same_file(sent: &Upload, found: &Media) -> bool {
    let same_size = found.size_bytes == sent.content.size_bytes();
    match found.kind {
        MediaKind::Photo => true,
        MediaKind::Animation => same_size || sent.media.mime == "image/gif",
        MediaKind::Document => same_size && found.file_name == sent.media.file_name,
        MediaKind::Video | MediaKind::VideoNote | MediaKind::Audio | MediaKind::Voice | MediaKind::Sticker => same_size,
    }
}

/// Telegram trims the ends of what it is sent.
fn same_text(found: &str, sent: &str) -> bool {
    found.trim() == sent.trim()
}
