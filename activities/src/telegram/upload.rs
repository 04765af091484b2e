//! Files to Telegram: the bytes in parts, then how they are shown.

use domain::MediaKind;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, errors::retryable};
use crate::platform::{ByteSource, CHUNK_BYTES, PlatformError, Upload};

/// Telegram's largest part.
const PART_BYTES: u64 = CHUNK_BYTES as u64;
/// Above this a file takes the calls for big files.
const SMALL_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// The largest image that Telegram takes as a photo; anything above goes as a file.
const PHOTO_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Parts on their way at once: keeps a long line busy without crowding out messages.
const PARTS_AT_ONCE: usize = 4;

/// How an upload shall be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As an image in the chat.
    Photo,
    /// As a file.
    File,
}

impl Shown {
    /// The best way that Telegram takes for this upload.
    pub(super) fn of(upload: &Upload) -> Self {
        match upload.media.kind {
            MediaKind::Photo if upload.content.size_bytes() <= PHOTO_BYTES_MAX => Self::Photo,
            _ => Self::File,
        }
    }
}

impl Account {
    /// Uploads the bytes and says how to show them.
    pub(super) async fn upload(&self, upload: &Upload, shown: Shown) -> Result<enums::InputMedia, PlatformError> {
        let file = self.upload_content(&upload.media.file_name, upload.content.as_ref()).await?;
        Ok(match shown {
            Shown::Photo => types::InputMediaUploadedPhoto {
                spoiler: false,
                live_photo: false,
                file,
                stickers: None,
                ttl_seconds: None,
                video: None,
            }
            .into(),
            Shown::File => types::InputMediaUploadedDocument {
                nosound_video: false,
                force_file: true,
                spoiler: false,
                file,
                thumb: None,
                mime_type: upload.media.mime.clone(),
                attributes: vec![types::DocumentAttributeFilename { file_name: upload.media.file_name.clone() }.into()],
                stickers: None,
                video_cover: None,
                video_timestamp: None,
                ttl_seconds: None,
            }
            .into(),
        })
    }

    async fn upload_content(&self, name: &str, content: &dyn ByteSource) -> Result<enums::InputFile, PlatformError> {
        let file_id = random_id()?;
        let count = content.size_bytes().div_ceil(PART_BYTES);
        let parts = i32::try_from(count).map_err(|_| PlatformError::Message {
            code: "file_too_large".to_owned(),
            detail: "the file has more parts than Telegram can count".to_owned(),
        })?;
        let big = content.size_bytes() > SMALL_FILE_BYTES;
        stream::iter((0..parts).zip(0_u64..))
            .map(async |(part, index)| {
                let chunk = content.chunk(index).await?;
                self.upload_part(file_id, part, big.then_some(parts), chunk.to_vec()).await
            })
            .buffer_unordered(PARTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let name = name.to_owned();
        Ok(if big {
            types::InputFileBig { id: file_id, parts, name }.into()
        } else {
            types::InputFile { id: file_id, parts, name, md5_checksum: String::new() }.into()
        })
    }

    /// Saving a part again under the same number replaces it, so a part may be asked for twice.
    async fn upload_part(
        &self,
        file_id: i64,
        file_part: i32,
        total: Option<i32>,
        bytes: Vec<u8>,
    ) -> Result<(), PlatformError> {
        let saved = match total {
            Some(file_total_parts) => {
                let request = functions::upload::SaveBigFilePart { file_id, file_part, file_total_parts, bytes };
                self.link.ask(&request).await?
            }
            None => self.link.ask(&functions::upload::SaveFilePart { file_id, file_part, bytes }).await?,
        };
        if saved { Ok(()) } else { Err(retryable("upload_refused", "Telegram did not keep a part of the file")) }
    }
}

fn random_id() -> Result<i64, PlatformError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| retryable("no_randomness", error.to_string()))?;
    Ok(i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use domain::{ChatId, Media, message::MediaSource};

    use super::*;

    #[test]
    fn only_a_small_enough_photo_is_shown_as_one() {
        let upload = |kind, size| Upload {
            media: Media::new(
                kind,
                "x".into(),
                "image/jpeg".into(),
                0,
                MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 },
            ),
            content: std::sync::Arc::new(bytes::Bytes::from(vec![0; usize::try_from(size).unwrap()])),
        };
        assert_eq!(Shown::of(&upload(MediaKind::Photo, PHOTO_BYTES_MAX)), Shown::Photo);
        assert_eq!(Shown::of(&upload(MediaKind::Photo, PHOTO_BYTES_MAX + 1)), Shown::File);
        assert_eq!(Shown::of(&upload(MediaKind::Document, 1)), Shown::File);
    }
}
