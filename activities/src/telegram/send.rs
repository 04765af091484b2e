//! Sending: raw calls, because only they take our own `random_id`, which makes a repeated send harmless.

use chrono::TimeDelta;
use domain::{PartText, RichText, message::GENERAL_TOPIC};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, history::message_number, shown::Shown};
use crate::platform::{PlatformError, SendBody, SendRequest, Sent, Upload};

mod answer;
mod forward;

pub(super) use answer::sent_ids;

/// How far back a send is looked for when Telegram says that it has already seen its `random_id`; the memory itself
/// is shorter.
const RANDOM_ID_MEMORY: TimeDelta = TimeDelta::days(1);

/// A call that writes one message: what `SendMessage` and `SendMedia` share, and what is particular to one of them.
macro_rules! write_call {
    ($call:ident, $peer:expr, $request:expr, ($text:expr, $entities:expr), { $($field:ident: $value:expr),* $(,)? }) => {
        functions::messages::$call {
            silent: $request.silent,
            background: false,
            clear_draft: false,
            noforwards: false,
            update_stickersets_order: false,
            invert_media: false,
            allow_paid_floodskip: false,
            peer: $peer,
            reply_to: reply_to($request)?,
            message: $text.text.clone(),
            random_id: $request.key.random_id(),
            reply_markup: None,
            entities: $entities,
            schedule_date: None,
            schedule_repeat_period: None,
            send_as: None,
            quick_reply_shortcut: None,
            effect: None,
            allow_paid_stars: None,
            suggested_post: None,
            $($field: $value),*
        }
    };
}

