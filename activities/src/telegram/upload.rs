//! Files to Telegram: the bytes in parts, then how they are shown.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, errors::retryable, shown::Shown};
use crate::platform::{ByteSource, CHUNK_BYTES, PlatformError, Upload};

/// Telegram's largest part.
const PART_BYTES: u64 = CHUNK_BYTES as u64;
/// Above this a file takes the calls for big files.
const SMALL_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// The most parts of one file: 4 GB, which only a paid account may send.
const PARTS_MAX: i32 = 8_000;
/// Parts on their way at once: keeps a long line busy without crowding out messages.
const PARTS_AT_ONCE: usize = 4;

impl Account {
    /// Uploads the bytes and says how to show them.
    pub(super) async fn upload(&self, upload: &Upload, shown: Shown) -> Result<enums::InputMedia, PlatformError> {
        let file = self.upload_content(&upload.media.file_name, upload.content.as_ref()).await?;
        Ok(match shown {
            Shown::Photo => types::InputMediaUploadedPhoto {
                spoiler: upload.media.spoiler,
                live_photo: false,
                file,
                stickers: None,
                ttl_seconds: None,
                video: None,
            }
            .into(),
            _ => types::InputMediaUploadedDocument {
                nosound_video: shown == Shown::Animation,
                force_file: shown == Shown::File,
                spoiler: upload.media.spoiler,
                file,
                thumb: None,
                mime_type: upload.media.mime.clone(),
                attributes: shown.attributes(&upload.media),
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
        let parts = i32::try_from(count).ok().filter(|parts| *parts <= PARTS_MAX).ok_or_else(|| {
            let detail = "the file has more parts than Telegram takes".to_owned();
            PlatformError::Message { code: "file_too_large".to_owned(), detail }
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
                self.link.ask_at_once(&request).await?
            }
            None => self.link.ask_at_once(&functions::upload::SaveFilePart { file_id, file_part, bytes }).await?,
        };
        if saved { Ok(()) } else { Err(retryable("upload_refused", "Telegram did not keep a part of the file")) }
    }
}

/// A number that no other call has.
pub(super) fn random_id() -> Result<i64, PlatformError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| retryable("no_randomness", error.to_string()))?;
    Ok(i64::from_le_bytes(bytes))
}
