//! Changing and deleting what we wrote.

use grammers_session::updates::UpdatesLike;
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, errors::CallError, history::message_number, names::Dialog, send::telegram_text};
use crate::platform::{DeleteRequest, EditRequest, PlatformError};

/// The most messages that one call deletes.
const DELETE_MAX: usize = 100;

impl Account {
    /// Gives a message another text or caption. That it already reads so is success.
    pub(super) async fn edit(&self, request: &EditRequest) -> Result<(), PlatformError> {
        let text = telegram_text(&request.text)?;
        let call = functions::messages::EditMessage {
            no_webpage: !request.link_previews,
            invert_media: false,
            peer: self.input_peer(request.chat).await?,
            id: message_number(request.message_id)?,
            message: Some(text.text.clone()),
            media: None,
            reply_markup: None,
            entities: self.entities(text, request.mentions),
            schedule_date: None,
            schedule_repeat_period: None,
            quick_reply_shortcut_id: None,
            rich_message: None,
        };
        match self.link.call(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.is("MESSAGE_NOT_MODIFIED") => Ok(()),
            Err(error) if error.is("MESSAGE_ID_INVALID") => {
                Err(refused("message_gone", "the message is not there any more"))
            }
            Err(error) if NOT_EDITABLE.iter().any(|name| error.is(name)) => {
                Err(refused("not_editable", "Telegram does not let this message be changed any more"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes messages for everybody. Those that are gone already are fine.
    pub(super) async fn delete(&self, request: &DeleteRequest) -> Result<(), PlatformError> {
        let ids = request.message_ids.iter().map(|id| message_number(*id)).collect::<Result<Vec<i32>, _>>()?;
        for ids in ids.chunks(DELETE_MAX) {
            match self.delete_some(request, ids.to_vec()).await {
                Ok(()) => {}
                Err(error) if error.is("MESSAGE_ID_INVALID") => {}
                Err(error) if error.is("MESSAGE_DELETE_FORBIDDEN") => {
                    return Err(refused("not_deletable", "Telegram does not let this message be deleted"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn delete_some(&self, request: &DeleteRequest, ids: Vec<i32>) -> Result<(), CallError> {
        let told = match Dialog::from(request.chat) {
            Dialog::Channel(channel_id) => {
                let Some(channel) = self.input_channel(request.chat).await.map_err(CallError::Link)? else {
                    return Ok(());
                };
                let call = functions::channels::DeleteMessages { channel, id: ids.clone() };
                let enums::messages::AffectedMessages::Messages(affected) = self.link.call(&call).await?;
                UpdatesLike::AffectedChannelMessages { affected, channel_id, message_ids: ids }
            }
            Dialog::User(_) | Dialog::Group(_) => {
                let call = functions::messages::DeleteMessages { revoke: true, id: ids.clone() };
                let enums::messages::AffectedMessages::Messages(affected) = self.link.call(&call).await?;
                let types::messages::AffectedMessages { pts, pts_count } = affected;
                let update = types::UpdateDeleteMessages { messages: ids, pts, pts_count }.into();
                UpdatesLike::Updates(types::UpdateShort { update, date: 0 }.into())
            }
        };
        // Telegram tells every other session; ours learns it here. A loop that has ended needs no news.
        let _loop = self.own.send(told);
        Ok(())
    }
}

/// What Telegram answers when a message may not be changed (any more).
const NOT_EDITABLE: [&str; 4] =
    ["MESSAGE_EDIT_TIME_EXPIRED", "MESSAGE_AUTHOR_REQUIRED", "INLINE_BOT_REQUIRED", "MESSAGE_EDIT_FORBIDDEN"];

fn refused(code: &str, detail: &str) -> PlatformError {
    PlatformError::Message { code: code.to_owned(), detail: detail.to_owned() }
}
