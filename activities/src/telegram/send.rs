//! Sending: raw calls, because only they take our own `random_id`, which makes a repeated send harmless.

use chrono::TimeDelta;
use domain::{PartText, RichText};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, entities::from_rich_text, errors::retryable, history::message_number, upload::Shown};
use crate::platform::{PlatformError, SendBody, SendRequest, Upload};

/// How far back a send is looked for when Telegram says that it has already seen its `random_id`; the memory itself
/// is shorter.
const RANDOM_ID_MEMORY: TimeDelta = TimeDelta::days(1);

impl Account {
    /// Sends once and returns the id of the message. `now` bounds the search for an earlier send of the same key.
    pub(super) async fn send(
        &self,
        request: &SendRequest,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<i64, PlatformError> {
        match self.send_linked(request).await {
            Err(PlatformError::Retryable { code, detail }) if code == "random_id_duplicate" => {
                let earlier = self.read_back(request, now - RANDOM_ID_MEMORY).await?;
                earlier.ok_or(PlatformError::Message { code, detail })
            }
            other => other,
        }
    }

    /// A send whose answered message has vanished goes without the link.
    async fn send_linked(&self, request: &SendRequest) -> Result<i64, PlatformError> {
        match self.send_shown(request).await {
            Err(PlatformError::Message { code, .. }) if is_reply_error(&code) && request.reply_to.is_some() => {
                self.send_shown(&SendRequest { reply_to: None, ..request.clone() }).await
            }
            other => other,
        }
    }

    /// An image that Telegram refuses as a photo goes as a file.
    async fn send_shown(&self, request: &SendRequest) -> Result<i64, PlatformError> {
        let SendBody::Media { caption, uploads } = &request.body else { return self.send_plain(request).await };
        let caption = telegram_text(caption)?;
        let [upload] = uploads.as_slice() else {
            return Err(PlatformError::Message {
                code: "one_attachment_per_message".to_owned(),
                detail: "a Telegram message carries exactly one file".to_owned(),
            });
        };
        let shown = Shown::of(upload);
        match self.send_media(request, caption, upload, shown).await {
            Err(PlatformError::Message { code, .. }) if shown == Shown::Photo && is_image_error(&code) => {
                self.send_media(request, caption, upload, Shown::File).await
            }
            other => other,
        }
    }

    async fn send_plain(&self, request: &SendRequest) -> Result<i64, PlatformError> {
        let updates = match &request.body {
            SendBody::Text(text) => self.link.call(&self.text_call(request, telegram_text(text)?).await?).await?,
            SendBody::Forward { from, message_ids } => {
                let call = functions::messages::ForwardMessages {
                    from_peer: self.input_peer(*from).await?,
                    id: message_ids.iter().map(|id| message_number(*id)).collect::<Result<_, _>>()?,
                    random_id: (0..message_ids.len()).map(|index| request.key.item(index).random_id()).collect(),
                    to_peer: self.input_peer(request.chat).await?,
                    ..forward_call(request.silent)
                };
                self.link.call(&call).await?
            }
            SendBody::Media { .. } => return Err(retryable("internal", "media takes another road")),
        };
        sent_id(&updates, request.key.random_id())
    }

    async fn text_call(
        &self,
        request: &SendRequest,
        text: &RichText,
    ) -> Result<functions::messages::SendMessage, PlatformError> {
        Ok(functions::messages::SendMessage {
            no_webpage: false,
            silent: request.silent,
            background: false,
            clear_draft: false,
            noforwards: false,
            update_stickersets_order: false,
            invert_media: false,
            allow_paid_floodskip: false,
            peer: self.input_peer(request.chat).await?,
            reply_to: reply_to(request)?,
            message: text.text.clone(),
            random_id: request.key.random_id(),
            reply_markup: None,
            entities: from_rich_text(text),
            schedule_date: None,
            schedule_repeat_period: None,
            send_as: None,
            quick_reply_shortcut: None,
            effect: None,
            allow_paid_stars: None,
            suggested_post: None,
            rich_message: None,
        })
    }

    async fn send_media(
        &self,
        request: &SendRequest,
        caption: &RichText,
        upload: &Upload,
        shown: Shown,
    ) -> Result<i64, PlatformError> {
        let call = functions::messages::SendMedia {
            silent: request.silent,
            background: false,
            clear_draft: false,
            noforwards: false,
            update_stickersets_order: false,
            invert_media: false,
            allow_paid_floodskip: false,
            peer: self.input_peer(request.chat).await?,
            reply_to: reply_to(request)?,
            media: self.upload(upload, shown).await?,
            message: caption.text.clone(),
            random_id: request.key.random_id(),
            reply_markup: None,
            entities: from_rich_text(caption),
            schedule_date: None,
            schedule_repeat_period: None,
            send_as: None,
            quick_reply_shortcut: None,
            effect: None,
            allow_paid_stars: None,
            suggested_post: None,
        };
        sent_id(&self.link.call(&call).await?, request.key.random_id())
    }
}

/// The text of a part made for Telegram.
pub(super) fn telegram_text(text: &PartText) -> Result<&RichText, PlatformError> {
    match text {
        PartText::Telegram(text) => Ok(text),
        PartText::Discord(_) => Err(PlatformError::Message {
            code: "wrong_platform".to_owned(),
            detail: "this text was made for Discord".to_owned(),
        }),
    }
}

fn reply_to(request: &SendRequest) -> Result<Option<enums::InputReplyTo>, PlatformError> {
    let reply = |id| types::InputReplyToMessage {
        reply_to_msg_id: id,
        top_msg_id: None,
        reply_to_peer_id: None,
        quote_text: None,
        quote_entities: None,
        quote_offset: None,
        monoforum_peer_id: None,
        todo_item_id: None,
        poll_option: None,
    };
    request.reply_to.map(|id| Ok(reply(message_number(id)?).into())).transpose()
}

const fn forward_call(silent: bool) -> functions::messages::ForwardMessages {
    functions::messages::ForwardMessages {
        silent,
        background: false,
        with_my_score: false,
        drop_author: false,
        drop_media_captions: false,
        noforwards: false,
        allow_paid_floodskip: false,
        from_ephemeral: false,
        from_peer: enums::InputPeer::Empty,
        id: Vec::new(),
        random_id: Vec::new(),
        to_peer: enums::InputPeer::Empty,
        top_msg_id: None,
        reply_to: None,
        schedule_date: None,
        schedule_repeat_period: None,
        send_as: None,
        quick_reply_shortcut: None,
        effect: None,
        video_timestamp: None,
        allow_paid_stars: None,
        suggested_post: None,
    }
}

fn is_reply_error(code: &str) -> bool {
    matches!(code, "reply_message_id_invalid" | "reply_to_invalid")
}

fn is_image_error(code: &str) -> bool {
    code.starts_with("photo_") || code.starts_with("image_")
}

/// The id that the answer gives to the message with our `random_id`.
fn sent_id(updates: &enums::Updates, random_id: i64) -> Result<i64, PlatformError> {
    let updates = match updates {
        enums::Updates::UpdateShortSentMessage(sent) => return Ok(sent.id.into()),
        enums::Updates::Updates(updates) => &updates.updates,
        enums::Updates::Combined(updates) => &updates.updates,
        _ => return Err(unreadable()),
    };
    let id = updates.iter().find_map(|update| match update {
        enums::Update::MessageId(named) if named.random_id == random_id => Some(named.id.into()),
        _ => None,
    });
    id.ok_or_else(unreadable)
}

/// It was sent, but we do not know as what: the next try with the same key finds out.
fn unreadable() -> PlatformError {
    retryable("unreadable_answer", "Telegram's answer does not name the sent message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_sent_message() {
        let updates = |updates| {
            enums::Updates::Updates(types::Updates { updates, users: vec![], chats: vec![], date: 0, seq: 0 })
        };
        let named = |id, random_id| types::UpdateMessageId { id, random_id }.into();
        assert_eq!(sent_id(&updates(vec![named(4, 1), named(5, 9)]), 9), Ok(5));
        assert!(matches!(sent_id(&updates(vec![named(4, 1)]), 9), Err(PlatformError::Retryable { .. })));
        let short = types::UpdateShortSentMessage {
            out: true,
            id: 7,
            pts: 1,
            pts_count: 1,
            date: 0,
            media: None,
            entities: None,
            ttl_period: None,
        };
        assert_eq!(sent_id(&enums::Updates::UpdateShortSentMessage(short), 9), Ok(7));
        assert!(sent_id(&enums::Updates::TooLong, 9).is_err());
    }

    #[test]
    fn text_for_the_other_platform_is_refused() {
        let error = telegram_text(&PartText::Discord("**x**".into())).unwrap_err();
        assert!(matches!(error, PlatformError::Message { code, .. } if code == "wrong_platform"));
    }
}
