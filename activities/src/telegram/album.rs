//! Albums: every file is stored first, then all of them are sent by one call, so that an album is there as a whole or
//! not at all.

use domain::RichText;
use grammers_tl_types::{
    enums::{self, InputMedia, MessageMedia},
    functions, types,
};

use super::{
    account::Account,
    errors::retryable,
    send::{is_shape_error, reply_to, sent_ids},
    shown::Shown,
};
use crate::platform::{PlatformError, SendRequest, Sent, Upload};

/// The largest album.
const ALBUM_MAX: usize = 10;

impl Account {
    /// Sends an album; when Telegram refuses the way an item is shown, all of them go as files.
    pub(super) async fn send_album(
        &self,
        request: &SendRequest,
        caption: &RichText,
        uploads: &[Upload],
    ) -> Result<Sent, PlatformError> {
        if uploads.len() > ALBUM_MAX {
            return Err(PlatformError::Message {
                code: "album_too_large".to_owned(),
                detail: format!("a Telegram album holds at most {ALBUM_MAX} files"),
            });
        }
        let shown = Shown::in_album(uploads);
        match self.send_album_as(request, caption, uploads, &shown).await {
            Err(PlatformError::Message { code, .. })
                if is_shape_error(&code) && shown.iter().any(|shown| *shown != Shown::File) =>
            {
                self.send_album_as(request, caption, uploads, &vec![Shown::File; uploads.len()]).await
            }
            other => other,
        }
    }

    async fn send_album_as(
        &self,
        request: &SendRequest,
        caption: &RichText,
        uploads: &[Upload],
        shown: &[Shown],
    ) -> Result<Sent, PlatformError> {
        let peer = self.input_peer(request.chat).await?;
        let mut items = Vec::with_capacity(uploads.len());
        for (index, (upload, shown)) in uploads.iter().zip(shown).enumerate() {
            // The caption of an album is that of its first item.
            let (message, entities) = match index {
                0 => (caption.text.clone(), self.entities(caption, request.mentions)),
                _ => (String::new(), None),
            };
            let media = self.stored(peer.clone(), upload, *shown).await?;
            let random_id = request.key.item(index).random_id();
            items.push(types::InputSingleMedia { media, random_id, message, entities }.into());
        }
        let call = functions::messages::SendMultiMedia {
            silent: request.silent,
            background: false,
            clear_draft: false,
            noforwards: false,
            update_stickersets_order: false,
            invert_media: false,
            allow_paid_floodskip: false,
            peer,
            reply_to: reply_to(request)?,
            multi_media: items,
            schedule_date: None,
            send_as: None,
            quick_reply_shortcut: None,
            effect: None,
            allow_paid_stars: None,
        };
        sent_ids(&self.link.call(&call).await?, request, uploads.len())
    }

    /// Uploads a file and has Telegram keep it, to be sent by its id.
    async fn stored(&self, peer: enums::InputPeer, upload: &Upload, shown: Shown) -> Result<InputMedia, PlatformError> {
        let media = self.upload(upload, shown).await?;
        let call = functions::messages::UploadMedia { business_connection_id: None, peer, media };
        let kept = self.link.call(&call).await?;
        by_id(kept, upload.media.spoiler)
            .ok_or_else(|| retryable("unreadable_answer", "Telegram's answer does not name the stored file"))
    }
}

fn by_id(media: MessageMedia, spoiler: bool) -> Option<InputMedia> {
    match media {
        MessageMedia::Photo(types::MessageMediaPhoto { photo: Some(enums::Photo::Photo(photo)), .. }) => {
            let types::Photo { id, access_hash, file_reference, .. } = photo;
            let id = types::InputPhoto { id, access_hash, file_reference }.into();
            Some(types::InputMediaPhoto { spoiler, live_photo: false, id, ttl_seconds: None, video: None }.into())
        }
        MessageMedia::Document(types::MessageMediaDocument {
            document: Some(enums::Document::Document(document)),
            ..
        }) => {
            let types::Document { id, access_hash, file_reference, .. } = document;
            let id = types::InputDocument { id, access_hash, file_reference }.into();
            Some(
                types::InputMediaDocument {
                    spoiler,
                    id,
                    video_cover: None,
                    video_timestamp: None,
                    ttl_seconds: None,
                    query: None,
                }
                .into(),
            )
        }
        _ => None,
    }
}