impl Account {
    /// Sends once and says what it left. `now` bounds the search for an earlier send of the same key.
    pub(super) async fn send(
        &self,
        request: &SendRequest,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Sent, PlatformError> {
        match self.send_linked(request).await {
            Err(PlatformError::Retryable { code, detail }) if code == "random_id_duplicate" => {
                let earlier = self.read_back(request, now - RANDOM_ID_MEMORY).await?;
                earlier.ok_or(PlatformError::Message { code, detail })
            }
            Err(PlatformError::Message { code, .. }) if is_reply_error(&code) && request.thread.is_some() => {
                let detail = "the topic is not there any more".to_owned();
                Err(PlatformError::Chat { code: "thread_gone".to_owned(), detail })
            }
            other => other,
        }
    }

    /// A send whose answered message has vanished goes without the link.
    async fn send_linked(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        match self.send_body(request).await {
            Err(PlatformError::Message { code, .. }) if is_reply_error(&code) && request.reply_to.is_some() => {
                self.send_body(&SendRequest { reply_to: None, ..request.clone() }).await
            }
            other => other,
        }
    }

    async fn send_body(&self, request: &SendRequest) -> Result<Sent, PlatformError> {
        match &request.body {
            SendBody::Text(text) => self.send_text(request, telegram_text(text)?).await,
            SendBody::Forward { from, message_ids } => self.forward(request, *from, message_ids).await,
            SendBody::Media { caption, uploads } => {
                let caption = telegram_text(caption)?;
                match uploads.as_slice() {
                    [] => Err(PlatformError::Message {
                        code: "no_attachment".to_owned(),
                        detail: "there is no file to send".to_owned(),
                    }),
                    [upload] => self.send_shown(request, caption, upload).await,
                    uploads => self.send_album(request, caption, uploads).await,
                }
            }
        }
    }

    async fn send_text(&self, request: &SendRequest, text: &RichText) -> Result<Sent, PlatformError> {
        let peer = self.input_peer(request.chat).await?;
        let entities = self.entities(text, request.mentions);
        let no_webpage = !request.link_previews;
        let call =
            write_call!(SendMessage, peer, request, (text, entities), { no_webpage: no_webpage, rich_message: None });
        sent_ids(&self.link.call(&call).await?, request, 1)
    }

    /// What Telegram refuses to show as what it is goes as a file.
    async fn send_shown(
        &self,
        request: &SendRequest,
        caption: &RichText,
        upload: &Upload,
    ) -> Result<Sent, PlatformError> {
        let shown = Shown::of(upload, !caption.text.is_empty());
        match self.send_media(request, caption, upload, shown).await {
            Err(PlatformError::Message { code, .. }) if shown != Shown::File && is_shape_error(&code) => {
                self.send_media(request, caption, upload, Shown::File).await
            }
            other => other,
        }
    }

    /// Uploads and sends; Telegram may forget parts of an upload, which are then sent once more.
    async fn send_media(
        &self,
        request: &SendRequest,
        caption: &RichText,
        upload: &Upload,
        shown: Shown,
    ) -> Result<Sent, PlatformError> {
        let peer = self.input_peer(request.chat).await?;
        let media = self.upload(upload, shown).await?;
        let entities = self.entities(caption, request.mentions);
        let mut call = write_call!(SendMedia, peer, request, (caption, entities), { media: media });
        let answer = match self.link.call(&call).await {
            Err(error) if error.is("FILE_PART_MISSING") => {
                call.media = self.upload(upload, shown).await?;
                self.link.call(&call).await?
            }
            other => other?,
        };
        sent_ids(&answer, request, 1)
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

/// The topic to write in, when it has to be named.
pub(super) fn topic(request: &SendRequest) -> Option<i64> {
    request.thread.filter(|topic| *topic != GENERAL_TOPIC)
}

/// What is answered. Writing into a topic is answering its first message.
pub(super) fn reply_to(request: &SendRequest) -> Result<Option<enums::InputReplyTo>, PlatformError> {
    let topic = topic(request).map(message_number).transpose()?;
    let answered = request.reply_to.map(message_number).transpose()?;
    let Some(reply_to_msg_id) = answered.or(topic) else { return Ok(None) };
    let reply = types::InputReplyToMessage {
        reply_to_msg_id,
        top_msg_id: topic.filter(|_| answered.is_some()),
        reply_to_peer_id: None,
        quote_text: None,
        quote_entities: None,
        quote_offset: None,
        monoforum_peer_id: None,
        todo_item_id: None,
        poll_option: None,
    };
    Ok(Some(reply.into()))
}

fn is_reply_error(code: &str) -> bool {
    matches!(code, "reply_message_id_invalid" | "reply_to_invalid")
}

/// True when Telegram does not want to show the file as what it is.
pub(super) fn is_shape_error(code: &str) -> bool {
    const PREFIXES: [&str; 6] = ["photo_", "image_", "video_", "sticker_", "voice_", "media_grouped_"];
    code == "media_invalid"
        || code == "document_invalid"
        || PREFIXES.iter().any(|prefix| code.starts_with(prefix))
        // One kind of content is closed in the chat; as a file it may pass.
        || code.starts_with("chat_send_") && code != "chat_send_docs_forbidden" && code != "chat_send_plain_forbidden"
}

#[cfg(test)]
mod tests {
    use domain::{ChatId, IdempotencyKey, PairId, SourceMessageId, SystemClock};

    use super::*;

    pub(super) fn request() -> SendRequest {
        let key = IdempotencyKey::derive(PairId::new(&SystemClock), SourceMessageId::new(&SystemClock), 0);
        SendRequest::new(ChatId::new(1), key, SendBody::Text(PartText::Telegram(RichText::plain("x"))))
    }

    #[test]
    fn a_topic_is_named_beside_an_answer_or_instead_of_one() {
        let place = |thread, reply| {
            let request = SendRequest { thread, reply_to: reply, ..request() };
            reply_to(&request).unwrap().map(|reply| match reply {
                enums::InputReplyTo::Message(reply) => (reply.reply_to_msg_id, reply.top_msg_id),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(place(None, None), None);
        assert_eq!(place(None, Some(9)), Some((9, None)));
        assert_eq!(place(Some(4), None), Some((4, None)));
        assert_eq!(place(Some(4), Some(9)), Some((9, Some(4))));
        assert_eq!(place(Some(GENERAL_TOPIC), None), None);
        assert_eq!(place(Some(GENERAL_TOPIC), Some(9)), Some((9, None)));
    }

    #[test]
    fn text_for_the_other_platform_is_refused() {
        let error = telegram_text(&PartText::Discord("**x**".into())).unwrap_err();
        assert!(matches!(error, PlatformError::Message { code, .. } if code == "wrong_platform"));
    }
}
